//! Chunked bodies (RFC 9112 section 7.1) as they arrive, with ICAP's extension of the last chunk.

use super::encapsulated::BodyKind;
use super::error::{IcapResponseError, LimitKind, Snippet};
use super::fields::TrailerReader;
use super::input::{Input, trim_line_end};
use super::{Headers, Limits};

/// What the decoder found next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// So many of the unread bytes are body. The caller takes them before the next read.
    Data(usize),
    /// The end of the body.
    End(BodyEnd),
}

/// What follows a body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct BodyEnd {
    pub(super) trailers: Headers,
    pub(super) icap_trailers: Headers,
    pub(super) use_original_body: Option<u64>,
}

/// Decodes one body.
#[derive(Debug)]
pub(super) struct ChunkDecoder {
    state: State,
    limits: Limits,
    /// Decoded bytes announced so far.
    body: u64,
    end: BodyEnd,
    trailers: TrailerReader,
    /// Whether ICAP trailers follow.
    has_icap_trailers: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Size,
    Data { left: u64 },
    DataEnd,
    Trailers,
    IcapTrailers,
}

impl ChunkDecoder {
    /// Decodes a body, and the ICAP trailers behind it, if there are any. Without a body there are these alone.
    pub(super) fn new(limits: &Limits, kind: BodyKind, has_icap_trailers: bool) -> Self {
        Self {
            state: match kind {
                BodyKind::None => State::IcapTrailers,
                _ => State::Size,
            },
            limits: *limits,
            body: 0,
            end: BodyEnd::default(),
            trailers: TrailerReader::new(limits),
            has_icap_trailers,
        }
    }

    /// What the decoder still expects, for the error about a closed connection.
    pub(super) fn expected(&self) -> &'static str {
        match self.state {
            State::Size => "another chunk",
            State::Data { .. } => "the rest of a chunk",
            State::DataEnd => "the line end after a chunk's data",
            State::Trailers => "trailers and the final empty line",
            State::IcapTrailers => "the rest of the ICAP trailers",
        }
    }

    /// The trailers whose lines have arrived.
    pub(super) fn trailers_so_far(&self) -> Headers {
        let mut so_far = self.end.trailers.clone();
        for field in self.trailers.so_far().iter() {
            so_far.push(field.name.clone(), field.value.clone());
        }
        so_far
    }

    /// Reads further. `None`: the decoder needs more bytes.
    pub(super) fn read(&mut self, input: &mut Input) -> Result<Option<Piece>, IcapResponseError> {
        loop {
            match self.state {
                State::Size => {
                    let Some(size) = self.size(input)? else {
                        return Ok(None);
                    };
                    self.state = match size {
                        0 => State::Trailers,
                        left => State::Data { left },
                    };
                }
                State::Data { left: 0 } => self.state = State::DataEnd,
                State::Data { left } => {
                    let there = input.unread().len();
                    let data = usize::try_from(left).map_or(there, |left| left.min(there));
                    if data == 0 {
                        return Ok(None);
                    }
                    self.state = State::Data {
                        left: left.saturating_sub(data as u64),
                    };
                    return Ok(Some(Piece::Data(data)));
                }
                State::DataEnd => {
                    if !data_end(input)? {
                        return Ok(None);
                    }
                    self.state = State::Size;
                }
                State::Trailers => {
                    let Some(trailers) = self.trailers.read(input)? else {
                        return Ok(None);
                    };
                    self.end.trailers = trailers;
                    if !self.has_icap_trailers {
                        return Ok(Some(Piece::End(std::mem::take(&mut self.end))));
                    }
                    self.trailers = TrailerReader::new(&self.limits);
                    self.state = State::IcapTrailers;
                }
                State::IcapTrailers => {
                    let Some(trailers) = self.trailers.read(input)? else {
                        return Ok(None);
                    };
                    self.end.icap_trailers = trailers;
                    return Ok(Some(Piece::End(std::mem::take(&mut self.end))));
                }
            }
        }
    }

    fn size(&mut self, input: &mut Input) -> Result<Option<u64>, IcapResponseError> {
        if let Some(first) = input.unread().first().filter(|b| !b.is_ascii_hexdigit()) {
            return Err(IcapResponseError::ChunkSize {
                found: Snippet::new(&[*first]),
            });
        }
        let Ok(line) = input.take_line(self.limits.chunk_line_bytes) else {
            return Err(limit(
                LimitKind::ChunkLineBytes,
                self.limits.chunk_line_bytes as u64,
            ));
        };
        let Some(line) = line.map(trim_line_end) else {
            return Ok(None);
        };
        let (size, extensions) = parse_size(line, self.limits.chunk_size_digits)?;
        if size == 0 {
            self.end.use_original_body = use_original_body(extensions)?;
        }
        self.body = self.body.saturating_add(size);
        if self.body > self.limits.body_bytes {
            return Err(limit(LimitKind::BodyBytes, self.limits.body_bytes));
        }
        Ok(Some(size))
    }
}

