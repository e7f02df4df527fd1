//! Makes the header fields of a changed message, and those of a server's page for the client.

use std::borrow::Cow;

use crate::bug::{Bug, bug};
use crate::host::Fields;
use crate::icap::{Header, Headers, RequestHead, ResponseHead, is_hop_by_hop};

/// Fields that tell Envoy what to do, or by which Envoy tells where a message comes from. The original's stay, whatever a server
/// makes of them.
const ENVOYS: &[&str] = &[
    "forwarded",
    "x-client-trace-id",
    "x-ot-span-context",
    "x-request-id",
];
/// Beginnings of names of further such fields.
const ENVOYS_BEGIN: &[&str] = &["x-envoy-", "x-forwarded-"];

/// Whether responses with this status have no body, and no length that would announce one (RFC 9110 section 6.4.1).
pub fn has_no_body(status: u16) -> bool {
    matches!(status, 100..=199 | 204 | 205 | 304)
}

/// Fields that are never taken over from an ICAP server, beside hop-by-hop fields: those about one transfer (RFC 3507 errata
/// e4), and those that only this filter may set. The length is set anew where the body is known.
const NOT_TAKEN_OVER: &[&str] = &[
    "content-length",
    "expect",
    "host",
    "x-icap-action",
    "x-icap-threat",
];

/// Fields of which the original's stay: the server does not see them, or Envoy finds no route without them.
const KEPT_FROM_ORIGINAL: &[&str] = &[
    ":scheme",
    ":protocol",
    "expect",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
];

/// The fields of a changed request. `length`: that of the body in bytes, where the body changes.
///
/// # Errors
/// Why Envoy could not send such a request, or why the client could not understand the response to it.
pub fn request_fields(
    original: &Fields,
    head: &RequestHead,
    length: Option<u64>,
) -> Result<Fields, &'static str> {
    let method = head.method.as_bytes();
    // HEAD and CONNECT decide how a response is framed: the client would get one for a request that it has not made.
    let bound = |method: &[u8]| {
        method.eq_ignore_ascii_case(b"HEAD") || method.eq_ignore_ascii_case(b"CONNECT")
    };
    let before = find(original, ":method").unwrap_or_default();
    if before != method && (bound(before) || bound(method)) {
        return Err("the server changed a method from or to HEAD or CONNECT");
    }
    let (authority, path) = split_target(&head.target);
    if find(original, ":path") != Some(path.as_ref()) && !is_path(method, &path) {
        return Err("the server changed the target to one that can't be sent");
    }
    let authority = authority
        .or_else(|| head.headers.get("host"))
        .or_else(|| find(original, ":authority"));
    if authority != find(original, ":authority") && !authority.is_some_and(is_authority) {
        return Err("the server changed the authority to one that can't be");
    }
    let mut fields = Fields::new();
    fields.push(":method", method);
    fields.push(":path", path);
    if let Some(authority) = authority {
        fields.push(":authority", authority);
    }
    keep(original, KEPT_FROM_ORIGINAL, length.is_some(), &mut fields);
    take_over(&head.headers, &mut fields);
    set_length(original, length, &mut fields);
    Ok(fields)
}

/// The fields of a changed response.
///
/// # Errors
/// The changed response is not a final one.
pub fn response_fields(
    original: &Fields,
    head: &ResponseHead,
    length: Option<u64>,
) -> Result<Fields, &'static str> {
    if head.status < 200 {
        return Err("the server changed a response to one that is not final");
    }
    let mut fields = Fields::new();
    fields.push(":status", head.status.to_string());
    let bare = has_no_body(head.status);
    let framing: &[&str] = match bare {
        true => &[],
        false => &["transfer-encoding", "trailer"],
    };
    keep(original, framing, length.is_some(), &mut fields);
    take_over(&head.headers, &mut fields);
    if !bare {
        set_length(original, length, &mut fields);
    }
    Ok(fields)
}

/// The fields of a response that the client gets from the ICAP server, without those that name its software.
pub fn local_response_fields(head: &ResponseHead) -> Fields {
    let mut fields = Fields::new();
    take_over(&head.headers, &mut fields);
    fields.retain(|name| name != b"server" && name != b"via");
    fields
}

/// The value of the first field of that name.
pub fn find<'a>(fields: &'a Fields, name: &str) -> Option<&'a [u8]> {
    fields.named(name.as_bytes()).next()
}

/// The values of all fields of that name, joined with commas as Envoy joins them.
pub(super) fn all<'a>(fields: &'a Fields, name: &str) -> Option<Cow<'a, [u8]>> {
    let mut values = fields.named(name.as_bytes());
    let mut joined = Cow::Borrowed(values.next()?);
    for value in values {
        let joined = joined.to_mut();
        joined.push(b',');
        joined.extend_from_slice(value);
    }
    Some(joined)
}

