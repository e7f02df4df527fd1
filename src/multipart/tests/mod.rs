//! Tests of the form parser.

mod accepted;
#[cfg(not(target_arch = "wasm32"))]
mod random;
mod refused;
mod related;
