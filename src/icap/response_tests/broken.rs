//! ICAP responses that the parser refuses.

use crate::icap::testing::{Seen, broken, broken_with, ok, test, tr, tr_with};
use crate::icap::{IcapResponseError, LimitKind, Limits};

#[test]
fn broken_status_lines() {
    for line in [
        "HTTP/1.1 400 Bad Request",
        "SSH-2.0-OpenSSH_9.2",
        "\x16\x03\x01\x02",
        "icap/1.0 204 OK",
        "ICAP/1.0",
        "ICAP/1.0 ",
        "ICAP/1.0 20",
        "ICAP/1.0 2040",
        "ICAP/1.0 20x OK",
        "ICAP/1.0 204OK",
        "ICAP/1.0 099 OK",
        "ICAP/1.0 -20 OK",
        "ICAP/1.0204 OK",
        "ICAP/2.0 204 OK",
        "ICAP/1.x 204 OK",
        "ICAP/1. 204 OK",
        " ICAP/1.0 204 OK",
        "\rICAP/1.0 204 OK",
    ] {
        assert!(
            matches!(
                broken(format!("{line}\r\n")),
                IcapResponseError::StatusLine { .. }
            ),
            "{line:?}"
        );
    }
}

#[test]
fn an_error_is_read_from_an_odd_status_line() {
    for (line, status) in [
        ("ICAP/1.0 403: Forbidden", 403),
        ("ICAP/2.0 403 Forbidden", 403),
        ("ICAP/1.0  500-Error", 500),
    ] {
        let seen = tr(format!("{line}\r\nX-Virus-ID: Eicar\r\n\r\n"));
        assert!(
            matches!(seen.first(), Some(Seen::Head(head)) if head.status == status),
            "{line}"
        );
    }
}

#[test]
fn another_protocol_is_known_by_its_first_bytes() {
    for start in ["H", "IC\n", "\x15\x03\x01", "ICAP 1"] {
        assert!(matches!(
            broken(start),
            IcapResponseError::StatusLine { .. }
        ));
    }
}

fn http_head(kind: &str, head: &str) -> IcapResponseError {
    broken(ok(&format!("{kind}-hdr=0, null-body={}", head.len()), head))
}

#[test]
fn broken_request_lines() {
    for line in [
        "",
        "GET /",
        "GET  / HTTP/1.1",
        "GET /a b HTTP/1.1",
        "GET /a\tb HTTP/1.1",
        "GET /a\x7f HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET / ICAP/1.0",
        "GET / HTTP/1",
        "G:T / HTTP/1.1",
        " / HTTP/1.1",
        "HTTP/1.1 200 OK",
    ] {
        assert!(
            matches!(
                http_head("req", &format!("{line}\r\n\r\n")),
                IcapResponseError::HttpStartLine { .. }
            ),
            "{line:?}"
        );
    }
}

#[test]
fn broken_http_status_lines() {
    for line in [
        "",
        "HTTP/1.1",
        "HTTP/1.1 ",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 600 OK",
        "HTTP/1.1 2000",
        "HTTP/x.1 200 OK",
        "ICAP/1.0 200 OK",
        "GET / HTTP/1.1",
    ] {
        assert!(
            matches!(
                http_head("res", &format!("{line}\r\n\r\n")),
                IcapResponseError::HttpStartLine { .. }
            ),
            "{line:?}"
        );
    }
}

#[test]
fn nothing_is_smuggled_in_an_http_head() {
    for line in ["A: b\rC: d", "A: b\0", "A: b\r\r"] {
        assert!(
            matches!(
                http_head("res", &format!("HTTP/1.1 200 OK\r\n{line}\r\n\r\n")),
                IcapResponseError::HeaderValue { .. }
            ),
            "{line:?}"
        );
    }
    let folded = http_head("res", "HTTP/1.1 200 OK\r\nA: b\r\n c\rd\r\n\r\n");
    assert!(matches!(folded, IcapResponseError::HeaderValue { .. }));
    let first = http_head("res", "HTTP/1.1 200 OK\r\n A: b\r\n\r\n");
    assert!(matches!(first, IcapResponseError::HeaderLine { .. }));
}

