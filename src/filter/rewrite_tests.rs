//! Unit tests of `rewrite`.

use super::*;

fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs.iter().copied().collect()
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
    original.extend([
        ("x-request-id", "one"),
        ("x-envoy-internal", "true"),
        ("x-forwarded-client-cert", "By=a"),
    ]);
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
        assert!(result.iter().filter(|(n, _)| *n == name.as_bytes()).count() <= 1);
    }
}

#[test]
fn a_change_from_or_to_head_or_connect_is_refused() {
    let changed = |before: &str, after: &str| {
        let mut original = original();
        original.retain(|name| name != b":method");
        original.push(":method", before);
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
fn a_response_loses_what_is_about_its_connection_and_the_scanners_software() {
    let head = ResponseHead {
        status: 403,
        headers: [
            ("Server", "C-ICAP"),
            ("Via", "ICAP/1.0 scanner (C-ICAP/0.5.10)"),
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
