//! The framing of gRPC calls (gRPC over HTTP/2, "Length-Prefixed-Message"), sans-IO: bytes of a body go in, messages come out.
//!
//! [`Framer`] reads the body as it arrives, and holds no content. A body that ends within a message, or a flag that gRPC does not
//! know, is [`Broken`].

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod framer;

pub use framer::{Broken, Framer, Piece, Prefix};

#[cfg(test)]
mod tests;
