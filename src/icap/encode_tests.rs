//! ICAP requests byte for byte, with every combination of parts.

use super::*;
use crate::icap::testing::test;

const HEAD: &[u8] = b"POST / HTTP/1.1\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";

fn request() -> IcapRequest<'static> {
    IcapRequest {
        method: Method::Reqmod,
        uri: "icap://icap.example.net:1344/avscan?a=b",
        host: "icap.example.net:1344",
        allow: &[204, 206],
        trailers: false,
        preview: Some(5000),
        headers: &[],
        request_head: Some(HEAD),
        response_head: None,
        has_body: true,
    }
}

fn encoded(request: &IcapRequest<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    request.encode(&mut out);
    out
}

fn head(request: &IcapRequest<'_>) -> String {
    let mut out = Vec::new();
    request.encode_head(&mut out);
    text(out)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn reqmod_with_a_body() {
    let headers = [("X-Client-IP".to_owned(), "192.0.2.7".to_owned())];
    let request = IcapRequest {
        headers: &headers,
        ..request()
    };
    let lines = "Host: icap.example.net:1344\r\n\
                 X-Client-IP: 192.0.2.7\r\n\
                 Allow: 204, 206\r\n\
                 Preview: 5000\r\n\
                 Encapsulated: req-hdr=0, req-body=19\r\n";
    let head = format!("REQMOD icap://icap.example.net:1344/avscan?a=b ICAP/1.0\r\n{lines}\r\n");
    let mut out = b"what stands before".to_vec();
    let place = request.encode(&mut out);
    assert_eq!(text(out[place].to_vec()), lines);
    assert_eq!(encoded(&request), [head.as_bytes(), HEAD].concat());
}

#[track_caller]
fn assert_parts(request: IcapRequest<'_>, encapsulated: &str, behind: &[u8]) {
    let head = head(&request);
    let line = format!("\r\nEncapsulated: {encapsulated}\r\n\r\n");
    assert!(head.ends_with(&line), "{head}");
    assert_eq!(encoded(&request), [head.as_bytes(), behind].concat());
}

#[test]
fn every_combination_of_parts() {
    let reqmod = request();
    let no_body = IcapRequest {
        has_body: false,
        ..reqmod
    };
    assert_parts(no_body, "req-hdr=0, null-body=19", HEAD);
    assert!(!text(encoded(&no_body)).contains("Preview"));

    let both = [HEAD, RESPONSE].concat();
    let respmod = IcapRequest {
        method: Method::Respmod,
        response_head: Some(RESPONSE),
        ..reqmod
    };
    assert_parts(respmod, "req-hdr=0, res-hdr=19, res-body=38", &both);
    let no_body = IcapRequest {
        has_body: false,
        ..respmod
    };
    assert_parts(no_body, "req-hdr=0, res-hdr=19, null-body=38", &both);
    let response_only = IcapRequest {
        request_head: None,
        ..respmod
    };
    assert_parts(response_only, "res-hdr=0, res-body=19", RESPONSE);
    let body_only = IcapRequest {
        response_head: None,
        ..response_only
    };
    assert_parts(body_only, "res-body=0", b"");

    let misplaced = IcapRequest {
        response_head: Some(RESPONSE),
        ..reqmod
    };
    assert_parts(misplaced, "req-hdr=0, req-body=19", HEAD);
}

#[test]
fn options_has_no_parts() {
    let request = IcapRequest {
        method: Method::Options,
        response_head: Some(RESPONSE),
        allow: &[],
        ..request()
    };
    assert_eq!(
        text(encoded(&request)),
        "OPTIONS icap://icap.example.net:1344/avscan?a=b ICAP/1.0\r\n\
         Host: icap.example.net:1344\r\n\
         Encapsulated: null-body=0\r\n\r\n"
    );
}

#[test]
fn a_preview_of_nothing_is_announced() {
    let request = IcapRequest {
        preview: Some(0),
        ..request()
    };
    assert!(text(encoded(&request)).contains("\r\nPreview: 0\r\n"));
}

#[test]
fn further_headers_cannot_break_the_request() {
    let headers = [
        ("host", "evil"),
        ("ALLOW", "999"),
        ("Preview", "1"),
        ("encapsulated", "null-body=0"),
        ("", "x"),
        ("A B", "x"),
        ("A\r\nB", "x"),
        ("X-A", " a\r\nEncapsulated: null-body=0\0 "),
        ("Connection", "close"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let request = IcapRequest {
        uri: "icap://h/a b\r\nX: y",
        host: "h\r\n:1",
        headers: &headers,
        ..request()
    };
    assert_eq!(
        head(&request),
        "REQMOD icap://h/abX:y ICAP/1.0\r\n\
         Host: h:1\r\n\
         X-A: a  Encapsulated: null-body=0\r\n\
         Connection: close\r\n\
         Allow: 204, 206\r\n\
         Preview: 5000\r\n\
         Encapsulated: req-hdr=0, req-body=19\r\n\r\n"
    );
}

#[test]
fn chunk_headers_are_hexadecimal() {
    let mut out = Vec::new();
    for len in [1, 15, 16, 0xabcdef] {
        chunk_header(len, &mut out);
    }
    assert_eq!(out, b"1\r\nf\r\n10\r\nabcdef\r\n");
}

#[test]
fn trailers_are_offered_beside_statuses_or_alone() {
    for (allow, trailers, line) in [
        (&[204_u16][..], true, "\r\nAllow: 204, trailers\r\n"),
        (&[], true, "\r\nAllow: trailers\r\n"),
        (&[204, 206], false, "\r\nAllow: 204, 206\r\n"),
    ] {
        let request = IcapRequest {
            allow,
            trailers,
            ..request()
        };
        assert!(head(&request).contains(line), "{line}");
    }
}