#[test]
fn an_encapsulated_head_ends_exactly_where_it_should() {
    let head = "HTTP/1.1 200 OK\r\nA: b\r\n\r\n";
    for (announced, ended_early) in [
        (head.len() + 1, true),
        (head.len() - 1, false),
        (head.len() - 2, false),
        (head.len() - 4, false),
        (3, false),
    ] {
        let response = ok(
            &format!("res-hdr=0, res-body={announced}"),
            format!("{head}0\r\n\r\n"),
        );
        assert_eq!(
            broken(response),
            IcapResponseError::HttpHeadLength {
                announced,
                ended_early
            }
        );
    }
}

#[test]
fn encapsulated_is_checked_after_the_head_was_given() {
    assert_eq!(
        broken("ICAP/1.0 200 OK\r\n\r\n"),
        IcapResponseError::EncapsulatedMissing { status: 200 }
    );
    assert!(matches!(
        broken(ok("req-hdr=0, res-hdr=10, res-body=20", "")),
        IcapResponseError::Encapsulated { .. }
    ));
}

#[track_caller]
fn assert_limit(limits: Limits, fits: &str, passes: &str, expected: (LimitKind, u64)) {
    tr_with(limits, fits);
    let (what, limit) = expected;
    assert_eq!(
        broken_with(limits, passes),
        IcapResponseError::Limit { what, limit }
    );
}

#[test]
fn head_bytes_are_limited() {
    let limits = Limits {
        icap_head_bytes: 30,
        ..Limits::default()
    };
    let expected = (LimitKind::HeadBytes, 30);
    let fits = "ICAP/1.0 204 OK\r\nA: bcdefg\r\n\r\n";
    assert_eq!(fits.len(), 30);
    let one_more = "ICAP/1.0 204 OK\r\nA: bcdefgh\r\n\r\n";
    assert_limit(limits, fits, one_more, expected);
    let no_line_end = "ICAP/1.0 204 OK\r\nA: bcdefghijk";
    assert_limit(limits, fits, no_line_end, expected);
    let interim = "ICAP/1.0 100 C\r\n\r\n";
    tr_with(limits, [interim, interim, fits].concat());
}

#[test]
fn lines_of_an_icap_head_are_limited() {
    let limits = Limits {
        icap_head_lines: 3,
        ..Limits::default()
    };
    assert_limit(
        limits,
        "ICAP/1.0 204 OK\r\nA: b\r\n\r\n",
        "ICAP/1.0 204 OK\r\nA: b\r\nC: d\r\n\r\n",
        (LimitKind::HeadLines, 3),
    );
}

#[test]
fn header_fields_are_limited() {
    let limits = Limits {
        header_count: 2,
        header_name_bytes: 12,
        ..Limits::default()
    };
    let response = |fields: &str| {
        let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
        String::from_utf8(ok(&format!("res-hdr=0, null-body={}", head.len()), head)).unwrap()
    };
    let fits = response("abcdefghijkl: x\r\nb: x\r\n folded\r\n");
    assert_limit(
        limits,
        &fits,
        &response("a: x\r\nb: x\r\nc: x\r\n"),
        (LimitKind::HeaderCount, 2),
    );
    assert_limit(
        limits,
        &fits,
        &response("abcdefghijklm: x\r\n"),
        (LimitKind::HeaderNameBytes, 12),
    );
}

#[test]
fn empty_lines_are_limited() {
    let limits = Limits {
        leading_empty_lines: 2,
        ..Limits::default()
    };
    assert_limit(
        limits,
        "\r\n\nICAP/1.0 204 OK\r\n\r\n",
        "\r\n\n\nICAP/1.0 204 OK\r\n\r\n",
        (LimitKind::LeadingEmptyLines, 2),
    );
}

#[test]
fn informational_responses_are_limited() {
    let limits = Limits {
        interim_responses: 2,
        ..Limits::default()
    };
    let (interim, last) = ("ICAP/1.0 100 C\r\n\r\n", "ICAP/1.0 204 OK\r\n\r\n");
    assert_limit(
        limits,
        &[interim, interim, last].concat(),
        &[interim, interim, interim, last].concat(),
        (LimitKind::InterimResponses, 2),
    );
}

#[test]
fn heads_that_envoy_accepts_fit_the_default_limits() {
    let fields: String = (0..100)
        .map(|n| format!("X-{n:02}: {}\r\n", "x".repeat(610)))
        .collect();
    let request = format!("GET / HTTP/1.1\r\n{fields}\r\n");
    let value = format!("req-hdr=0, null-body={}", request.len());
    assert!(request.len() > 60 * 1024);
    tr_with(Limits::default(), ok(&value, request));
}
