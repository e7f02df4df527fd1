//! The name of a pool among those of a worker.

/// Names a pool of [`Connections`](super::Connections).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PoolId(pub(super) usize);
