//! Any body of any type in any pieces: no panic, the same values as in one piece, and each decoded alike in pieces.
//!
//! The first byte chooses the type, the second says how many of the next bytes are lengths of pieces; the body follows.
//!
//!     cargo +nightly fuzz run extract -- -dict=fuzz/extract.dict

#![no_main]

mod input;

use icap_filter::extract::{Decoder, Extractors, Limits, Unextractable, VALUE_BYTES, Value};
use input::Input;
use libfuzzer_sys::fuzz_target;

const TYPES: [&[u8]; 4] = [
    b"application/json",
    b"application/x-www-form-urlencoded",
    b"application/grpc",
    b"text/html",
];

const ALL: Extractors = Extractors {
    json_base64: true,
    data_url: true,
    urlencoded: true,
    grpc_bytes: true,
};

fn values<'a>(
    content_type: &[u8],
    pieces: impl Iterator<Item = &'a [u8]>,
) -> Result<Vec<Value>, Unextractable> {
    let limits = Limits {
        values: 20,
        bytes: 4096,
        depth: 8,
    };
    let mut extractor = ALL.extractor(content_type, limits).expect("an extractor");
    for piece in pieces {
        extractor.push(piece)?;
    }
    extractor.finish()?;
    Ok(std::iter::from_fn(|| extractor.next_value()).collect())
}

fn decoded<'a>(value: &Value, pieces: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut decoder = Decoder::new(value.encoding);
    let mut decoded = Vec::new();
    pieces.for_each(|piece| decoder.decode(piece, &mut decoded));
    decoder.finish(&mut decoded);
    decoded
}

fuzz_target!(|data: &[u8]| {
    let [kind, data @ ..] = data else {
        return;
    };
    let Some(input) = Input::of(data) else { return };
    let body = input.bytes;
    let content_type = TYPES[usize::from(*kind) % TYPES.len()];
    let whole = values(content_type, std::iter::once(body));
    assert_eq!(values(content_type, input.pieces()), whole);
    assert_eq!(values(content_type, body.chunks(1)), whole);
    for value in whole.unwrap_or_default() {
        let raw = &body[value.range.start as usize..value.range.end as usize];
        assert!(raw.len() as u64 > VALUE_BYTES);
        let whole = decoded(&value, std::iter::once(raw));
        assert!(whole.len() <= raw.len());
        assert_eq!(decoded(&value, input.pieces_of(raw)), whole);
    }
});
