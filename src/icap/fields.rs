//! Reads header and trailer lines (RFC 9112 section 5).

use super::error::{IcapResponseError, LimitKind, Snippet};
use super::input::{Input, trim_line_end};
use super::limits::CUT_FIELD_BYTES;
use super::{Headers, Limits};

/// How much the reader forgives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rules {
    /// For fields that the filter only looks at. The reader keeps a fold, turns NUL and CR into blanks, adds a line
    /// that is no field to the field before it, and cuts at the limits. Scanners put file names into these fields,
    /// and an attacker chooses those: an error here would turn "infected" into "failed".
    Icap,
    /// For fields that go on to the application or the client. A fold becomes a blank. NUL, CR, lines that are no
    /// field, and everything past a limit are errors.
    Http,
}

/// Ends a value that was cut. In `X-Violations-Found` this text begins a group or is a group's resolution, so that a
/// cut list never reads as "everything was repaired".
const CUT: &[u8] = "\n…".as_bytes();

/// Collects the field lines of one block.
#[derive(Clone, Debug)]
pub(super) struct FieldReader {
    rules: Rules,
    headers: Headers,
    max_count: usize,
    max_name: usize,
    /// Under [`Rules::Icap`]: how many bytes all fields together may still add.
    room: usize,
    /// Under [`Rules::Icap`]: how many bytes the last field may still add. `None` once that field was cut.
    left: Option<usize>,
}

impl FieldReader {
    pub(super) fn new(rules: Rules, limits: &Limits) -> Self {
        Self {
            rules,
            headers: Headers::new(),
            max_count: limits.header_count,
            max_name: limits.header_name_bytes,
            room: limits.head_bytes,
            left: None,
        }
    }

    /// Adds one line without its line end. Never fails under [`Rules::Icap`].
    pub(super) fn line(&mut self, line: &[u8]) -> Result<(), IcapResponseError> {
        match self.rules {
            Rules::Icap => {
                self.forgive(line);
                Ok(())
            }
            Rules::Http => self.insist(line),
        }
    }

    fn forgive(&mut self, line: &[u8]) {
        // Before the first field there is no field that a line could continue.
        let line = match self.headers.is_empty() {
            true => trim_blanks(line),
            false => line,
        };
        match field(line).filter(|(name, _)| name.len() <= self.max_name) {
            Some((name, value)) => {
                let left = match self.headers.len() < self.max_count {
                    true => self.room.max(CUT_FIELD_BYTES),
                    false => CUT_FIELD_BYTES,
                };
                self.room = self.room.saturating_sub(name.len());
                self.left = Some(left);
                self.headers.push(String::from_utf8_lossy(name), Vec::new());
                self.append(trim_blanks(value));
            }
            None => {
                let folded = matches!(line.first(), Some(b' ' | b'\t'));
                let Some(last) = self.headers.last_mut() else {
                    return;
                };
                // The value of this header is a list of its own; further lines do not continue that list.
                if !folded && last.name.eq_ignore_ascii_case("encapsulated") {
                    return;
                }
                if self.left.is_some() {
                    last.value.push(b'\n');
                    self.append(trim_blanks(line));
                }
            }
        }
    }

    /// Adds as much to the last value as still fits.
    fn append(&mut self, more: &[u8]) {
        let (Some(left), Some(last)) = (self.left, self.headers.last_mut()) else {
            return;
        };
        let kept = more.get(..left).unwrap_or(more);
        let blank = |b: &u8| if matches!(b, 0 | b'\r') { b' ' } else { *b };
        last.value.extend(kept.iter().map(blank));
        // The line break counts, so that endless empty lines reach the limit too.
        let used = kept.len().saturating_add(1);
        self.room = self.room.saturating_sub(used);
        self.left = left.checked_sub(used);
        if kept.len() < more.len() || self.left.is_none() {
            self.left = None;
            last.value.extend_from_slice(CUT);
        }
    }

    fn insist(&mut self, line: &[u8]) -> Result<(), IcapResponseError> {
        let broken = || IcapResponseError::HeaderLine {
            found: Snippet::new(line),
        };
        if matches!(line.first(), Some(b' ' | b'\t')) {
            let more = value(line, line)?;
            let last = self.headers.last_mut().ok_or_else(broken)?;
            last.value.push(b' ');
            last.value.extend_from_slice(&more);
            return Ok(());
        }
        let colon = memchr::memchr(b':', line).ok_or_else(broken)?;
        let (name, rest) = line.split_at_checked(colon).ok_or_else(broken)?;
        if !is_token(name) {
            return Err(broken());
        }
        if name.len() > self.max_name {
            return Err(IcapResponseError::Limit {
                what: LimitKind::HeaderNameBytes,
                limit: self.max_name as u64,
            });
        }
        if self.headers.len() >= self.max_count {
            return Err(IcapResponseError::Limit {
                what: LimitKind::HeaderCount,
                limit: self.max_count as u64,
            });
        }
        let value = value(rest.strip_prefix(b":").unwrap_or(rest), line)?;
        self.headers.push(String::from_utf8_lossy(name), value);
        Ok(())
    }

    /// Returns the block and empties the reader.
    pub(super) fn finish(&mut self) -> Headers {
        std::mem::take(&mut self.headers)
    }
}

/// Collects the trailers behind a body, up to their empty line.
#[derive(Clone, Debug)]
pub(super) struct TrailerReader {
    fields: FieldReader,
    limit: usize,
    /// How many bytes may still come.
    left: usize,
}

impl TrailerReader {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            fields: FieldReader::new(Rules::Icap, limits),
            limit: limits.trailer_bytes,
            left: limits.trailer_bytes,
        }
    }

    /// The trailers whose lines have arrived.
    pub(super) fn so_far(&self) -> Headers {
        self.fields.clone().finish()
    }

    /// Reads further. `None`: the reader needs more bytes.
    pub(super) fn read(&mut self, input: &mut Input) -> Result<Option<Headers>, IcapResponseError> {
        loop {
            let Ok(line) = input.take_line(self.left) else {
                return Err(IcapResponseError::Limit {
                    what: LimitKind::TrailerBytes,
                    limit: self.limit as u64,
                });
            };
            let Some(line) = line else {
                return Ok(None);
            };
            self.left = self.left.saturating_sub(line.len());
            let line = trim_line_end(line);
            if line.is_empty() {
                return Ok(Some(self.fields.finish()));
            }
            self.fields.line(line)?;
        }
    }
}

/// Name and value of a line. Blanks before the colon are allowed. `None`: the line is no field.
fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memchr(b':', line)?;
    let (name, rest) = line.split_at_checked(colon)?;
    let blank = |b: &u8| matches!(b, b' ' | b'\t');
    if name.first().is_some_and(blank) {
        return None;
    }
    let name = trim_blanks(name);
    is_token(name).then(|| (name, rest.strip_prefix(b":").unwrap_or(rest)))
}

/// The value in `raw`. `raw` is a part of `line`.
fn value(raw: &[u8], line: &[u8]) -> Result<Vec<u8>, IcapResponseError> {
    let value = trim_blanks(raw);
    if value.iter().any(|b| matches!(b, 0 | b'\r')) {
        return Err(IcapResponseError::HeaderValue {
            found: Snippet::new(line),
        });
    }
    Ok(value.to_vec())
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
