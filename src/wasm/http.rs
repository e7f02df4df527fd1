//! Host calls about the HTTP message of the effective context: headers, body, properties, resume, local reply.

use super::call::{check, fetch, found, map_value};
use super::{abi, landing, wire};
use crate::abi::{buffer, map, stream, trailer_map};
use crate::host::{BodyEdit, Fields, HostError, HostResult, LocalResponse};
use crate::icap::Direction;

/// Appends to `out` up to `len` bytes of the body that is held or just arriving: fewer where the body has fewer.
pub(super) fn read_body(of: Direction, start: usize, len: usize, out: &mut Vec<u8>) -> HostResult {
    // SAFETY: the host writes one pointer and one size.
    landing::append(out, len, "get_buffer_bytes", |data, size| unsafe {
        abi::proxy_get_buffer_bytes(buffer(of), start, len, data, size)
    })
}

/// Changes the body. Envoy accepts an edit at the front, which may remove and insert, an edit of the whole body, and one that
/// begins behind the end: an append.
pub(super) fn edit_body(of: Direction, edit: BodyEdit<'_>) -> HostResult {
    let (start, len, bytes): (usize, usize, &[u8]) = match edit {
        BodyEdit::DrainFront(len) => (0, len, &[]),
        BodyEdit::Prepend(bytes) => (0, 0, bytes),
        BodyEdit::Append(bytes) => (usize::MAX, 0, bytes),
        BodyEdit::Replace(bytes) => (0, usize::MAX, bytes),
    };
    // SAFETY: `bytes` outlives the call.
    check("set_buffer_bytes", unsafe {
        abi::proxy_set_buffer_bytes(buffer(of), start, len, bytes.as_ptr(), bytes.len())
    })
}

/// All header fields.
pub(super) fn headers(of: Direction) -> HostResult<Fields> {
    fields(map(of))
}

/// All trailer fields.
pub(super) fn trailers(of: Direction) -> HostResult<Fields> {
    fields(trailer_map(of))
}

fn fields(map: u32) -> HostResult<Fields> {
    // SAFETY: the host writes one pointer and one size.
    let map = fetch("get_header_map_pairs", |data, size| unsafe {
        abi::proxy_get_header_map_pairs(map, data, size)
    })?;
    wire::decode_map(map).ok_or(HostError {
        call: "get_header_map_pairs",
        status: HostError::UNUSABLE,
    })
}

/// Replaces all header fields.
pub(super) fn set_headers(of: Direction, fields: &Fields) -> HostResult {
    set_fields(map(of), fields)
}

/// Replaces all trailer fields.
pub(super) fn set_trailers(of: Direction, fields: &Fields) -> HostResult {
    set_fields(trailer_map(of), fields)
}

fn set_fields(map: u32, fields: &Fields) -> HostResult {
    let encoded = wire::encode_map(fields.iter());
    // SAFETY: `encoded` outlives the call.
    check("set_header_map_pairs", unsafe {
        abi::proxy_set_header_map_pairs(map, encoded.as_ptr(), encoded.len())
    })
}

/// The first field of that name.
pub(super) fn header(of: Direction, name: &str) -> HostResult<Option<Vec<u8>>> {
    map_value(map(of), name)
}

/// Sets a field, in the place of all fields of that name.
pub(super) fn set_header(of: Direction, name: &str, value: &[u8]) -> HostResult {
    // SAFETY: both outlive the call.
    check("replace_header_map_value", unsafe {
        abi::proxy_replace_header_map_value(
            map(of),
            name.as_ptr(),
            name.len(),
            value.as_ptr(),
            value.len(),
        )
    })
}

/// Removes every field of that name.
pub(super) fn remove_header(of: Direction, name: &str) -> HostResult {
    remove(map(of), name)
}

/// Removes every trailer field of that name.
pub(super) fn remove_trailer(of: Direction, name: &str) -> HostResult {
    remove(trailer_map(of), name)
}

fn remove(map: u32, name: &str) -> HostResult {
    // SAFETY: `name` outlives the call.
    check("remove_header_map_value", unsafe {
        abi::proxy_remove_header_map_value(map, name.as_ptr(), name.len())
    })
}

/// A property (attribute) of the stream, in the host's encoding.
pub(super) fn property(path: &[&str]) -> HostResult<Option<Vec<u8>>> {
    let path = path.join("\0");
    // SAFETY: `path` outlives the call; the host writes one pointer and one size.
    found(fetch("get_property", |data, size| unsafe {
        abi::proxy_get_property(path.as_ptr(), path.len(), data, size)
    }))
}

/// Sets a property, which becomes the filter state `wasm.<name>`.
pub(super) fn set_property(name: &str, value: &[u8]) -> HostResult {
    // SAFETY: both outlive the call.
    check("set_property", unsafe {
        abi::proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len())
    })
}

/// Declares that the property `name` of a request holds a serialized `google.protobuf.Struct`.
pub(super) fn declare_struct_property(name: &str) -> HostResult {
    const SCHEMA: &str = "type.googleapis.com/google.protobuf.Struct";
    const PROTOBUF: u8 = 3;
    const REQUEST_SPAN: u8 = 1;
    // envoy.source.extensions.common.wasm.DeclarePropertyArguments: name = 1, type = 3, schema = 4, span = 5.
    let mut arguments = Vec::new();
    for (tag, text) in [(0x0a, name), (0x22, SCHEMA)] {
        arguments.push(tag);
        arguments.push(u8::try_from(text.len()).unwrap_or(0));
        arguments.extend_from_slice(text.as_bytes());
    }
    arguments.extend_from_slice(&[0x18, PROTOBUF, 0x28, REQUEST_SPAN]);
    let function = "declare_property";
    // SAFETY: both outlive the call; the host writes one pointer and one size.
    fetch("declare_property", |data, size| unsafe {
        abi::proxy_call_foreign_function(
            function.as_ptr(),
            function.len(),
            arguments.as_ptr(),
            arguments.len(),
            data,
            size,
        )
    })
    .map(drop)
}

/// Lets a paused message go on, once the callback has returned.
pub(super) fn resume(of: Direction) -> HostResult {
    // SAFETY: no pointers.
    check("continue_stream", unsafe {
        abi::proxy_continue_stream(stream(of))
    })
}

/// Sends a local reply, once the callback has returned.
pub(super) fn respond(response: &LocalResponse<'_>) -> HostResult {
    let LocalResponse {
        status,
        details,
        fields,
        body,
    } = response;
    let headers = wire::encode_map(fields.iter());
    // SAFETY: all outlive the call.
    check("send_local_response", unsafe {
        abi::proxy_send_local_response(
            u32::from(*status),
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            -1,
        )
    })
}
