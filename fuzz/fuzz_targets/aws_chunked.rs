//! Any S3 upload in any pieces: no panic, the same content as in one piece, and as much of it as announced.
//!
//! The first byte chooses the kind of payload, the second is the announced length, the third says how many of the next bytes
//! are lengths of pieces; the body follows.
//!
//!     cargo +nightly fuzz run aws_chunked -- -dict=fuzz/aws_chunked.dict

#![no_main]

mod input;

use icap_filter::aws_chunked::{Ambiguous, Deframer, Fields, Framing};
use input::Input;
use libfuzzer_sys::fuzz_target;

const PAYLOADS: [&str; 3] = [
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER",
];

fn content<'a>(
    framing: Framing,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> Result<Vec<u8>, Ambiguous> {
    let mut deframer = Deframer::new(framing);
    let (mut body, mut content) = (Vec::new(), Vec::new());
    for piece in pieces {
        body.extend(piece);
        deframer.push(piece)?;
        while let Some(range) = deframer.next_content() {
            content.extend(&body[range.start as usize..range.end as usize]);
        }
    }
    deframer.finish()?;
    Ok(content)
}

fuzz_target!(|data: &[u8]| {
    let [kind, length, data @ ..] = data else {
        return;
    };
    let Some(input) = Input::of(data) else { return };
    let body = input.bytes;
    let payload = PAYLOADS[usize::from(*kind) % PAYLOADS.len()];
    let framing = Framing::of(Fields {
        content_encoding: Some(b"aws-chunked"),
        content_sha256: Some(payload.as_bytes()),
        decoded_length: Some(length.to_string().as_bytes()),
    });
    let framing = framing.expect("no contradiction").expect("a framing");
    let whole = content(framing, std::iter::once(body));
    assert_eq!(content(framing, input.pieces()), whole);
    assert_eq!(content(framing, body.chunks(1)), whole);
    if let Ok(content) = whole {
        assert_eq!(content.len(), usize::from(*length));
    }
});
