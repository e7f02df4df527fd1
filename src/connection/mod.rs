//! Connections to the ICAP servers of one cluster: kept alive, reused, bounded; and the requests that wait for one.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

#[cfg(target_os = "wasi")]
mod connections;
mod knowledge;
mod pool;
#[cfg(target_os = "wasi")]
mod streams;

#[cfg(target_os = "wasi")]
pub use connections::{Connections, Opened, PoolId, Stock, Turnover};
pub use knowledge::Knowledge;
pub use pool::{Checkout, ClosedConnection, Owner, Pool, PoolLimits, Released, StreamToken, Wish};
