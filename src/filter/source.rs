//! Reading the body that a scan is about.

use std::ops::Range;

use crate::host::{self, Half, HostError};

/// Where the body of a message is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source<'a> {
    /// In the host's buffer of that context.
    Host(u32, Half),
    /// Here.
    Memory(&'a [u8]),
}

impl Source<'_> {
    /// Appends a range of the body.
    pub(super) fn read(self, range: Range<u64>, out: &mut Vec<u8>) -> Result<(), HostError> {
        let short = HostError {
            call: "get_buffer_bytes",
            status: u32::MAX,
        };
        let start = usize::try_from(range.start).map_err(|_| short)?;
        let end = usize::try_from(range.end).map_err(|_| short)?;
        match self {
            Self::Host(id, half) => {
                let len = end.saturating_sub(start);
                host::enter(id)?;
                let bytes = host::read_body(half, start, len)?;
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
