//! Finds values in bodies that hold files in another form: Base64 in JSON and in `data:` URLs, fields of urlencoded
//! forms, bytes in gRPC messages. Sans-IO: bytes go in, the places of the values come out.
//!
//! [`Extractors::extractor`] chooses by `Content-Type`. [`Extractor`] reads the body as it arrives and reports each
//! [`Value`] of more than [`VALUE_BYTES`]. [`Decoder`] decodes the bytes at that place for the scanner. Nothing here
//! holds a body.
//!
//! Values are decoded as leniently as programs do. A body that passes a limit, or can't be read at all, is
//! [`Unextractable`].

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod decoder;
mod extractor;
mod grpc;
mod json;
mod limits;
mod spotter;
mod text;
mod unextractable;
mod urlencoded;
mod value;
mod wanted;

pub use decoder::Decoder;
pub use extractor::Extractor;
pub use limits::Limits;
pub use unextractable::Unextractable;
pub use value::{Coding, Encoding, Escapes, NAME_BYTES, VALUE_BYTES, Value};
pub use wanted::Extractors;

#[cfg(test)]
mod tests;
