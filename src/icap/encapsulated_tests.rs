//! Values of the `Encapsulated` header: accepted, broken, and missing.

use super::*;
use crate::icap::testing::test;

const HEAD: usize = 100;

fn read(status: u16, value: &str) -> Result<Sections, IcapResponseError> {
    let headers = Headers::from_iter([("encapsulated", value)]);
    let limits = Limits {
        head_bytes: HEAD,
        ..Limits::default()
    };
    Sections::of_response(status, &headers, false, &limits)
}

fn sections(
    head: Option<(HeadKind, usize)>,
    body: BodyKind,
) -> Result<Sections, IcapResponseError> {
    Ok(Sections { head, body })
}

fn rule(value: &str) -> &'static str {
    match read(200, value) {
        Err(IcapResponseError::Encapsulated { expected, .. }) => expected,
        other => panic!("{value:?} gave {other:?}"),
    }
}

#[test]
fn every_legal_response() {
    use BodyKind::{Message, None as NoBody, Options};
    use HeadKind::{Request, Response};
    for (value, expected) in [
        ("null-body=0", sections(None, NoBody)),
        ("req-body=0", sections(None, Message)),
        ("res-body=0", sections(None, Message)),
        (
            "req-hdr=0, null-body=7",
            sections(Some((Request, 7)), NoBody),
        ),
        (
            "req-hdr=0, req-body=7",
            sections(Some((Request, 7)), Message),
        ),
        (
            "res-hdr=0, null-body=7",
            sections(Some((Response, 7)), NoBody),
        ),
        (
            "res-hdr=0, res-body=7",
            sections(Some((Response, 7)), Message),
        ),
        ("req-hdr=0, null-body=0", sections(None, NoBody)),
        (
            ",\tRES-HDR = 0 ,,\n Res-Body = 007 ,",
            sections(Some((Response, 7)), Message),
        ),
    ] {
        assert_eq!(read(200, value), expected, "{value:?}");
    }
    let headers = Headers::from_iter([("encapsulated", "opt-body=0")]);
    assert_eq!(
        Sections::of_response(200, &headers, true, &Limits::default()),
        sections(None, Options)
    );
    assert_eq!(rule("opt-body=0"), "opt-body in a response to OPTIONS only");
}

#[test]
fn announced_parts_count_though_their_offsets_are_wrong() {
    for (value, request, response, body) in [
        ("null-body=0", false, false, false),
        ("req-hdr=0, null-body=5", true, false, false),
        ("req-body=0", true, false, true),
        ("RES-HDR = x , null-body", false, true, false),
        ("res-hdr", false, true, false),
        ("res-hdr=9, res-body=3", false, true, true),
        ("req-hdr=0, res-body=5", true, true, true),
        ("opt-body=0", false, false, false),
        ("xres-hdr=0", false, false, false),
    ] {
        let headers = Headers::from_iter([("Encapsulated", value)]);
        let expected = Announced {
            request,
            response,
            body,
        };
        assert_eq!(Announced::by(&headers), expected, "{value:?}");
    }
}

#[test]
fn the_end_of_a_response_is_certain_only_if_the_response_says_so() {
    let certain = |status, options, fields: &[(&str, &str)]| {
        Sections::are_certain(status, &fields.iter().copied().collect(), options)
    };
    assert!(certain(204, false, &[]));
    assert!(certain(204, false, &[("Content-Length", "0")]));
    assert!(certain(204, false, &[("Encapsulated", "null-body=0")]));
    assert!(certain(200, true, &[]));
    assert!(certain(
        200,
        false,
        &[("Encapsulated", "req-hdr=0, req-body=7")]
    ));
    assert!(certain(404, false, &[("Encapsulated", "null-body=0")]));
    assert!(!certain(204, false, &[("Content-Length", "5")]));
    assert!(!certain(204, false, &[("Transfer-Encoding", "chunked")]));
    assert!(!certain(
        204,
        false,
        &[("Encapsulated", "req-hdr=0, req-body=7")]
    ));
    assert!(!certain(204, false, &[("Encapsulated", "nonsense")]));
    assert!(!certain(404, false, &[]));
    assert!(!certain(500, true, &[]));
    assert!(!certain(203, false, &[]));
    let with_length = [("Encapsulated", "null-body=0"), ("Content-Length", "3")];
    assert!(!certain(500, false, &with_length));
}

