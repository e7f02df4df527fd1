//! Any text in Base64 or quoted-printable: no panic, and decoded alike in pieces.
//!
//! The first byte chooses the encoding, the second is the length of the pieces; the text follows.
//!
//!     cargo +nightly fuzz run transfer_encoding

#![no_main]

use icap_filter::transfer_encoding::{Decoder, TransferEncoding, Undecodable};
use libfuzzer_sys::fuzz_target;

fn decode<'a>(
    encoding: TransferEncoding,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> Result<Vec<u8>, Undecodable> {
    let mut decoder = Decoder::new(encoding);
    let mut decoded = Vec::new();
    for piece in pieces {
        decoder.decode(piece, &mut decoded)?;
    }
    decoder.finish()?;
    Ok(decoded)
}

fuzz_target!(|data: &[u8]| {
    let [kind, length, text @ ..] = data else {
        return;
    };
    let encoding = match kind & 1 {
        0 => TransferEncoding::Base64,
        _ => TransferEncoding::QuotedPrintable,
    };
    let whole = decode(encoding, std::iter::once(text));
    let length = usize::from(*length).max(1);
    assert_eq!(decode(encoding, text.chunks(length)), whole);
    assert!(whole.unwrap_or_default().len() <= text.len());
});
