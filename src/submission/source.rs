//! Reading the body that a transaction is about.

use std::ops::Range;

use crate::host::{Host, HostError};
use crate::icap::{BodyProgress, Direction};

/// What of the message's body is shown to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// All of it, as it comes.
    Whole,
}

/// How much there is of a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// What has come.
    pub progress: BodyProgress,
    /// How much there will be, where that was announced.
    pub announced: Option<u64>,
}

impl Shown {
    /// How much there is of what is shown, of a message of which there is so much.
    pub fn extent(&self, message: Extent) -> Extent {
        match self {
            Self::Whole => message,
        }
    }
}

/// Where a body is.
#[derive(Debug)]
pub enum Source<'a, H> {
    /// In the host's buffer of that context, or a part of it.
    Host(&'a H, u32, Direction, &'a Shown),
    /// Here.
    Memory(&'a [u8]),
}

impl<H> Clone for Source<'_, H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H> Copy for Source<'_, H> {}

impl<H: Host> Source<'_, H> {
    /// Appends a range of the body.
    ///
    /// # Errors
    /// The host does not give it, or gives less.
    pub fn read(self, range: Range<u64>, out: &mut Vec<u8>) -> Result<(), HostError> {
        let short = HostError {
            call: "get_buffer_bytes",
            status: HostError::UNUSABLE,
        };
        let start = usize::try_from(range.start).map_err(|_| short)?;
        let end = usize::try_from(range.end).map_err(|_| short)?;
        match self {
            Self::Host(host, id, direction, Shown::Whole) => {
                let len = end.saturating_sub(start);
                host.enter(id)?;
                let before = out.len();
                host.read_body(direction, start, len, out)?;
                if out.len().saturating_sub(before) != len {
                    return Err(short);
                }
            }
            Self::Memory(body) => out.extend_from_slice(body.get(start..end).ok_or(short)?),
        }
        Ok(())
    }
}
