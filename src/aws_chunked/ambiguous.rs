//! Why an upload is refused: two programs could read it in two ways.

use std::error::Error;
use std::fmt;

/// What makes the framing, or the headers that announce it, readable in two ways, or in none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ambiguous {
    /// `Content-Encoding` has `aws-chunked`, or `x-amz-decoded-content-length` is there, and `x-amz-content-sha256` names no
    /// streaming payload.
    NotAnnounced,
    /// A streaming payload of a kind that is not known.
    PayloadKind,
    /// `aws-chunked` twice in `Content-Encoding`.
    EncodedTwice,
    /// No `x-amz-decoded-content-length`, or one that is no number.
    DecodedLength,
    /// A chunk's first line that is not as the kind of payload has it.
    ChunkLine,
    /// A chunk's first line of more than [`CHUNK_LINE_BYTES`](super::CHUNK_LINE_BYTES).
    ChunkLineTooLong,
    /// No CRLF behind a chunk's data.
    ChunkEnd,
    /// More than [`CHUNKS`](super::CHUNKS).
    TooManyChunks,
    /// The chunks have more or fewer bytes than `x-amz-decoded-content-length` says.
    Length,
    /// A trailer that is none of S3's, or in a kind of payload that has none.
    Trailer,
    /// Trailers of more than [`TRAILER_BYTES`](super::TRAILER_BYTES).
    TrailerTooLong,
    /// Something behind the trailers.
    AfterEnd,
    /// The body ends before the last chunk and its trailers do.
    NoEnd,
}

impl Ambiguous {
    /// The sentence.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAnnounced => {
                "found aws-chunked or x-amz-decoded-content-length without a streaming payload, expected x-amz-content-sha256 to begin with STREAMING-"
            }
            Self::PayloadKind => {
                "found another streaming payload in x-amz-content-sha256, expected STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, one of these with -TRAILER, or STREAMING-UNSIGNED-PAYLOAD-TRAILER"
            }
            Self::EncodedTwice => "found aws-chunked twice in Content-Encoding, expected it once",
            Self::DecodedLength => {
                "found no single number in x-amz-decoded-content-length, expected the content's length"
            }
            Self::ChunkLine => {
                "found a chunk's first line in another form, expected its size in hexadecimal digits and, in signed payloads, \";chunk-signature=\""
            }
            Self::ChunkLineTooLong => "found a chunk's first line without an end, expected CRLF",
            Self::ChunkEnd => "found no line end behind a chunk's data, expected CRLF",
            Self::TooManyChunks => "found more than 262144 chunks, expected at most that",
            Self::Length => {
                "found chunks with another length than x-amz-decoded-content-length, expected the same"
            }
            Self::Trailer => {
                "found a line behind the last chunk that is no trailer of this payload, expected \"x-amz-…:value\" in payloads with trailers"
            }
            Self::TrailerTooLong => "found more than 4 KiB of trailers, expected at most that",
            Self::AfterEnd => "found bytes behind the end of the upload, expected none",
            Self::NoEnd => {
                "found the end of the body before that of the upload, expected the last chunk"
            }
        }
    }
}

impl fmt::Display for Ambiguous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Error for Ambiguous {}
