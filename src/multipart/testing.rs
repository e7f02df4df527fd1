//! Test support: every form in the tests is parsed whole, byte by byte, and cut at every offset.

use super::{Ambiguous, Boundary, Layout, Parser, Part};

/// The test attribute of the platform.
#[cfg(not(target_arch = "wasm32"))]
pub(super) use core::prelude::v1::test;
#[cfg(target_arch = "wasm32")]
pub(super) use wasm_bindgen_test::wasm_bindgen_test as test;

/// The boundary of most forms in the tests.
pub(super) const X: &str = "multipart/form-data; boundary=X";

/// A form's parts and layout, or why the form is refused.
pub(super) type Read = Result<(Vec<Part>, Layout), Ambiguous>;

pub(super) fn boundary(content_type: &str) -> Boundary {
    let read = |of: fn(&[u8]) -> Result<Option<Boundary>, Ambiguous>| {
        of(content_type.as_bytes()).expect("no contradiction")
    };
    read(Boundary::of)
        .or_else(|| read(Boundary::of_related))
        .expect("a multipart")
}

/// Parses the pieces in order.
pub(super) fn in_pieces<'a>(
    boundary: &Boundary,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Read {
    let mut parser = Parser::new(boundary.clone());
    let mut parts = Vec::new();
    for piece in pieces {
        if let Err(ambiguous) = parser.push(piece) {
            assert_eq!(parser.push(b"more"), Err(ambiguous), "it stays refused");
            assert_eq!(parser.finish(), Err(ambiguous), "it stays refused");
            return Err(ambiguous);
        }
        parts.extend(std::iter::from_fn(|| parser.next_part()));
    }
    let layout = parser.finish()?;
    assert_eq!(layout.parts, parts.len());
    Ok((parts, layout))
}

/// Parses a body in all ways. The results must agree.
pub(super) fn read_as(content_type: &str, body: impl AsRef<[u8]>) -> Read {
    let body = body.as_ref();
    let boundary = boundary(content_type);
    let whole = in_pieces(&boundary, [body]);
    assert_eq!(in_pieces(&boundary, body.chunks(1)), whole, "byte by byte");
    for at in (0..=body.len()).filter(|_| body.len() < 2000) {
        let (one, two) = body.split_at(at);
        assert_eq!(in_pieces(&boundary, [one, two]), whole, "cut at {at}");
    }
    whole
}

/// [`read_as`] with the boundary `X`.
pub(super) fn read(body: impl AsRef<[u8]>) -> Read {
    read_as(X, body)
}

/// The parts of a form with the boundary `X`.
pub(super) fn parts(body: impl AsRef<[u8]>) -> Vec<Part> {
    read(body).expect("a form").0
}

/// Why a form is refused.
pub(super) fn refused(body: impl AsRef<[u8]>) -> Ambiguous {
    let body = body.as_ref();
    read(body).expect_err(&body.escape_ascii().to_string())
}

/// A form with one part, with these header lines, CRLF included.
pub(super) fn with_headers(lines: impl AsRef<[u8]>) -> Vec<u8> {
    [b"--X\r\n", lines.as_ref(), b"\r\ncontent\r\n--X--\r\n"].concat()
}
