//! Finds fields of Protocol Buffers in gRPC messages. Without a schema, bytes, texts and messages look alike: the
//! extractor reports every field that is long enough, and also looks into fields that read as a message.

use std::ops::Range;

use super::Unextractable;
use super::value::{Coding, Encoding, Escapes, Found, VALUE_BYTES};

const ENCODING: Encoding = Encoding {
    escapes: Escapes::None,
    coding: Coding::Identity,
};

/// Reads one body.
#[derive(Clone, Debug)]
pub(super) struct Grpc {
    state: State,
    /// The number of the current message.
    message: u64,
    /// The message, and the fields within it that are being read as messages.
    open: Vec<Level>,
    /// Fields of the message so far, reported when it ends. A field that turns out to be no message loses the fields
    /// found in it.
    fields: Vec<(String, Range<u64>)>,
    /// The message itself is no Protocol Buffers message.
    opaque: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The flag and the length before a message: the number of bytes read, and the length so far.
    Prefix(u8, u32),
    /// A field's tag.
    Tag(Varint),
    /// A varint that is skipped.
    Skip(Varint),
    /// A field's length.
    Length(u64, Varint),
    /// Skips to this offset.
    Until(u64),
}

/// A number in base 128, as far as it has arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Varint {
    value: u64,
    bytes: u32,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    number: u64,
    range_start: u64,
    end: u64,
    /// How many fields were found before this level began.
    fields: usize,
}

impl Grpc {
    pub(super) fn new() -> Self {
        Self {
            state: State::Prefix(0, 0),
            message: 0,
            open: Vec::new(),
            fields: Vec::new(),
            opaque: false,
        }
    }

