//! `zstd` (RFC 8878), block by block: no call decodes more than one, of at most 128 KiB.

use std::io::Read;

use ruzstd::decoding::errors::FrameDecoderError;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::{Step, Undecodable, WINDOW_BYTES};

/// How much is given at once, in bytes.
const ROOM: usize = 64 * 1024;
const MAGIC: u32 = 0xfd2f_b528;
const MAGIC_BYTES: usize = 4;
/// Frames to be skipped: any of 16 numbers (RFC 8878 section 3.1.2).
const SKIPPED_MAGIC: u32 = 0x184d_2a50;
const SKIPPED_HEAD_BYTES: usize = 8;
const BLOCK_HEAD_BYTES: usize = 3;
/// The longest block (RFC 8878 section 3.1.1.2.4), in bytes.
const MAX_BLOCK_BYTES: usize = 128 * 1024;
const CHECKSUM_BYTES: usize = 4;

/// A content in `zstd`.
///
/// ```text
///  Between ─first byte─▶ Head ─┬─▶ Block ─not the last─▶ Block
///                             │      └─last─▶ Between
///                             └─▶ Skipped ─▶ Between
/// ```
pub(super) struct Zstd {
    frame: FrameDecoder,
    /// Where bytes are given to.
    room: Vec<u8>,
    /// What has come of a head or block that is not whole.
    pending: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Nothing has come, or the last frame is whole.
    Between,
    /// The head of a frame.
    Head,
    /// A block of a frame, with a checksum behind its last or not.
    Block { is_checked: bool },
    /// Bytes that say nothing.
    Skipped(u32),
}

impl std::fmt::Debug for Zstd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Zstd")
            .field("pending", &self.pending.len())
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// What stands at the beginning of some bytes.
enum Found<T> {
    /// So much more is needed, at least.
    NeedMore(usize),
    Whole(T),
}

impl Zstd {
    pub(super) fn new() -> Self {
        let mut frame = FrameDecoder::new();
        frame.set_max_window_size(WINDOW_BYTES);
        Self {
            frame,
            room: vec![0; ROOM],
            pending: Vec::new(),
            state: State::Between,
        }
    }

    pub(super) fn decode(
        &mut self,
        bytes: &[u8],
        decoded: &mut Vec<u8>,
    ) -> Result<Step, Undecodable> {
        // What the window holds back comes at the end of its frame.
        if self.frame.can_collect() > 0 {
            return self.give(decoded);
        }
        let mut taken = 0_usize;
        loop {
            let rest = bytes.get(taken..).unwrap_or_default();
            let wanted = match self.state {
                State::Between if rest.is_empty() => break,
                State::Between => {
                    self.state = State::Head;
                    continue;
                }
                State::Skipped(0) => {
                    self.state = State::Between;
                    continue;
                }
                State::Skipped(left) => {
                    let skipped = rest.len().min(left as usize);
                    taken = taken.saturating_add(skipped);
                    self.state = State::Skipped(left.saturating_sub(skipped as u32));
                    if rest.is_empty() {
                        break;
                    }
                    continue;
                }
                State::Head => match head(&self.pending)? {
                    Found::NeedMore(wanted) => wanted,
                    Found::Whole(next) => {
                        self.begin(next)?;
                        continue;
                    }
                },
                State::Block { is_checked } => match block(&self.pending, is_checked)? {
                    Found::NeedMore(wanted) => wanted,
                    Found::Whole(()) => {
                        self.end_block()?;
                        return Ok(Step {
                            taken,
                            has_more: true,
                        });
                    }
                },
            };
            if rest.is_empty() {
                break;
            }
            let wanted = wanted.min(rest.len());
            let part = rest.get(..wanted).unwrap_or_default();
            self.pending.extend_from_slice(part);
            taken = taken.saturating_add(wanted);
        }
        Ok(Step {
            taken,
            has_more: false,
        })
    }

    /// The head of a frame is whole.
    fn begin(&mut self, next: State) -> Result<(), Undecodable> {
        if let State::Block { .. } = next {
            self.frame
                .reset(self.pending.as_slice())
                .map_err(|e| match e {
                    FrameDecoderError::WindowSizeTooBig { .. } => Undecodable::Window,
                    _ => Undecodable::Broken,
                })?;
        }
        self.pending.clear();
        self.state = next;
        Ok(())
    }

