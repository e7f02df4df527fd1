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
    /// More than the buffer, given back while it comes.
    Streamed,
    /// The same, until the scanner finds something.
    StreamBlocked,
}

/// The parts of a body that streams.
const STREAMED: [usize; 9] = [20_000; 9];
/// So much is given back of what is blocked then, in bytes.
pub const FOUND: usize = 120_000;

/// All of those that a body has that does not stream.
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
            Self::Streamed => "given back",
            Self::StreamBlocked => "blocked late",
        }
    }

    /// Whether its body is given back while it comes.
    pub fn streams(self) -> bool {
        matches!(self, Self::Streamed | Self::StreamBlocked)
    }

    /// Whether nothing of it is to come to its end.
    pub fn is_blocked(self) -> bool {
        matches!(self, Self::Blocked | Self::StreamBlocked)
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
            Self::Streamed => "streamed",
            Self::StreamBlocked => "stream-blocked",
        }
    }

    /// The outcome of that word.
    pub fn of(word: &str) -> Option<Self> {
        let streams = [Self::Streamed, Self::StreamBlocked];
        OUTCOMES
            .into_iter()
            .chain(streams)
            .find(|outcome| outcome.word() == word)
    }

    /// icap_log's action.
    pub fn action(self) -> &'static str {
        match self {
            Self::Clean | Self::CleanPreview | Self::Streamed => "ICAP_PASSED",
            Self::FailOpen | Self::Over => "ICAP_FAILED",
            Self::Changed => "ICAP_MODIFIED",
            Self::Blocked | Self::StreamBlocked => "ICAP_BLOCKED",
        }
    }

    /// The parts in which its body is sent.
    pub fn parts(self) -> Vec<Bytes> {
        let lengths: &[usize] = match self {
            Self::Over => &OVER,
            Self::Streamed | Self::StreamBlocked => &STREAMED,
            _ => &PARTS,
        };
        let whole = pattern(lengths.iter().sum());
        let mut start = 0;
        lengths
            .iter()
            .map(|&length| {
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
