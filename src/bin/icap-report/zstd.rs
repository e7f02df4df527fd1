//! Decompresses Zstandard (RFC 8878). A file may hold several frames, one after the other.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

/// Reads the content of all frames of a file.
pub(crate) struct Frames<R: BufRead> {
    /// The current frame; `None` after the last frame, and after an error.
    frame: Option<StreamingDecoder<R, FrameDecoder>>,
}

impl<R: BufRead> Frames<R> {
    /// `source` must stand at the beginning of a frame.
    pub(crate) fn new(source: R) -> io::Result<Self> {
        let frame = StreamingDecoder::new(source).map_err(io::Error::other)?;
        Ok(Self { frame: Some(frame) })
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        while let Some(mut frame) = self.frame.take() {
            let read = frame.read(into)?;
            if read > 0 {
                self.frame = Some(frame);
                return Ok(read);
            }
            let mut source = frame.into_inner();
            if !source.fill_buf()?.is_empty() {
                *self = Self::new(source)?;
            }
        }
        Ok(0)
    }
}
