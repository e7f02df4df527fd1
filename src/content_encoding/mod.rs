//! Content codings (RFC 9110 section 8.4.1), decoded as they arrive, sans-IO and within bounds: gzip (RFC 1952), deflate (RFC 1950,
//! and RFC 1951 as many send it) and zstd (RFC 8878).
//!
//! ```text
//!  Coding::said_of a field ─▶ Decoder ─decode─▶ bytes, a piece at a time
//! ```

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod coding;
mod decoder;
mod deflate;
mod gzip;
mod inflater;
mod step;
mod undecodable;
mod zstd;

pub use coding::{Coding, Said};
pub use decoder::Decoder;
pub use step::Step;
pub use undecodable::Undecodable;

#[cfg(test)]
mod tests;
