//! The manifests under `deploy/`, and the YAML and the commands of the documentation: their structure is checked
//! strictly, the Envoy part of each manifest runs in a real Envoy with the built module, and of the commands what can.
//!
//! `ENVOY_BIN`, `ICAP_FILTER_WASM`, `C_ICAP_BIN` and `CLAMD_BIN` name the programs, as in the end-to-end tests.

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

mod bootstrap;
mod build_context;
mod chart;
mod client;
mod commands;
mod compose;
mod demonstration;
mod documentation;
mod envoy;
mod envoy_gateway;
mod examples;
mod git;
mod grpc;
mod icap_pods;
mod istio;
mod json_path;
mod kinds;
mod kubernetes;
mod manifests;
mod pages;
#[allow(
    dead_code,
    reason = "shared by several test targets, none of which uses all of it"
)]
#[path = "../e2e/support/process.rs"]
mod process;
mod release;
mod scan;
mod scanner_limits;
mod servers;
mod shape;
mod shell;
mod shown;
mod signatures;
mod yaml;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a directory of the repository, sorted.
fn files_below(directory: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![root().join(directory)];
    while let Some(directory) = left.pop() {
        for entry in directory.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{directory} is empty");
    found
}

/// The YAML files below a directory of the repository.
fn yaml_files_below(directory: &str) -> Vec<PathBuf> {
    let mut files = files_below(directory);
    files.retain(|path| path.extension().is_some_and(|e| e == "yaml"));
    files
}

/// Asks again until there is an answer, for at most a minute.
#[track_caller]
fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited a minute for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
