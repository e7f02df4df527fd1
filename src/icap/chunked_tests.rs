//! Chunked bodies: accepted, broken, and at the limits.

use super::*;
use crate::icap::testing::{body, broken, broken_with, end, test, tr, tr_with, with_chunks};

#[test]
fn chunks_are_joined() {
    let seen = tr(with_chunks("5\r\nhello\r\n006\r\n world\r\n0\r\n\r\n"));
    assert_eq!(body(&seen), b"hello world");
    assert_eq!(end(&seen), (&Headers::new(), None));
}

#[test]
fn an_empty_body_is_only_an_end() {
    assert_eq!(tr(with_chunks("0\r\n\r\n")).len(), 2);
}

#[test]
fn data_may_look_like_chunks() {
    let seen = tr(with_chunks("7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n"));
    assert_eq!(body(&seen), b"\r\n0\r\n\r\n");
}

#[test]
fn a_body_slice_holds_all_available_bytes() {
    let mut input = Input::default();
    let mut decoder = ChunkDecoder::new(&Limits::default(), BodyKind::Message, false);
    input.push(b"100000\r\n".to_vec());
    assert_eq!(decoder.read(&mut input), Ok(None));
    input.push(vec![b'x'; 0xfffff]);
    assert_eq!(decoder.read(&mut input), Ok(Some(Piece::Data(0xfffff))));
    input.take(0xfffff);
    assert_eq!(decoder.read(&mut input), Ok(None));
    input.push(b"x\r\n0\r\n\r\n".to_vec());
    assert_eq!(decoder.read(&mut input), Ok(Some(Piece::Data(1))));
}

#[test]
fn bare_line_feeds_end_lines() {
    let seen = tr(with_chunks("A\n0123456789\na\r\n0123456789\n0\nX: y\n\n"));
    assert_eq!(body(&seen), b"01234567890123456789");
    assert_eq!(end(&seen).0.get("x"), Some(b"y".as_slice()));
}

#[test]
fn extensions_are_ignored() {
    let chunks = "3;a=b;c\r\nabc\r\n3 ; sig=\"x;y\"\r\ndef\r\n1\t\r\ng\r\n0; ieof\r\n\r\n";
    let seen = tr(with_chunks(chunks));
    assert_eq!(body(&seen), b"abcdefg");
    assert_eq!(end(&seen).1, None);
}

#[test]
fn use_original_body_counts_on_the_last_chunk_only() {
    for (chunks, expected) in [
        ("0; use-original-body=17\r\n\r\n", Some(17)),
        ("0;a=1 ; Use-Original-Body = \"17\" ;b\r\n\r\n", Some(17)),
        ("0;use-original-body=0\r\n\r\n", Some(0)),
        ("1; use-original-body=17\r\nx\r\n0\r\n\r\n", None),
        ("1; use-original-body=x\r\nx\r\n0\r\n\r\n", None),
        ("0; a=\"; use-original-body=17\"\r\n\r\n", None),
        ("0; use-original-body-not=17\r\n\r\n", None),
    ] {
        assert_eq!(end(&tr(with_chunks(chunks))).1, expected, "{chunks:?}");
    }
    for extension in [
        "use-original-body",
        "use-original-body=",
        "use-original-body=\"",
        "use-original-body=-1",
        "use-original-body=1x",
        "use-original-body=99999999999999999999",
        "use-original-body=1; use-original-body=1",
    ] {
        assert!(
            matches!(
                broken(with_chunks(format!("0;{extension}\r\n\r\n"))),
                IcapResponseError::UseOriginalBody { .. }
            ),
            "{extension:?}"
        );
    }
}

#[test]
fn trailers_are_kept() {
    let seen = tr(with_chunks(
        "1\r\nx\r\n0\r\nX-Digest: abc\r\nX-Fold: a\r\n\tb\r\n\r\n",
    ));
    let expected = Headers::from_iter([("X-Digest", "abc"), ("X-Fold", "a\nb")]);
    assert_eq!(end(&seen).0, &expected);
}

