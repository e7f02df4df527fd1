//! An ICAP client (RFC 3507) for Envoy, as one WebAssembly module.
//!
//! The module plays two roles, chosen by its plugin configuration: the HTTP filter that holds a request until an ICAP
//! server has judged it, and the upstream transport filter of an ICAP cluster that turns a gRPC stream into raw bytes.
//!
//! Dependencies between the rooms point downwards only:
//! `module`, `wasm` → `instance` → `filter`, `transport` → `submission` → `connection`, `report` → `verdict` → `config` → `policy`;
//! `host` → `icap`; `multipart` → `transfer_encoding`. docs/architecture.md has each arrow.
//! `icap`, `transfer_encoding`, `content_encoding`, `aws_chunked`, `grpc`, `extract`, `product` and `policy` know nobody but `bug`.
//! Only `module` and `wasm` know WebAssembly: the rest runs wherever Rust does.

#[cfg(any(target_os = "wasi", all(test, not(target_arch = "wasm32"))))]
mod abi;
pub mod ascending_map;
pub mod aws_chunked;
pub mod bug;
pub mod config;
pub mod connection;
pub mod content_encoding;
pub mod extract;
pub mod filter;
pub mod gate;
pub mod grpc;
pub mod host;
pub mod icap;
pub mod instance;
#[cfg(target_os = "wasi")]
mod module;
pub mod multipart;
pub mod policy;
pub mod product;
pub mod report;
pub mod submission;
pub mod transfer_encoding;
pub mod transport;
pub mod verdict;
#[cfg(target_os = "wasi")]
mod wasm;
