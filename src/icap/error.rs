//! What can be wrong with an ICAP response, in words that an operator can pass on to the server's administrators.

use std::error::Error;
use std::fmt;

/// How many of the found bytes an error repeats.
const SNIPPET_BYTES: usize = 48;

/// The first of the found bytes. Displayed in quotes, with everything but visible ASCII escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    start: Vec<u8>,
    cut: bool,
}

impl Snippet {
    pub(super) fn new(found: &[u8]) -> Self {
        Self {
            start: found.iter().copied().take(SNIPPET_BYTES).collect(),
            cut: found.len() > SNIPPET_BYTES,
        }
    }
}

impl fmt::Display for Snippet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dots = if self.cut { "…" } else { "" };
        write!(f, "\"{}{dots}\"", self.start.escape_ascii())
    }
}

/// Which of the [`Limits`](super::Limits) the server exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitKind {
    /// `head_bytes`
    HeadBytes,
    /// `icap_head_lines`
    HeadLines,
    /// `header_count`
    HeaderCount,
    /// `header_name_bytes`
    HeaderNameBytes,
    /// `chunk_line_bytes`
    ChunkLineBytes,
    /// `chunk_size_digits`
    ChunkSizeDigits,
    /// `trailer_bytes`
    TrailerBytes,
    /// `body_bytes`
    BodyBytes,
    /// `leading_empty_lines`
    LeadingEmptyLines,
    /// `interim_responses`
    InterimResponses,
}

impl fmt::Display for LimitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HeadBytes => "bytes of one head",
            Self::HeadLines => "lines of one head",
            Self::HeaderCount => "header fields of one head",
            Self::HeaderNameBytes => "bytes of a header field's name",
            Self::ChunkLineBytes => "bytes of a chunk's first line",
            Self::ChunkSizeDigits => "digits of a chunk size",
            Self::TrailerBytes => "bytes of trailers",
            Self::BodyBytes => "bytes of the body",
            Self::LeadingEmptyLines => "empty lines before the status line",
            Self::InterimResponses => "informational responses",
        })
    }
}

/// Why bytes are no ICAP response.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IcapResponseError {
    /// No ICAP status line (RFC 3507 section 4.3.3).
    StatusLine {
        /// The line, or the bytes that came instead.
        found: Snippet,
    },
    /// The encapsulated head starts with no request line or status line (RFC 9112 sections 3 and 4).
    HttpStartLine {
        /// The line.
        found: Snippet,
        /// What should be there.
        expected: &'static str,
    },
    /// A line of the encapsulated head has no name or a bad name, or continues nothing.
    HeaderLine {
        /// The line.
        found: Snippet,
    },
    /// A field of the encapsulated head has a NUL or a lone CR (RFC 9110 section 5.5).
    HeaderValue {
        /// The line.
        found: Snippet,
    },
    /// The server sent more than the limit.
    Limit {
        /// Which limit.
        what: LimitKind,
        /// How much is allowed.
        limit: u64,
    },
    /// `Encapsulated` is missing from an ICAP response whose parts depend on it (RFC 3507 section 4.4.1).
    EncapsulatedMissing {
        /// The ICAP status.
        status: u16,
    },
    /// `Encapsulated` describes no possible ICAP response (RFC 3507 section 4.4.1).
    Encapsulated {
        /// The field's value, or the part of it that is wrong.
        found: Snippet,
        /// The rule that it breaks.
        expected: &'static str,
    },
    /// The encapsulated head does not end where `Encapsulated` says.
    HttpHeadLength {
        /// The section's length in bytes, from `Encapsulated`.
        announced: usize,
        /// True: the head ended before that place. False: the head had not ended there.
        ended_early: bool,
    },
    /// No chunk size (RFC 9112 section 7.1).
    ChunkSize {
        /// The line, or the byte that came instead.
        found: Snippet,
    },
    /// No line end after a chunk's data.
    ChunkEnd {
        /// The bytes that came instead.
        found: Snippet,
    },
    /// `use-original-body` is no single number.
    UseOriginalBody {
        /// The chunk's line.
        found: Snippet,
    },
    /// The connection closed before the end of the ICAP response.
    Closed {
        /// What was still to come.
        expected: &'static str,
    },
}

impl fmt::Display for IcapResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StatusLine { found } => {
                write!(f, "found {found}, expected \"ICAP/1.0\" and a status")
            }
            Self::HttpStartLine { found, expected } => {
                write!(
                    f,
                    "found {found} in the encapsulated head, expected {expected}"
                )
            }
            Self::HeaderLine { found } => {
                write!(f, "found header line {found}, expected \"name: value\"")
            }
            Self::HeaderValue { found } => write!(
                f,
                "found header line {found}, expected a value without NUL and CR"
            ),
            Self::Limit { what, limit } => {
                write!(f, "found more than {limit} {what}, expected at most that")
            }
            Self::EncapsulatedMissing { status } => write!(
                f,
                "found no Encapsulated header in an ICAP response {status}, expected one"
            ),
            Self::Encapsulated { found, expected } => {
                write!(f, "found Encapsulated {found}, expected {expected}")
            }
            Self::HttpHeadLength {
                announced,
                ended_early,
            } => {
                let found = if *ended_early {
                    "an empty line before that"
                } else {
                    "no empty line up to there"
                };
                write!(
                    f,
                    "found {found}, expected an encapsulated head of {announced} bytes"
                )
            }
            Self::ChunkSize { found } => {
                write!(f, "found {found}, expected a hexadecimal chunk size")
            }
            Self::ChunkEnd { found } => {
                write!(f, "found {found}, expected a line end after a chunk's data")
            }
            Self::UseOriginalBody { found } => {
                write!(f, "found {found}, expected one number in use-original-body")
            }
            Self::Closed { expected } => {
                write!(f, "found the connection closed, expected {expected}")
            }
        }
    }
}

impl Error for IcapResponseError {}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
