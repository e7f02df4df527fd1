//! Uploads in the content encoding `aws-chunked`, as today's S3 clients send them, sans-IO: bytes go in, the places
//! of the content come out.
//!
//! [`Framing::of`] recognizes the framing from the request's headers. [`Deframer`] reads the body as it arrives and
//! returns the ranges that are content. It holds no content.
//!
//! As for forms, only bodies that all programs read alike are accepted. All others are [`Ambiguous`].

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod ambiguous;
mod chunk_line;
mod deframer;
mod framing;
mod trailer;

pub use ambiguous::Ambiguous;
pub use chunk_line::CHUNK_LINE_BYTES;
pub use deframer::{CHUNKS, Deframer};
pub use framing::{Fields, Framing};
pub use trailer::TRAILER_BYTES;

#[cfg(test)]
mod tests;
