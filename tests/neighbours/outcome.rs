//! The outcomes of a scan, the ways to send a body, and the bodies.

use bytes::Bytes;

use crate::support::payload::pattern;

/// The buffer of the profile, in KiB. What is over it is [`OVER`].
pub const BUFFER_KB: usize = 64;
/// The profile's preview, in bytes.
pub const PREVIEW: usize = 4096;
/// Where the scanner breaks off, in bytes: less than the first part of a body.
pub const BREAK: usize = 8000;
/// The parts of a body that fits the buffer.
const PARTS: [usize; 3] = [30_000, 15_000, 15_000];
/// The parts of one that does not.
const OVER: [usize; 3] = [30_000, 100_000, 70_000];
/// The length of a changed body.
const CHANGED: usize = 62_000;

/// What becomes of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// 204 after the whole body.
    Clean,
    /// 204 after the preview.
    CleanPreview,
    /// The scanner closes in mid-body; fail_open.
    FailOpen,
    /// Another body.
    Changed,
    /// More than the buffer; fail_open.
    Over,
    /// A page.
    Blocked,
}

/// All of them.
pub const OUTCOMES: [Outcome; 6] = [
    Outcome::Clean,
    Outcome::CleanPreview,
    Outcome::FailOpen,
    Outcome::Changed,
    Outcome::Over,
    Outcome::Blocked,
];

impl Outcome {
    /// As in the table's head.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clean => "204 at the end",
            Self::CleanPreview => "204 on preview",
            Self::FailOpen => "fail_open midway",
            Self::Changed => "changed body",
            Self::Over => "over the buffer",
            Self::Blocked => "blocked",
        }
    }

    /// One word, for paths.
    pub fn word(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::CleanPreview => "preview",
            Self::FailOpen => "open",
            Self::Changed => "changed",
            Self::Over => "over",
            Self::Blocked => "blocked",
        }
    }

    /// The outcome of that word.
    pub fn of(word: &str) -> Option<Self> {
        OUTCOMES.into_iter().find(|outcome| outcome.word() == word)
    }

    /// icap_log's action.
    pub fn action(self) -> &'static str {
        match self {
            Self::Clean | Self::CleanPreview => "ICAP_PASSED",
            Self::FailOpen | Self::Over => "ICAP_FAILED",
            Self::Changed => "ICAP_MODIFIED",
            Self::Blocked => "ICAP_BLOCKED",
        }
    }

    /// The parts in which its body is sent.
    pub fn parts(self) -> Vec<Bytes> {
        let lengths = if self == Self::Over { OVER } else { PARTS };
        let whole = pattern(lengths.iter().sum());
        let mut start = 0;
        lengths
            .into_iter()
            .map(|length| {
                start += length;
                whole.slice(start - length..start)
            })
            .collect()
    }
}

/// What the scanner makes of a body.
pub fn changed() -> Bytes {
    let mut bytes = b"changed:".to_vec();
    bytes.extend_from_slice(&pattern(CHANGED)[8..]);
    Bytes::from(bytes)
}

/// A way to send a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// HTTP/1.1 with Content-Length, at once.
    OnePiece,
    /// HTTP/1.1 in chunks, part by part.
    SlowChunked,
    /// HTTP/1.1 with Content-Length, part by part.
    SlowLength,
    /// HTTP/2, part by part.
    Http2,
}

/// All of them.
pub const DELIVERIES: [Delivery; 4] = [
    Delivery::OnePiece,
    Delivery::SlowChunked,
    Delivery::SlowLength,
    Delivery::Http2,
];

impl Delivery {
    /// As in the table's head.
    pub fn name(self) -> &'static str {
        match self {
            Self::OnePiece => "one piece",
            Self::SlowChunked => "slow chunked",
            Self::SlowLength => "slow, length",
            Self::Http2 => "HTTP/2",
        }
    }
}
