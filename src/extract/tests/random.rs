//! Compares each extractor with the library with which applications read such bodies. Native only.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use data_url::DataUrl;
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use serde_json::{Map, Value as Json};

use super::{ALL, Limits, Read, decoded, values};
use crate::extract::{Unextractable, VALUE_BYTES};

/// Reads in pieces of this length.
fn read(content_type: &str, body: &[u8], piece: usize) -> Read {
    let values = values(ALL, content_type, Limits::default(), body.chunks(piece))?;
    let told = values
        .into_iter()
        .map(|value| (value.name.clone(), decoded(body, &value, piece)));
    Ok(told.collect())
}

fn encode(bytes: &[u8], variant: u8) -> String {
    match variant % 4 {
        0 => STANDARD.encode(bytes),
        1 => STANDARD_NO_PAD.encode(bytes),
        2 => URL_SAFE.encode(bytes),
        _ => URL_SAFE_NO_PAD.encode(bytes),
    }
}

fn string() -> impl Strategy<Value = Json> {
    prop_oneof![
        (vec(any::<u8>(), 0..120), any::<u8>())
            .prop_map(|(bytes, variant)| Json::String(encode(&bytes, variant))),
        "[ -~\u{e4}\n]{0,100}"
            .prop_map(|text| Json::String(format!(".{}", text.replace(";base64,", "")))),
    ]
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        string(),
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        any::<i64>().prop_map(|n| Json::Number(n.into()))
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Json::Array),
            vec(("[a-z\"\\\\\u{e4}]{0,4}", inner), 0..5)
                .prop_map(|fields| Json::Object(Map::from_iter(fields))),
        ]
    })
}

/// The Base64 strings in a JSON value that are long enough, and their paths.
fn expected(json: &Json, path: &str, found: &mut Vec<(String, Vec<u8>)>) {
    match json {
        Json::String(text) if text.len() as u64 > VALUE_BYTES && !text.starts_with('.') => {
            let bytes = [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD]
                .iter()
                .find_map(|engine| engine.decode(text).ok());
            found.push((path.to_owned(), bytes.expect("Base64")));
        }
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                expected(item, &format!("{path}[{index}]"), found);
            }
        }
        Json::Object(fields) => {
            for (key, value) in fields {
                expected(value, &format!("{path}.{key}"), found);
            }
        }
        _ => {}
    }
}

#[derive(Clone, PartialEq, Message)]
struct Upload {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(bytes = "vec", tag = "2")]
    content: Vec<u8>,
    #[prost(uint64, tag = "3")]
    size: u64,
    #[prost(message, repeated, tag = "4")]
    more: Vec<Upload>,
    #[prost(double, tag = "5")]
    weight: f64,
}

fn upload() -> impl Strategy<Value = Upload> {
    let flat = (
        "[a-z]{0,5}",
        vec(any::<u8>(), 0..100),
        any::<u64>(),
        any::<u8>(),
    )
        .prop_map(|(name, content, size, weight)| Upload {
            name,
            content,
            size,
            more: Vec::new(),
            weight: f64::from(weight),
        });
    flat.prop_recursive(3, 8, 3, |inner| {
        (inner.clone(), vec(inner, 0..3)).prop_map(|(mut upload, more)| {
            upload.more = more;
            upload
        })
    })
}

fn contents(upload: &Upload, found: &mut Vec<Vec<u8>>) {
    if upload.content.len() as u64 > VALUE_BYTES {
        found.push(upload.content.clone());
    }
    upload
        .more
        .iter()
        .for_each(|upload| contents(upload, found));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn json_as_serde_json_reads_it(json in json(), pretty in any::<bool>(), piece in 1_usize..200) {
        let body = match pretty {
            true => serde_json::to_vec_pretty(&json),
            false => serde_json::to_vec(&json),
        }.unwrap();
        let mut found = Vec::new();
        expected(&json, "$", &mut found);
        prop_assert_eq!(read("application/json", &body, piece), Ok(found));
    }

    #[test]
    fn what_serde_json_takes_is_taken(
        pieces in vec(prop::sample::select(vec!["{", "}", "[", "]", "\"", ":", ",", "a", "\"a\"", "\"a\":", "1", "true", " ", "\\", "\\u0041", "\\n", "-"]), 0..12),
        piece in 1_usize..20,
    ) {
        let body = pieces.concat();
        let ours = read("application/json", body.as_bytes(), piece);
        if serde_json::from_str::<Json>(&body).is_ok() {
            prop_assert_eq!(ours, Ok(vec![]), "{}", body);
        } else if let Err(error) = ours {
            prop_assert_eq!(error, Unextractable::Json, "{}", body);
        }
    }

    #[test]
    fn fields_as_the_url_crate_reads_them(
        pieces in vec(prop::sample::select(vec!["a", "b", ".", "%41", "%c3%a4", "%2", "%", "%zz", "+", "=", "&", ".aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.", "x=", "&y="]), 0..24),
        piece in 1_usize..200,
    ) {
        let body = pieces.concat();
        let fields = body.split('&').filter(|field| !field.is_empty());
        let long = fields.clone().map(|field| field.split_once('=').is_some_and(|(_, value)| value.len() as u64 > VALUE_BYTES));
        let theirs = url::form_urlencoded::parse(body.as_bytes()).zip(long).filter(|(_, long)| *long);
        let theirs: Vec<_> = theirs.map(|((name, value), _)| (name.into_owned(), value.into_owned())).collect();
        let ours = read("application/x-www-form-urlencoded", body.as_bytes(), piece).unwrap();
        let text = |(name, value): (String, Vec<u8>)| (name, String::from_utf8_lossy(&value).into_owned());
        // A Base64 field is reported twice.
        let ours: Vec<_> = ours.into_iter().map(text).filter(|field| theirs.contains(field)).collect();
        prop_assert_eq!(ours, theirs, "{}", body);
    }

    #[test]
    fn data_urls_as_their_crate_reads_them(bytes in vec(any::<u8>(), 60..120), parameter in prop::sample::select(vec!["", ";charset=utf-8", ";a=\"b\""]), piece in 1_usize..200) {
        let url = format!("data:image/png{parameter};base64,{}", STANDARD.encode(&bytes));
        let (theirs, _) = DataUrl::process(&url).unwrap().decode_to_vec().unwrap();
        let html = format!("<img src='{url}'>");
        prop_assert_eq!(read("text/html", html.as_bytes(), piece), Ok(vec![("data:0".to_owned(), theirs.clone())]));
        let json = serde_json::to_vec(&url).unwrap();
        prop_assert_eq!(read("application/json", &json, piece), Ok(vec![("$".to_owned(), theirs)]));
    }

    #[test]
    fn messages_as_prost_writes_them(uploads in vec(upload(), 0..4), piece in 1_usize..300) {
        let mut body = Vec::new();
        let mut found = Vec::new();
        for upload in &uploads {
            let message = upload.encode_to_vec();
            body.push(0);
            body.extend((message.len() as u32).to_be_bytes());
            body.extend(message);
            contents(upload, &mut found);
        }
        let told = read("application/grpc", &body, piece).unwrap();
        for content in found {
            prop_assert!(told.iter().any(|(_, told)| *told == content), "{:?}", uploads);
        }
    }

    #[test]
    fn pieces_make_no_difference(body in vec(any::<u8>(), 0..300), piece in 1_usize..50, kind in 0_usize..4) {
        let content_type = ["application/json", "text/html", "application/x-www-form-urlencoded", "application/grpc"][kind];
        prop_assert_eq!(read(content_type, &body, piece), read(content_type, &body, 1000));
    }
}
