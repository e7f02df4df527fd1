//! How many connections a pool has, and how many it has opened, reused and closed.

/// What has happened to connections since the last look, for the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turnover {
    /// Streams opened.
    pub opened: u32,
    /// Requests that got a kept connection.
    pub reused: u32,
    /// Streams closed, by either side.
    pub closed: u32,
}

/// How many connections and requests a pool has now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stock {
    /// Connections that work for a request.
    pub active: usize,
    /// Connections that idle.
    pub idle: usize,
    /// Requests that wait for a connection.
    pub pending: usize,
}
