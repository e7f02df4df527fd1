//! Any bytes as gzip, deflate or zstd: no panic, progress with every call, and decoded alike in pieces.
//!
//! The first byte chooses the coding, the second is the length of the pieces; the content follows.
//!
//!     cargo +nightly fuzz run content_encoding

#![no_main]

use icap_filter::content_encoding::{Coding, Decoder, Undecodable};
use libfuzzer_sys::fuzz_target;

/// The most that is decoded, in bytes: the rest of a bomb says nothing new.
const ENOUGH: usize = 4 * 1024 * 1024;

fn decode<'a>(
    coding: Coding,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> Result<Vec<u8>, Undecodable> {
    let mut decoder = Decoder::new(coding);
    let mut decoded = Vec::new();
    for mut piece in pieces {
        loop {
            let before = decoded.len();
            let step = decoder.decode(piece, &mut decoded)?;
            assert!(decoded.len() - before <= 64 * 1024);
            if decoded.len() > ENOUGH {
                decoded.truncate(ENOUGH);
                return Ok(decoded);
            }
            piece = &piece[step.taken..];
            if piece.is_empty() && !step.has_more {
                break;
            }
            assert!(step.taken > 0 || step.has_more || decoded.len() > before);
        }
    }
    decoder.finish()?;
    Ok(decoded)
}

fuzz_target!(|data: &[u8]| {
    let [kind, length, content @ ..] = data else {
        return;
    };
    let coding = match kind % 3 {
        0 => Coding::Gzip,
        1 => Coding::Deflate,
        _ => Coding::Zstd,
    };
    let whole = decode(coding, std::iter::once(content));
    let length = usize::from(*length).max(1);
    let split = decode(coding, content.chunks(length));
    // What is wrong may be found before or after there was enough.
    if whole.as_ref().is_ok_and(|whole| whole.len() < ENOUGH) || split.is_ok() {
        assert_eq!(split, whole);
    }
});
