//! The requests to a pool and its replies.

use super::{Owner, StreamToken};

/// What kind of connection a request wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckoutOptions {
    /// The request needs a newly opened connection, because a kept one has just failed it.
    pub fresh: bool,
    /// The request had a connection that others took: it waits in front, and `max_pending` does not count.
    pub again: bool,
    /// No connection is opened for the request before this time, in milliseconds.
    pub not_before_ms: u64,
}

impl CheckoutOptions {
    /// For a request whose connection has just failed.
    pub const FRESH: Self = Self {
        fresh: true,
        again: false,
        not_before_ms: 0,
    };

    /// For a request whose connection was taken for others.
    pub const AGAIN: Self = Self {
        fresh: false,
        again: true,
        not_before_ms: 0,
    };
}

/// What a pool replies to a checkout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Checkout {
    /// A kept connection.
    Kept(StreamToken),
    /// No connection is free. The request waits until [`Pool::next_to_open`](super::Pool::next_to_open) or
    /// [`Pool::release`](super::Pool::release) names it.
    Waiting,
    /// Too many requests wait already.
    Overloaded,
}

/// What happens to a connection whose request is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Released {
    /// The connection idles.
    Kept,
    /// The connection rests until [`Pool::end_rest`](super::Pool::end_rest).
    Resting,
    /// The connection now works for this request.
    HandedTo(Owner),
    /// The connection has left the pool. The caller closes it.
    Retired,
}

/// A connection that left the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedConnection {
    /// The request that the connection worked for.
    pub owner: Option<Owner>,
    /// The connection had been established.
    pub was_connected: bool,
}
