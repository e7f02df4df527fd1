//! What the host's header map becomes when a server changed a message, and what the client gets when it is answered.

use std::borrow::Cow;

use crate::icap::{Header, Headers, RequestHead, ResponseHead, is_hop_by_hop};

/// Header fields as the host has them, pseudo headers among them.
pub type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// Fields that are never taken over from an ICAP server, beside those of one hop: about one transfer (RFC 3507 errata e4), and
/// those that only this filter may set. The length is set anew where the body is known.
const NOT_TAKEN_OVER: &[&str] = &[
    "content-length",
    "expect",
    "host",
    "x-forwarded-proto",
    "x-icap-action",
    "x-icap-threat",
];

/// Fields of which the original's stay: they are not shown to the server, or Envoy finds no route without them.
const KEPT_FROM_ORIGINAL: &[&str] = &[
    ":scheme",
    ":protocol",
    "expect",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "x-forwarded-proto",
];

/// The fields of a changed request. `length`: of the body, where it is known to change.
pub fn request_fields(original: &Fields, head: &RequestHead, length: Option<usize>) -> Fields {
    let (authority, path) = split_target(&head.target);
    let authority = authority
        .map(<[u8]>::to_vec)
        .or_else(|| head.headers.get("host").map(<[u8]>::to_vec))
        .or_else(|| find(original, ":authority").map(<[u8]>::to_vec));
    let mut fields = vec![
        (b":method".to_vec(), head.method.clone().into_bytes()),
        (b":path".to_vec(), path.into_owned()),
    ];
    if let Some(authority) = authority {
        fields.push((b":authority".to_vec(), authority));
    }
    keep(original, KEPT_FROM_ORIGINAL, length.is_some(), &mut fields);
    take_over(&head.headers, &mut fields);
    set_length(original, length, &mut fields);
    fields
}

/// The fields of a changed response.
pub fn response_fields(original: &Fields, head: &ResponseHead, length: Option<usize>) -> Fields {
    let mut fields = vec![(b":status".to_vec(), head.status.to_string().into_bytes())];
    keep(
        original,
        &["transfer-encoding", "trailer"],
        length.is_some(),
        &mut fields,
    );
    take_over(&head.headers, &mut fields);
    set_length(original, length, &mut fields);
    fields
}

/// The fields of a response that the client gets from the ICAP server.
pub fn local_response_fields(head: &ResponseHead) -> Fields {
    let mut fields = Fields::new();
    take_over(&head.headers, &mut fields);
    fields
}

/// The value of the first field of that name.
pub fn find<'a>(fields: &'a Fields, name: &str) -> Option<&'a [u8]> {
    fields
        .iter()
        .find(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes()))
        .map(|(_, v)| v.as_slice())
}

fn keep(original: &Fields, names: &[&str], new_length: bool, fields: &mut Fields) {
    for (name, value) in original {
        // A body of known length is not chunked.
        let stale = new_length && name == b"transfer-encoding";
        if !stale && names.iter().any(|n| n.as_bytes() == name.as_slice()) {
            fields.push((name.clone(), value.clone()));
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
            || named.iter().any(|n| *n == name.as_bytes());
        if !hop && is_sound(&name, value) {
            let value = value
                .iter()
                .map(|b| if *b == b'\n' { b' ' } else { *b })
                .collect();
            fields.push((name.into_bytes(), value));
        }
    }
}

/// Whether a field can go into a header map: a name that is no pseudo header, a value without control characters.
fn is_sound(name: &str, value: &[u8]) -> bool {
    !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_graphic() && b != b':')
        && value
            .iter()
            .all(|b| !b.is_ascii_control() || matches!(b, b'\t' | b'\n'))
}

fn set_length(original: &Fields, length: Option<usize>, fields: &mut Fields) {
    let value = match length {
        Some(length) => Some(length.to_string().into_bytes()),
        None => find(original, "content-length").map(<[u8]>::to_vec),
    };
    if let Some(value) = value {
        fields.push((b"content-length".to_vec(), value));
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
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        pairs
            .iter()
            .map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec()))
            .collect()
    }

    fn original() -> Fields {
        fields(&[
            (":authority", "a.example"),
            (":method", "POST"),
            (":path", "/upload"),
            (":scheme", "https"),
            ("content-length", "10"),
            ("te", "trailers"),
            ("x-forwarded-proto", "https"),
            ("x-old", "1"),
        ])
    }

    fn head(target: &str, headers: &[(&str, &str)]) -> RequestHead {
        RequestHead {
            method: "PUT".into(),
            target: target.as_bytes().to_vec(),
            headers: headers.iter().map(|(n, v)| (*n, *v)).collect(),
        }
    }

    #[test]
    fn a_changed_request_keeps_what_the_server_was_not_shown() {
        let changed = head("/new?x=1", &[("Host", "b.example"), ("X-New", "2")]);
        assert_eq!(
            request_fields(&original(), &changed, Some(3)),
            fields(&[
                (":method", "PUT"),
                (":path", "/new?x=1"),
                (":authority", "b.example"),
                (":scheme", "https"),
                ("te", "trailers"),
                ("x-forwarded-proto", "https"),
                ("x-new", "2"),
                ("content-length", "3"),
            ])
        );
    }

    #[test]
    fn an_unchanged_body_keeps_its_length() {
        let result = request_fields(&original(), &head("/", &[("Content-Length", "99")]), None);
        assert_eq!(find(&result, "content-length"), Some(&b"10"[..]));
        assert_eq!(find(&result, ":authority"), Some(&b"a.example"[..]));
    }

    #[test]
    fn an_absolute_target_is_taken_apart() {
        let result = request_fields(&original(), &head("HTTP://c.example?q", &[]), None);
        assert_eq!(find(&result, ":authority"), Some(&b"c.example"[..]));
        assert_eq!(find(&result, ":path"), Some(&b"/?q"[..]));
        let (authority, path) = split_target(b"http://c.example");
        assert_eq!((authority, &path[..]), (Some(&b"c.example"[..]), &b"/"[..]));
    }

    #[test]
    fn a_response_loses_what_is_about_its_connection() {
        let head = ResponseHead {
            status: 403,
            headers: [
                ("Connection", "close, X-Hop"),
                ("X-Hop", "1"),
                ("Content-Length", "5"),
                ("Transfer-Encoding", "chunked"),
                ("Content-Type", "text/html"),
            ]
            .into_iter()
            .collect(),
        };
        assert_eq!(
            local_response_fields(&head),
            fields(&[("content-type", "text/html")])
        );
    }

    #[test]
    fn names_and_values_that_could_smuggle_are_dropped() {
        let mut headers = Headers::new();
        headers.push("x\ry", "1");
        headers.push(":path", "/evil");
        headers.push("x-ok", b"a\0b".to_vec());
        headers.push("x-folded", "a\nb");
        let head = ResponseHead {
            status: 200,
            headers,
        };
        assert_eq!(local_response_fields(&head), fields(&[("x-folded", "a b")]));
    }
}
