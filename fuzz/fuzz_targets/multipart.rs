//! Any form in any pieces: no panic, the same parts as in one piece, ranges that fit together, and another parser that reads
//! what ours takes alike.
//!
//! The first byte says how many of the next bytes are lengths of pieces; the form follows, its boundary is `X`.
//!
//!     cargo +nightly fuzz run multipart -- -dict=fuzz/multipart.dict

#![no_main]

mod input;

use futures_util::{FutureExt, stream};
use icap_filter::multipart::{Ambiguous, Boundary, Layout, Parser, Part};
use input::Input;
use libfuzzer_sys::fuzz_target;

type Read = Result<(Vec<Part>, Layout), Ambiguous>;

fn parse<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Read {
    let boundary = Boundary::of(b"multipart/form-data; boundary=X");
    let mut parser = Parser::new(boundary.expect("a boundary").expect("a form"));
    let mut parts = Vec::new();
    for piece in pieces {
        parser.push(piece)?;
        parts.extend(std::iter::from_fn(|| parser.next_part()));
    }
    Ok((parts, parser.finish()?))
}

/// The bodies as multer reads them.
fn bodies(form: &[u8]) -> Result<Vec<Vec<u8>>, multer::Error> {
    let stream = stream::iter([Ok::<_, std::io::Error>(form.to_vec())]);
    let mut form = multer::Multipart::new(stream, "X");
    let read = async {
        let mut bodies = Vec::new();
        while let Some(field) = form.next_field().await? {
            bodies.push(field.bytes().await?.to_vec());
        }
        Ok(bodies)
    };
    read.now_or_never().expect("all bytes are there")
}

fuzz_target!(|data: &[u8]| {
    // A value of Content-Type: no panic.
    let _ = Boundary::of(data);
    let Some(input) = Input::of(data) else { return };
    let form = input.bytes;
    let whole = parse(std::iter::once(form));
    assert_eq!(parse(input.pieces()), whole);
    assert_eq!(parse(form.chunks(1)), whole);
    let Ok((parts, layout)) = whole else { return };
    let slice = |range: &std::ops::Range<u64>| &form[range.start as usize..range.end as usize];
    let mut end = layout.preamble.end;
    for part in &parts {
        assert_eq!(part.whole.start, end);
        assert!(slice(&part.whole).starts_with(b"--X"));
        assert!(part.whole.start < part.headers.start && part.headers.end + 2 == part.body.start);
        assert_eq!(part.body.end + 2, part.whole.end);
        end = part.whole.end;
    }
    assert_eq!(
        (layout.closing.start, layout.closing.end),
        (end, form.len() as u64)
    );
    let ours: Vec<&[u8]> = parts.iter().map(|part| slice(&part.body)).collect();
    assert_eq!(ours, bodies(form).expect("a form to others as well"));
});
