//! What the host's header map becomes when a server changed a message, and what the client gets when it is answered.

use std::borrow::Cow;

use crate::icap::{Header, Headers, RequestHead, ResponseHead, is_hop_by_hop};

/// Header fields as the host has them, pseudo headers among them.
pub type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// Fields by which Envoy is told what to do, or tells others where a message comes from: those of the original stay, whatever a
/// server makes of them.
const ENVOYS: &[&str] = &[
    "forwarded",
    "x-client-trace-id",
    "x-ot-span-context",
    "x-request-id",
];
/// Beginnings of names of further such fields.
const ENVOYS_BEGIN: &[&str] = &["x-envoy-", "x-forwarded-"];

/// Statuses of responses without a body, and without a length that would announce one (RFC 9110 section 6.4.1).
pub fn has_no_body(status: u16) -> bool {
    matches!(status, 100..=199 | 204 | 205 | 304)
}

/// Fields that are never taken over from an ICAP server, beside those of one hop: about one transfer (RFC 3507 errata e4), and
/// those that only this filter may set. The length is set anew where the body is known.
const NOT_TAKEN_OVER: &[&str] = &[
    "content-length",
    "expect",
    "host",
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
];

/// The fields of a changed request. `length`: of the body, where it is known to change.
///
/// # Errors
/// Envoy could not send such a request, or the client could not understand the answer to it: says why.
pub fn request_fields(
    original: &Fields,
    head: &RequestHead,
    length: Option<u64>,
) -> Result<Fields, &'static str> {
    let method = head.method.as_bytes();
    // They decide what an answer looks like: it would be framed for another request than the client has made.
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
    let mut fields = vec![
        (b":method".to_vec(), method.to_vec()),
        (b":path".to_vec(), path.into_owned()),
    ];
    if let Some(authority) = authority {
        fields.push((b":authority".to_vec(), authority.to_vec()));
    }
    keep(original, KEPT_FROM_ORIGINAL, length.is_some(), &mut fields);
    take_over(&head.headers, &mut fields);
    set_length(original, length, &mut fields);
    Ok(fields)
}

/// The fields of a changed response.
///
/// # Errors
/// It is no final response.
pub fn response_fields(
    original: &Fields,
    head: &ResponseHead,
    length: Option<u64>,
) -> Result<Fields, &'static str> {
    if head.status < 200 {
        return Err("the server changed a response to one that is not final");
    }
    let mut fields = vec![(b":status".to_vec(), head.status.to_string().into_bytes())];
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
        let kept = names.iter().any(|n| n.as_bytes() == name.as_slice()) || is_envoys(name);
        if kept && !stale {
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
            || is_envoys(name.as_bytes())
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

/// Whether a field, by its name in lower case, is one of [`ENVOYS`].
fn is_envoys(name: &[u8]) -> bool {
    ENVOYS.iter().any(|known| known.as_bytes() == name)
        || ENVOYS_BEGIN
            .iter()
            .any(|start| name.starts_with(start.as_bytes()))
}

/// Whether this can be the `:path` of a request.
fn is_path(method: &[u8], path: &[u8]) -> bool {
    let clean = path.iter().all(|b| b.is_ascii_graphic() && *b != b'#');
    (path.starts_with(b"/") && clean) || (path == b"*" && method == b"OPTIONS")
}

/// Whether this can be the authority of a request: a name or an address, and perhaps a port (RFC 3986 section 3.2), without user
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

/// Whether a field can go into a header map: a name that is no pseudo header, a value without control characters.
fn is_sound(name: &str, value: &[u8]) -> bool {
    !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_graphic() && b != b':')
        && value
            .iter()
            .all(|b| !b.is_ascii_control() || matches!(b, b'\t' | b'\n'))
}

