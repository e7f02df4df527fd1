//! How far a call of a decoder came, and what the decoders share to come there.

/// How many bytes one call decodes at most.
pub(super) const ROOM: usize = 64 * 1024;

/// The result of a call of [`Decoder::decode`](super::Decoder::decode).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// The number of input bytes taken.
    pub taken: usize,
    /// The bytes taken so far decode to more: call again.
    pub has_more: bool,
}

impl Step {
    /// So many bytes were taken, and the decoder waits for the next.
    pub(super) fn taken(taken: usize) -> Self {
        Self {
            taken,
            has_more: false,
        }
    }

    /// So many bytes were taken, and the decoder has moved on: it has to be called again, with bytes or without.
    pub(super) fn more(taken: usize) -> Self {
        Self {
            taken,
            has_more: true,
        }
    }
}

/// Fills a buffer up to a length from the front of `bytes`. Returns how many bytes that took.
pub(super) fn fill(buffer: &mut Vec<u8>, length: usize, bytes: &[u8]) -> usize {
    let taken = length.saturating_sub(buffer.len()).min(bytes.len());
    buffer.extend_from_slice(bytes.get(..taken).unwrap_or_default());
    taken
}
