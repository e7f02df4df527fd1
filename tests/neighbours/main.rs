//! The module beside Envoy's other filters and the router's own features: a standing matrix, and what it grew out of.
//!
//! Each neighbour stands before and after the filter, each outcome of a scan meets each way to send a body, and what the
//! application gets is compared byte for byte. The programs are found as in the end-to-end tests.

#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may fail"
)]
#![allow(unreachable_pub, reason = "a test binary exports nothing")]

#[allow(
    dead_code,
    unused_imports,
    reason = "shared by several test targets, none of which uses all of it"
)]
#[path = "../e2e/support/mod.rs"]
mod support;

mod application;
mod bootstrap;
mod delivery;
mod error_pages;
mod ext_proc;
mod filters;
mod forms;
mod judge;
mod limits;
mod longer_bodies;
mod matrix;
mod origin;
mod outcome;
mod responses;
mod route_metadata;
mod rows;
mod scanner;
mod smuggling;
mod spilling;
mod streams;
mod table;
mod traffic;
mod world;
