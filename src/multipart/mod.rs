//! Forms (`multipart/form-data`, RFC 7578, in the framing of RFC 2046), sans-IO: bytes go in, the places of the parts come out.
//!
//! The same goes for `multipart/related` and `multipart/mixed`, from [`Boundary::of_related`], under rules that are those of
//! forms but for names, which their parts need not have, and encodings, which [`Part::encoding`] tells.
//!
//! [`Boundary::of`] reads the request's `Content-Type`, [`Parser`] the body as it arrives. It holds no body: a [`Part`] says
//! where its bytes stand in the original, and [`Layout`] where those stand that belong to no part.
//!
//! Servers read a form in many ways, and whoever sends one knows which server it goes to. So the parser takes only what all
//! of them read alike; anything else is [`Ambiguous`], and nobody can show a scanner another form than the application gets.

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
