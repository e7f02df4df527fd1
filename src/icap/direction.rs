//! The two directions of HTTP.

/// Which message of an HTTP exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// The request, which REQMOD shows to a server.
    Request,
    /// The response, which RESPMOD shows to a server.
    Response,
}
