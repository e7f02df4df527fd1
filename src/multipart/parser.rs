//! Parses the structure of a form: delimiters (RFC 2046 section 5.1.1), and the parts between them.

use std::collections::VecDeque;
use std::ops::Range;

use super::fields::{FieldReader, PartFields};
use super::finder::{Before, Finder};
use super::{Ambiguous, Boundary, Part};

/// How many parts a form may have.
pub const PARTS: usize = 1000;

/// The bytes of a complete form that belong to no part. Ranges are in bytes of the message's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The bytes before the first delimiter, with the line end that belongs to that; usually none.
    pub preamble: Range<u64>,
    /// From the dashes of the closing delimiter to the end of the body.
    pub closing: Range<u64>,
    /// The number of parts.
    pub parts: usize,
}

/// Parses one form as it arrives. Holds no body, and the headers of one part at a time.
#[derive(Clone, Debug)]
pub struct Parser {
    boundary: Boundary,
    finder: Finder,
    fields: FieldReader,
    state: State,
    /// The number of bytes read.
    offset: u64,
    /// Where the last delimiter begins.
    delimiter: u64,
    /// Where the first delimiter begins.
    first: Option<u64>,
    open: Option<Open>,
    parts: usize,
    done: VecDeque<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Preamble,
    /// Behind a boundary.
    Tail(Tail),
    Headers,
    Body,
    Epilogue,
    Refused(Ambiguous),
}

/// The bytes behind a boundary so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tail {
    Nothing,
    Padding,
    Cr,
    Dash,
    /// The two dashes of the closing delimiter, and padding.
    Closing,
    ClosingCr,
}

/// A part whose end is not known yet.
#[derive(Clone, Debug)]
struct Open {
    start: u64,
    headers: Range<u64>,
    body: u64,
    fields: PartFields,
}

impl Parser {
    /// A parser of a form with this boundary.
    pub fn new(boundary: Boundary) -> Self {
        Self {
            finder: Finder::new(boundary.dashed()),
            fields: FieldReader::new(boundary.kind()),
            boundary,
            state: State::Preamble,
            offset: 0,
            delimiter: 0,
            first: None,
            open: None,
            parts: 0,
            done: VecDeque::new(),
        }
    }

    /// Reads further. A refused form stays refused; parts that were complete before can still be taken.
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

    /// The next complete part.
    pub fn next_part(&mut self) -> Option<Part> {
        self.done.pop_front()
    }

    /// Whether the body has begun to be a form: it had a delimiter.
    pub fn has_delimiter(&self) -> bool {
        self.first.is_some()
    }

    /// The body has ended.
    pub fn finish(&self) -> Result<Layout, Ambiguous> {
        match self.state {
            State::Tail(Tail::Closing) | State::Epilogue => Ok(Layout {
                preamble: 0..self.first.unwrap_or_default(),
                closing: self.delimiter..self.offset,
                parts: self.parts,
            }),
            State::Refused(ambiguous) => Err(ambiguous),
            State::Tail(Tail::ClosingCr) => Err(Ambiguous::NearlyDelimiter),
            State::Preamble | State::Tail(_) | State::Headers | State::Body => {
                Err(Ambiguous::NoClosingDelimiter)
            }
        }
    }

    /// Reads some of `bytes`, which are not empty. Returns how many.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, Ambiguous> {
        match self.state {
            State::Preamble | State::Body => self.find(bytes),
            State::Tail(tail) => {
                let next = bytes.first().copied().unwrap_or_default();
                self.state = self.behind_boundary(tail, next)?;
                Ok(1)
            }
            State::Headers => {
                let (read, complete) = self.fields.read(bytes, self.boundary.dashed())?;
                if complete {
                    self.open_part(self.offset.saturating_add(read as u64))?;
                    self.state = State::Body;
                }
                Ok(read)
            }
            State::Epilogue => match self.finder.search(bytes) {
                Some(_) => Err(Ambiguous::AfterClosingDelimiter),
                None => Ok(bytes.len()),
            },
            State::Refused(ambiguous) => Err(ambiguous),
        }
    }

    /// Looks for the next delimiter. The boundary may stand nowhere else, because some programs would split there.
    fn find(&mut self, bytes: &[u8]) -> Result<usize, Ambiguous> {
        let Some(hit) = self.finder.search(bytes) else {
            return Ok(bytes.len());
        };
        let first = hit.before == Before::Nothing && self.state == State::Preamble;
        if !first && hit.before != Before::LineEnd {
            return Err(Ambiguous::NearlyDelimiter);
        }
        let end = self.offset.saturating_add(hit.end as u64);
        self.delimiter = end.saturating_sub(self.boundary.dashed().len() as u64);
        self.first.get_or_insert(self.delimiter);
        self.state = State::Tail(Tail::Nothing);
        Ok(hit.end)
    }

    /// The next state after a byte behind a boundary.
    fn behind_boundary(&mut self, tail: Tail, next: u8) -> Result<State, Ambiguous> {
        Ok(match (tail, next) {
            (Tail::Nothing, b'-') => State::Tail(Tail::Dash),
            (Tail::Nothing | Tail::Padding, b' ' | b'\t') => State::Tail(Tail::Padding),
            (Tail::Nothing | Tail::Padding, b'\r') => State::Tail(Tail::Cr),
            (Tail::Cr, b'\n') => {
                self.close_part()?;
                self.parts = self.parts.saturating_add(1);
                if self.parts > PARTS {
                    return Err(Ambiguous::TooManyParts);
                }
                State::Headers
            }
            (Tail::Dash, b'-') => {
                self.close_part()?;
                State::Tail(Tail::Closing)
            }
            (Tail::Closing, b' ' | b'\t') => State::Tail(Tail::Closing),
            (Tail::Closing, b'\r') => State::Tail(Tail::ClosingCr),
            (Tail::ClosingCr, b'\n') => State::Epilogue,
            _ => return Err(Ambiguous::NearlyDelimiter),
        })
    }

    /// A header block has ended; a body begins at `body`.
    fn open_part(&mut self, body: u64) -> Result<(), Ambiguous> {
        let start = body.saturating_sub(self.fields.length() as u64);
        let headers = start..body.saturating_sub(2);
        self.open = Some(Open {
            start: self.delimiter,
            headers,
            body,
            fields: self.fields.finish()?,
        });
        Ok(())
    }

    /// Ends the open part, if any, before the line end that belongs to the delimiter.
    fn close_part(&mut self) -> Result<(), Ambiguous> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let body = open.body..self.delimiter.saturating_sub(2);
        let length = body.end.saturating_sub(body.start);
        if open.fields.length.is_some_and(|said| said != length) {
            return Err(Ambiguous::PartLength);
        }
        self.done.push_back(Part {
            whole: open.start..self.delimiter,
            headers: open.headers,
            body,
            name: open.fields.name,
            file_name: open.fields.file_name,
            content_type: open.fields.content_type,
            content_disposition: open.fields.content_disposition,
            encoding: open.fields.encoding,
        });
        Ok(())
    }
}
