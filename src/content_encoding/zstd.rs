//! `zstd` (RFC 8878): one or several frames, each checked against its length and checksum.

use ruzstd::decoding::errors::FrameDecoderError;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use ruzstd::io::Read;

use super::step::{ROOM, fill};
use super::{Step, Undecodable};

/// The largest window that an HTTP sender may ask for (RFC 9659 section 3), in bytes.
const MAX_WINDOW_BYTES: u64 = 8 * 1024 * 1024;
/// The most bytes of one block, coded or decoded (RFC 8878 section 3.1.1.2).
const MAX_BLOCK_BYTES: usize = 128 * 1024;
/// The most memory that one block takes while it is decoded: its bytes twice, its literals, and up to 43,690 sequences of 12 bytes.
const BLOCK_MEMORY_BYTES: u64 = 1024 * 1024;

const MAGIC: u32 = 0xfd2f_b528;
/// The last half-byte of a skippable frame's magic number is free.
const SKIPPABLE_MAGIC: u32 = 0x184d_2a50;
const SKIPPABLE_HEAD_BYTES: usize = 8;
/// The longest head of a frame.
const MAX_HEAD_BYTES: usize = 18;
const BLOCK_HEAD_BYTES: usize = 3;
const CHECKSUM_BYTES: usize = 4;

/// A content in `zstd`.
///
/// ```text
///  Between ─first byte─▶ Head ─▶ Frame ───▶ Between
///                         └────▶ Skipped ─────▲
/// ```
#[derive(Debug)]
pub(super) struct Zstd(State);

#[derive(Debug)]
enum State {
    /// No byte has arrived, or the last frame is complete.
    Between,
    /// The bytes of a head so far.
    Head(Vec<u8>),
    Frame(Box<Frame>),
    /// So many bytes of a skippable frame are still to come.
    Skipped(usize),
}

/// A frame whose blocks arrive. A block is decoded once all of it is there.
struct Frame {
    decoder: FrameDecoder,
    /// The bytes of the next block so far.
    block: Vec<u8>,
    /// The output buffer, kept so that no call has to clear a new one.
    room: Vec<u8>,
    window: u64,
    has_checksum: bool,
    /// The length that the head announces.
    announced: Option<u64>,
    decoded: u64,
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frame")
            .field("announced", &self.announced)
            .field("decoded", &self.decoded)
            .finish_non_exhaustive()
    }
}

impl Zstd {
    pub(super) fn new() -> Self {
        Self(State::Between)
    }

