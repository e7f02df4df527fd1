//! Reads a part's header block.

use memchr::{memchr, memmem};

use super::disposition::Disposition;
use super::parameters::is_token;
use super::{Ambiguous, Kind};
use crate::transfer_encoding::TransferEncoding;

/// How many bytes a part's headers may have, line ends and the empty line included. Browsers send some hundred.
pub const HEADER_BLOCK_BYTES: usize = 16 * 1024;

/// Collects the lines of a block as they arrive.
#[derive(Clone, Debug)]
pub(super) struct FieldReader {
    kind: Kind,
    /// The bytes since the delimiter.
    block: Vec<u8>,
    /// Where the last, incomplete line begins.
    line: usize,
    fields: Fields,
}

/// The fields of the block so far.
#[derive(Clone, Debug, Default)]
struct Fields {
    disposition: Option<Vec<u8>>,
    content_type: Option<Vec<u8>>,
    content_id: Option<Vec<u8>>,
    encoding: Option<TransferEncoding>,
    length: Option<u64>,
}

/// The fields of a complete block.
#[derive(Clone, Debug)]
pub(super) struct PartFields {
    pub(super) name: String,
    pub(super) file_name: Option<String>,
    pub(super) content_disposition: Vec<u8>,
    pub(super) content_type: Option<Vec<u8>>,
    pub(super) encoding: TransferEncoding,
    /// `Content-Length`.
    pub(super) length: Option<u64>,
}

impl FieldReader {
    /// A reader for the header blocks of a multipart of this kind.
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            block: Vec::new(),
            line: 0,
            fields: Fields::default(),
        }
    }

    /// Reads from `bytes` up to the end of a line. True: that line was empty and ended the block. `dashed`: the
    /// boundary, which must not stand here.
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
        self.fields.line(line, self.kind)?;
        self.line = self.block.len();
        Ok((length, false))
    }

    /// How many bytes the block has so far.
    pub(super) fn length(&self) -> usize {
        self.block.len()
    }

    /// The fields of the complete block. Empties the reader.
    pub(super) fn finish(&mut self) -> Result<PartFields, Ambiguous> {
        self.block.clear();
        self.line = 0;
        let fields = std::mem::take(&mut self.fields);
        let disposition = match &fields.disposition {
            Some(value) => Disposition::read(value, self.kind)?,
            None if self.kind == Kind::FormData => return Err(Ambiguous::NoContentDisposition),
            None => Disposition::default(),
        };
        let id = fields.content_id.as_deref().map(content_id);
        Ok(PartFields {
            name: disposition.name.or(id).unwrap_or_default(),
            file_name: disposition.file_name,
            content_disposition: fields.disposition.unwrap_or_default(),
            content_type: fields.content_type,
            encoding: fields.encoding.unwrap_or_default(),
            length: fields.length,
        })
    }
}

impl Fields {
    fn line(&mut self, line: &[u8], kind: Kind) -> Result<(), Ambiguous> {
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
                let encoding = transfer_encoding(value, kind).ok_or(Ambiguous::TransferEncoding)?;
                self.encoding.replace(encoding).is_some()
            }
            b"content-id" if kind != Kind::FormData => {
                self.content_id.replace(value.to_vec()).is_some()
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

/// Refuses types that some programs take apart again: `multipart/mixed`, as in forms of the nineties, and any type
/// with a boundary. A web archive that a browser uploads has no boundary.
fn check_content_type(value: &[u8]) -> Result<(), Ambiguous> {
    let lower = value.to_ascii_lowercase();
    let stands = |word: &[u8]| memmem::find(&lower, word).is_some();
    match stands(b"multipart/mixed") || (stands(b"multipart/") && stands(b"boundary")) {
        true => Err(Ambiguous::NestedMultipart),
        false => Ok(()),
    }
}

fn transfer_encoding(value: &[u8], kind: Kind) -> Option<TransferEncoding> {
    match value.to_ascii_lowercase().as_slice() {
        b"7bit" | b"8bit" | b"binary" => Some(TransferEncoding::Identity),
        // In forms some programs decode, others do not (RFC 7578 section 4.7).
        _ if kind == Kind::FormData => None,
        b"base64" => Some(TransferEncoding::Base64),
        b"quoted-printable" => Some(TransferEncoding::QuotedPrintable),
        _ => None,
    }
}

/// The identifier without its angle brackets.
fn content_id(value: &[u8]) -> String {
    let inner = value.strip_prefix(b"<").and_then(|v| v.strip_suffix(b">"));
    String::from_utf8_lossy(inner.unwrap_or(value)).into_owned()
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
