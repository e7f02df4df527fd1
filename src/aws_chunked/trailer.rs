//! Reads the trailers behind the last chunk.

use super::Ambiguous;

/// How many bytes the trailers may have. A checksum and a signature have some hundred.
pub const TRAILER_BYTES: usize = 4 * 1024;

/// Reads trailers as they arrive. No content can stand here, so the reader accepts line ends as clients write them:
/// MinIO's client ends a trailer with LF, and two empty lines follow.
#[derive(Clone, Debug)]
pub(super) struct TrailerReader {
    allowed: bool,
    line: Vec<u8>,
    bytes: usize,
    empty_lines: u8,
}

impl TrailerReader {
    /// A reader that accepts fields only if `allowed`.
    pub(super) fn new(allowed: bool) -> Self {
        Self {
            allowed,
            line: Vec::new(),
            bytes: 0,
            empty_lines: 0,
        }
    }

    /// Reads the next byte.
    pub(super) fn push(&mut self, byte: u8) -> Result<(), Ambiguous> {
        self.bytes = self.bytes.saturating_add(1);
        if self.bytes > TRAILER_BYTES {
            return Err(Ambiguous::TrailerTooLong);
        }
        self.line.push(byte);
        let most = if self.allowed { 2 } else { 1 };
        if self.empty_lines == most || (self.empty_lines > 0 && !b"\r\n".contains(&byte)) {
            return Err(Ambiguous::AfterEnd);
        }
        if byte != b'\n' {
            return Ok(());
        }
        match self.line.strip_suffix(b"\n").unwrap_or_default() {
            b"\r" => self.empty_lines = self.empty_lines.saturating_add(1),
            line if !self.allowed || !is_field(line.strip_suffix(b"\r").unwrap_or(line)) => {
                return Err(Ambiguous::Trailer);
            }
            _ => {}
        }
        self.line.clear();
        Ok(())
    }

    /// Whether the body may end here.
    pub(super) fn complete(&self) -> bool {
        self.empty_lines > 0 && self.line.is_empty()
    }
}

fn is_field(line: &[u8]) -> bool {
    let colon = line.iter().position(|b| *b == b':');
    let Some((name, value)) = colon.and_then(|colon| line.split_at_checked(colon)) else {
        return false;
    };
    let ours = name
        .get(..6)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"x-amz-"));
    let name_byte = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-';
    let value_byte = |b: &u8| b.is_ascii_graphic() || *b == b' ';
    ours && name.iter().all(name_byte) && value.iter().all(value_byte)
}
