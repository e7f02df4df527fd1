//! An ICAP client (RFC 3507) for Envoy, as one WebAssembly module.
//!
//! The module plays two roles, chosen by its plugin configuration: the HTTP filter that holds a request until an ICAP
//! server has judged it, and the upstream transport filter of an ICAP cluster that turns a gRPC stream into raw bytes.
//!
//! Dependencies between the rooms point downwards only:
//! `module` → `filter` → `connection`, `policy`, `verdict`, `report` → `icap`; `icap` and
//! `product` know nobody.

pub mod config;
pub mod connection;
pub mod filter;
#[cfg(target_os = "wasi")]
pub mod host;
pub mod icap;
#[cfg(target_os = "wasi")]
mod module;
pub mod policy;
pub mod product;
pub mod report;
pub mod transport;
pub mod verdict;
