//! Fields of urlencoded forms.

use super::{HELD, LONG, Limits, one, read_with, test, told};
use crate::extract::Extractors;

const TYPE: &str = "application/x-www-form-urlencoded";

#[test]
fn fields_are_reported() {
    let long = "a%26b+c%zz%4.".repeat(8);
    let held = "a&b c%zz%4.".repeat(8);
    for (body, name) in [
        (format!("x={long}"), "x"),
        (format!("a=b&x+%3d={long}&c"), "x ="),
        (format!("&&=&x={long}&"), "x"),
        (format!("={long}"), ""),
    ] {
        assert_eq!(told(TYPE, &body), one(name, &held), "{body}");
    }
    let equals = "=".repeat(70);
    let only = Extractors {
        urlencoded: true,
        ..Extractors::default()
    };
    let body = format!("x=.{equals}%");
    let read = read_with(only, Limits::default(), TYPE, body).unwrap();
    assert_eq!(read, [("x".to_owned(), format!(".{equals}%").into_bytes())]);
}

#[test]
fn base64_in_fields() {
    let escaped = LONG.replace('=', "%3D");
    for text in [LONG, &escaped] {
        let expected = [
            ("f".to_owned(), HELD.to_owned()),
            ("f".to_owned(), LONG.to_owned()),
        ];
        assert_eq!(told(TYPE, format!("a=1&f={text}&b=2")), expected);
    }
}

#[test]
fn data_urls_in_fields() {
    let body = format!(
        "f=data%3Aimage%2Fpng%3Bbase64%2C{}&g=1",
        LONG.replace('=', "%3d")
    );
    let only = Extractors {
        data_url: true,
        ..Extractors::default()
    };
    let read = read_with(only, Limits::default(), TYPE, &body).unwrap();
    assert_eq!(read, [("f".to_owned(), HELD.as_bytes().to_vec())]);
    let names = told(TYPE, &body).into_iter().map(|(_, content)| content);
    assert_eq!(
        names.collect::<Vec<_>>(),
        [HELD.to_owned(), format!("data:image/png;base64,{LONG}")]
    );
}

#[test]
fn short_fields_are_not_reported() {
    assert_eq!(
        told(TYPE, format!("a={}&b={}", "x.".repeat(32), "y".repeat(64))),
        []
    );
    assert_eq!(told(TYPE, ""), []);
    assert_eq!(
        told(
            TYPE,
            "no field at all, but long enough to be one if only there were that sign"
        ),
        []
    );
}
