//! Names for streams and for what a connection works for.

use crate::icap::Direction;

/// A gRPC stream of the host. One stream is one TCP connection.
pub type StreamToken = u32;

/// Names a submission: one body that is shown to a service. A message has one or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UnitId {
    /// The HTTP context of its message.
    pub context: u32,
    /// Request or response.
    pub direction: Direction,
    /// The index among that message's submissions, from 0.
    pub index: u16,
}

/// What a connection works for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A submission.
    Unit(UnitId),
    /// The OPTIONS request to this service.
    Options(usize),
    /// The self-test of this service.
    SelfTest(usize),
}

impl Owner {
    /// The service of a probe; `None` for a submission.
    pub fn service(self) -> Option<usize> {
        match self {
            Self::Options(index) | Self::SelfTest(index) => Some(index),
            Self::Unit(_) => None,
        }
    }
}
