//! The HTTP message of the effective context: headers, body, properties, and what becomes of it.

use super::{
    Fields, HostError, HostResult, abi, check, fetch, found, map_value, read_buffer, wire,
};

/// Which half of the HTTP exchange a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// The request.
    Request,
    /// The response.
    Response,
}

impl Half {
    fn body(self) -> u32 {
        match self {
            Self::Request => 0,
            Self::Response => 1,
        }
    }

    fn headers(self) -> u32 {
        match self {
            Self::Request => 0,
            Self::Response => 2,
        }
    }

    fn stream(self) -> u32 {
        match self {
            Self::Request => 0,
            Self::Response => 1,
        }
    }
}

/// Bytes of the body that is buffered or just arriving; fewer than asked for where there are fewer.
pub fn read_body(half: Half, start: usize, len: usize) -> HostResult<Vec<u8>> {
    read_buffer(half.body(), start, len)
}

/// Replaces `len` bytes from `start` on. Envoy takes only `start` 0, or an append.
pub fn splice_body(half: Half, start: usize, len: usize, bytes: &[u8]) -> HostResult {
    // SAFETY: `bytes` outlives the call.
    check("set_buffer_bytes", unsafe {
        abi::proxy_set_buffer_bytes(half.body(), start, len, bytes.as_ptr(), bytes.len())
    })
}

/// All header fields.
pub fn headers(half: Half) -> HostResult<Fields> {
    // SAFETY: the host writes one pointer and one size.
    let map = fetch("get_header_map_pairs", |data, size| unsafe {
        abi::proxy_get_header_map_pairs(half.headers(), data, size)
    })?;
    wire::decode_map(&map).ok_or(HostError {
        call: "get_header_map_pairs",
        status: u32::MAX,
    })
}

/// Replaces all header fields.
pub fn set_headers(half: Half, fields: &Fields) -> HostResult {
    let map = wire::encode_map(fields.iter().map(|(n, v)| (n.as_slice(), v.as_slice())));
    // SAFETY: `map` outlives the call.
    check("set_header_map_pairs", unsafe {
        abi::proxy_set_header_map_pairs(half.headers(), map.as_ptr(), map.len())
    })
}

/// The first field of that name.
pub fn header(half: Half, name: &str) -> HostResult<Option<Vec<u8>>> {
    map_value(half.headers(), name)
}

/// Sets a field, in the place of all of that name.
pub fn set_header(half: Half, name: &str, value: &[u8]) -> HostResult {
    // SAFETY: both outlive the call.
    check("replace_header_map_value", unsafe {
        abi::proxy_replace_header_map_value(
            half.headers(),
            name.as_ptr(),
            name.len(),
            value.as_ptr(),
            value.len(),
        )
    })
}

/// Takes out every field of that name.
pub fn remove_header(half: Half, name: &str) -> HostResult {
    // SAFETY: `name` outlives the call.
    check("remove_header_map_value", unsafe {
        abi::proxy_remove_header_map_value(half.headers(), name.as_ptr(), name.len())
    })
}

/// A property (attribute) of the stream, in the host's encoding.
pub fn property(path: &[&str]) -> HostResult<Option<Vec<u8>>> {
    let path = path.join("\0");
    // SAFETY: `path` outlives the call; the host writes one pointer and one size.
    found(fetch("get_property", |data, size| unsafe {
        abi::proxy_get_property(path.as_ptr(), path.len(), data, size)
    }))
}

/// Sets a property, which becomes the filter state `wasm.<name>`.
pub fn set_property(name: &str, value: &[u8]) -> HostResult {
    // SAFETY: both outlive the call.
    check("set_property", unsafe {
        abi::proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len())
    })
}

/// Declares that the property `name` of a request holds a serialized `google.protobuf.Struct`.
pub fn declare_struct_property(name: &str) -> HostResult {
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

/// Lets a paused stream go on. Takes effect when the callback has returned.
pub fn resume(half: Half) -> HostResult {
    // SAFETY: no pointers.
    check("continue_stream", unsafe {
        abi::proxy_continue_stream(half.stream())
    })
}

/// Answers the client. Takes effect when the callback has returned.
pub fn respond(status: u16, details: &str, headers: &Fields, body: &[u8]) -> HostResult {
    let headers = wire::encode_map(headers.iter().map(|(n, v)| (n.as_slice(), v.as_slice())));
    // SAFETY: all outlive the call.
    check("send_local_response", unsafe {
        abi::proxy_send_local_response(
            u32::from(status),
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
