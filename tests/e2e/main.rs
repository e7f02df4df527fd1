//! End-to-end tests: a real Envoy with the built module, a recording application, c-icap with ClamAV, and a scriptable
//! ICAP server.
//!
//! `PYTHON_BIN` names a Python with pyicap in it (otherwise `.venv/bin/python3`).
//!
//! `ENVOY_BIN` names the Envoy to run (otherwise `.venv/bin/envoy`, then `envoy` in `PATH`), `ICAP_FILTER_WASM` the module
//! (otherwise what `make build` leaves in `target/`).

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
    reason = "shared by several test targets, none of which uses all of it"
)]
mod support;

mod access_log;
mod application_ways;
mod aws_chunked;
mod block;
mod bodies;
mod body_delivery;
mod budget;
mod chain;
mod changed_forms;
mod clocks;
mod combinations;
mod config;
mod content_encoding;
mod cut_off;
mod departures;
mod dialects;
mod e2guardian;
mod early_replies;
mod eicar;
mod encapsulation;
mod expose;
mod extract;
mod farm;
mod faults;
mod form_clients;
mod forms;
mod gate;
mod grpc_messages;
mod large_uploads;
mod late_bytes;
mod log;
mod metrics;
mod modify;
mod monitor;
mod monitor_ended;
mod monitor_forms;
mod options;
mod overload;
mod oversize;
mod partial;
mod places;
mod policy;
mod pool;
mod preview;
mod products;
mod ranges;
mod reenter;
mod refused_changes;
mod related;
mod replies;
mod respmod;
mod response_rules;
mod secrets;
mod servers;
mod slow_clients;
mod steering;
mod streams;
mod tls;
mod tracing;
mod trailers;
mod trailers_behind_body;
mod unreadable;
mod update;
mod uploads_as_downloads;
mod verdicts;
