//! Why a body can't be decoded.

use std::error::Error;
use std::fmt;

/// Why a body can't be decoded, or could be decoded in two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Undecodable {
    /// The body is not Base64 with padding.
    Base64,
    /// The body is not quoted-printable.
    QuotedPrintable,
}

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Base64 => {
                "found other bytes in Base64, or no padding at its end, expected groups of four of A-Z a-z 0-9 + / and ="
            }
            Self::QuotedPrintable => {
                "found a byte in quoted-printable that must be escaped, an escape in another form or a space at the end of a line, expected none"
            }
        })
    }
}

impl Error for Undecodable {}