fn set_length(original: &Fields, length: Option<u64>, fields: &mut Fields) {
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
            request_fields(&original(), &changed, Some(3)).unwrap(),
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
        let result = result.unwrap();
        assert_eq!(find(&result, "content-length"), Some(&b"10"[..]));
        assert_eq!(find(&result, ":authority"), Some(&b"a.example"[..]));
    }

    #[test]
    fn an_absolute_target_is_taken_apart() {
        let result = request_fields(&original(), &head("HTTP://c.example?q", &[]), None);
        let result = result.unwrap();
        assert_eq!(find(&result, ":authority"), Some(&b"c.example"[..]));
        assert_eq!(find(&result, ":path"), Some(&b"/?q"[..]));
        let (authority, path) = split_target(b"http://c.example");
        assert_eq!((authority, &path[..]), (Some(&b"c.example"[..]), &b"/"[..]));
    }

    #[test]
    fn envoys_own_fields_stay_as_they_were() {
        let mut original = original();
        original.extend(fields(&[
            ("x-request-id", "one"),
            ("x-envoy-internal", "true"),
            ("x-forwarded-client-cert", "By=a"),
        ]));
        let changed = head(
            "/upload",
            &[
                ("X-Request-ID", "two"),
                ("X-Envoy-Internal", "false"),
                ("X-Envoy-Original-Path", "/admin"),
                ("X-Envoy-Upstream-Rq-Timeout-Ms", "1"),
                ("X-Forwarded-For", "192.0.2.1"),
                ("X-Forwarded-Client-Cert", "By=b"),
                ("Forwarded", "for=192.0.2.1"),
            ],
        );
        let result = request_fields(&original, &changed, None).unwrap();
        for (name, value) in [
            ("x-request-id", Some("one")),
            ("x-envoy-internal", Some("true")),
            ("x-forwarded-client-cert", Some("By=a")),
            ("x-forwarded-proto", Some("https")),
            ("x-envoy-original-path", None),
            ("x-envoy-upstream-rq-timeout-ms", None),
            ("x-forwarded-for", None),
            ("forwarded", None),
        ] {
            assert_eq!(find(&result, name), value.map(str::as_bytes), "{name}");
            assert!(result.iter().filter(|(n, _)| n == name.as_bytes()).count() <= 1);
        }
    }

    #[test]
    fn a_change_from_or_to_head_or_connect_is_refused() {
        let changed = |before: &str, after: &str| {
            let mut original = original();
            original[1].1 = before.into();
            let mut head = head("/upload", &[]);
            head.method = after.into();
            request_fields(&original, &head, None).is_ok()
        };
        for method in ["HEAD", "CONNECT"] {
            assert!(changed(method, method), "{method}");
            assert!(!changed(method, "GET"), "{method}");
            assert!(!changed("GET", method), "{method}");
        }
        assert!(changed("POST", "PUT"));
    }

    #[test]
    fn what_can_t_be_a_target_is_refused() {
        let sent = |target: &str, host: &str| {
            request_fields(&original(), &head(target, &[("Host", host)]), None).is_ok()
        };
        for host in [
            "b.example",
            "b.example:8080",
            "192.0.2.1:1",
            "[2001:db8::1]",
            "[::1]:80",
        ] {
            assert!(sent("/new", host), "{host}");
        }
        for host in [
            "",
            "u@b.example",
            "b.example:abc",
            "b:80:80",
            "b.example:70000",
            "b example",
            "b/x",
            "[::1",
            "[x]",
            "[::1]x",
            "b\\c",
            "b?c",
            "b#c",
            "b\u{e4}",
            ":80",
            "b:-1",
        ] {
            assert!(!sent("/new", host), "{host}");
        }
        for target in ["/", "/a%20b?c=d", "http://b.example/x", "http://b.example"] {
            assert!(sent(target, "b.example"), "{target}");
        }
        for target in [
            "new",
            "*",
            "ftp://b/x",
            "/a#b",
            "/\u{e4}",
            "b.example:80",
            "http:///x",
        ] {
            assert!(!sent(target, "b.example"), "{target}");
        }
        assert!(!sent("http://u@b.example/x", "b.example"));
    }

    #[test]
    fn a_response_without_a_body_has_no_length_and_an_interim_one_is_refused() {
        let changed = |status| {
            let head = ResponseHead {
                status,
                headers: Headers::new(),
            };
            response_fields(&original(), &head, Some(0))
        };
        for status in [204, 205, 304] {
            let result = changed(status).unwrap();
            assert_eq!(find(&result, "content-length"), None, "{status}");
        }
        assert_eq!(
            find(&changed(200).unwrap(), "content-length"),
            Some(&b"0"[..])
        );
        assert!(changed(101).is_err());
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
