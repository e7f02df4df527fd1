//! Reads the parameters of a header field's value (RFC 9110 section 5.6.6), strictly.

/// One parameter. The name keeps its case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parameter<'a> {
    pub(super) name: &'a [u8],
    /// The value without its quotes. Escapes stay.
    pub(super) value: &'a [u8],
    pub(super) quoted: bool,
}

/// Why a parameter can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Malformed {
    /// A backslash stands before a quote: programs disagree on where the value ends.
    EscapedQuote,
    Other,
}

/// Splits a value at the first semicolon: the text before, and the parameters behind.
pub(super) fn split(value: &[u8]) -> (&[u8], Parameters<'_>) {
    let length = value.iter().position(|b| *b == b';').unwrap_or(value.len());
    let (first, rest) = value.split_at_checked(length).unwrap_or((value, &[]));
    (first.trim_ascii(), Parameters { rest })
}

/// Parameters still to be read. Reading ends at the first malformed one.
#[derive(Clone, Debug)]
pub(super) struct Parameters<'a> {
    /// Empty, or begins with a semicolon.
    rest: &'a [u8],
}

impl<'a> Iterator for Parameters<'a> {
    type Item = Result<Parameter<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let after = self.rest.strip_prefix(b";")?.trim_ascii_start();
            if after.is_empty() {
                self.rest = &[];
                return None;
            }
            if after.starts_with(b";") {
                self.rest = after;
                continue;
            }
            let read = parameter(after);
            self.rest = read.map_or(&[], |(_, rest)| rest);
            return Some(read.map(|(parameter, _)| parameter));
        }
    }
}

/// The first parameter, and the bytes behind it: none, or a semicolon and more.
fn parameter(bytes: &[u8]) -> Result<(Parameter<'_>, &[u8]), Malformed> {
    let (name, rest) = take_token(bytes);
    let value = rest.strip_prefix(b"=").ok_or(Malformed::Other)?;
    let (value, rest, quoted) = match value.strip_prefix(b"\"") {
        Some(quoted) => {
            let (value, rest) = take_quoted(quoted)?;
            (value, rest.trim_ascii_start(), true)
        }
        // Some programs count a space behind an unquoted value as part of the value.
        None => {
            let (value, rest) = take_token(value);
            (value, rest, false)
        }
    };
    let complete = !name.is_empty() && (quoted || !value.is_empty());
    if !complete || !matches!(rest, [] | [b';', ..]) {
        return Err(Malformed::Other);
    }
    let parameter = Parameter {
        name,
        value,
        quoted,
    };
    Ok((parameter, rest))
}

fn take_token(bytes: &[u8]) -> (&[u8], &[u8]) {
    let length = bytes.iter().position(|b| !is_token(*b));
    bytes
        .split_at_checked(length.unwrap_or(bytes.len()))
        .unwrap_or((bytes, &[]))
}

/// The bytes before the closing quote, and the bytes behind it.
fn take_quoted(bytes: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let end = bytes.iter().position(|b| *b == b'"');
    let halves = end.and_then(|end| bytes.split_at_checked(end));
    let (value, rest) = halves.ok_or(Malformed::Other)?;
    if value.ends_with(b"\\") {
        return Err(Malformed::EscapedQuote);
    }
    Ok((value, rest.strip_prefix(b"\"").unwrap_or(rest)))
}

/// A `tchar` (RFC 9110 section 5.6.2).
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
#[path = "parameters_tests.rs"]
mod tests;
