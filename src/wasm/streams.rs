//! Host calls about gRPC streams to a cluster. Each stream is a connection to an ICAP server.

use super::call::{check, map_value, read_buffer};
use super::{abi, wire};
use crate::abi::{BUFFER_GRPC, MAP_GRPC_INITIAL_METADATA};
use crate::host::{HostResult, STREAM_FIELD};

/// The message of `len` bytes that the running callback is about.
pub(super) fn stream_message(len: usize) -> HostResult<Vec<u8>> {
    read_buffer(BUFFER_GRPC, 0, len)
}

/// A field of the metadata with which a stream was established.
pub(super) fn stream_metadata(name: &str) -> HostResult<Option<Vec<u8>>> {
    map_value(MAP_GRPC_INITIAL_METADATA, name)
}

/// Opens a stream to a cluster. The effective context owns the stream and gets its events.
///
/// The call fails where Envoy knows no server. Do not call it again in that callback, or the worker spins for ever:
///
/// ```text
///  first open fails ──▶ Envoy puts its close off until the callback ends
///  second open ──▶ Envoy reports its failure in a callback within the callback, and at the end of that runs what it put off:
///                  the close ──▶ a callback is still running: put off again ──▶ run again ──▶ … without end
/// ```
pub(super) fn open_stream(cluster: &str) -> HostResult<u32> {
    // Envoy first tries to read the argument as a GrpcService, and a bare cluster name can be one by chance ("icap_pool" is).
    // So this writes a GrpcService: envoy_grpc = 1 { cluster_name = 1 }.
    let mut name = vec![0x0a];
    wire::varint(cluster.len(), &mut name);
    name.extend_from_slice(cluster.as_bytes());
    let mut service = vec![0x0a];
    wire::varint(name.len(), &mut service);
    service.extend_from_slice(&name);
    let method = "icap";
    let field = (STREAM_FIELD.as_bytes(), b"1".as_slice());
    let metadata = wire::encode_map(std::iter::once(field));
    let mut token = 0;
    // SAFETY: all outlive the call; the host writes one number.
    check("grpc_stream", unsafe {
        abi::proxy_grpc_stream(
            service.as_ptr(),
            service.len(),
            method.as_ptr(),
            method.len(),
            method.as_ptr(),
            method.len(),
            metadata.as_ptr(),
            metadata.len(),
            &raw mut token,
        )
    })
    .map(|()| token)
}

/// Sends a message on a stream of the root context, whichever context is the effective one.
pub(super) fn send(token: u32, message: &[u8]) -> HostResult {
    // SAFETY: `message` outlives the call.
    check("grpc_send", unsafe {
        abi::proxy_grpc_send(token, message.as_ptr(), message.len(), 0)
    })
}

/// Resets a stream of the root context, whichever context is the effective one.
pub(super) fn cancel(token: u32) -> HostResult {
    // SAFETY: no pointers.
    check("grpc_cancel", unsafe { abi::proxy_grpc_cancel(token) })
}
