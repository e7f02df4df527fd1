//! A value, and the ones found so far.

use std::collections::VecDeque;
use std::ops::Range;

use super::{Limits, Unextractable};

/// A value is told if it has more bytes, as it stands in the body: shorter ones hold no file worth a transaction.
pub const VALUE_BYTES: u64 = 64;

/// How many bytes a value's name may have; the rest is cut off.
pub const NAME_BYTES: usize = 256;

/// A value within a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Where it stands in terms of the format: a path in JSON such as `$.files[0].data`, a field of a form, the numbers of a
    /// gRPC message and of the fields in it such as `0:1.2`. Any character may be in it.
    pub name: String,
    /// Its bytes in the message's body.
    pub range: Range<u64>,
    /// How to read them.
    pub encoding: Encoding,
}

/// How a value stands in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Encoding {
    /// What is to be unescaped first.
    pub escapes: Escapes,
    /// What is behind that.
    pub coding: Coding,
}

/// How a body writes characters that it can't write as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Escapes {
    /// Not at all.
    None,
    /// `\/` and others in JSON strings (RFC 8259 section 7).
    Json,
    /// `%2B` and `+` in urlencoded forms.
    UrlEncoded,
}

/// What the unescaped bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// The content itself.
    Identity,
    /// Base64 in either alphabet, with or without padding.
    Base64,
}

/// The values found and not yet taken.
#[derive(Clone, Debug)]
pub(super) struct Found {
    limits: Limits,
    values: VecDeque<Value>,
    count: usize,
    bytes: u64,
}

impl Found {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            values: VecDeque::new(),
            count: 0,
            bytes: 0,
        }
    }

    pub(super) fn depth(&self) -> usize {
        self.limits.depth
    }

    /// How many more values there may be.
    pub(super) fn left(&self) -> usize {
        self.limits.values.saturating_sub(self.count)
    }

    /// Tells a value, if it is long enough.
    pub(super) fn push(
        &mut self,
        name: &str,
        range: Range<u64>,
        encoding: Encoding,
    ) -> Result<(), Unextractable> {
        let length = range.end.saturating_sub(range.start);
        if length <= VALUE_BYTES {
            return Ok(());
        }
        self.count = self.count.saturating_add(1);
        self.bytes = self.bytes.saturating_add(length);
        if self.count > self.limits.values {
            return Err(Unextractable::TooMany);
        }
        if self.bytes > self.limits.bytes {
            return Err(Unextractable::TooLong);
        }
        let mut end = name.len().min(NAME_BYTES);
        while !name.is_char_boundary(end) {
            end = end.saturating_sub(1);
        }
        self.values.push_back(Value {
            name: name.get(..end).unwrap_or_default().to_owned(),
            range,
            encoding,
        });
        Ok(())
    }

    pub(super) fn take(&mut self) -> Option<Value> {
        self.values.pop_front()
    }
}
