//! gRPC streams to a cluster, each of them a connection.

use super::{abi, check, map_value, read_buffer, wire};
use crate::abi::{BUFFER_GRPC, MAP_GRPC_INITIAL_METADATA};
use crate::host::{HostResult, STREAM_FIELD};

/// The message that `on_grpc_stream_message` is about.
pub(super) fn stream_message(len: usize) -> HostResult<Vec<u8>> {
    read_buffer(BUFFER_GRPC, 0, len)
}

/// A field of the metadata with which a stream was established.
pub(super) fn stream_metadata(name: &str) -> HostResult<Option<Vec<u8>>> {
    map_value(MAP_GRPC_INITIAL_METADATA, name)
}

/// Opens a stream to a cluster. The effective context owns it, and gets its events.
///
/// Where the host knows of no server it fails, and reports what it failed with in its midst. It must not be called again in
/// that callback: at the end of a callback within a callback the host sees to what it has put off so far, the close of the
/// stream that failed among it, which it puts off again because a callback is running, and so on without an end.
pub(super) fn open_stream(cluster: &str) -> HostResult<u32> {
    // A bare cluster name can by chance be a readable GrpcService message ("icap_pool" is one, with an unknown field),
    // so the message is written out: envoy_grpc = 1 { cluster_name = 1 }.
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

/// Resets a stream of the root context, likewise.
pub(super) fn cancel(token: u32) -> HostResult {
    // SAFETY: no pointers.
    check("grpc_cancel", unsafe { abi::proxy_grpc_cancel(token) })
}
