//! A value within a body, and the list of those found.

use std::collections::VecDeque;
use std::ops::Range;

use super::{Limits, Unextractable};

/// The extractor reports values with more bytes than this, as they stand in the body. Shorter ones hold no file worth
/// a transaction.
pub const VALUE_BYTES: u64 = 64;

/// How many bytes a value's name may have. Longer names are cut.
pub const NAME_BYTES: usize = 256;

/// A value within a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The place of the value in terms of the format: a path in JSON such as `$.files[0].data`, a field of a form, or
    /// the numbers of a gRPC message and of its fields such as `0:1.2`. Any character may be in the name.
    pub name: String,
    /// The bytes of the value in the message's body.
    pub range: Range<u64>,
    /// How to decode the value.
    pub encoding: Encoding,
}

/// How a value is written in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Encoding {
    /// What to unescape first.
    pub escapes: Escapes,
    /// What to decode after that.
    pub coding: Coding,
}

/// How a body escapes characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Escapes {
    /// No escapes.
    None,
    /// `\/` and others in JSON strings (RFC 8259 section 7).
    Json,
    /// `%2B` and `+` in urlencoded forms.
    UrlEncoded,
}

/// The coding of the unescaped bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// The content itself.
    Identity,
    /// Base64 in either alphabet, with or without padding.
    Base64,
}

/// The values found and not taken yet.
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

    /// How many more values may be reported.
    pub(super) fn left(&self) -> usize {
        self.limits.values.saturating_sub(self.count)
    }

    /// Reports a value, if it is long enough.
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
