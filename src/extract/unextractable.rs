//! Why the extractors can't look into a body.

use std::error::Error;
use std::fmt;

/// Why the extractors can't look into a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unextractable {
    /// A body of a JSON type that is no JSON (RFC 8259).
    Json,
    /// A gRPC message that is compressed.
    Compressed,
    /// A body of a gRPC type that is no sequence of whole messages.
    Grpc,
    /// More values than [`Limits::values`](super::Limits::values).
    TooMany,
    /// The values have more bytes than [`Limits::bytes`](super::Limits::bytes).
    TooLong,
    /// Values nest deeper than [`Limits::depth`](super::Limits::depth).
    TooDeep,
}

impl fmt::Display for Unextractable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "found a body that is no JSON, expected JSON as its Content-Type says",
            Self::Compressed => "found a compressed gRPC message, expected none with extract",
            Self::Grpc => "found a body that ends within a gRPC message, expected whole messages",
            Self::TooMany => "found too many encoded values in a body, expected fewer",
            Self::TooLong => "found too many bytes of encoded values in a body, expected fewer",
            Self::TooDeep => "found values that are too deep in a body, expected them higher",
        })
    }
}

impl Error for Unextractable {}
