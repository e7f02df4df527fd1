//! Base64 and quoted-printable, compared with other decoders.

use super::*;

#[cfg(not(target_arch = "wasm32"))]
use core::prelude::v1::test;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn in_pieces<'a>(
    encoding: TransferEncoding,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<u8>, Undecodable> {
    let mut decoder = Decoder::new(encoding);
    let mut decoded = Vec::new();
    for piece in pieces {
        let before = decoded.len();
        decoder.decode(piece, &mut decoded)?;
        assert!(decoded.len() - before <= piece.len() + 2);
    }
    decoder.finish()?;
    Ok(decoded)
}

/// Decodes whole, byte by byte, and cut at every offset.
fn decode(encoding: TransferEncoding, bytes: impl AsRef<[u8]>) -> Result<Vec<u8>, Undecodable> {
    let bytes = bytes.as_ref();
    let whole = in_pieces(encoding, [bytes]);
    assert_eq!(in_pieces(encoding, bytes.chunks(1)), whole);
    for at in 0..=bytes.len() {
        let (one, two) = bytes.split_at(at);
        assert_eq!(in_pieces(encoding, [one, two]), whole, "cut at {at}");
    }
    whole
}

#[test]
fn identity_changes_nothing() {
    let bytes: Vec<u8> = (0..=255).collect();
    assert_eq!(decode(TransferEncoding::Identity, &bytes), Ok(bytes));
}

#[test]
fn base64_in_lines() {
    for (text, expected) in [
        ("", ""),
        ("aGVsbG8=", "hello"),
        ("aGVs\r\nbG8=\r\n", "hello"),
        ("aG\nVsb\rG8\r\n=", "hello"),
        ("\r\nYQ==\r\n\r\n", "a"),
        ("YWI=", "ab"),
        ("YWJj", "abc"),
    ] {
        assert_eq!(
            decode(TransferEncoding::Base64, text),
            Ok(expected.into()),
            "{text:?}"
        );
    }
}

#[test]
fn broken_base64() {
    for text in [
        "aGVsbG8",
        "aGVsbG8==",
        "YQ",
        "YQ=",
        "Y",
        "=",
        "====",
        "YQ=a",
        "YQ==YQ==",
        "YWJj=",
        "YQ==\r\nYQ==",
        "YR==",
        "YWJ=",
        "aGVs bG8=",
        "aGVs\tbG8=",
        "aGVs-G8=",
        "aGVs_G8=",
        "aGVs.bG8=",
        "aGVsbG8=\0",
        "a\u{e4}Vs",
        "YQ\r\n=\r\n=x",
    ] {
        assert_eq!(
            decode(TransferEncoding::Base64, text),
            Err(Undecodable::Base64),
            "{text:?}"
        );
    }
}

#[test]
fn quoted_printable_text() {
    for (text, expected) in [
        ("", &b""[..]),
        ("hello", b"hello"),
        ("a=3D=00=FF=E2=82=AC", b"a=\0\xff\xe2\x82\xac"),
        ("a b\tc\r\n\r\nd", b"a b\tc\r\n\r\nd"),
        ("hel=\r\nlo =\r\n=20\r\n", b"hello  \r\n"),
        ("=\r\n=\r\n=3D", b"="),
    ] {
        assert_eq!(
            decode(TransferEncoding::QuotedPrintable, text),
            Ok(expected.to_vec()),
            "{text:?}"
        );
    }
}

#[test]
fn broken_quoted_printable() {
    for text in [
        "=", "=3", "=3d", "=3D=", "=G0", "=0G", "= \r\n", "=\n", "=\r", "=\rx", "a\nb", "a\rb",
        "a\r", "a \r\nb", "a\t\r\n", "a ", "\t", "\u{e4}", "\0", "\u{7f}", "==3D", "a=\r\n",
        "=\r\n",
    ] {
        let decoded = decode(TransferEncoding::QuotedPrintable, text);
        assert_eq!(decoded, Err(Undecodable::QuotedPrintable), "{text:?}");
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod random {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use quoted_printable::ParseMode;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn base64_is_what_the_crate_reads(bytes in vec(any::<u8>(), 0..60), line in 1_usize..80, piece in 1_usize..80) {
            let text = STANDARD.encode(&bytes);
            let lines: Vec<&[u8]> = text.as_bytes().chunks(line).collect();
            let text = lines.join(&b"\r\n"[..]);
            prop_assert_eq!(in_pieces(TransferEncoding::Base64, text.chunks(piece)), Ok(bytes));
        }

        #[test]
        fn any_text_is_base64_for_both_or_neither(text in "[Aa+/=BQg]{0,12}") {
            let ours = decode(TransferEncoding::Base64, &text).ok();
            prop_assert_eq!(ours, STANDARD.decode(&text).ok());
        }

        #[test]
        fn quoted_printable_is_what_the_crate_reads(text in vec(prop::sample::select(vec!["=", "3", "D", "d", "=3D", "=\r\n", " ", "\t", "\r\n", "x"]), 0..12)) {
            let text = text.concat();
            if let Ok(decoded) = decode(TransferEncoding::QuotedPrintable, &text) {
                prop_assert_eq!(Some(decoded), quoted_printable::decode(&text, ParseMode::Strict).ok(), "{:?}", text);
            }
        }

        #[test]
        fn what_the_crate_writes_is_read(bytes in vec(any::<u8>(), 0..200), piece in 1_usize..80) {
            let text = quoted_printable::encode(&bytes);
            let ours = in_pieces(TransferEncoding::QuotedPrintable, text.chunks(piece));
            prop_assert_eq!(ours.ok(), quoted_printable::decode(&text, ParseMode::Strict).ok());
        }
    }
}
