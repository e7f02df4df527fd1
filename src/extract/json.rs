//! Finds strings in JSON texts (RFC 8259) as they arrive. Several texts may follow one another, as in JSON lines.

use super::spotter::Spotter;
use super::value::{Coding, Encoding, Escapes, Found, NAME_BYTES};
use super::{Extractors, Unextractable};

/// Reads one body.
#[derive(Clone, Debug)]
pub(super) struct Json {
    wanted: Extractors,
    state: State,
    /// The open objects and arrays.
    open: Vec<Level>,
    spotter: Spotter,
    /// The current key, or the last one.
    key: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the first text, where a byte order mark may stand: the number of its bytes so far.
    Mark(u8),
    Value,
    /// In an array that has just begun.
    ValueOrEnd,
    Key,
    /// In an object that has just begun.
    KeyOrEnd,
    Colon,
    /// After a value.
    After,
    Scalar,
    String(Use, Escape),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Key,
    Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    None,
    Begun,
    /// Behind `\u`: the number of digits, and their value.
    Unicode(u8, u32),
}

#[derive(Clone, Debug)]
enum Level {
    Object(Vec<u8>),
    Array(u64),
}

impl Json {
    pub(super) fn new(wanted: Extractors) -> Self {
        Self {
            wanted,
            state: State::Mark(0),
            open: Vec::new(),
            spotter: Spotter::new(0, false, false),
            key: Vec::new(),
        }
    }

