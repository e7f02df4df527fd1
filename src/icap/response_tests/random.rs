//! Properties over random input. Native only: they are slow in WebAssembly and find nothing more there.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::icap::testing::{Seen, body, drain, http, tr};
use crate::icap::{HttpHead, IcapResponseError, IcapResponseParser, LAST_CHUNK, Limits};
use crate::icap::{chunk_header, encode_request_head, encode_response_head};

/// Limits that random input can reach.
const SMALL: Limits = Limits {
    head_bytes: 200,
    icap_head_bytes: 300,
    icap_head_lines: 12,
    header_count: 4,
    header_name_bytes: 24,
    chunk_line_bytes: 40,
    chunk_size_digits: 4,
    trailer_bytes: 60,
    body_bytes: 200,
    leading_empty_lines: 2,
    interim_responses: 2,
};

fn parse<'a>(
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (Vec<Seen>, Option<IcapResponseError>, usize) {
    let mut parser = IcapResponseParser::new(SMALL);
    let mut seen = Vec::new();
    for piece in pieces {
        parser.push(piece.to_vec());
        if let Err(error) = drain(&mut parser, &mut seen) {
            return (seen, Some(error), 0);
        }
    }
    let leftover = parser.leftover();
    (seen, None, leftover)
}

/// Bytes that resemble an ICAP response.
fn near_response() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec![
            "ICAP/1.0 200 OK\r\n", "ICAP/1.0 204 No Content\r\n", "ICAP/1.0 100 Continue\r\n\r\n",
            "ICAP/1.0 206 Partial\n", "Encapsulated: null-body=0\r\n", "Encapsulated: res-body=0\r\n",
            "Encapsulated: res-hdr=0, res-body=19\r\n", "HTTP/1.1 200 OK\r\n\r\n", "Connection: close\r\n",
            "\r\n", "\n", "\r", " fold\r\n", "X: y\r\n", "5\r\nhello\r\n", "5\nhello\n", "0\r\n\r\n",
            "0; use-original-body=3\r\n\r\n", "0\r\nT: x\r\n\r\n", "f;ext=1\r\n",
        ]).prop_map(|s| s.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..20),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn token() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9-]{0,12}".prop_filter("not handled in a special way", |name| {
        !matches!(
            name.as_str(),
            "te" | "host" | "cookie" | "expect" | "trailer" | "upgrade"
        )
    })
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    vec(
        any::<u8>().prop_filter("a value byte", |b| !matches!(b, 0 | b'\r' | b'\n')),
        0..30,
    )
    .prop_map(|value| {
        let blank = |b: &u8| matches!(b, b' ' | b'\t');
        let start = value.iter().position(|b| !blank(b)).unwrap_or(value.len());
        let end = value
            .iter()
            .rposition(|b| !blank(b))
            .map_or(start, |i| i + 1);
        value[start..end].to_vec()
    })
}

fn chunked(chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    for chunk in chunks {
        chunk_header(chunk.len(), &mut out);
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(LAST_CHUNK);
    out
}

fn response(kind: &str, head: &[u8], chunks: &[Vec<u8>]) -> Vec<u8> {
    let start = format!(
        "ICAP/1.0 200 OK\r\nEncapsulated: {kind}-hdr=0, {kind}-body={}\r\n\r\n",
        head.len()
    );
    [start.as_bytes(), head, &chunked(chunks)].concat()
}

proptest! {
    #[test]
    fn splits_change_nothing(bytes in near_response(), splits in vec(1_usize..40, 0..40)) {
        let (whole, error, leftover) = parse(std::iter::once(bytes.as_slice()));
        let mut rest = bytes.as_slice();
        let mut pieces = Vec::new();
        for split in splits {
            let (piece, tail) = rest.split_at(split.min(rest.len()));
            pieces.push(piece);
            rest = tail;
        }
        pieces.push(rest);
        for (seen, other, behind) in [parse(pieces.into_iter()), parse(bytes.chunks(1))] {
            prop_assert_eq!(&seen, &whole);
            prop_assert_eq!(behind, leftover);
            prop_assert_eq!(
                other.as_ref().map(std::mem::discriminant),
                error.as_ref().map(std::mem::discriminant)
            );
        }
    }

    #[test]
    fn an_echoed_request_comes_back(
        method in "[A-Z]{1,8}",
        path in "/[!-~]{0,30}",
        further in vec((token(), value()), 0..8),
        chunks in vec(vec(any::<u8>(), 1..50), 0..5),
    ) {
        let pseudo = [(":method", &method), (":path", &path)];
        let pseudo = pseudo.map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec()));
        let given = further.iter().map(|(n, v)| (n.clone().into_bytes(), v.clone()));
        let map: Vec<_> = pseudo.into_iter().chain(given).collect();
        let head = encode_request_head(&map).unwrap();
        let seen = tr(response("req", &head, &chunks));
        let Some(HttpHead::Request(request)) = http(&seen) else {
            panic!("{seen:?}");
        };
        prop_assert_eq!(&request.method, &method);
        prop_assert_eq!(&request.target, path.as_bytes());
        let back: Vec<_> = request.headers.iter().map(|h| (h.name.clone(), h.value.clone())).collect();
        prop_assert_eq!(back, further);
        prop_assert_eq!(body(&seen), chunks.concat());
    }

    #[test]
    fn an_echoed_response_comes_back(
        status in 100_u16..600,
        further in vec((token(), value()), 0..8),
        chunks in vec(vec(any::<u8>(), 1..50), 0..5),
    ) {
        let start = (b":status".to_vec(), status.to_string().into_bytes());
        let given = further.iter().map(|(n, v)| (n.clone().into_bytes(), v.clone()));
        let map: Vec<_> = std::iter::once(start).chain(given).collect();
        let head = encode_response_head(&map).unwrap();
        let seen = tr(response("res", &head, &chunks));
        let Some(HttpHead::Response(response)) = http(&seen) else {
            panic!("{seen:?}");
        };
        prop_assert_eq!(response.status, status);
        prop_assert_eq!(response.headers.len(), further.len());
        prop_assert_eq!(body(&seen), chunks.concat());
    }
}
