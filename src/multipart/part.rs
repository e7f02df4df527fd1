//! A part of a form, or of another multipart.

use std::ops::Range;

use crate::transfer_encoding::TransferEncoding;

/// A part without a file name counts as a file if it is longer than this.
pub const FIELD_BYTES: u64 = 16 * 1024;

/// One complete part. Ranges are in bytes of the message's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// From the dashes of the part's delimiter to those of the next. Any of these ranges in a row, followed by
    /// [`Layout::closing`](super::Layout::closing), are a form again.
    pub whole: Range<u64>,
    /// The header lines, without the empty line behind them.
    pub headers: Range<u64>,
    /// The content.
    pub body: Range<u64>,
    /// The field's name, with the escapes of browsers decoded and bytes that are no UTF-8 replaced. Any character may
    /// be in it. Outside of forms, a part without a name has its `Content-ID` here, or nothing.
    pub name: String,
    /// The file's name, decoded likewise.
    pub file_name: Option<String>,
    /// The value of `Content-Type` as received.
    pub content_type: Option<Vec<u8>>,
    /// The value of `Content-Disposition` as received. Empty if there is none, outside of forms only.
    pub content_disposition: Vec<u8>,
    /// The encoding of the body; always the identity in a form.
    pub encoding: TransferEncoding,
}

impl Part {
    /// Whether the part is a file: it has a file name, a type other than `text/plain`, an encoding, or more than
    /// [`FIELD_BYTES`].
    pub fn is_file(&self) -> bool {
        let other_type = self.content_type.as_deref().is_some_and(|value| {
            let media_type = value.split(|b| *b == b';').next().unwrap_or_default();
            !media_type.trim_ascii().eq_ignore_ascii_case(b"text/plain")
        });
        let length = self.body.end.saturating_sub(self.body.start);
        let encoded = self.encoding != TransferEncoding::Identity;
        self.file_name.is_some() || other_type || encoded || length > FIELD_BYTES
    }
}
