//! Reads the body of a transaction.

use std::ops::Range;
use std::rc::Rc;

use super::content::Content;
use super::decoded::Decoded;
use super::encoded::Encoded;
use super::extent::{Extent, length};
use super::icap_response::{Original, is_same};
use super::window::Window;
use crate::host::{Host, HostError};
use crate::icap::Direction;

/// Which part of the message's body a server is shown.
#[derive(Clone, Debug)]
pub enum Shown {
    /// The whole body, as it arrives.
    Whole,
    /// The whole body; the filter no longer needs the bytes before `from`. The byte at `from` stands at `at` in the
    /// host's buffer.
    Rest {
        /// An offset in the body.
        from: u64,
        /// The offset of the same byte in the buffer.
        at: u64,
    },
    /// All of it, as it comes. What is still needed of it stands in the module.
    Streamed(Rc<Window>),
    /// A part of it that stands in the module, all of which has come.
    Kept(Rc<Window>),
    /// Ranges of the body, in order, all of which have arrived.
    Runs(Rc<[Range<u64>]>),
    /// The content of the body without its framing, as it arrives.
    Content(Rc<Content>),
    /// The decoded content of an encoded part that has arrived in full.
    Decoded(Rc<Decoded>),
    /// A part of a coded body: ranges count in the decoded content.
    Within(Rc<Encoded>, Rc<Shown>),
}

impl Shown {
    /// How much there is of the shown body, when there is so much of the message.
    pub fn extent(&self, message: Extent) -> Extent {
        match self {
            Self::Whole | Self::Rest { .. } | Self::Streamed(_) => message,
            Self::Kept(window) => Extent::all(window.end()),
            Self::Runs(runs) => Extent::all(runs.iter().map(length).fold(0, u64::saturating_add)),
            Self::Content(content) => content.extent(),
            Self::Decoded(decoded) => Extent::all(decoded.len()),
            Self::Within(encoded, shown) => shown.extent(encoded.extent()),
        }
    }

    /// The announced length of the shown body, where it is not the whole message; `None`: unknown.
    pub fn announced(&self) -> Option<u64> {
        match self {
            Self::Whole | Self::Rest { .. } | Self::Streamed(_) => None,
            _ => self.extent(Extent::default()).announced,
        }
    }
}

/// Where a body stands.
#[derive(Debug)]
pub enum Source<'a, H> {
    /// In the host's buffer of this context, or in a part of it.
    Host(&'a H, u32, Direction, &'a Shown),
    /// In the filter's memory.
    Memory(&'a [u8]),
}

impl<H> Clone for Source<'_, H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H> Copy for Source<'_, H> {}

impl<H: Host> Original for Source<'_, H> {
    fn read(&mut self, range: Range<u64>) -> Option<Vec<u8>> {
        let mut original = Vec::new();
        Source::read(*self, range, &mut original).ok()?;
        Some(original)
    }

    fn equals(&mut self, start: u64, mut bytes: &[u8]) -> Option<bool> {
        let range = start..start.saturating_add(bytes.len() as u64);
        let Some(window) = self.window() else {
            return self.read(range).map(|sent| is_same(&sent, bytes));
        };
        let mut equals = true;
        let compared = window.visit(range, &mut |sent| {
            let (now, rest) = bytes.split_at_checked(sent.len()).unwrap_or_default();
            equals = equals && is_same(sent, now);
            bytes = rest;
            Ok(())
        });
        compared.ok().map(|()| equals)
    }
}

