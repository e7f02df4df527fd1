//! ICAP responses that the parser accepts, in the forms that servers send.

use crate::icap::testing::{Seen, body, end, head, http, ok, test, tr, tr_in, unfinished};
use crate::icap::{Event, Headers, HttpHead, IcapResponseHead, IcapResponseParser, Limits};
use crate::icap::{RequestHead, ResponseHead};

const PAGE_HEAD: &str = "HTTP/1.0 403 Forbidden\r\nContent-Type: text/html\r\n\r\n";

fn page_head() -> HttpHead {
    HttpHead::Response(ResponseHead {
        status: 403,
        headers: Headers::from_iter([("Content-Type", "text/html")]),
    })
}

#[test]
fn no_content() {
    let seen = tr("ICAP/1.0 204 No Content\r\nISTag: \"x\"\r\nConnection: keep-alive\r\n\r\n");
    let expected = IcapResponseHead {
        status: 204,
        reason: "No Content".into(),
        headers: Headers::from_iter([("ISTag", "\"x\""), ("Connection", "keep-alive")]),
        raw_headers: b"ISTag: \"x\"\r\nConnection: keep-alive\r\n".to_vec(),
        close: false,
    };
    assert_eq!(
        seen,
        [Seen::Head(expected), Seen::End(Headers::new(), None)]
    );
}

#[test]
fn a_204_ends_at_its_head_whatever_it_announces() {
    let seen = tr("ICAP/1.0 204 No Content\r\nEncapsulated: req-hdr=0, req-body=50\r\n\r\n");
    assert_eq!(seen.len(), 2);
    let seen = tr("ICAP/1.0 204 No Content\r\nEncapsulated: null-body=0\r\n\r\n");
    assert_eq!(seen.len(), 2);
}

#[test]
fn a_204_keeps_its_verdict_headers() {
    let seen = tr("ICAP/1.0 204 OK\r\nX-Infection-Found: Type=0; Resolution=2; Threat=E;\r\n\r\n");
    assert_eq!(
        head(&seen).headers.text("x-infection-found").as_deref(),
        Some("Type=0; Resolution=2; Threat=E;")
    );
}

#[test]
fn a_200_may_hold_nothing() {
    for encapsulated in ["null-body=0", "req-hdr=0, null-body=0"] {
        let seen = tr(ok(encapsulated, ""));
        assert_eq!(head(&seen).status, 200);
        assert_eq!(seen.len(), 2, "{encapsulated}");
    }
}

#[test]
fn a_changed_request() {
    let request = "POST /up?a=b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
    let value = format!("req-hdr=0, req-body={}", request.len());
    let seen = tr(ok(&value, format!("{request}5\r\nhello\r\n0\r\n\r\n")));
    let expected = HttpHead::Request(RequestHead {
        method: "POST".into(),
        target: "/up?a=b".into(),
        headers: Headers::from_iter([("Host", "a"), ("Content-Length", "5")]),
    });
    assert_eq!(seen.len(), 4);
    assert_eq!(http(&seen), Some(&expected));
    assert_eq!(body(&seen), b"hello");
}

#[test]
fn a_request_without_body_as_c_icap_echoes_it() {
    let request = "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n";
    let value = format!("req-hdr=0, null-body={}", request.len());
    let seen = tr(ok(&value, request));
    assert!(matches!(http(&seen), Some(HttpHead::Request(r)) if r.target == b"http://a/"));
    assert_eq!(seen.len(), 3);
}

#[test]
fn a_target_with_bytes_above_7f_is_kept() {
    let request = b"GET /\xe4?\xff%ff HTTP/1.1\r\nHost: a\r\n\r\n";
    let seen = tr(ok(
        &format!("req-hdr=0, null-body={}", request.len()),
        request,
    ));
    let expected = b"/\xe4?\xff%ff".as_slice();
    assert!(matches!(http(&seen), Some(HttpHead::Request(r)) if r.target == expected));
}

#[test]
fn a_block_page() {
    let value = format!("res-hdr=0, res-body={}", PAGE_HEAD.len());
    let seen = tr(ok(&value, format!("{PAGE_HEAD}4\r\nno!\n\r\n0\r\n\r\n")));
    assert_eq!(http(&seen), Some(&page_head()));
    assert_eq!(body(&seen), b"no!\n");
}

#[test]
fn a_block_page_without_content() {
    let value = format!("res-hdr=0, res-body={}", PAGE_HEAD.len());
    let seen = tr(ok(&value, format!("{PAGE_HEAD}0\r\n\r\n")));
    assert_eq!(http(&seen), Some(&page_head()));
    assert_eq!(seen.len(), 3);
}

#[test]
fn a_redirect_without_body() {
    let redirect = "HTTP/1.1 307\r\n";
    assert!(unfinished(ok("res-hdr=0, null-body=60", redirect)).contains("encapsulated head"));
    let redirect = "HTTP/1.1 307 \r\nLocation: http://a/blocked\r\n\r\n";
    let value = format!("res-hdr=0, null-body={}", redirect.len());
    let seen = tr(ok(&value, redirect));
    assert!(matches!(http(&seen), Some(HttpHead::Response(r)) if r.status == 307));
}

