//! What takes the place of a message: its headers, and its body, which goes into the host's buffer.

use std::ops::Range;

use super::buffer::{append, drain, turn};
use super::form::length;
use crate::bug::{Bug, bug};
use crate::host::{BodyEdit, Fields, Host, HostResult};
use crate::icap::Direction;
use crate::submission::{Held, OwnBody};

/// The headers and the body that take the place of a message's own.
#[derive(Debug)]
pub(super) struct Replacement {
    pub(super) headers: Fields,
    /// `None`: the body stays.
    pub(super) body: Option<NewBody>,
}

/// A body in the place of the original.
#[derive(Debug)]
pub(super) enum NewBody {
    /// Another body, held in the module.
    Other(Held),
    /// The original with other bytes in some places.
    Patched(Vec<Piece>),
    /// Another body, which is in the host's buffer but for its end.
    Placed(OwnBody),
}

impl NewBody {
    /// The length of the body in bytes.
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Other(held) => held.len(),
            Self::Patched(pieces) => pieces.iter().map(Piece::len).fold(0, u64::saturating_add),
            Self::Placed(own) => own.len(),
        }
    }

    /// The body of an ICAP response, in the place of an original of `available` bytes.
    pub(super) fn of(own: OwnBody, available: u64) -> Self {
        if own.held.placed() > 0 && !bug(Bug::PlacedOverwritten) {
            return Self::Placed(own);
        }
        if own.same == 0 && own.from.is_none() {
            return Self::Other(own.held);
        }
        let rest = own.from.unwrap_or(available)..available;
        let pieces = [
            Piece::Same(0..own.same),
            Piece::Other(own.held),
            Piece::Same(rest),
        ];
        let pieces = pieces.into_iter().filter(|piece| piece.len() > 0);
        Self::Patched(pieces.collect())
    }

    /// Puts the body in the place of the original, of `available` bytes. Goes piece by piece, so that the host's copies stay
    /// small. The caller has entered the context.
    pub(super) fn put<H: Host>(
        &self,
        host: &H,
        direction: Direction,
        available: u64,
    ) -> HostResult {
        match self {
            Self::Other(body) => {
                let mut pieces = body.pieces();
                let first = pieces.next().unwrap_or_default();
                host.edit_body(direction, BodyEdit::Replace(first))?;
                append(host, direction, pieces)
            }
            Self::Patched(pieces) => {
                // The original is removed at the front of the buffer, and the new body grows at the end.
                let mut front = 0;
                for (n, piece) in pieces.iter().enumerate() {
                    let kept = pieces.iter().skip(n).find_map(Piece::same);
                    let kept = kept.map_or(available, |range| range.start);
                    drain(host, direction, front..kept)?;
                    front = kept;
                    match piece {
                        Piece::Same(range) => {
                            turn(host, direction, range.clone())?;
                            front = range.end;
                        }
                        Piece::Other(held) => append(host, direction, held.pieces())?,
                    }
                }
                drain(host, direction, front..available)
            }
            Self::Placed(own) => append(host, direction, own.held.pieces()),
        }
    }
}

/// A piece of a patched body.
#[derive(Debug)]
pub(super) enum Piece {
    /// A range of the original.
    Same(Range<u64>),
    /// Other bytes.
    Other(Held),
}

impl Piece {
    /// The range of the original, where the piece is one.
    pub(super) fn same(&self) -> Option<&Range<u64>> {
        match self {
            Self::Same(range) => Some(range),
            Self::Other(_) => None,
        }
    }

    /// The length of the piece in bytes.
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Same(range) => length(range),
            Self::Other(held) => held.len(),
        }
    }
}
