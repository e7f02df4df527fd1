//! What requests ask of a pool, and what it answers.

use super::{Owner, StreamToken};

/// What kind of connection a request wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckoutOptions {
    /// A kept connection will not do: one has just failed this request.
    pub fresh: bool,
    /// It has had one, which was taken for others: it waits in front, however many wait.
    pub again: bool,
    /// None is to be opened for it before that time, in milliseconds.
    pub not_before_ms: u64,
}

impl CheckoutOptions {
    /// Another than the one that has just failed.
    pub const FRESH: Self = Self {
        fresh: true,
        again: false,
        not_before_ms: 0,
    };

    /// For one whose connection was taken for others.
    pub const AGAIN: Self = Self {
        fresh: false,
        again: true,
        not_before_ms: 0,
    };
}

/// The ICAP response to a request that wants a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Checkout {
    /// Here is a kept one.
    Kept(StreamToken),
    /// None is free: the request waits until [`Pool::next_to_open`](super::Pool::next_to_open) or [`Pool::release`](super::Pool::release) names it.
    Waiting,
    /// Too many wait already.
    Overloaded,
}

/// What becomes of a connection whose request is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Released {
    /// It idles.
    Kept,
    /// It rests, to be called on by [`Pool::end_rest`](super::Pool::end_rest).
    Resting,
    /// It works for this request now.
    HandedTo(Owner),
    /// It is no longer in the pool: close it.
    Retired,
}

/// A connection that left the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedConnection {
    /// The request it worked for.
    pub owner: Option<Owner>,
    /// It had been established.
    pub was_connected: bool,
}