impl<'a, H: Host> Source<'a, H> {
    /// The part of the body that stands in the module, where it does.
    pub(super) fn window(self) -> Option<&'a Window> {
        match self {
            Self::Host(_, _, _, Shown::Streamed(window) | Shown::Kept(window)) => Some(window),
            _ => None,
        }
    }

    /// Appends a range of the body.
    ///
    /// # Errors
    /// The host does not give the range, or gives less.
    pub fn read(self, range: Range<u64>, out: &mut Vec<u8>) -> Result<(), HostError> {
        let in_memory = |range: &Range<u64>| {
            let start = usize::try_from(range.start).map_err(|_| HostError::SHORT_BODY)?;
            let end = usize::try_from(range.end).map_err(|_| HostError::SHORT_BODY)?;
            Ok(start..end)
        };
        let of_host = |host: &H, id, direction, range: Range<u64>, out: &mut Vec<u8>| {
            let Range { start, end } = in_memory(&range)?;
            let len = end.saturating_sub(start);
            host.enter(id)?;
            let before = out.len();
            host.read_body(direction, start, len, out)?;
            match out.len().saturating_sub(before) == len {
                true => Ok(()),
                false => Err(HostError::SHORT_BODY),
            }
        };
        match self {
            Self::Host(host, id, direction, shown) => {
                let mut body = |range, out: &mut Vec<u8>| of_host(host, id, direction, range, out);
                match shown {
                    Shown::Within(encoded, shown) => {
                        let mut content =
                            |range, out: &mut Vec<u8>| encoded.read(range, out, &mut body);
                        read_shown(shown, range, out, &mut content)
                    }
                    shown => read_shown(shown, range, out, &mut body),
                }
            }
            Self::Memory(body) => {
                out.extend_from_slice(body.get(in_memory(&range)?).ok_or(HostError::SHORT_BODY)?);
                Ok(())
            }
        }
    }
}

/// Appends a range of a body.
type Read<'r> = dyn FnMut(Range<u64>, &mut Vec<u8>) -> Result<(), HostError> + 'r;

/// Appends a range of the shown body. `read` appends ranges of the body behind it.
fn read_shown(
    shown: &Shown,
    range: Range<u64>,
    out: &mut Vec<u8>,
    read: &mut Read<'_>,
) -> Result<(), HostError> {
    let mut wanted = length(&range);
    let places: Vec<Range<u64>> = match shown {
        Shown::Streamed(window) | Shown::Kept(window) => return window.read(range, out),
        Shown::Rest { from, .. } if range.start < *from => return Err(HostError::SHORT_BODY),
        Shown::Rest { from, at } => {
            let moved = |offset: u64| offset.saturating_sub(*from).saturating_add(*at);
            let range = moved(range.start)..moved(range.end);
            vec![range]
        }
        Shown::Runs(runs) => within(runs, range).collect(),
        Shown::Content(content) => content.places(&range),
        Shown::Decoded(decoded) => {
            let coded = Shown::Runs(Rc::clone(decoded.runs()));
            return decoded.read(range, out, |range, out| {
                read_shown(&coded, range, out, read)
            });
        }
        // A content has one coding at most.
        Shown::Whole | Shown::Within(..) => vec![range],
    };
    for range in places {
        wanted = wanted.saturating_sub(length(&range));
        read(range, out)?;
    }
    match wanted {
        0 => Ok(()),
        _ => Err(HostError::SHORT_BODY),
    }
}

/// The ranges of the message that make up `range` of these runs, as far as the runs reach.
fn within(runs: &[Range<u64>], range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let mut begin = 0_u64;
    runs.iter().filter_map(move |run| {
        let end = begin.saturating_add(length(run));
        let at = |offset: u64| run.start.saturating_add(offset.saturating_sub(begin));
        let part = at(range.start.max(begin))..at(range.end.min(end));
        begin = end;
        (part.start < part.end).then_some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_read_as_one_body() {
        let original: Vec<u8> = (0..40).collect();
        for runs in [
            vec![0..13, 13..40],
            vec![3..7, 7..8, 20..31],
            vec![5..5, 39..40],
            vec![],
        ] {
            let shown: Vec<u8> = runs
                .iter()
                .flat_map(|run: &Range<u64>| run.clone().map(|n| n as u8))
                .collect();
            for start in 0..=shown.len() {
                for end in start..=shown.len() {
                    let got: Vec<u8> = within(&runs, start as u64..end as u64)
                        .flat_map(|part| original[part.start as usize..part.end as usize].to_vec())
                        .collect();
                    assert_eq!(got, shown[start..end], "{runs:?} {start}..{end}");
                }
            }
        }
    }
}
