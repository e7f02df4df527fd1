//! Why a content can't be decoded.

use std::error::Error;
use std::fmt;

/// Why a content can't be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Undecodable {
    /// The content is not in the announced coding.
    Broken,
    /// The content ends too early.
    CutOff,
    /// Bytes follow the coded content.
    Trailing,
    /// The decoder would have to keep too much of what it has decoded.
    Window,
}

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Broken => "found other bytes than Content-Encoding says",
            Self::CutOff => "found its end in the midst of the coded content",
            Self::Trailing => "found bytes behind the coded content, expected none",
            Self::Window => "found a window of more than 8 MiB, expected at most that",
        })
    }
}

impl Error for Undecodable {}
