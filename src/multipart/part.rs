//! A part of a form, or of another multipart.

use std::ops::Range;

use crate::transfer_encoding::TransferEncoding;

/// A part that has no file name and is longer is a file all the same.
pub const FIELD_BYTES: u64 = 16 * 1024;

/// One complete part. Ranges are in bytes of the message's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// From the dashes of its delimiter up to those of the next: wholes of parts one behind the other, with
    /// [`Layout::closing`](super::Layout::closing) behind them, are a form again.
    pub whole: Range<u64>,
    /// Its header lines, without the empty line behind them.
    pub headers: Range<u64>,
    /// Its content.
    pub body: Range<u64>,
    /// The field's name, as browsers mean it; bytes that are no UTF-8 are replaced. Any character may be in it. Elsewhere
    /// than in forms a part without one has its `Content-ID`, or an empty one.
    pub name: String,
    /// The file's name, likewise.
    pub file_name: Option<String>,
    /// The value of `Content-Type`, as it came.
    pub content_type: Option<Vec<u8>>,
    /// The value of `Content-Disposition`, as it came; empty if there is none, elsewhere than in forms.
    pub content_disposition: Vec<u8>,
    /// How the body is encoded; in a form, not at all.
    pub encoding: TransferEncoding,
}

impl Part {
    /// Whether it is a file: it has a file name, a type other than `text/plain`, an encoding, or more than [`FIELD_BYTES`].
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
