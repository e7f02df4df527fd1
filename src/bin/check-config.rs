//! `check-config FILE…`: finds the errors of a plugin configuration before Envoy does, and with `--envoy` those of
//! everything around it.
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

/// A command has no meaning in the module's target; Cargo builds every binary for it nevertheless.
#[cfg(target_arch = "wasm32")]
fn main() {}
