//! Parameters of header fields: accepted and malformed.

use super::*;
use crate::multipart::testing::test;

type Read = Result<Vec<(String, String, bool)>, Malformed>;

fn read(value: &str) -> (String, Read) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (first, parameters) = split(value.as_bytes());
    let parameters = parameters
        .map(|read| read.map(|p| (text(p.name), text(p.value), p.quoted)))
        .collect();
    (text(first), parameters)
}

#[test]
fn parameters_stand_behind_semicolons() {
    for (value, first, expected) in [
        ("a/b", "a/b", vec![]),
        ("a/b;", "a/b", vec![]),
        ("a/b ;; ; ", "a/b", vec![]),
        ("a/b;c=d", "a/b", vec![("c", "d", false)]),
        (
            "a/b; c=d; E=\"f;g\" ;h=i",
            "a/b",
            vec![("c", "d", false), ("E", "f;g", true), ("h", "i", false)],
        ),
        ("x; a=\"\"", "x", vec![("a", "", true)]),
        ("x; a=\"b\\c\"", "x", vec![("a", "b\\c", true)]),
    ] {
        let expected = expected
            .into_iter()
            .map(|(n, v, q)| (n.to_owned(), v.to_owned(), q))
            .collect();
        assert_eq!(read(value), (first.to_owned(), Ok(expected)), "{value:?}");
    }
}

#[test]
fn malformed_parameters() {
    for value in [
        "x; a",
        "x; a=",
        "x; =b",
        "x; a =b",
        "x; a= b",
        "x; a=b c=d",
        "x; a=b ; c=d",
        "x; a=\"b",
        "x; a=\"b\"c",
        "x; a=b\"c\"",
        "x; a=b/c",
        "x; a=b=c",
        "x; a=b,c=d",
        "x; a=\u{e4}",
        "x; a=b, y; c=d",
    ] {
        assert_eq!(read(value).1, Err(Malformed::Other), "{value:?}");
    }
    for value in ["x; a=\"b\\\"c\"", "x; a=\"\\\"", "x; a=\"b\\\\\""] {
        assert_eq!(read(value).1, Err(Malformed::EscapedQuote), "{value:?}");
    }
}