    /// A block is whole.
    fn end_block(&mut self) -> Result<(), Undecodable> {
        let broken = |_| Undecodable::Broken;
        let one = BlockDecodingStrategy::UptoBlocks(1);
        self.frame
            .decode_blocks(self.pending.as_slice(), one)
            .map_err(broken)?;
        self.pending.clear();
        if self.frame.is_finished() {
            self.state = State::Between;
        }
        Ok(())
    }

    /// Gives a piece of what was decoded.
    fn give(&mut self, decoded: &mut Vec<u8>) -> Result<Step, Undecodable> {
        let given = self.frame.read(&mut self.room);
        let given = given.map_err(|_| Undecodable::Broken)?;
        decoded.extend_from_slice(self.room.get(..given).unwrap_or_default());
        Ok(Step {
            taken: 0,
            has_more: true,
        })
    }

    pub(super) fn finish(&self) -> Result<(), Undecodable> {
        match self.state {
            State::Between | State::Skipped(0) => Ok(()),
            _ => Err(Undecodable::CutOff),
        }
    }
}

/// The head of a frame (RFC 8878 section 3.1.1.1), and what follows it.
fn head(bytes: &[u8]) -> Result<Found<State>, Undecodable> {
    let need = |length: usize| Found::NeedMore(length.saturating_sub(bytes.len()));
    let Some(magic) = number(bytes, 0) else {
        return Ok(need(MAGIC_BYTES));
    };
    if magic & 0xffff_fff0 == SKIPPED_MAGIC {
        return Ok(match number(bytes, MAGIC_BYTES) {
            Some(length) => Found::Whole(State::Skipped(length)),
            None => need(SKIPPED_HEAD_BYTES),
        });
    }
    if magic != MAGIC {
        return Err(Undecodable::Broken);
    }
    let Some(descriptor) = bytes.get(MAGIC_BYTES) else {
        return Ok(need(MAGIC_BYTES.saturating_add(1)));
    };
    let is_single = descriptor & (1 << 5) != 0;
    let window = usize::from(!is_single);
    let dictionary = [0, 1, 2, 4].get(usize::from(descriptor & 3));
    let size = match descriptor >> 6 {
        0 => usize::from(is_single),
        flag => 1 << flag,
    };
    let length = [1, window, dictionary.copied().unwrap_or(0), size]
        .into_iter()
        .fold(MAGIC_BYTES, usize::saturating_add);
    Ok(match bytes.len() >= length {
        true => Found::Whole(State::Block {
            is_checked: descriptor & (1 << 2) != 0,
        }),
        false => need(length),
    })
}

/// A block with its head (RFC 8878 section 3.1.1.2), and the checksum of the frame behind the last.
fn block(bytes: &[u8], is_checked: bool) -> Result<Found<()>, Undecodable> {
    let need = |length: usize| Found::NeedMore(length.saturating_sub(bytes.len()));
    let Some([a, b, c]) = bytes.first_chunk::<BLOCK_HEAD_BYTES>() else {
        return Ok(need(BLOCK_HEAD_BYTES));
    };
    let header = u32::from_le_bytes([*a, *b, *c, 0]);
    let size = (header >> 3) as usize;
    if size > MAX_BLOCK_BYTES {
        return Err(Undecodable::Broken);
    }
    let content = match (header >> 1) & 3 {
        // One byte, so many times.
        1 => 1,
        3 => return Err(Undecodable::Broken),
        _ => size,
    };
    let checksum = match header & 1 == 1 && is_checked {
        true => CHECKSUM_BYTES,
        false => 0,
    };
    let length = BLOCK_HEAD_BYTES
        .saturating_add(content)
        .saturating_add(checksum);
    Ok(match bytes.len() >= length {
        true => Found::Whole(()),
        false => need(length),
    })
}

/// The 32-bit number at an offset.
fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let (_, rest) = bytes.split_at_checked(at)?;
    rest.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}