#[test]
fn two_fields_are_one_list() {
    let headers = Headers::from_iter([
        ("Encapsulated", "res-hdr=0"),
        ("Encapsulated", "res-body=7"),
    ]);
    assert_eq!(
        Sections::of_response(200, &headers, false, &Limits::default()),
        sections(Some((HeadKind::Response, 7)), BodyKind::Message)
    );
}

#[test]
fn impossible_encapsulated_values() {
    for (value, expected) in [
        ("req-hdr=0", "a body or null-body as the last part"),
        (
            "req-body=0, req-hdr=0",
            "a body or null-body as the last part",
        ),
        (
            "req-body=0, null-body=0",
            "at most one head, then at most one body",
        ),
        (
            "req-hdr=0, res-body=5, null-body=9",
            "at most one head, then at most one body",
        ),
        (
            "req-hdr=0, res-hdr=5, res-body=9",
            "either req-hdr or res-hdr, not both",
        ),
        (
            "res-hdr=0, req-hdr=5, null-body=9",
            "either req-hdr or res-hdr, not both",
        ),
        (
            "res-hdr=0, req-body=9",
            "a head and a body of the same message",
        ),
        (
            "req-hdr=0, res-body=9",
            "a head and a body of the same message",
        ),
        (
            "req-hdr=0, opt-body=9",
            "a head and a body of the same message",
        ),
        ("req-hdr=9, req-body=12", "the first part at offset 0"),
        ("null-body=9", "the first part at offset 0"),
        ("req-hdr=9, req-body=0", "the first part at offset 0"),
        ("req-hdr=0, req-hdr=0, null-body=9", "each part once"),
        ("null-body=0, null-body=0", "each part once"),
        ("null-body", "a decimal offset"),
        ("null-body=", "a decimal offset"),
        ("null-body=-1", "a decimal offset"),
        ("null-body=+0", "a decimal offset"),
        ("null-body=0x0", "a decimal offset"),
        ("null-body=0 0", "a decimal offset"),
        ("null-body=99999999999999999999999", "a decimal offset"),
    ] {
        assert_eq!(rule(value), expected, "{value:?}");
    }
    for value in ["body=0", "=0", "nul-body=0", "res-hdr;res-body=0"] {
        assert!(rule(value).starts_with("req-hdr, res-hdr"), "{value:?}");
    }
}

#[test]
fn a_head_section_is_limited() {
    assert!(read(200, "req-hdr=0, null-body=100").is_ok());
    assert_eq!(
        read(200, "req-hdr=0, null-body=101"),
        Err(IcapResponseError::Limit {
            what: LimitKind::HeadBytes,
            limit: HEAD as u64
        })
    );
}

#[test]
fn only_a_status_with_a_message_needs_the_header() {
    let none = Headers::new();
    let limits = Limits::default();
    for status in [204, 202, 304, 400, 404, 500, 999] {
        assert_eq!(
            Sections::of_response(status, &none, false, &limits),
            Ok(Sections::NONE)
        );
    }
    for status in [200, 201, 206] {
        let missing = Err(IcapResponseError::EncapsulatedMissing { status });
        assert_eq!(
            Sections::of_response(status, &none, false, &limits),
            missing.clone()
        );
        assert_eq!(read(status, " ,"), missing);
        assert_eq!(
            Sections::of_response(status, &none, true, &limits),
            Ok(Sections::NONE)
        );
    }
}

#[test]
fn a_204_has_no_parts_whatever_its_encapsulated_says() {
    for value in ["req-hdr=0, req-body=50", "nonsense"] {
        assert_eq!(read(204, value), Ok(Sections::NONE));
    }
}