fn limit(what: LimitKind, limit: u64) -> IcapResponseError {
    IcapResponseError::Limit { what, limit }
}

/// Reads the CRLF or LF after a chunk's data; false while the line end has not arrived in full.
fn data_end(input: &mut Input) -> Result<bool, IcapResponseError> {
    let length = match input.unread() {
        [] | [b'\r'] => return Ok(false),
        [b'\n', ..] => 1,
        [b'\r', b'\n', ..] => 2,
        other => {
            return Err(IcapResponseError::ChunkEnd {
                found: Snippet::new(other),
            });
        }
    };
    input.take(length);
    Ok(true)
}

/// Splits a chunk's line into its size and its extensions, which start with `;` or are empty.
fn parse_size(line: &[u8], max_digits: usize) -> Result<(u64, &[u8]), IcapResponseError> {
    let broken = || IcapResponseError::ChunkSize {
        found: Snippet::new(line),
    };
    let max_digits = max_digits.min(16);
    let mut size = 0_u64;
    let mut digits = 0_usize;
    let mut rest = line;
    while let [digit, tail @ ..] = rest {
        let Some(value) = char::from(*digit).to_digit(16) else {
            break;
        };
        digits = digits.saturating_add(1);
        if digits > max_digits {
            return Err(limit(LimitKind::ChunkSizeDigits, max_digits as u64));
        }
        size = size << 4 | u64::from(value);
        rest = tail;
    }
    let extensions = rest.trim_ascii_start();
    let clean = matches!(extensions, [] | [b';', ..]) && !extensions.contains(&b'\r');
    if digits == 0 || !clean {
        return Err(broken());
    }
    Ok((size, extensions))
}

/// The offset of `use-original-body` among the last chunk's extensions (draft-icap-ext-partial-content).
fn use_original_body(extensions: &[u8]) -> Result<Option<u64>, IcapResponseError> {
    let mut quoted = false;
    let mut found = None;
    let separators = |b: &u8| {
        quoted ^= *b == b'"';
        *b == b';' && !quoted
    };
    for extension in extensions.split(separators) {
        let mut halves = extension.splitn(2, |b| *b == b'=').map(<[u8]>::trim_ascii);
        let name = halves.next().unwrap_or_default();
        if !name.eq_ignore_ascii_case(b"use-original-body") {
            continue;
        }
        let number = halves.next().and_then(parse_number);
        if number.is_none() || found.is_some() {
            return Err(IcapResponseError::UseOriginalBody {
                found: Snippet::new(extensions),
            });
        }
        found = number;
    }
    Ok(found)
}

/// A decimal number, in quotes or not.
fn parse_number(value: &[u8]) -> Option<u64> {
    let quoted = value.strip_prefix(b"\"").map(|v| v.strip_suffix(b"\""));
    let digits = quoted.unwrap_or(Some(value))?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
#[path = "chunked_tests.rs"]
mod tests;