#[test]
fn broken_chunk_sizes() {
    for chunks in [
        "\r\n",
        "x\r\n",
        "-1\r\nx\r\n",
        "+1\r\nx\r\n",
        " 1\r\nx\r\n",
        "0x1\r\nx\r\n",
        "1 1\r\nx\r\n",
        "1 x\r\nx\r\n",
        ";a\r\n",
        "1;a\rb\r\nx\r\n",
    ] {
        assert!(
            matches!(
                broken(with_chunks(chunks)),
                IcapResponseError::ChunkSize { .. }
            ),
            "{chunks:?}"
        );
    }
}

#[test]
fn broken_chunk_ends() {
    for chunks in ["1\r\nxy", "1\r\nx0\r\n\r\n", "1\r\nx\rx", "2\r\nxyz\r\n"] {
        assert!(
            matches!(
                broken(with_chunks(chunks)),
                IcapResponseError::ChunkEnd { .. }
            ),
            "{chunks:?}"
        );
    }
}

#[test]
fn trailer_lines_that_are_no_fields_belong_to_the_field_before() {
    for line in ["no colon", " folds", "bad name: x", ": x"] {
        let seen = tr(with_chunks(format!(
            "0\r\n{line}\r\nA: b\r\n{line}\r\n\r\n"
        )));
        let value = format!("b\n{}", line.trim());
        assert_eq!(
            end(&seen).0,
            &Headers::from_iter([("A", value)]),
            "{line:?}"
        );
    }
}

fn over(limits: Limits, chunks: &str) -> (LimitKind, u64) {
    match broken_with(limits, with_chunks(chunks)) {
        IcapResponseError::Limit { what, limit } => (what, limit),
        other => panic!("{other:?}"),
    }
}

#[test]
fn chunk_lines_are_limited() {
    let limits = Limits {
        chunk_line_bytes: 10,
        ..Limits::default()
    };
    tr_with(limits, with_chunks("1;abcdef\r\nx\r\n0\r\n\r\n"));
    let expected = (LimitKind::ChunkLineBytes, 10);
    assert_eq!(over(limits, "1;abcdefg\r\nx\r\n0\r\n\r\n"), expected);
    assert_eq!(over(limits, "1;abcdefgh"), expected);
}

#[test]
fn chunk_sizes_are_limited() {
    let limits = Limits {
        chunk_size_digits: 4,
        ..Limits::default()
    };
    tr_with(limits, with_chunks("0001\r\nx\r\n0000\r\n\r\n"));
    let expected = (LimitKind::ChunkSizeDigits, 4);
    assert_eq!(over(limits, "00001\r\nx\r\n0\r\n\r\n"), expected);

    let unlimited = Limits {
        chunk_size_digits: 100,
        body_bytes: u64::MAX,
        ..Limits::default()
    };
    let expected = (LimitKind::ChunkSizeDigits, 16);
    assert_eq!(over(unlimited, "10000000000000000\r\n"), expected);
    let mut input = Input::default();
    input.push(b"ffffffffffffffff\r\nx".to_vec());
    let mut decoder = ChunkDecoder::new(&unlimited, BodyKind::Message, false);
    assert_eq!(decoder.read(&mut input), Ok(Some(Piece::Data(1))));
}

#[test]
fn the_body_is_limited() {
    let limits = Limits {
        body_bytes: 10,
        ..Limits::default()
    };
    tr_with(limits, with_chunks("5\r\nhello\r\n5\r\nhello\r\n0\r\n\r\n"));
    let expected = (LimitKind::BodyBytes, 10);
    assert_eq!(over(limits, "5\r\nhello\r\n6\r\n"), expected);
    assert_eq!(over(limits, "1\r\nx\r\nffffffffffffffff\r\n"), expected);
}

#[test]
fn trailers_are_limited() {
    let limits = Limits {
        trailer_bytes: 10,
        header_count: 1,
        ..Limits::default()
    };
    tr_with(limits, with_chunks("0\r\nA: bcd\r\n\r\n"));
    assert_eq!(
        over(limits, "0\r\nA: bcde\r\n\r\n"),
        (LimitKind::TrailerBytes, 10)
    );
    assert_eq!(
        over(limits, "0\r\nA: bcdefgh"),
        (LimitKind::TrailerBytes, 10)
    );
}
