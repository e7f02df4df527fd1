//! Every body in the tests is read whole, byte by byte, and cut at every offset.

mod bodies;
#[cfg(not(target_arch = "wasm32"))]
mod random;

use super::{Ambiguous, Deframer, Fields, Framing};

/// The test attribute of the platform.
#[cfg(not(target_arch = "wasm32"))]
pub(super) use core::prelude::v1::test;
#[cfg(target_arch = "wasm32")]
pub(super) use wasm_bindgen_test::wasm_bindgen_test as test;

const UNSIGNED: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
const SIGNED: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";

fn framing(payload: &str, length: u64) -> Framing {
    let framing = Framing::of(Fields {
        content_encoding: Some(b"aws-chunked"),
        content_sha256: Some(payload.as_bytes()),
        decoded_length: Some(length.to_string().as_bytes()),
    });
    framing.expect("no contradiction").expect("a framing")
}

/// The content of a body that arrives in these pieces.
fn in_pieces<'a>(
    framing: Framing,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<u8>, Ambiguous> {
    let mut deframer = Deframer::new(framing);
    let mut body = Vec::new();
    let mut content = Vec::new();
    for piece in pieces {
        body.extend(piece);
        if let Err(ambiguous) = deframer.push(piece) {
            assert_eq!(deframer.push(b"more"), Err(ambiguous), "it stays refused");
            assert_eq!(deframer.finish(), Err(ambiguous), "it stays refused");
            return Err(ambiguous);
        }
        while let Some(range) = deframer.next_content() {
            let range = body.get(range.start as usize..range.end as usize);
            content.extend(range.expect("a range of what has come"));
        }
    }
    deframer.finish()?;
    assert_eq!(content.len() as u64, framing.decoded_length());
    Ok(content)
}

/// The content of a body, read in all ways. The results must agree.
fn read(payload: &str, length: u64, body: impl AsRef<[u8]>) -> Result<Vec<u8>, Ambiguous> {
    let body = body.as_ref();
    let framing = framing(payload, length);
    let whole = in_pieces(framing, [body]);
    assert_eq!(in_pieces(framing, body.chunks(1)), whole, "byte by byte");
    for at in (0..=body.len()).filter(|_| body.len() < 2000) {
        let (one, two) = body.split_at(at);
        assert_eq!(in_pieces(framing, [one, two]), whole, "cut at {at}");
    }
    whole
}
