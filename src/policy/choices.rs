//! Choices that rules, profiles and requests share.

/// Whether verdicts are enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enforcement {
    /// Verdicts are enforced.
    Enforce,
    /// Verdicts are logged and counted, and every message goes on unchanged.
    Monitor,
}

/// Which address counts as the client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientIpSource {
    /// The downstream address that Envoy trusts, which may come from `X-Forwarded-For`.
    Downstream,
    /// The address of the connection's other end.
    Peer,
}

/// The client's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP in the clear.
    Http,
    /// HTTP over TLS.
    Https,
}
