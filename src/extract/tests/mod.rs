//! Every body in the tests is read whole, byte by byte, and cut at every offset.

mod grpc;
mod json;
#[cfg(not(target_arch = "wasm32"))]
mod random;
mod text;
mod urlencoded;

use super::{Decoder, Extractors, Limits, Unextractable, Value};

/// The test attribute of the platform.
#[cfg(not(target_arch = "wasm32"))]
use core::prelude::v1::test;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const ALL: Extractors = Extractors {
    json_base64: true,
    data_url: true,
    urlencoded: true,
    grpc_bytes: true,
};

/// More than 64 bytes of Base64, and their content.
const LONG: &str =
    "QSBmaWxlIHRoYXQgaXMgbG9uZyBlbm91Z2ggdG8gYmUgd29ydGggYSB0cmFuc2FjdGlvbiBvZiBpdHMgb3duLg==";
const HELD: &str = "A file that is long enough to be worth a transaction of its own.";

type Read = Result<Vec<(String, Vec<u8>)>, Unextractable>;

fn values<'a>(
    wanted: Extractors,
    content_type: &str,
    limits: Limits,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<Value>, Unextractable> {
    let extractor = wanted.extractor(content_type.as_bytes(), limits);
    let mut extractor = extractor.expect("an extractor");
    let mut values = Vec::new();
    for piece in pieces {
        if let Err(refused) = extractor.push(piece) {
            assert_eq!(extractor.push(b"more"), Err(refused), "it stays refused");
            assert_eq!(extractor.finish(), Err(refused), "it stays refused");
            return Err(refused);
        }
        values.extend(std::iter::from_fn(|| extractor.next_value()));
    }
    extractor.finish()?;
    values.extend(std::iter::from_fn(|| extractor.next_value()));
    Ok(values)
}

/// The content of a value, decoded in pieces of this length.
fn decoded(body: &[u8], value: &Value, piece: usize) -> Vec<u8> {
    let raw = &body[value.range.start as usize..value.range.end as usize];
    let mut decoder = Decoder::new(value.encoding);
    let mut decoded = Vec::new();
    for piece in raw.chunks(piece) {
        let before = decoded.len();
        decoder.decode(piece, &mut decoded);
        assert!(decoded.len() - before <= piece.len() + 3);
    }
    decoder.finish(&mut decoded);
    decoded
}

/// Names and contents, read in all ways. The results must agree.
fn read_with(
    wanted: Extractors,
    limits: Limits,
    content_type: &str,
    body: impl AsRef<[u8]>,
) -> Read {
    let body = body.as_ref();
    let whole = values(wanted, content_type, limits, [body]);
    assert_eq!(
        values(wanted, content_type, limits, body.chunks(1)),
        whole,
        "byte by byte"
    );
    for at in (0..=body.len()).filter(|_| body.len() < 2000) {
        let (one, two) = body.split_at(at);
        assert_eq!(
            values(wanted, content_type, limits, [one, two]),
            whole,
            "cut at {at}"
        );
    }
    let told = whole?.into_iter().map(|value| {
        let content = decoded(body, &value, 4096);
        assert_eq!(decoded(body, &value, 1), content, "{value:?}");
        (value.name, content)
    });
    Ok(told.collect())
}

fn read(content_type: &str, body: impl AsRef<[u8]>) -> Read {
    read_with(ALL, Limits::default(), content_type, body)
}

/// Names and contents as texts.
fn told(content_type: &str, body: impl AsRef<[u8]>) -> Vec<(String, String)> {
    let text = |(name, content)| (name, String::from_utf8(content).expect("a text"));
    let read = read(content_type, body).expect("a body");
    read.into_iter().map(text).collect()
}

fn one(name: &str, content: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), content.to_owned())]
}

#[test]
fn types_choose_the_extractor() {
    let none = Extractors::default();
    let only = |f: fn(&mut Extractors)| {
        let mut wanted = none;
        f(&mut wanted);
        wanted
    };
    for (wanted, yes, no) in [
        (
            none,
            vec![],
            vec![
                "application/json",
                "text/html",
                "application/grpc",
                "application/x-www-form-urlencoded",
                "",
            ],
        ),
        (
            only(|w| w.json_base64 = true),
            vec![
                "application/json",
                "Application/JSON; charset=utf-8",
                "text/json",
                "application/vnd.a+json",
                "application/x-ndjson",
                "application/json-seq",
            ],
            vec![
                "application/grpc+json5",
                "text/html",
                "application/grpc",
                "application/jsonp",
                "",
            ],
        ),
        (
            only(|w| w.data_url = true),
            vec![
                "application/json",
                "text/html",
                "image/svg+xml",
                "application/x-www-form-urlencoded",
                "",
            ],
            vec!["application/grpc"],
        ),
        (
            only(|w| w.urlencoded = true),
            vec!["application/x-www-form-urlencoded"],
            vec!["application/json", "text/plain"],
        ),
        (
            only(|w| w.grpc_bytes = true),
            vec![
                "application/grpc",
                "application/grpc+proto",
                "application/grpc-web",
            ],
            vec![
                "application/grpc+json",
                "application/grpc-web-text",
                "text/plain",
            ],
        ),
    ] {
        for (types, expected) in [(yes, true), (no, false)] {
            for content_type in types {
                let extractor = wanted.extractor(content_type.as_bytes(), Limits::default());
                assert_eq!(extractor.is_some(), expected, "{content_type:?} {wanted:?}");
            }
        }
    }
}

#[test]
fn values_are_limited() {
    let body = format!("[\"{LONG}\",\"{LONG}\"]");
    let limits = |values, bytes| Limits {
        values,
        bytes,
        ..Limits::default()
    };
    let both = 2 * LONG.len() as u64;
    let read =
        |limits| read_with(ALL, limits, "application/json", &body).map(|values| values.len());
    assert_eq!(read(limits(2, both)), Ok(2));
    assert_eq!(read(limits(1, both)), Err(Unextractable::TooMany));
    assert_eq!(read(limits(2, both - 1)), Err(Unextractable::TooLong));
}
