//! `gzip` (RFC 1952): one or several members, each checked against its length and CRC.

use crc32fast::Hasher;

use super::inflater::Inflater;
use super::step::fill;
use super::{Step, Undecodable};

/// The longest head of a member, in bytes, with extra field, name and comment.
const MAX_HEAD_BYTES: usize = 128 * 1024;
/// The length of a head without these.
const HEAD_BYTES: usize = 10;
/// The length of CRC and length behind a member.
const TAIL_BYTES: usize = 8;

const HEAD_CRC: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

/// A content in `gzip`.
///
/// ```text
///  Between ─first byte─▶ Head ─▶ Body ─▶ Tail ─▶ Between
/// ```
#[derive(Debug)]
pub(super) struct Gzip(State);

#[derive(Debug)]
enum State {
    /// No byte has arrived, or the last member is complete.
    Between,
    /// The bytes of a head so far.
    Head(Vec<u8>),
    Body(Box<Body>),
    /// The bytes of a tail so far, and the expected bytes.
    Tail(Vec<u8>, [u8; TAIL_BYTES]),
}

#[derive(Debug)]
struct Body {
    inflater: Inflater,
    crc: Hasher,
    length: u32,
}

impl Gzip {
    pub(super) fn new() -> Self {
        Self(State::Between)
    }

    pub(super) fn decode(
        &mut self,
        bytes: &[u8],
        decoded: &mut Vec<u8>,
    ) -> Result<Step, Undecodable> {
        match &mut self.0 {
            State::Between if bytes.is_empty() => Ok(Step::default()),
            State::Between => {
                self.0 = State::Head(Vec::new());
                Ok(Step::more(0))
            }
            State::Head(head) => {
                let before = head.len();
                fill(head, MAX_HEAD_BYTES, bytes);
                match head_length(head)? {
                    Some(length) => {
                        self.0 = State::Body(Box::new(Body {
                            inflater: Inflater::new(false),
                            crc: Hasher::new(),
                            length: 0,
                        }));
                        Ok(Step::taken(length.saturating_sub(before)))
                    }
                    None if head.len() >= MAX_HEAD_BYTES => Err(Undecodable::Broken),
                    None => Ok(Step::taken(bytes.len())),
                }
            }
            State::Body(body) => {
                let start = decoded.len();
                let step = body.inflater.decode(bytes, decoded)?;
                let piece = decoded.get(start..).unwrap_or_default();
                body.crc.update(piece);
                body.length = body.length.wrapping_add(piece.len() as u32);
                if body.inflater.has_ended() {
                    let mut tail = [0; TAIL_BYTES];
                    let crc = body.crc.clone().finalize().to_le_bytes();
                    let wanted = crc.into_iter().chain(body.length.to_le_bytes());
                    tail.iter_mut()
                        .zip(wanted)
                        .for_each(|(to, from)| *to = from);
                    self.0 = State::Tail(Vec::new(), tail);
                }
                Ok(step)
            }
            State::Tail(tail, wanted) => {
                let taken = fill(tail, TAIL_BYTES, bytes);
                if tail.len() == TAIL_BYTES {
                    if tail.as_slice() != wanted {
                        return Err(Undecodable::Broken);
                    }
                    self.0 = State::Between;
                }
                Ok(Step::taken(taken))
            }
        }
    }

    pub(super) fn finish(&self) -> Result<(), Undecodable> {
        match self.0 {
            State::Between => Ok(()),
            _ => Err(Undecodable::CutOff),
        }
    }
}

/// The length of the head at the beginning of these bytes; `None`: more bytes are needed. Bytes behind a member that
/// are no head are [`Undecodable::Broken`] too, because readers treat them differently.
fn head_length(bytes: &[u8]) -> Result<Option<usize>, Undecodable> {
    for (byte, wanted) in bytes.iter().zip([0x1f, 0x8b, 8]) {
        if *byte != wanted {
            return Err(Undecodable::Broken);
        }
    }
    let Some(flags) = bytes.get(3).copied() else {
        return Ok(None);
    };
    if flags & RESERVED != 0 {
        return Err(Undecodable::Broken);
    }
    let mut length = HEAD_BYTES;
    if flags & EXTRA != 0 {
        let (Some(low), Some(high)) = (bytes.get(length), bytes.get(length.saturating_add(1)))
        else {
            return Ok(None);
        };
        let extra = u16::from_le_bytes([*low, *high]);
        length = length.saturating_add(2).saturating_add(extra.into());
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let rest = bytes.get(length..).unwrap_or_default();
            let Some(end) = memchr::memchr(0, rest) else {
                return Ok(None);
            };
            length = length.saturating_add(end).saturating_add(1);
        }
    }
    if flags & HEAD_CRC != 0 {
        length = length.saturating_add(2);
    }
    Ok((bytes.len() >= length).then_some(length))
}
