//! Why the reader refuses an upload: two programs could read the upload in two ways.

use std::error::Error;
use std::fmt;

/// Why the framing, or the headers that announce it, can be read in two ways, or in none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ambiguous {
    /// `Content-Encoding` has `aws-chunked`, or `x-amz-decoded-content-length` is present, but `x-amz-content-sha256`
    /// names no streaming payload.
    NotAnnounced,
    /// A streaming payload of an unknown kind.
    PayloadKind,
    /// `Content-Encoding` has `aws-chunked` twice.
    EncodedTwice,
    /// `x-amz-decoded-content-length` is missing or no number.
    DecodedLength,
    /// A chunk's first line does not fit the kind of payload.
    ChunkLine,
    /// A chunk's first line has more than [`CHUNK_LINE_BYTES`](super::CHUNK_LINE_BYTES).
    ChunkLineTooLong,
    /// A chunk's data does not end with CRLF.
    ChunkEnd,
    /// More than [`CHUNKS`](super::CHUNKS).
    TooManyChunks,
    /// The chunks have more or fewer bytes than `x-amz-decoded-content-length` says.
    Length,
    /// A trailer that S3 does not know, or in a payload without trailers.
    Trailer,
    /// The trailers have more than [`TRAILER_BYTES`](super::TRAILER_BYTES).
    TrailerTooLong,
    /// Bytes follow the trailers.
    AfterEnd,
    /// The body ends before the last chunk and its trailers.
    NoEnd,
}

impl Ambiguous {
    /// The error as a sentence.
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