#[test]
fn other_statuses() {
    for (line, status, reason) in [
        ("ICAP/1.0 201 Created", 201, "Created"),
        ("ICAP/1.0 202", 202, ""),
        ("ICAP/1.0 403 Forbidden", 403, "Forbidden"),
        (
            "ICAP/1.0 404 ICAP Service not found ",
            404,
            "ICAP Service not found",
        ),
        ("ICAP/1.1  539 ", 539, ""),
        ("ICAP/1.0 999 \x1b\t!", 999, "!"),
    ] {
        let response = format!("{line}\r\nEncapsulated: null-body=0\r\n\r\n");
        let seen = tr(response);
        assert_eq!(head(&seen).status, status);
        assert_eq!(head(&seen).reason, reason);
        assert_eq!(seen.len(), 2);
    }
    assert_eq!(tr("ICAP/1.0 500 Server error\r\n\r\n").len(), 2);
}

#[test]
fn an_error_may_carry_a_page() {
    let rest = format!("{PAGE_HEAD}2\r\nno\r\n0\r\n\r\n");
    let response = format!(
        "ICAP/1.0 500 No\r\nX-ICAP-Error: password_protected\r\nEncapsulated: res-hdr=0, res-body={}\r\n\r\n{rest}",
        PAGE_HEAD.len()
    );
    let seen = tr(response);
    assert_eq!(head(&seen).status, 500);
    assert_eq!(http(&seen), Some(&page_head()));
}

#[test]
fn continue_comes_before_the_response() {
    let once = tr("ICAP/1.0 100 Continue\r\n\r\nICAP/1.0 204 OK\r\n\r\n");
    assert_eq!(once.len(), 3);
    assert_eq!(once[0], Seen::Continue);
    let twice = "ICAP/1.0 100 Continue\r\nEncapsulated: null-body=0\r\n\r\n";
    let seen = tr([twice, twice, "ICAP/1.0 204 OK\r\n\r\n"].concat());
    assert_eq!(seen[..2], [Seen::Continue, Seen::Continue]);
}

#[test]
fn other_informational_responses_are_passed_over() {
    let seen = tr("ICAP/1.0 102 Processing\r\n\r\nICAP/1.0 204 OK\r\n\r\n");
    assert_eq!(head(&seen).status, 204);
    assert_eq!(seen.len(), 2);
}

#[test]
fn empty_lines_may_come_first() {
    let seen = tr("\r\n\n\r\nICAP/1.0 100 Continue\r\n\r\n\r\nICAP/1.0 204 OK\r\n\r\n");
    assert_eq!(seen.len(), 3);
}

#[test]
fn bare_line_feeds_end_lines() {
    let page = "HTTP/1.1 200 OK\nA: b\n\n";
    let seen = tr(format!(
        "ICAP/1.0 200 OK\nEncapsulated: res-hdr=0, res-body={}\nX-Y: z\n\n{page}1\nx\n0\n\n",
        page.len()
    ));
    assert_eq!(head(&seen).headers.get("x-y"), Some(b"z".as_slice()));
    assert!(matches!(http(&seen), Some(HttpHead::Response(r)) if r.headers.has("a")));
    assert_eq!(body(&seen), b"x");
}

#[test]
fn folds_of_the_icap_head_are_kept() {
    let raw = "X-Violations-Found: 1\r\n\ta.zip/x.com\r\n  EICAR \r\n\t\r\n 0\r\n\t0\r\n";
    let seen = tr(format!("ICAP/1.0 204 OK\r\n{raw}\r\n"));
    assert_eq!(
        head(&seen).headers.get("X-Violations-Found"),
        Some(b"1\na.zip/x.com\nEICAR\n\n0\n0".as_slice())
    );
    assert_eq!(head(&seen).raw_headers, raw.as_bytes());
}

#[test]
fn folds_of_the_http_head_become_blanks() {
    let request = "GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\t c\r\n\r\n";
    let seen = tr(ok(
        &format!("req-hdr=0, null-body={}", request.len()),
        request,
    ));
    assert!(matches!(http(&seen),
        Some(HttpHead::Request(r)) if r.headers.get("x-a") == Some(b"b c".as_slice())));
}

#[test]
fn values_are_bytes() {
    let response = b"ICAP/1.0 204 OK\r\nX-Response-Description: gef\xe4hrlich \xc3\xa4\r\nX-Empty:\r\nX-B: \t v \t\r\n\r\n";
    let seen = tr(response);
    let headers = &head(&seen).headers;
    assert_eq!(
        headers.get("x-response-description"),
        Some(b"gef\xe4hrlich \xc3\xa4".as_slice())
    );
    assert_eq!(headers.get("x-empty"), Some(b"".as_slice()));
    assert_eq!(headers.get("x-b"), Some(b"v".as_slice()));
}

