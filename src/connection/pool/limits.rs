//! The bounds of a pool.

/// The bounds of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Connections at the same time.
    pub max_connections: u32,
    /// Requests that may wait for a connection.
    pub max_pending: u32,
    /// How long a connection may idle, in milliseconds.
    pub idle_timeout_ms: u64,
    /// Requests on one connection, in its lifetime.
    pub max_requests: u32,
    /// How old a connection may become, in milliseconds.
    pub max_age_ms: u64,
    /// Whether a connection rests after an ICAP response before it serves another request.
    pub quarantine: bool,
}

impl PoolLimits {
    /// The stricter of both limits, each bound by itself, for two users of one pool.
    pub fn strictest(self, other: Self) -> Self {
        Self {
            max_connections: self.max_connections.min(other.max_connections),
            max_pending: self.max_pending.min(other.max_pending),
            idle_timeout_ms: self.idle_timeout_ms.min(other.idle_timeout_ms),
            max_requests: self.max_requests.min(other.max_requests),
            max_age_ms: self.max_age_ms.min(other.max_age_ms),
            quarantine: self.quarantine || other.quarantine,
        }
    }
}
