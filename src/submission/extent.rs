//! How much there is of a body, and of a range of it.

use std::ops::Range;

use crate::icap::BodyProgress;

/// How much there is of a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// How much has arrived.
    pub progress: BodyProgress,
    /// How much there will be, where this was announced.
    pub announced: Option<u64>,
}

impl Extent {
    /// A body of so many bytes that has ended.
    pub(super) fn all(available: u64) -> Self {
        Self {
            progress: BodyProgress {
                available,
                ended: true,
            },
            announced: Some(available),
        }
    }
}

/// The number of bytes in a range.
pub(super) fn length(range: &Range<u64>) -> u64 {
    range.end.saturating_sub(range.start)
}