#[test]
fn a_file_name_with_control_characters_does_not_spoil_the_verdict() {
    let raw = b"X-Infection-Found: Type=0; Threat=a\rb\0c\x1b;\r\n";
    let seen = tr([b"ICAP/1.0 204 OK\r\n", raw.as_slice(), b"\r\n"].concat());
    assert_eq!(
        head(&seen).headers.get("x-infection-found"),
        Some(b"Type=0; Threat=a b c\x1b;".as_slice())
    );
    assert_eq!(head(&seen).raw_headers, raw);
}

#[test]
fn only_connection_close_closes() {
    for (field, close) in [
        ("Connection: close", true),
        ("connection: Keep-Alive , CLOSE", true),
        ("Connection: closed", false),
        ("Proxy-Connection: close", false),
    ] {
        let seen = tr(format!("ICAP/1.0 204 OK\r\n{field}\r\n\r\n"));
        assert_eq!(head(&seen).close, close, "{field}");
    }
    let page = "HTTP/1.1 403 No\r\nConnection: close\r\n\r\n";
    let seen = tr(ok(&format!("res-hdr=0, null-body={}", page.len()), page));
    assert!(!head(&seen).close);
}

#[test]
fn a_206_names_the_offset_where_the_original_body_follows() {
    let page = "HTTP/1.1 200 OK\r\n\r\n";
    let seen = tr(format!(
        "ICAP/1.0 206 Partial\r\nEncapsulated: res-hdr=0, res-body={}\r\n\r\n{page}3\r\nnew\r\n0; use-original-body=42\r\n\r\n",
        page.len()
    ));
    assert_eq!(head(&seen).status, 206);
    assert_eq!(body(&seen), b"new");
    assert_eq!(end(&seen).1, Some(42));
}

#[test]
fn an_options_response() {
    let options = || IcapResponseParser::for_options(Limits::default());
    let seen = tr_in(options, "ICAP/1.0 200 OK\r\nMethods: REQMOD\r\n\r\n");
    assert_eq!(
        head(&seen).headers.get("methods"),
        Some(b"REQMOD".as_slice())
    );
    assert_eq!(seen.len(), 2);
    let seen = tr_in(options, ok("null-body=0", ""));
    assert_eq!(seen.len(), 2);
    let seen = tr_in(options, ok("opt-body=0", "3\r\nabc\r\n0\r\nA: b\r\n\r\n"));
    assert_eq!(seen.len(), 2, "an opt-body is read and dropped");
    assert!(end(&seen).0.has("a"));
}

#[test]
fn body_slices_hold_all_available_bytes() {
    let mut parser = IcapResponseParser::new(Limits::default());
    parser.push(ok("res-body=0", "10\r\n"));
    assert!(matches!(parser.poll(), Ok(Some(Event::Head(_)))));
    assert_eq!(parser.poll(), Ok(None));
    parser.push(b"0123456".to_vec());
    assert_eq!(parser.poll(), Ok(Some(Event::Body(b"0123456"))));
    parser.push(b"789abcdef\r\n1\r\nx\r\n".to_vec());
    assert_eq!(parser.poll(), Ok(Some(Event::Body(b"789abcdefx"))));
    assert_eq!(parser.poll(), Ok(None));
}

#[test]
fn started_means_the_final_response() {
    let mut parser = IcapResponseParser::new(Limits::default());
    let mut at = |bytes: &str| {
        parser.push(bytes.into());
        let mut seen = Vec::new();
        crate::icap::testing::drain(&mut parser, &mut seen).unwrap();
        parser.started()
    };
    assert!(!at(""));
    assert!(!at("\r\n"));
    assert!(at("I"), "it may be final");
    assert!(!at("CAP/1.0 100 Continue\r\n"), "it is not");
    assert!(!at("X: y\r\n\r\n"));
    assert!(at("ICAP/1.0 204"));
    assert!(at(" OK\r\n"));
    assert!(at("\r\n"));
}

#[test]
fn an_early_close_names_the_missing_part() {
    let page = ok(
        &format!("res-hdr=0, res-body={}", PAGE_HEAD.len()),
        PAGE_HEAD,
    );
    let page = String::from_utf8(page).unwrap();
    for (beginning, expected) in [
        ("", "an ICAP response"),
        ("ICAP/1.0 100 Continue\r\n\r\n", "an ICAP response"),
        ("ICAP/1.0", "the rest of the ICAP head"),
        ("ICAP/1.0 204 OK\r\nA: b\r\n", "the rest of the ICAP head"),
        (
            page.strip_suffix("\n").unwrap(),
            "the rest of the encapsulated head",
        ),
        (&page, "another chunk"),
        (&format!("{page}5\r\nabc"), "the rest of a chunk"),
        (
            &format!("{page}3\r\nabc\r"),
            "the line end after a chunk's data",
        ),
        (
            &format!("{page}0\r\nA: b\r\n"),
            "trailers and the final empty line",
        ),
    ] {
        assert_eq!(unfinished(beginning), expected, "{beginning:?}");
    }
    let mut parser = IcapResponseParser::new(Limits::default());
    parser.push(b"ICAP/1.0 204 OK\r\n\r\n".to_vec());
    assert!(matches!(parser.poll(), Ok(Some(Event::Head(_)))));
    assert!(parser.end_of_input().is_err(), "End was not polled");
}
