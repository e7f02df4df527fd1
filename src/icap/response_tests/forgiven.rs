//! Lines of an ICAP head that are no fields, and heads past the limits: the fields before and after them still count.

use crate::icap::testing::{Seen, drain, head, test, tr, tr_with};
use crate::icap::{CUT_FIELD_BYTES, Headers, IcapResponseHead, IcapResponseParser, Limits};

fn headers(lines: &str) -> Headers {
    let seen = tr(format!("ICAP/1.0 204 OK\r\n{lines}\r\n"));
    head(&seen).headers.clone()
}

#[test]
fn a_line_that_is_no_field_belongs_to_the_field_before_it() {
    for line in [
        "no colon",
        ": no name",
        "a b: c",
        "n\u{e4}me: x",
        "\x1b: x",
        "a\rb: c",
    ] {
        let headers = headers(&format!("A: b\r\n{line}\r\nC: d\r\n"));
        let expected = format!("b\n{}", line.replace('\r', " "));
        assert_eq!(headers.get("a"), Some(expected.as_bytes()), "{line:?}");
        assert_eq!(headers.get("c"), Some(b"d".as_slice()), "{line:?}");
    }
}

#[test]
fn an_unfolded_list_of_violations_is_read_as_a_folded_one() {
    let headers = headers("X-Violations-Found: 1\r\na.zip/x.com\r\nEICAR\r\n11101\r\n2\r\n");
    let expected = b"1\na.zip/x.com\nEICAR\n11101\n2".as_slice();
    assert_eq!(headers.get("x-violations-found"), Some(expected));
}

#[test]
fn a_blank_before_the_colon_is_no_part_of_the_name() {
    let headers = headers("X-Virus-ID \t: EICAR\r\nEncapsulated : null-body=0\r\n");
    assert_eq!(headers.get("x-virus-id"), Some(b"EICAR".as_slice()));
}

#[test]
fn a_first_line_that_is_no_field_is_dropped() {
    for line in [" folds nothing", "\tfolds nothing", "no colon"] {
        let headers = headers(&format!("{line}\r\nA: b\r\n"));
        assert_eq!(headers, Headers::from_iter([("A", "b")]), "{line:?}");
    }
}

#[test]
fn a_line_that_is_no_field_does_not_spoil_encapsulated() {
    let headers = headers("Encapsulated: null-body=0\r\nno colon\r\n");
    assert_eq!(headers.get("encapsulated"), Some(b"null-body=0".as_slice()));
}

#[test]
fn past_the_limits_fields_are_cut_and_still_looked_at() {
    let limits = Limits {
        head_bytes: 1000,
        header_count: 2,
        ..Limits::default()
    };
    let long = "x".repeat(2000);
    let seen = tr_with(
        limits,
        format!(
            "ICAP/1.0 204 OK\r\nA: {long}\r\n more\r\nB: b\r\nC: {long}\r\nX-Virus-ID: EICAR\r\n\r\n"
        ),
    );
    let head = head(&seen);
    let cut = |length| format!("{}\n\u{2026}", "x".repeat(length));
    assert_eq!(head.headers.text("a"), Some(cut(1000).replace('\n', " ")));
    assert_eq!(head.headers.get("b"), Some(b"b".as_slice()));
    assert_eq!(head.headers.get("c"), Some(cut(CUT_FIELD_BYTES).as_bytes()));
    assert_eq!(head.headers.get("x-virus-id"), Some(b"EICAR".as_slice()));
    assert_eq!(head.raw_headers.len(), 1000);
}

#[test]
fn a_list_of_thousands_is_cut_and_never_reads_as_repaired() {
    let mut list = "X-Violations-Found: 3000\r\n".to_owned();
    for n in 0..3000 {
        list.push_str(&format!(
            "\tsome-file-with-a-name-{n}\r\n\tEICAR\r\n\t0\r\n\t1\r\n"
        ));
    }
    let headers = headers(&list);
    let value = headers.get("x-violations-found").unwrap();
    assert!(value.len() < 70 * 1024 && value.ends_with("\n\u{2026}".as_bytes()));
}

/// The head that the parser knows after `bytes`, the same for every split of them.
fn so_far(bytes: &str, limits: Limits) -> Option<IcapResponseHead> {
    let mut known = Vec::new();
    for size in [1, bytes.len()] {
        let mut parser = IcapResponseParser::new(limits);
        let mut seen: Vec<Seen> = Vec::new();
        for piece in bytes.as_bytes().chunks(size) {
            parser.push(piece.to_vec());
            let _ = drain(&mut parser, &mut seen);
        }
        known.push(parser.unfinished_head());
    }
    // The parser may have seen a part of a line that passes a limit.
    let whole = known.pop().unwrap();
    let virus = |head: &Option<IcapResponseHead>| {
        let head = head.as_ref()?;
        head.headers.text("x-virus-id")
    };
    assert_eq!(known.pop().as_ref().and_then(virus), virus(&whole));
    whole
}

#[test]
fn a_head_without_an_end_gives_out_what_was_read() {
    let limits = Limits::default();
    let head = so_far("ICAP/1.0 200 OK\r\nX-Virus-ID: EICAR\r\nISTag: x", limits).unwrap();
    assert_eq!(head.status, 200);
    assert_eq!(head.headers.get("x-virus-id"), Some(b"EICAR".as_slice()));
    let begun = so_far("ICAP/1.0 200 OK\r\nX-Virus-ID: EIC", limits).unwrap();
    assert_eq!(begun.headers.get("x-virus-id"), Some(b"EIC".as_slice()));
    for name in ["", "\r", "I", "ISTag", "ISTag "] {
        let cut = format!("ICAP/1.0 200 OK\r\nX-Virus-ID: EICAR\r\n{name}");
        let head = so_far(&cut, limits).unwrap();
        let virus = head.headers.get("x-virus-id");
        assert_eq!(virus, Some(b"EICAR".as_slice()), "{name:?}");
    }
    assert_eq!(so_far("ICAP/1.0 20", limits), None);
    assert_eq!(
        so_far("ICAP/1.0 100 Continue\r\nX-Virus-ID: E\r\n", limits),
        None
    );
    assert_eq!(
        so_far("ICAP/1.0 204 OK\r\n\r\n", limits),
        None,
        "it has an end"
    );
}

#[test]
fn a_head_past_the_hard_limits_gives_out_what_was_read() {
    let start = "ICAP/1.0 200 OK\r\nX-Virus-ID: EICAR\r\n";
    for limits in [
        Limits {
            icap_head_bytes: 100,
            ..Limits::default()
        },
        Limits {
            icap_head_lines: 4,
            ..Limits::default()
        },
    ] {
        let head = so_far(&format!("{start}{}", "A: b\r\n".repeat(100)), limits).unwrap();
        assert_eq!(head.headers.get("x-virus-id"), Some(b"EICAR".as_slice()));
    }
}
