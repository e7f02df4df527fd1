//! Header and trailer lines (RFC 9112 section 5).

use super::error::{AnswerError, LimitKind, Snippet};
use super::{Headers, Limits};

/// How much is forgiven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rules {
    /// What we only look at: a fold is kept, NUL and CR become blanks. Scanners put file names that an attacker chose into
    /// these fields; refusing the answer for that would turn "infected" into "failed".
    Icap,
    /// What goes on to the application or the client: a fold becomes a blank, NUL and CR are refused.
    Http,
}

/// Collects the lines of one block.
#[derive(Debug)]
pub(super) struct FieldReader {
    rules: Rules,
    headers: Headers,
    max_count: usize,
    max_name: usize,
}

impl FieldReader {
    pub(super) fn new(rules: Rules, limits: &Limits) -> Self {
        Self {
            rules,
            headers: Headers::new(),
            max_count: limits.header_count,
            max_name: limits.header_name_bytes,
        }
    }

    /// Adds one line, given without its line end.
    pub(super) fn line(&mut self, line: &[u8]) -> Result<(), AnswerError> {
        let broken = || AnswerError::HeaderLine {
            found: Snippet::new(line),
        };
        if matches!(line.first(), Some(b' ' | b'\t')) {
            let more = self.value(line, line)?;
            let fold = match self.rules {
                Rules::Icap => b'\n',
                Rules::Http => b' ',
            };
            let last = self.headers.last_mut().ok_or_else(broken)?;
            last.value.push(fold);
            last.value.extend_from_slice(&more);
            return Ok(());
        }
        let colon = memchr::memchr(b':', line).ok_or_else(broken)?;
        let (name, rest) = line.split_at_checked(colon).ok_or_else(broken)?;
        if !is_token(name) {
            return Err(broken());
        }
        if name.len() > self.max_name {
            return Err(AnswerError::Limit {
                what: LimitKind::HeaderNameBytes,
                limit: self.max_name as u64,
            });
        }
        if self.headers.len() >= self.max_count {
            return Err(AnswerError::Limit {
                what: LimitKind::HeaderCount,
                limit: self.max_count as u64,
            });
        }
        let value = self.value(rest.strip_prefix(b":").unwrap_or(rest), line)?;
        self.headers.push(String::from_utf8_lossy(name), value);
        Ok(())
    }

    /// Gives the block out; the reader is empty again.
    pub(super) fn finish(&mut self) -> Headers {
        std::mem::take(&mut self.headers)
    }

    fn value(&self, raw: &[u8], line: &[u8]) -> Result<Vec<u8>, AnswerError> {
        let mut value = trim_blanks(raw).to_vec();
        for byte in value.iter_mut().filter(|b| matches!(**b, 0 | b'\r')) {
            if self.rules == Rules::Http {
                return Err(AnswerError::HeaderValue {
                    found: Snippet::new(line),
                });
            }
            *byte = b' ';
        }
        Ok(value)
    }
}

/// Whether these bytes are a non-empty token (RFC 9110 section 5.6.2).
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b))
}

fn trim_blanks(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
