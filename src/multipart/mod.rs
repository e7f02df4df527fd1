//! Forms (`multipart/form-data`, RFC 7578, in the framing of RFC 2046), sans-IO: bytes go in, the places of the parts come out.
//!
//! [`Boundary::of_related`] does the same for `multipart/related` and `multipart/mixed`. The rules are those of
//! forms, but parts need no names and may be encoded, as [`Part::encoding`] tells.
//!
//! [`Boundary::of`] reads the request's `Content-Type`, [`Parser`] the body as it arrives. The parser holds no body:
//! a [`Part`] gives the place of its bytes in the original, and [`Layout`] the places of the bytes that belong to no
//! part.
//!
//! Servers read forms in different ways, and a client knows its server. So the parser accepts only forms that all
//! servers read alike, and refuses any other as [`Ambiguous`]. Nobody can show a scanner another form than the
//! application gets.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod ambiguous;
mod boundary;
mod disposition;
mod extended_value;
mod fields;
mod finder;
mod parameters;
mod parser;
mod part;
#[cfg(test)]
mod testing;

pub use ambiguous::Ambiguous;
pub use boundary::{BOUNDARY_BYTES, Boundary, Kind};
pub use fields::HEADER_BLOCK_BYTES;
pub use parser::{Layout, PARTS, Parser};
pub use part::{FIELD_BYTES, Part};

#[cfg(test)]
mod tests;
