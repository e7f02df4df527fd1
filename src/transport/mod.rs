//! The transport role: stands between a gRPC stream and the raw bytes of an ICAP connection.
//!
//! Envoy carries a gRPC stream of the filter role to a cluster whose connection pool speaks raw TCP. This role takes the
//! gRPC framing off outgoing bytes, puts it on incoming bytes, and tells the filter role the server's address.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod framing;

mod context;

pub use context::{PendingCloses, TransportContext};
pub use framing::{Deframer, Outgoing, PREFIX_BYTES, prefix};

/// Name of the metadata field that tells the filter role the address of the ICAP server.
pub const PEER_FIELD: &str = "x-icap-peer";
