//! Reading the body that a scan is about.

use std::ops::Range;

use crate::host::{Host, HostError};
use crate::icap::Direction;

/// Where the body of a message is.
#[derive(Debug)]
pub(super) enum Source<'a, H> {
    /// In the host's buffer of that context.
    Host(&'a H, u32, Direction),
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
    pub(super) fn read(self, range: Range<u64>, out: &mut Vec<u8>) -> Result<(), HostError> {
        let short = HostError {
            call: "get_buffer_bytes",
            status: HostError::UNUSABLE,
        };
        let start = usize::try_from(range.start).map_err(|_| short)?;
        let end = usize::try_from(range.end).map_err(|_| short)?;
        match self {
            Self::Host(host, id, direction) => {
                let len = end.saturating_sub(start);
                host.enter(id)?;
                let bytes = host.read_body(direction, start, len)?;
                if bytes.len() != len {
                    return Err(short);
                }
                out.extend_from_slice(&bytes);
            }
            Self::Memory(body) => out.extend_from_slice(body.get(start..end).ok_or(short)?),
        }
        Ok(())
    }
}
