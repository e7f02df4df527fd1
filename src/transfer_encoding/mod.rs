//! The transfer encodings of MIME (RFC 2045 section 6), sans-IO and strict: a body that two programs could decode in
//! two ways is [`Undecodable`].

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod base64_text;
mod decoder;
mod quoted_text;
mod undecodable;

pub use decoder::{Decoder, TransferEncoding};
pub use undecodable::Undecodable;

#[cfg(test)]
mod tests;
