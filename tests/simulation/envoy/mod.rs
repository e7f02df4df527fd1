//! A proxy that behaves as Envoy's host was measured to behave, and fails the run where that is undefined.

/// Header fields, pseudo headers among them.
pub type Fields = Vec<(Vec<u8>, Vec<u8>)>;

pub mod connection;
pub mod gate;
pub mod host;
mod host_calls;
mod local_reply;
pub mod message;
pub mod shared;
pub mod vm;