    /// The most memory that the window of the frame and a block take by now, in bytes.
    pub(super) fn memory_bytes(&self) -> u64 {
        match &self.0 {
            State::Frame(frame) => {
                let blocks = frame.decoder.blocks_decoded();
                let decoded = blocks.saturating_mul(MAX_BLOCK_BYTES) as u64;
                let held = frame.window.saturating_add(MAX_BLOCK_BYTES as u64);
                // The decoder doubles its buffer where that has to grow.
                let window = held.min(decoded).saturating_mul(2);
                match blocks {
                    0 => 0,
                    _ => window.saturating_add(BLOCK_MEMORY_BYTES),
                }
            }
            State::Between | State::Head(_) | State::Skipped(_) => 0,
        }
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
                let Some((length, begun)) = begin(head)? else {
                    return Ok(Step::taken(bytes.len()));
                };
                self.0 = begun;
                Ok(Step::more(length.saturating_sub(before)))
            }
            State::Skipped(left) => {
                let skipped = bytes.len().min(*left);
                *left = left.saturating_sub(skipped);
                if *left > 0 {
                    return Ok(Step::taken(skipped));
                }
                self.0 = State::Between;
                // A frame of no bytes takes none, and something else may follow it.
                Ok(Step::more(skipped))
            }
            State::Frame(frame) => {
                if frame.give(decoded)? {
                    return Ok(Step::more(0));
                }
                if frame.decoder.is_finished() {
                    frame.check()?;
                    self.0 = State::Between;
                    return Ok(Step::more(0));
                }
                frame.take(bytes)
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

impl Frame {
    /// Appends what may leave the window. False: there is nothing.
    fn give(&mut self, decoded: &mut Vec<u8>) -> Result<bool, Undecodable> {
        if self.decoder.can_collect() == 0 {
            return Ok(false);
        }
        let read = self
            .decoder
            .read(&mut self.room)
            .map_err(|_| Undecodable::Broken)?;
        decoded.extend_from_slice(self.room.get(..read).unwrap_or_default());
        self.decoded = self.decoded.saturating_add(read as u64);
        Ok(read > 0)
    }

    /// Takes bytes of the next block, and decodes it once it is complete.
    fn take(&mut self, bytes: &[u8]) -> Result<Step, Undecodable> {
        let mut took = 0_usize;
        loop {
            let needed = self.block_length()?;
            let rest = bytes.get(took..).unwrap_or_default();
            took = took.saturating_add(fill(&mut self.block, needed, rest));
            if self.block.len() < needed {
                return Ok(Step::taken(took));
            }
            // The head of the block says how long the block is.
            if self.block_length()? == needed {
                break;
            }
        }
        if has_too_many_literals(&self.block) {
            return Err(Undecodable::Broken);
        }
        self.decoder
            .decode_blocks(&self.block[..], BlockDecodingStrategy::UptoBlocks(1))
            .map_err(|_| Undecodable::Broken)?;
        self.block.clear();
        Ok(Step::more(took))
    }

    /// The length of the next block with its head and the checksum behind the last one, as far as known.
    fn block_length(&self) -> Result<usize, Undecodable> {
        let Some([a, b, c]) = self.block.first_chunk() else {
            return Ok(BLOCK_HEAD_BYTES);
        };
        let head = u32::from_le_bytes([*a, *b, *c, 0]);
        let is_last = head & 1 == 1;
        let size = (head >> 3) as usize;
        let content = match (head >> 1) & 3 {
            // One byte, as often as the size says.
            1 if size <= MAX_BLOCK_BYTES => 1,
            0 | 2 if size <= MAX_BLOCK_BYTES => size,
            _ => return Err(Undecodable::Broken),
        };
        let checksum = if is_last && self.has_checksum {
            CHECKSUM_BYTES
        } else {
            0
        };
        Ok(BLOCK_HEAD_BYTES
            .saturating_add(content)
            .saturating_add(checksum))
    }

    /// The frame is complete: whether it is what its head and its end say.
    fn check(&self) -> Result<(), Undecodable> {
        let is_as_long = self
            .announced
            .is_none_or(|announced| announced == self.decoded);
        let is_right = self
            .decoder
            .get_checksum_from_data()
            .is_none_or(|told| self.decoder.get_calculated_checksum() == Some(told));
        if is_as_long && is_right {
            Ok(())
        } else {
            Err(Undecodable::Broken)
        }
    }
}

/// What begins with these bytes, and the length of its head; `None`: more bytes are needed. Bytes behind a frame that are no
/// head are [`Undecodable::Broken`] too, because readers treat them differently.
fn begin(bytes: &[u8]) -> Result<Option<(usize, State)>, Undecodable> {
    let Some(magic) = bytes.first_chunk() else {
        return Ok(None);
    };
    let magic = u32::from_le_bytes(*magic);
    if magic & !0xf == SKIPPABLE_MAGIC {
        let Some([_, _, _, _, size @ ..]) = bytes.first_chunk::<SKIPPABLE_HEAD_BYTES>() else {
            return Ok(None);
        };
        let skipped = State::Skipped(u32::from_le_bytes(*size) as usize);
        return Ok(Some((SKIPPABLE_HEAD_BYTES, skipped)));
    }
    if magic != MAGIC {
        return Err(Undecodable::Broken);
    }
    let Some(descriptor) = bytes.get(4).copied() else {
        return Ok(None);
    };
    // RFC 8878 section 3.1.1.1: the length of each field of the head.
    let is_single_segment = descriptor & 0x20 != 0;
    let window_descriptor = usize::from(!is_single_segment);
    let dictionary = [0, 1, 2, 4].get(usize::from(descriptor & 3)).copied();
    let size = match descriptor >> 6 {
        0 => usize::from(is_single_segment),
        1 => 2,
        2 => 4,
        _ => 8,
    };
    let length = [window_descriptor, dictionary.unwrap_or_default(), size]
        .into_iter()
        .fold(5_usize, usize::saturating_add);
    let Some(head) = bytes.get(..length) else {
        return Ok(None);
    };
    let window = match is_single_segment {
        true => None,
        false => bytes.get(5).copied().map(window_of),
    };
    if window.is_some_and(|window| window > MAX_WINDOW_BYTES) {
        return Err(Undecodable::Window);
    }
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(MAX_WINDOW_BYTES);
    decoder.init(head).map_err(|why| match why {
        FrameDecoderError::WindowSizeTooBig { .. } => Undecodable::Window,
        _ => Undecodable::Broken,
    })?;
    let announced = (size > 0).then(|| decoder.content_size());
    let frame = Frame {
        window: window.unwrap_or(decoder.content_size()),
        decoder,
        block: Vec::new(),
        room: vec![0; ROOM],
        has_checksum: descriptor & 4 != 0,
        announced,
        decoded: 0,
    };
    Ok(Some((length, State::Frame(Box::new(frame)))))
}

/// Whether a block has more literals than a block may give (RFC 8878 section 3.1.1.3.1.1). The decoder does not look at that.
fn has_too_many_literals(block: &[u8]) -> bool {
    const COMPRESSED: u8 = 2;
    let Some([head, _, _, a, b, c]) = block.first_chunk() else {
        return false;
    };
    if (head >> 1) & 3 != COMPRESSED || (a >> 2) & 3 != 3 {
        // In the shorter forms of the head the size has at most 14 bits.
        return false;
    }
    let is_raw_or_repeated = a & 3 < 2;
    // 20 bits, or 18.
    let mask = if is_raw_or_repeated {
        0xf_ffff
    } else {
        0x3_ffff
    };
    let size = (u32::from_le_bytes([*a, *b, *c, 0]) >> 4) & mask;
    size as usize > MAX_BLOCK_BYTES
}

/// The window that a `Window_Descriptor` asks for, in bytes (RFC 8878 section 3.1.1.1.2).
fn window_of(descriptor: u8) -> u64 {
    let base = 1_u64 << 10 << (descriptor >> 3);
    base.saturating_add((base >> 3).saturating_mul(u64::from(descriptor & 7)))
}
