//! Uploads in the content encoding `aws-chunked`: finds their content, without the framing.

use std::ops::Range;
use std::rc::Rc;

use super::rewrite::all;
use crate::aws_chunked::{self, Ambiguous, Deframer, Framing};
use crate::host::Fields;
use crate::submission::Content;

/// An upload in `aws-chunked`, whose framing is read as it comes.
#[derive(Debug)]
pub(super) struct Framed {
    deframer: Deframer,
    content: Rc<Content>,
}

impl Framed {
    /// An upload of which nothing was read. `None`: these fields announce no framing.
    pub(super) fn of(fields: &Fields) -> Result<Option<Self>, Ambiguous> {
        let [encoding, payload, length] = [
            "content-encoding",
            "x-amz-content-sha256",
            "x-amz-decoded-content-length",
        ]
        .map(|name| all(fields, name));
        let framing = Framing::of(aws_chunked::Fields {
            content_encoding: encoding.as_deref(),
            content_sha256: payload.as_deref(),
            decoded_length: length.as_deref(),
        })?;
        Ok(framing.map(|framing| Self {
            deframer: Deframer::new(framing),
            content: Rc::new(Content::new(framing.decoded_length())),
        }))
    }

    /// Where the content stands in the body, as far as it has come.
    pub(super) fn content(&self) -> &Rc<Content> {
        &self.content
    }

    /// Reads the next `bytes` of the body, and gives the ranges of the body within them that are content.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<Vec<Range<u64>>, Ambiguous> {
        let read = self.deframer.push(bytes);
        let mut ranges = Vec::new();
        while let Some(range) = self.deframer.next_content() {
            self.content.push(range.clone());
            ranges.push(range);
        }
        read.map(|()| ranges)
    }

    /// The whole body was read.
    pub(super) fn end(&self) -> Result<(), Ambiguous> {
        self.deframer.finish()?;
        self.content.end();
        Ok(())
    }
}
