//! A part's header block.

use memchr::{memchr, memmem};

use super::Ambiguous;
use super::disposition::Disposition;
use super::parameters::is_token;

/// How many bytes a part's headers may have, line ends and the empty line included. Browsers send some hundred.
pub const HEADER_BLOCK_BYTES: usize = 16 * 1024;

/// Collects a block's lines as they arrive.
#[derive(Clone, Debug, Default)]
pub(super) struct FieldReader {
    /// The bytes since the delimiter.
    block: Vec<u8>,
    /// Where the last line begins, which is not complete.
    line: usize,
    fields: Fields,
}

/// What the block says so far.
#[derive(Clone, Debug, Default)]
struct Fields {
    disposition: Option<Vec<u8>>,
    content_type: Option<Vec<u8>>,
    transfer_encoding: Option<()>,
    length: Option<u64>,
}

/// What a complete block says.
#[derive(Clone, Debug)]
pub(super) struct PartFields {
    pub(super) disposition: Disposition,
    pub(super) content_disposition: Vec<u8>,
    pub(super) content_type: Option<Vec<u8>>,
    /// `Content-Length`.
    pub(super) length: Option<u64>,
}

impl FieldReader {
    /// Reads from `bytes` up to the end of a line; true if that was the empty line, the block's end. `dashed` is the
    /// boundary, which may not stand here.
    pub(super) fn read(&mut self, bytes: &[u8], dashed: &[u8]) -> Result<(usize, bool), Ambiguous> {
        let line_end = memchr(b'\n', bytes);
        let length = line_end.map_or(bytes.len(), |end| end.saturating_add(1));
        if self.block.len().saturating_add(length) > HEADER_BLOCK_BYTES {
            return Err(Ambiguous::HeaderBlockTooLong);
        }
        self.block.extend(bytes.iter().take(length));
        if line_end.is_none() {
            return Ok((length, false));
        }
        let line = self.block.get(self.line..).unwrap_or_default();
        let line = line.strip_suffix(b"\r\n").ok_or(Ambiguous::BareLineFeed)?;
        if line.is_empty() {
            return Ok((length, true));
        }
        if memmem::find(line, dashed).is_some() {
            return Err(Ambiguous::NearlyDelimiter);
        }
        self.fields.line(line)?;
        self.line = self.block.len();
        Ok((length, false))
    }

    /// How many bytes the block has so far.
    pub(super) fn length(&self) -> usize {
        self.block.len()
    }

    /// What the block says, which must be complete. The reader is as new afterwards.
    pub(super) fn finish(&mut self) -> Result<PartFields, Ambiguous> {
        self.block.clear();
        self.line = 0;
        let fields = std::mem::take(&mut self.fields);
        let content_disposition = fields.disposition.ok_or(Ambiguous::NoContentDisposition)?;
        Ok(PartFields {
            disposition: Disposition::read(&content_disposition)?,
            content_disposition,
            content_type: fields.content_type,
            length: fields.length,
        })
    }
}

impl Fields {
    fn line(&mut self, line: &[u8]) -> Result<(), Ambiguous> {
        if matches!(line, [b' ' | b'\t', ..]) {
            return Err(Ambiguous::FoldedHeader);
        }
        if line.iter().any(|b| b.is_ascii_control() && *b != b'\t') {
            return Err(Ambiguous::HeaderCharacter);
        }
        let colon = memchr(b':', line).ok_or(Ambiguous::HeaderLine)?;
        let (name, value) = line.split_at_checked(colon).unwrap_or_default();
        let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii();
        if name.is_empty() || !name.iter().all(|b| is_token(*b)) {
            return Err(Ambiguous::HeaderLine);
        }
        let again = match name.to_ascii_lowercase().as_slice() {
            b"content-disposition" => self.disposition.replace(value.to_vec()).is_some(),
            b"content-type" => {
                check_content_type(value)?;
                self.content_type.replace(value.to_vec()).is_some()
            }
            b"content-transfer-encoding" => {
                check_transfer_encoding(value)?;
                self.transfer_encoding.replace(()).is_some()
            }
            b"content-length" => {
                let length = number(value).ok_or(Ambiguous::PartLength)?;
                self.length.replace(length).is_some()
            }
            _ => false,
        };
        match again {
            true => Err(Ambiguous::SecondHeader),
            false => Ok(()),
        }
    }
}

/// Refuses what some take apart once more: `multipart/mixed`, as forms of the nineties had it, and any that has a boundary.
/// A web archive that a browser sends as a file has none.
fn check_content_type(value: &[u8]) -> Result<(), Ambiguous> {
    let lower = value.to_ascii_lowercase();
    let stands = |word: &[u8]| memmem::find(&lower, word).is_some();
    match stands(b"multipart/mixed") || (stands(b"multipart/") && stands(b"boundary")) {
        true => Err(Ambiguous::NestedMultipart),
        false => Ok(()),
    }
}

fn check_transfer_encoding(value: &[u8]) -> Result<(), Ambiguous> {
    match value.to_ascii_lowercase().as_slice() {
        b"7bit" | b"8bit" | b"binary" => Ok(()),
        _ => Err(Ambiguous::TransferEncoding),
    }
}

fn number(value: &[u8]) -> Option<u64> {
    if !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
#[path = "fields_tests.rs"]
mod tests;
