//! The two directions of HTTP.

/// Which message of an HTTP exchange something is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// The request: shown to a server by REQMOD.
    Request,
    /// The response: shown to a server by RESPMOD.
    Response,
}
