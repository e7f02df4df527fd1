//! What a gate has got and holds.

use crate::host::HostResult;
use crate::icap::Direction;

/// A part of a body that a gate holds: a copy of it for the filter that scans.
#[derive(Debug)]
pub struct Arrival {
    /// The context of the gate, whose callback is running.
    pub gate: u32,
    /// The context of the filter that scans.
    pub filter: u32,
    /// Of which message.
    pub direction: Direction,
    /// The bytes, unless the host did not give them.
    pub bytes: HostResult<Vec<u8>>,
    /// The body ends with them.
    pub at_end: bool,
}
