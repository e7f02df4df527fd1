//! HTTP heads made from Envoy's header map: what stays, what is left out, what is refused.

use super::*;
use crate::icap::testing::test;

fn fields(fields: &[(&str, &str)]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let owned = fields
        .iter()
        .map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec()));
    owned.collect()
}

/// A POST to `/up` of host `a` with further fields.
fn post(further: &[(&str, &str)]) -> Result<String, EncodeError> {
    let start = [
        (":method", "POST"),
        (":path", "/up"),
        (":authority", "a"),
        (":scheme", "https"),
    ];
    encode_request_head(&fields(&[&start, further].concat()))
        .map(|head| String::from_utf8(head).unwrap())
}

/// The lines of [`post`] after `Host`.
fn lines(further: &[(&str, &str)]) -> String {
    let head = post(further).unwrap();
    let rest = head
        .strip_prefix("POST /up HTTP/1.1\r\nHost: a\r\n")
        .expect("the start");
    rest.strip_suffix("\r\n")
        .expect("the empty line")
        .to_owned()
}

#[test]
fn a_request() {
    assert_eq!(
        post(&[
            ("content-length", "5"),
            ("x-forwarded-for", "192.0.2.1"),
            ("x-envoy-internal", "true"),
            ("x-empty", ""),
        ])
        .unwrap(),
        "POST /up HTTP/1.1\r\n\
         Host: a\r\n\
         content-length: 5\r\n\
         x-forwarded-for: 192.0.2.1\r\n\
         x-envoy-internal: true\r\n\
         x-empty: \r\n\r\n"
    );
}

#[test]
fn the_host_field_stands_in_for_the_authority_only() {
    assert_eq!(lines(&[("host", "b")]), "");
    let without = fields(&[(":method", "GET"), (":path", "/"), ("host", "b")]);
    assert_eq!(
        encode_request_head(&without).unwrap(),
        b"GET / HTTP/1.1\r\nhost: b\r\n\r\n"
    );
}

#[test]
fn hop_by_hop_fields_are_left_out() {
    let hop_by_hop = [
        ("connection", "keep-alive, X-Hop , , content-type"),
        ("x-hop", "1"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("proxy-authorization", "Basic secret"),
        ("proxy-authenticate", "Basic"),
        ("te", "trailers"),
        ("trailer", "x"),
        ("transfer-encoding", "chunked"),
        ("Upgrade", "h2c"),
        ("expect", "100-continue"),
        ("x-kept", "1"),
        ("content-type", "text/plain"),
    ];
    assert_eq!(
        lines(&hop_by_hop),
        "x-kept: 1\r\ncontent-type: text/plain\r\n"
    );
}

#[test]
fn the_scanner_sees_what_describes_the_message() {
    for name in ["content-encoding", "cookie", "authorization"] {
        let shown = format!("{name}: x\r\n");
        assert_eq!(lines(&[("connection", name), (name, "x")]), shown);
    }
}

#[test]
fn cookies_are_joined_into_the_first() {
    assert_eq!(
        lines(&[
            ("cookie", "a=1"),
            ("x", "y"),
            ("cookie", "b=2"),
            ("cookie", "c=3")
        ]),
        "cookie: a=1; b=2; c=3\r\nx: y\r\n"
    );
}

#[test]
fn only_a_valid_content_length_is_kept() {
    for (values, kept) in [
        (vec!["5"], "content-length: 5\r\n"),
        (vec!["5", " 5"], "content-length: 5\r\n"),
        (vec!["5", "6"], ""),
        (vec!["5, 5"], ""),
        (vec!["+5"], ""),
        (vec!["-5"], ""),
        (vec!["0x5"], ""),
        (vec![""], ""),
    ] {
        let given: Vec<_> = values.iter().map(|v| ("content-length", *v)).collect();
        assert_eq!(lines(&given), kept, "{values:?}");
    }
    let both = [("content-length", "5"), ("transfer-encoding", "chunked")];
    assert_eq!(lines(&both), "");
}

#[test]
fn values_are_bytes() {
    let head = vec![
        (b":method".to_vec(), b"PUT".to_vec()),
        (b":path".to_vec(), b"/\xe4".to_vec()),
        (b"x".to_vec(), b"\xc3\xa4\t\x1b".to_vec()),
    ];
    assert_eq!(
        encode_request_head(&head).unwrap(),
        b"PUT /\xe4 HTTP/1.1\r\nx: \xc3\xa4\t\x1b\r\n\r\n"
    );
}

#[test]
fn a_response() {
    let head = fields(&[
        (":status", "200"),
        ("connection", "close"),
        ("transfer-encoding", "chunked"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
        ("expect", "kept"),
    ]);
    assert_eq!(
        String::from_utf8(encode_response_head(&head).unwrap()).unwrap(),
        "HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nset-cookie: b=2\r\nexpect: kept\r\n\r\n"
    );
    assert_eq!(
        encode_response_head(&fields(&[(":status", "599")])).unwrap(),
        b"HTTP/1.1 599 \r\n\r\n"
    );
}

#[test]
fn nothing_is_smuggled() {
    for value in ["a\r\nb: c", "a\nb", "a\rb", "a\0b"] {
        for name in ["x", "connection", "expect", "cookie", "content-length"] {
            assert_eq!(
                post(&[(name, value)]),
                Err(EncodeError::FieldValue {
                    name: Snippet::new(name.as_bytes())
                })
            );
        }
    }
    for name in ["", "a b", "a:b", "a\r\nb", "\u{e4}"] {
        assert_eq!(
            post(&[(name, "x")]),
            Err(EncodeError::FieldName {
                found: Snippet::new(name.as_bytes())
            })
        );
    }
}

#[test]
fn heads_without_a_start_line() {
    let get = [(":method", "GET"), (":path", "/")];
    let missing = |name| Err(EncodeError::Missing { name });
    assert_eq!(encode_request_head(&fields(&get[..1])), missing(":path"));
    assert_eq!(encode_request_head(&fields(&get[1..])), missing(":method"));
    assert_eq!(encode_response_head(&fields(&get)), missing(":status"));

    let twice = fields(&[get[0], get[1], get[1]]);
    let duplicate = Err(EncodeError::Duplicate { name: ":path" });
    assert_eq!(encode_request_head(&twice), duplicate);

    let bad = |name: &'static str, value: &str| {
        let all = [
            (":method", "GET"),
            (":path", "/"),
            (":authority", "a"),
            (":status", "200"),
        ];
        let replaced = all.map(|(n, v)| if n == name { (n, value) } else { (n, v) });
        let expected = Err(EncodeError::Value {
            name,
            found: Snippet::new(value.as_bytes()),
        });
        let encode = match name {
            ":status" => encode_response_head,
            _ => encode_request_head,
        };
        assert_eq!(encode(&fields(&replaced)), expected, "{name} {value:?}");
    };
    for value in ["", "G T", "GET\r\n", "G\u{e4}T"] {
        bad(":method", value);
    }
    for value in ["", "/a b", "/\r\nX: y", "/\0", "/\x7f", "/\t"] {
        bad(":path", value);
    }
    for value in ["a b", "a\r\nX: y", "a\0"] {
        bad(":authority", value);
    }
    for value in ["", "20", "2000", "600", "099", "2x0", " 200"] {
        bad(":status", value);
    }
}

#[test]
fn messages_are_short_and_escaped() {
    let error = post(&[("x\n", "y")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "found header name \"x\\n\", expected a token"
    );
    let missing = encode_response_head(&fields(&[])).unwrap_err();
    assert_eq!(missing.to_string(), "found no :status, expected one");
}
