//! Connections to the ICAP servers of each cluster: kept alive, reused, limited in number. Requests wait here for
//! one. Also the cache of OPTIONS responses.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod connections;
mod options_cache;
mod pool;
mod pool_id;
mod stock;
mod streams;

#[cfg(test)]
mod tests;

pub use connections::{Connections, Opened};
pub use options_cache::OptionsCache;
pub use pool::{
    Checkout, CheckoutOptions, ClosedConnection, Owner, Pool, PoolLimits, Released, StreamToken,
    UnitId,
};
pub use pool_id::PoolId;
pub use stock::{Stock, Turnover};
