//! Reads the chunks of a body as they arrive.

use std::collections::VecDeque;
use std::ops::Range;

use super::chunk_line::{CHUNK_LINE_BYTES, size};
use super::trailer::TrailerReader;
use super::{Ambiguous, Framing};

/// How many chunks a body may have. Clients send 8 KiB to 1 MiB in each but the last.
pub const CHUNKS: usize = 256 * 1024;

/// Reads one body as it arrives.
#[derive(Clone, Debug)]
pub struct Deframer {
    framing: Framing,
    state: State,
    /// The bytes of a chunk's first line so far.
    line: Vec<u8>,
    trailer: TrailerReader,
    /// The number of bytes read.
    offset: u64,
    /// The number of content bytes that the chunks have announced so far.
    content: u64,
    chunks: usize,
    ranges: VecDeque<Range<u64>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size,
    Data { left: u64 },
    DataCr,
    DataLf,
    Trailer,
    Refused(Ambiguous),
}

impl Deframer {
    /// A reader of a body with this framing.
    pub fn new(framing: Framing) -> Self {
        Self {
            framing,
            state: State::Size,
            line: Vec::new(),
            trailer: TrailerReader::new(framing.trailer),
            offset: 0,
            content: 0,
            chunks: 0,
            ranges: VecDeque::new(),
        }
    }

    /// Reads further. A refused body stays refused.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Ambiguous> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let read = self.step(rest).inspect_err(|ambiguous| {
                self.state = State::Refused(*ambiguous);
            })?;
            self.offset = self.offset.saturating_add(read as u64);
            rest = rest.get(read..).unwrap_or_default();
        }
        Ok(())
    }

    /// The next range of the body that is content, as far as it has arrived. All ranges, in order, are the content.
    pub fn next_content(&mut self) -> Option<Range<u64>> {
        self.ranges.pop_front()
    }

    /// The body has ended.
    pub fn finish(&self) -> Result<(), Ambiguous> {
        match self.state {
            State::Trailer if self.trailer.complete() => Ok(()),
            State::Refused(ambiguous) => Err(ambiguous),
            _ => Err(Ambiguous::NoEnd),
        }
    }

    /// Reads some of `bytes`, which are not empty. Returns how many.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, Ambiguous> {
        let next = bytes.first().copied().unwrap_or_default();
        self.state = match self.state {
            State::Size => {
                self.line.push(next);
                match next {
                    b'\n' => self.begin_chunk()?,
                    _ if self.line.len() >= CHUNK_LINE_BYTES => {
                        return Err(Ambiguous::ChunkLineTooLong);
                    }
                    _ => State::Size,
                }
            }
            State::Data { left } => return Ok(self.data(left, bytes.len())),
            State::DataCr if next == b'\r' => State::DataLf,
            State::DataLf if next == b'\n' => State::Size,
            State::DataCr | State::DataLf => return Err(Ambiguous::ChunkEnd),
            State::Trailer => {
                self.trailer.push(next)?;
                State::Trailer
            }
            State::Refused(ambiguous) => return Err(ambiguous),
        };
        Ok(1)
    }

    fn begin_chunk(&mut self) -> Result<State, Ambiguous> {
        let size = size(&self.line, self.framing.signature)?;
        self.line.clear();
        self.chunks = self.chunks.saturating_add(1);
        if self.chunks > CHUNKS {
            return Err(Ambiguous::TooManyChunks);
        }
        self.content = self.content.checked_add(size).ok_or(Ambiguous::Length)?;
        let fits = match size {
            0 => self.content == self.framing.length,
            _ => self.content <= self.framing.length,
        };
        match (fits, size) {
            (false, _) => Err(Ambiguous::Length),
            (true, 0) => Ok(State::Trailer),
            (true, left) => Ok(State::Data { left }),
        }
    }

    /// Takes the available data of a chunk. Returns how many bytes.
    fn data(&mut self, left: u64, there: usize) -> usize {
        let length = usize::try_from(left).map_or(there, |left| left.min(there));
        let end = self.offset.saturating_add(length as u64);
        match self.ranges.back_mut() {
            Some(last) if last.end == self.offset => last.end = end,
            _ => self.ranges.push_back(self.offset..end),
        }
        self.state = match left.saturating_sub(length as u64) {
            0 => State::DataCr,
            left => State::Data { left },
        };
        length
    }
}
