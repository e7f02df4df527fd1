//! `icap-report`: the command, and its page in a real browser; the alerts and dashboards of `deploy/observability`; a browser's own
//! upload.
//!
//! `CHROMIUM_BIN` and `CHROMEDRIVER_BIN` name the browser and its driver, `PROMTOOL_BIN` Prometheus's tool, where they are
//! not in `PATH`; `ENVOY_BIN` and `ICAP_FILTER_WASM` are those of the end-to-end tests.

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

#[path = "../e2e/support/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "shared by several test targets, none of which uses all of it"
)]
mod support;

mod alerts;
mod browser;
mod command;
mod examples;
mod follow;
mod forms;
mod hostile;
mod lines;
mod metrics;
mod page;
mod program;
mod upload;
