//! Tests of the ICAP response parser.

mod accepted;
mod broken;
mod forgiven;
#[cfg(not(target_arch = "wasm32"))]
mod random;
mod trailers;
