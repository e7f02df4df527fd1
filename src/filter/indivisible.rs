//! Why a message can't be shown in parts.

use crate::aws_chunked;
use crate::content_encoding::Undecodable;
use crate::multipart;

/// Why a message can't be shown in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Indivisible {
    Upload(aws_chunked::Ambiguous),
    Form(multipart::Ambiguous),
    /// The content is not coded as `Content-Encoding` says.
    Coding(Undecodable),
    /// The decoded content exceeds the largest size or the largest ratio.
    TooLarge,
    /// The worker has no room for another decoder.
    OverBudget,
    /// The message has several content types, and the content type decides which values are looked for.
    ContentTypes,
}

impl std::fmt::Display for Indivisible {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Upload(why) => write!(f, "the aws-chunked upload can be read in two ways: {why}"),
            Self::Form(why) => write!(f, "the form can be read in two ways: {why}"),
            Self::Coding(why) => write!(f, "the content can't be decoded: {why}"),
            Self::OverBudget => f.write_str("this worker decodes as much as memory_budget_mb allows"),
            Self::TooLarge => f.write_str("the decoded content is larger than what is scanned"),
            Self::ContentTypes => f.write_str(
                "the values in the body can be read in two ways: found several media types in Content-Type, expected one",
            ),
        }
    }
}