fn keep(original: &Fields, names: &[&str], new_length: bool, fields: &mut Fields) {
    for (name, value) in original.iter() {
        // A body of known length is not chunked.
        let stale = new_length && name == b"transfer-encoding";
        let kept = names.iter().any(|n| n.as_bytes() == name) || is_envoys(name);
        if kept && !stale {
            fields.push(name, value);
        }
    }
}

fn take_over(headers: &Headers, fields: &mut Fields) {
    let named: Vec<Vec<u8>> = headers
        .all("connection")
        .flat_map(|value| value.split(|b| *b == b','))
        .map(|token| token.trim_ascii().to_ascii_lowercase())
        .collect();
    for Header { name, value } in headers.iter() {
        let name = name.to_ascii_lowercase();
        let hop = is_hop_by_hop(name.as_bytes())
            || NOT_TAKEN_OVER.contains(&name.as_str())
            || is_envoys(name.as_bytes())
            || named.iter().any(|n| *n == name.as_bytes());
        if !hop && is_sound(&name, value) {
            let value: Vec<u8> = value
                .iter()
                .map(|b| if *b == b'\n' { b' ' } else { *b })
                .collect();
            fields.push(name, value);
        }
    }
}

/// Whether a field, by its name in lower case, is one of [`ENVOYS`] or begins as [`ENVOYS_BEGIN`] says.
pub(super) fn is_envoys(name: &[u8]) -> bool {
    ENVOYS.iter().any(|known| known.as_bytes() == name)
        || ENVOYS_BEGIN
            .iter()
            .any(|start| name.starts_with(start.as_bytes()))
}

/// Whether `path` can be the `:path` of a request.
fn is_path(method: &[u8], path: &[u8]) -> bool {
    let clean = path.iter().all(|b| b.is_ascii_graphic() && *b != b'#');
    (path.starts_with(b"/") && clean) || (path == b"*" && method == b"OPTIONS")
}

/// Whether this can be the authority of a request: a name or an address, perhaps a port (RFC 3986 section 3.2), and no user
/// information.
fn is_authority(authority: &[u8]) -> bool {
    let (host, port) = match authority {
        [b'[', rest @ ..] => {
            let Some(end) = memchr::memchr(b']', rest) else {
                return false;
            };
            let (address, after) = rest.split_at(end);
            let is_address = std::str::from_utf8(address)
                .is_ok_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
            if !is_address {
                return false;
            }
            (None, after.strip_prefix(b"]").unwrap_or(after))
        }
        _ => {
            let end = memchr::memchr(b':', authority).unwrap_or(authority.len());
            let (host, port) = authority.split_at(end);
            (Some(host), port)
        }
    };
    let is_name = |host: &[u8]| {
        !host.is_empty()
            && host
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(b))
    };
    let is_port = |port: &[u8]| match port {
        [] => true,
        [b':', digits @ ..] => {
            digits.iter().all(u8::is_ascii_digit)
                && std::str::from_utf8(digits).is_ok_and(|digits| digits.parse::<u16>().is_ok())
        }
        _ => false,
    };
    host.is_none_or(is_name) && is_port(port)
}

/// Whether a field can go into a header map: its name is no pseudo header, its value has no control characters.
fn is_sound(name: &str, value: &[u8]) -> bool {
    !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_graphic() && b != b':')
        && value
            .iter()
            .all(|b| !b.is_ascii_control() || matches!(b, b'\t' | b'\n'))
}

fn set_length(original: &Fields, length: Option<u64>, fields: &mut Fields) {
    let value = match length {
        Some(length) if !bug(Bug::LengthNotUpdated) => Some(length.to_string().into_bytes()),
        _ => find(original, "content-length").map(<[u8]>::to_vec),
    };
    if let Some(value) = value {
        fields.push("content-length", value);
    }
}

/// The authority, where the target has one, and the path (RFC 9112 section 3.2).
fn split_target(target: &[u8]) -> (Option<&[u8]>, Cow<'_, [u8]>) {
    let rest = ["http://", "https://"].iter().find_map(|scheme| {
        let (head, rest) = target.split_at_checked(scheme.len())?;
        head.eq_ignore_ascii_case(scheme.as_bytes()).then_some(rest)
    });
    let Some(rest) = rest else {
        return (None, Cow::Borrowed(target));
    };
    let at = rest
        .iter()
        .position(|b| matches!(b, b'/' | b'?'))
        .unwrap_or(rest.len());
    let (authority, path) = rest.split_at(at);
    let path = if path.starts_with(b"/") {
        Cow::Borrowed(path)
    } else {
        Cow::Owned([b"/", path].concat())
    };
    (Some(authority), path)
}

#[cfg(test)]
#[path = "rewrite_tests.rs"]
mod tests;