    /// Reads further, from `offset` in the body.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        mut offset: u64,
        found: &mut Found,
    ) -> Result<(), Unextractable> {
        for byte in bytes {
            offset = offset.saturating_add(1);
            self.state = match self.state {
                State::String(string, escape) => {
                    self.string(string, escape, *byte, offset, found)?
                }
                state => self.outside(state, *byte, offset, found)?,
            };
        }
        Ok(())
    }

    /// The body has ended.
    pub(super) fn end(&self) -> Result<(), Unextractable> {
        let between = matches!(
            self.state,
            State::Value | State::After | State::Scalar | State::Mark(0)
        );
        match self.open.is_empty() && between {
            true => Ok(()),
            false => Err(Unextractable::Json),
        }
    }

    /// The next state after a byte outside of strings. The byte ends before `end`.
    fn outside(
        &mut self,
        state: State,
        byte: u8,
        end: u64,
        found: &mut Found,
    ) -> Result<State, Unextractable> {
        let space = matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        Ok(match (state, byte) {
            (State::Mark(0), 0xef) => State::Mark(1),
            (State::Mark(1), 0xbb) => State::Mark(2),
            (State::Mark(2), 0xbf) => State::Value,
            (State::Mark(0), _) => return self.outside(State::Value, byte, end, found),
            // A record separator (RFC 7464) may stand before a text.
            (State::Value | State::After, 0x1e) if self.open.is_empty() => State::Value,
            (State::Scalar, b) if is_scalar(b) => State::Scalar,
            (State::Scalar, _) => return self.outside(State::After, byte, end, found),
            (State::After, _) if self.open.is_empty() && !space => {
                return self.outside(State::Value, byte, end, found);
            }
            (_, _) if space => state,
            (State::Value | State::ValueOrEnd, b'{') => {
                self.begin(Level::Object(Vec::new()), found)?
            }
            (State::Value | State::ValueOrEnd, b'[') => self.begin(Level::Array(0), found)?,
            (State::Value | State::ValueOrEnd, b'"') => {
                self.spotter = Spotter::new(end, self.wanted.json_base64, self.wanted.data_url);
                State::String(Use::Value, Escape::None)
            }
            (State::Value | State::ValueOrEnd, b) if is_scalar(b) => State::Scalar,
            (State::Key | State::KeyOrEnd, b'"') => {
                self.key.clear();
                State::String(Use::Key, Escape::None)
            }
            (State::Colon, b':') => State::Value,
            (State::ValueOrEnd | State::After, b']') => self.close(b']')?,
            (State::KeyOrEnd | State::After, b'}') => self.close(b'}')?,
            (State::After, b',') => match self.open.last_mut() {
                Some(Level::Object(_)) => State::Key,
                Some(Level::Array(index)) => {
                    *index = index.saturating_add(1);
                    State::Value
                }
                None => return Err(Unextractable::Json),
            },
            _ => return Err(Unextractable::Json),
        })
    }

    fn begin(&mut self, level: Level, found: &Found) -> Result<State, Unextractable> {
        let state = match &level {
            Level::Object(_) => State::KeyOrEnd,
            Level::Array(_) => State::ValueOrEnd,
        };
        if self.open.len() >= found.depth() {
            return Err(Unextractable::TooDeep);
        }
        self.open.push(level);
        Ok(state)
    }

    fn close(&mut self, byte: u8) -> Result<State, Unextractable> {
        match (self.open.pop(), byte) {
            (Some(Level::Object(_)), b'}') | (Some(Level::Array(_)), b']') => Ok(State::After),
            _ => Err(Unextractable::Json),
        }
    }

    /// The next state after a byte in a string. The byte ends before `end`.
    fn string(
        &mut self,
        string: Use,
        escape: Escape,
        byte: u8,
        end: u64,
        found: &mut Found,
    ) -> Result<State, Unextractable> {
        let unescaped = match (escape, byte) {
            (Escape::None, b'"') => return self.end_string(string, found),
            (Escape::None, b'\\') => return Ok(State::String(string, Escape::Begun)),
            (Escape::None, byte) => byte,
            (Escape::Begun, b'u') => return Ok(State::String(string, Escape::Unicode(0, 0))),
            (Escape::Begun, b'"' | b'\\' | b'/') => byte,
            (Escape::Begun, b'b') => 8,
            (Escape::Begun, b'f') => 12,
            (Escape::Begun, b'n') => b'\n',
            (Escape::Begun, b'r') => b'\r',
            (Escape::Begun, b't') => b'\t',
            (Escape::Begun, _) => return Err(Unextractable::Json),
            (Escape::Unicode(digits, value), digit) => {
                let digit = char::from(digit).to_digit(16).ok_or(Unextractable::Json)?;
                let value = value << 4 | digit;
                if digits < 3 {
                    let escape = Escape::Unicode(digits.saturating_add(1), value);
                    return Ok(State::String(string, escape));
                }
                // Any character outside of ASCII ends Base64, so its value does not matter.
                u8::try_from(value)
                    .ok()
                    .filter(u8::is_ascii)
                    .unwrap_or(b'?')
            }
        };
        match string {
            Use::Key if self.key.len() < NAME_BYTES => self.key.push(unescaped),
            Use::Key => {}
            Use::Value => {
                if let Some(base64) = self.spotter.push(unescaped, end) {
                    self.tell(base64, found)?;
                }
            }
        }
        Ok(State::String(string, Escape::None))
    }

    fn end_string(&mut self, string: Use, found: &mut Found) -> Result<State, Unextractable> {
        if string == Use::Key {
            if let Some(Level::Object(key)) = self.open.last_mut() {
                std::mem::swap(key, &mut self.key);
            }
            return Ok(State::Colon);
        }
        if let Some(base64) = self.spotter.end() {
            self.tell(base64, found)?;
        }
        Ok(State::After)
    }

    fn tell(
        &mut self,
        base64: std::ops::Range<u64>,
        found: &mut Found,
    ) -> Result<(), Unextractable> {
        let encoding = Encoding {
            escapes: Escapes::Json,
            coding: Coding::Base64,
        };
        found.push(&self.path(), base64, encoding)
    }

    fn path(&self) -> String {
        let mut path = "$".to_owned();
        for level in &self.open {
            match level {
                Level::Object(key) => {
                    path.push('.');
                    path.push_str(&String::from_utf8_lossy(key));
                }
                Level::Array(index) => path.push_str(&format!("[{index}]")),
            }
            if path.len() > NAME_BYTES {
                break;
            }
        }
        path
    }
}

/// The bytes of numbers and literals. These hold no strings, so their values do not matter.
fn is_scalar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)
}
