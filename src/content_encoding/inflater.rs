//! Decodes DEFLATE (RFC 1951), with or without the zlib wrapping (RFC 1950).

use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};

use super::step::ROOM;
use super::{Step, Undecodable};

/// A DEFLATE stream.
pub(super) struct Inflater {
    state: Box<InflateState>,
    /// The output buffer, kept so that no call has to clear a new one.
    room: Vec<u8>,
    ended: bool,
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inflater")
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl Inflater {
    /// A stream of which no byte has arrived.
    pub(super) fn new(is_wrapped: bool) -> Self {
        let format = match is_wrapped {
            true => DataFormat::Zlib,
            false => DataFormat::Raw,
        };
        Self {
            state: InflateState::new_boxed(format),
            room: vec![0; ROOM],
            ended: false,
        }
    }

    /// Whether the stream has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    pub(super) fn decode(
        &mut self,
        bytes: &[u8],
        decoded: &mut Vec<u8>,
    ) -> Result<Step, Undecodable> {
        let result = inflate(&mut self.state, bytes, &mut self.room, MZFlush::None);
        let given = self.room.get(..result.bytes_written);
        decoded.extend_from_slice(given.unwrap_or_default());
        match result.status {
            Ok(MZStatus::StreamEnd) => self.ended = true,
            // The decoder could do nothing without more bytes.
            Ok(MZStatus::Ok) | Err(MZError::Buf) => {}
            Ok(MZStatus::NeedDict) | Err(_) => return Err(Undecodable::Broken),
        }
        Ok(Step {
            taken: result.bytes_consumed,
            // The decoder gives all pending output before it takes more input.
            has_more: !self.ended && result.bytes_written > 0,
        })
    }
}
