//! Applications with their own clients behind `envoy/envoy.yaml`: clean transfers arrive as they were, with the filter and
//! without; an infected file does not, and its user is told so.
//!
//! `APPLICATIONS_PYTHON` names a Python with `requirements.txt` in it (otherwise `.tools/applications/bin/python3`).

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

#[allow(dead_code, reason = "shared with the tests of the reports' page")]
#[path = "../report/browser.rs"]
mod browser;

mod certificate;
mod git;
mod grpc;
mod grpc_messages;
mod lab;
mod live;
mod packages;
mod paths;
mod program;
mod registry;
mod rules;
mod s3;
mod scripts;
mod tus;
mod uploads;
mod web_server;
mod webdav;
mod wrappings;
