//! Strings in JSON.

use super::{ALL, HELD, LONG, one, read, read_with, test, told};
use crate::extract::{Limits, Unextractable};

const JSON: &str = "application/json";

#[test]
fn base64_in_strings() {
    for (body, name) in [
        (format!("\"{LONG}\""), "$"),
        (format!("{{\"a\":\"{LONG}\"}}"), "$.a"),
        (
            format!("[1,[],{{}},\"x\",{{\"a\":{{\"b\":[true,\"{LONG}\"]}},\"c\":null}}]"),
            "$[4].a.b[1]",
        ),
        (
            format!("\u{feff}{{ \"f\\u0041\" : \"{LONG}\" }} \r\n"),
            "$.fA",
        ),
        // Escapes in Base64: PHP writes "\/".
        (
            format!("{{\"a\":\"{}\"}}", LONG.replace('g', "\\u0067")),
            "$.a",
        ),
        (
            format!(
                "{{\"a\":\"{}\"}}",
                LONG.replace("IH", "I\\nH").replace("bG", "b\\r\\nG")
            ),
            "$.a",
        ),
        (
            format!("{{\"a\":\"data:text/plain;base64,{LONG}\"}}"),
            "$.a",
        ),
        (
            format!(
                "{{\"a\":\"<img src=\\\"data:image/png;BASE64,{}\\\">\"}}",
                LONG.replace('=', "\\u003d")
            ),
            "$.a",
        ),
        // JSON lines, and a sequence of texts.
        (format!("{{}}\n1\n{{\"a\":\"{LONG}\"}}\n"), "$.a"),
        (format!("\u{1e}{{}}\n\u{1e}{{\"a\":\"{LONG}\"}}\n"), "$.a"),
    ] {
        assert_eq!(told(JSON, &body), one(name, HELD), "{body}");
    }
}

#[test]
fn both_alphabets_and_any_padding() {
    let held = [0xfb_u8, 0xff, 0xfe].repeat(30);
    for text in [
        "-__-".repeat(30),
        "+//+".repeat(30),
        format!("{}==", "-__-".repeat(30)),
        "\\/".repeat(2).replace("\\/\\/", "+\\/\\/+").repeat(30),
    ] {
        assert_eq!(
            read(JSON, format!("[\"{text}\"]")),
            Ok(vec![("$[0]".to_owned(), held.clone())]),
            "{text}"
        );
    }
    for (end, held) in [("QU", "A"), ("QU==", "A"), ("QUI", "AB"), ("QUI=", "AB")] {
        let text = format!("{}{end}", "QUJD".repeat(20));
        let held = format!("{}{held}", "ABC".repeat(20));
        assert_eq!(told(JSON, format!("\"{text}\"")), one("$", &held), "{text}");
    }
}

#[test]
fn values_without_files() {
    let short = "QUJD".repeat(16);
    for body in [
        "".to_owned(),
        " ".to_owned(),
        "17".to_owned(),
        format!("\"{short}\""),
        format!("\"data:a/b;base64,{short}\""),
        format!("\"{}.\"", "QUJD".repeat(17)),
        format!("\"{}\"", "words without punctuation are no file ".repeat(4)),
        format!("{{\"{LONG}\":1}}"),
        format!("\"{}\u{e4}\"", "QUJD".repeat(17)),
        format!("\"{}\\u00e4\"", "QUJD".repeat(17)),
    ] {
        assert_eq!(told(JSON, &body), [], "{body}");
    }
}

#[test]
fn broken_json() {
    for body in [
        "{",
        "[",
        "\"",
        "\"\\",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "[1,",
        "]",
        "}",
        "[}",
        "{]",
        "{\"a\"}",
        "{a:1}",
        "{'a':1}",
        "[1,]",
        "{\"a\":1,}",
        "[,1]",
        "{,}",
        "[1 2]",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        ",",
        ":",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\\'\"",
        "[1]]",
        "/* */ 1",
        "[1,#\n2]",
        "\u{feff}\u{feff}1",
        "[\"a\"\"b\"]",
        "\0\"\0",
    ] {
        assert_eq!(read(JSON, body), Err(Unextractable::Json), "{body:?}");
    }
}

#[test]
fn depth_is_limited() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let limits = Limits {
        depth: 4,
        ..Limits::default()
    };
    let read = |depth| read_with(ALL, limits, JSON, nested(depth));
    assert_eq!(read(4), Ok(vec![]));
    assert_eq!(read(5), Err(Unextractable::TooDeep));
}

#[test]
fn names_are_cut() {
    let key = "\u{e4}".repeat(1000);
    let body = format!("{{\"{key}\":{{\"{key}\":\"{LONG}\"}}}}");
    let told = told(JSON, body);
    assert!(
        told[0].0.starts_with("$.\u{e4}\u{e4}") && told[0].0.len() <= crate::extract::NAME_BYTES
    );
}
