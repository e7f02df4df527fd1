//! What rules and profiles choose from.

/// Whether what comes of a scan is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enforcement {
    /// It is.
    Enforce,
    /// It is logged and counted, and every message goes on as it came.
    Monitor,
}

/// Which address is the client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientIpSource {
    /// The downstream address that Envoy trusts, which may come from `X-Forwarded-For`.
    Downstream,
    /// The address of the connection itself.
    Peer,
}
