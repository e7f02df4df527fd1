//! Test support: every ICAP response in the tests is parsed three ways: whole, byte by byte, and with bytes behind
//! it.

use super::{
    Event, Headers, HttpHead, IcapResponseError, IcapResponseHead, IcapResponseParser, Limits,
};

/// The test attribute of the platform.
#[cfg(not(target_arch = "wasm32"))]
pub(super) use core::prelude::v1::test;
#[cfg(target_arch = "wasm32")]
pub(super) use wasm_bindgen_test::wasm_bindgen_test as test;

/// Bytes of another ICAP response, or of none.
pub(super) const BEHIND: &[u8] = b"ICAP/1.0 404 X\r\n\r\n0";

/// An event that owns its bytes; adjacent `Body` events are one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Continue,
    Head(IcapResponseHead),
    Http(HttpHead),
    Body(Vec<u8>),
    IcapTrailers(Headers),
    End(Headers, Option<u64>),
}

/// Polls until there is nothing more.
pub(super) fn drain(
    parser: &mut IcapResponseParser,
    seen: &mut Vec<Seen>,
) -> Result<(), IcapResponseError> {
    while let Some(event) = parser.poll()? {
        match event {
            Event::Continue => seen.push(Seen::Continue),
            Event::Head(head) => seen.push(Seen::Head(head)),
            Event::Http(head) => seen.push(Seen::Http(head)),
            Event::Body(bytes) => {
                assert!(!bytes.is_empty());
                match seen.last_mut() {
                    Some(Seen::Body(body)) => body.extend_from_slice(bytes),
                    _ => seen.push(Seen::Body(bytes.to_vec())),
                }
            }
            Event::End {
                trailers,
                icap_trailers,
                use_original_body,
            } => {
                if !icap_trailers.is_empty() {
                    seen.push(Seen::IcapTrailers(icap_trailers));
                }
                seen.push(Seen::End(trailers, use_original_body));
            }
        }
    }
    Ok(())
}

/// The events of a complete ICAP response.
pub(super) fn tr(response: impl AsRef<[u8]>) -> Vec<Seen> {
    tr_with(Limits::default(), response)
}

/// [`tr`] within limits.
pub(super) fn tr_with(limits: Limits, response: impl AsRef<[u8]>) -> Vec<Seen> {
    tr_in(|| IcapResponseParser::new(limits), response)
}

/// [`tr`] with a parser that `new` makes.
pub(super) fn tr_in(new: impl Fn() -> IcapResponseParser, response: impl AsRef<[u8]>) -> Vec<Seen> {
    let response = response.as_ref();
    let mut parser = new();
    let mut whole = Vec::new();
    parser.push(response.to_vec());
    drain(&mut parser, &mut whole).expect("the whole ICAP response");
    assert!(matches!(whole.last(), Some(Seen::End(..))), "{whole:?}");
    assert_eq!(parser.leftover(), 0);
    assert_eq!(parser.received(), response.len() as u64);
    assert_eq!(parser.end_of_input(), Ok(()));

    let mut parser = new();
    let mut bytewise = Vec::new();
    for byte in response {
        assert!(!matches!(bytewise.last(), Some(Seen::End(..))));
        assert!(matches!(
            parser.end_of_input(),
            Err(IcapResponseError::Closed { .. })
        ));
        parser.push(vec![*byte]);
        drain(&mut parser, &mut bytewise).expect("byte by byte");
    }
    assert_eq!(bytewise, whole, "byte by byte");
    assert_eq!(parser.end_of_input(), Ok(()));
    assert_eq!(parser.leftover(), 0);

    let mut parser = new();
    let mut behind = Vec::new();
    parser.push([response, BEHIND].concat());
    drain(&mut parser, &mut behind).expect("with bytes behind");
    assert_eq!(behind, whole, "with bytes behind");
    assert_eq!(parser.leftover(), BEHIND.len());
    parser.push(vec![b'x']);
    assert_eq!(parser.poll(), Ok(None));
    assert_eq!(parser.leftover(), BEHIND.len() + 1);
    whole
}

/// The error of a broken ICAP response. The parser must report it without more bytes.
pub(super) fn broken(response: impl AsRef<[u8]>) -> IcapResponseError {
    broken_with(Limits::default(), response)
}

/// [`broken`] within limits.
pub(super) fn broken_with(limits: Limits, response: impl AsRef<[u8]>) -> IcapResponseError {
    let response = response.as_ref();
    let mut parser = IcapResponseParser::new(limits);
    let mut whole = Vec::new();
    parser.push(response.to_vec());
    let error = drain(&mut parser, &mut whole).expect_err("the whole ICAP response is broken");
    assert_eq!(parser.poll(), Err(error.clone()), "an error is final");
    assert_eq!(parser.end_of_input(), Err(error.clone()));
    parser.push(b"ICAP/1.0 204 OK\r\n\r\n".to_vec());
    assert_eq!(parser.poll(), Err(error.clone()), "an error is final");

    for bytes in [response.to_vec(), [response, BEHIND].concat()] {
        let mut parser = IcapResponseParser::new(limits);
        let mut bytewise = Vec::new();
        let result = bytes.into_iter().try_for_each(|byte| {
            parser.push(vec![byte]);
            drain(&mut parser, &mut bytewise)
        });
        let other = result.expect_err("byte by byte it is broken too");
        assert_eq!(
            std::mem::discriminant(&other),
            std::mem::discriminant(&error)
        );
        assert_eq!(bytewise, whole);
    }
    error
}

/// What the parser still expects after the beginning of an ICAP response.
pub(super) fn unfinished(response: impl AsRef<[u8]>) -> &'static str {
    let mut parser = IcapResponseParser::new(Limits::default());
    let mut seen = Vec::new();
    parser.push(response.as_ref().to_vec());
    drain(&mut parser, &mut seen).expect("not broken");
    match parser.end_of_input() {
        Err(IcapResponseError::Closed { expected }) => expected,
        other => panic!("{other:?} after {seen:?}"),
    }
}

/// A 200 with this `Encapsulated` value and these bytes behind the head.
pub(super) fn ok(encapsulated: &str, rest: impl AsRef<[u8]>) -> Vec<u8> {
    let head = format!("ICAP/1.0 200 OK\r\nEncapsulated: {encapsulated}\r\n\r\n");
    [head.as_bytes(), rest.as_ref()].concat()
}

/// A 200 with an HTTP response head and a body in chunks.
pub(super) fn with_chunks(chunks: impl AsRef<[u8]>) -> Vec<u8> {
    ok("res-body=0", chunks)
}

/// The decoded body among the events.
pub(super) fn body(seen: &[Seen]) -> Vec<u8> {
    let bodies = seen.iter().filter_map(|event| match event {
        Seen::Body(bytes) => Some(bytes.as_slice()),
        _ => None,
    });
    bodies.collect::<Vec<_>>().concat()
}

/// The ICAP head among the events.
pub(super) fn head(seen: &[Seen]) -> &IcapResponseHead {
    let head = seen.iter().find_map(|event| match event {
        Seen::Head(head) => Some(head),
        _ => None,
    });
    head.expect("a head")
}

/// The HTTP head among the events.
pub(super) fn http(seen: &[Seen]) -> Option<&HttpHead> {
    seen.iter().find_map(|event| match event {
        Seen::Http(head) => Some(head),
        _ => None,
    })
}

/// The trailers and `use-original-body` at the end.
pub(super) fn end(seen: &[Seen]) -> (&Headers, Option<u64>) {
    match seen.last() {
        Some(Seen::End(trailers, original)) => (trailers, *original),
        other => panic!("{other:?} is no end"),
    }
}
