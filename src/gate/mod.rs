//! The gate role: a second filter of the module, beside the one that scans and in the same virtual machine, slows the sender of a
//! body down.
//!
//! ```text
//!  sender ──▶ gate ──▶ filter that scans ──▶ receiver
//!              ▲             │
//!              └─ shut, open ┘  where the ICAP server lags, and for the end of the body
//! ```
//!
//! A filter alone can't do so: Envoy stops reading from the sender where a filter holds a body without looking at it again, and the
//! filter that scans has to put in what the server gives back. So the gate holds the bytes, and hands a copy of them to that filter,
//! which shows them to the server. Once the gate opens, they come to that filter as the next part of the body.

mod arrival;
mod gates;
mod hold;
mod role;

pub use arrival::Arrival;
pub use gates::Gates;
pub use hold::Hold;
pub use role::{on_body, on_headers, on_trailers};