    /// Reads further, from `offset` in the body.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        offset: u64,
        found: &mut Found,
    ) -> Result<(), Unextractable> {
        let mut rest = bytes;
        let mut offset = offset;
        while let Some(next) = rest.first() {
            let read = match self.state {
                State::Until(end) => {
                    let left = end.saturating_sub(offset);
                    usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()))
                }
                state => {
                    let behind = offset.saturating_add(1);
                    match self.read(state, *next, behind, found)? {
                        Some(state) => self.state = state,
                        None => self.fail(),
                    }
                    1
                }
            };
            offset = offset.saturating_add(read as u64);
            rest = rest.get(read..).unwrap_or_default();
            self.close(offset, found)?;
        }
        Ok(())
    }

    /// The body has ended.
    pub(super) fn end(&self) -> Result<(), Unextractable> {
        match self.state {
            State::Prefix(0, _) => Ok(()),
            _ => Err(Unextractable::Grpc),
        }
    }

    /// The next state after a byte; the body goes on at `behind`. `None` if this is no message.
    fn read(
        &mut self,
        state: State,
        byte: u8,
        behind: u64,
        found: &mut Found,
    ) -> Result<Option<State>, Unextractable> {
        Ok(match state {
            State::Prefix(0, _) if byte != 0 => return Err(Unextractable::Compressed),
            State::Prefix(4, length) => {
                let length = length << 8 | u32::from(byte);
                Some(self.begin(0, behind, behind.saturating_add(u64::from(length)), found)?)
            }
            State::Prefix(bytes, length) => Some(State::Prefix(
                bytes.saturating_add(1),
                length << 8 | u32::from(byte),
            )),
            State::Tag(varint) => varint.push(byte).and_then(|varint| match varint {
                Read::More(varint) => Some(State::Tag(varint)),
                Read::Whole(tag) => field(tag, behind).filter(|next| self.has_room(*next)),
            }),
            State::Skip(varint) => varint.push(byte).map(|varint| match varint {
                Read::More(varint) => State::Skip(varint),
                Read::Whole(_) => State::Tag(Varint::default()),
            }),
            State::Length(number, varint) => match varint.push(byte) {
                Some(Read::More(varint)) => Some(State::Length(number, varint)),
                Some(Read::Whole(length)) => self.value(number, behind, length, found)?,
                None => None,
            },
            State::Until(end) => Some(State::Until(end)),
        })
    }

    /// Whether the skipped bytes end within the message.
    fn has_room(&self, state: State) -> bool {
        match (state, self.open.last()) {
            (State::Until(end), Some(level)) => end <= level.end,
            _ => true,
        }
    }

    /// A field of this length begins.
    fn value(
        &mut self,
        number: u64,
        start: u64,
        length: u64,
        found: &mut Found,
    ) -> Result<Option<State>, Unextractable> {
        let end = start.saturating_add(length);
        if self.open.last().is_none_or(|level| end > level.end) {
            return Ok(None);
        }
        if length <= VALUE_BYTES {
            return Ok(Some(State::Until(end)));
        }
        self.begin(number, start, end, found).map(Some)
    }

    fn begin(
        &mut self,
        number: u64,
        range_start: u64,
        end: u64,
        found: &Found,
    ) -> Result<State, Unextractable> {
        if self.open.len() > found.depth() {
            return Err(Unextractable::TooDeep);
        }
        self.open.push(Level {
            number,
            range_start,
            end,
            fields: self.fields.len(),
        });
        Ok(State::Tag(Varint::default()))
    }

    /// The bytes are no message. Skips them, and drops the fields that seemed to be in them.
    fn fail(&mut self) {
        if let Some(level) = self.open.last() {
            self.fields.truncate(level.fields);
            self.opaque |= self.open.len() == 1;
            self.state = State::Until(level.end);
        }
    }

    /// Closes every level that ends at `offset`.
    fn close(&mut self, offset: u64, found: &mut Found) -> Result<(), Unextractable> {
        if let State::Until(end) = self.state
            && end == offset
            && self.open.last().is_some_and(|level| level.end > end)
        {
            self.state = State::Tag(Varint::default());
        }
        while let Some(level) = self.open.last().copied().filter(|l| l.end == offset) {
            // A message ends between two fields; any other end means that it is no message.
            let between = matches!(
                self.state,
                State::Tag(Varint { bytes: 0, .. }) | State::Until(_)
            );
            if !between {
                self.fail();
            }
            let name = self.name();
            self.open.pop();
            let field = (name, level.range_start..offset);
            if self.open.is_empty() {
                return self.tell(field, found);
            }
            self.fields.push(field);
            if self.fields.len() > found.left() {
                return Err(Unextractable::TooMany);
            }
            self.state = State::Tag(Varint::default());
        }
        Ok(())
    }

    /// A message has ended: reports its fields, or the message itself if it has none.
    fn tell(
        &mut self,
        message: (String, Range<u64>),
        found: &mut Found,
    ) -> Result<(), Unextractable> {
        let mut fields = std::mem::take(&mut self.fields);
        if std::mem::take(&mut self.opaque) {
            fields.push(message);
        }
        for (name, range) in fields {
            found.push(&name, range, ENCODING)?;
        }
        self.message = self.message.saturating_add(1);
        self.state = State::Prefix(0, 0);
        Ok(())
    }

    fn name(&self) -> String {
        let numbers = self
            .open
            .iter()
            .skip(1)
            .map(|level| level.number.to_string());
        let path = numbers.collect::<Vec<_>>().join(".");
        match path.is_empty() {
            true => self.message.to_string(),
            false => format!("{}:{path}", self.message),
        }
    }
}

/// What a tag announces (the Protocol Buffers encoding, "Message structure"); `None` if the tag is invalid.
fn field(tag: u64, behind: u64) -> Option<State> {
    let number = tag >> 3;
    if number == 0 || number > (1 << 29) - 1 {
        return None;
    }
    match tag & 7 {
        0 => Some(State::Skip(Varint::default())),
        1 => Some(State::Until(behind.saturating_add(8))),
        2 => Some(State::Length(number, Varint::default())),
        5 => Some(State::Until(behind.saturating_add(4))),
        _ => None,
    }
}

enum Read {
    More(Varint),
    Whole(u64),
}

impl Varint {
    /// Takes the next byte; `None` if the number has too many.
    fn push(self, byte: u8) -> Option<Read> {
        let shift = self.bytes.saturating_mul(7);
        if self.bytes >= 10 {
            return None;
        }
        let value = self.value
            | u64::from(byte & 0x7f)
                .checked_shl(shift)
                .unwrap_or_default();
        Some(match byte & 0x80 {
            0 => Read::Whole(value),
            _ => Read::More(Self {
                value,
                bytes: self.bytes.saturating_add(1),
            }),
        })
    }
}
