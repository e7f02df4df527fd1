//! Who connections are for.

use crate::icap::Direction;

/// Names a gRPC stream of the host; one stream is one TCP connection.
pub type StreamToken = u32;

/// Names one body that is shown to a service: a message is one, or has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UnitId {
    /// The HTTP context of its message.
    pub context: u32,
    /// Which message of that context.
    pub direction: Direction,
    /// Which one of that message, from 0 on.
    pub index: u16,
}

/// What a connection works for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// One body of a message.
    Unit(UnitId),
    /// The OPTIONS of that service.
    Options(usize),
    /// The self-test of that service.
    SelfTest(usize),
}

impl Owner {
    /// The service that a probe is about; `None` for a body of a message.
    pub fn service(self) -> Option<usize> {
        match self {
            Self::Options(index) | Self::SelfTest(index) => Some(index),
            Self::Unit(_) => None,
        }
    }
}
