//! `check-config FILE…` finds the errors of a plugin configuration before Envoy does. With `--envoy` it also checks
//! the proxy around the plugin.
//!
//! FILE is a plugin configuration, or an Envoy or Kubernetes YAML or JSON with any number of them.
//! Exit code 0: no errors; 1: there are errors; 2: wrong usage.

#[cfg(not(target_arch = "wasm32"))]
#[path = "check-config/document.rs"]
mod document;

#[cfg(not(target_arch = "wasm32"))]
#[path = "check-config/envoy/mod.rs"]
mod envoy;

#[cfg(not(target_arch = "wasm32"))]
#[path = "check-config/find.rs"]
mod find;

#[cfg(not(target_arch = "wasm32"))]
#[path = "check-config/finding.rs"]
mod finding;

#[cfg(not(target_arch = "wasm32"))]
#[path = "check-config/run.rs"]
mod run;

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    run::run(std::env::args().skip(1))
}

/// The module's target needs no command, but Cargo builds every binary for every target.
#[cfg(target_arch = "wasm32")]
fn main() {}
