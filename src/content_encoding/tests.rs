//! Decodes whole, byte by byte and cut off, and compares with zlib-rs.

use super::{Coding, Decoder, Said, Undecodable};

#[test]
fn what_the_fields_say() {
    for (value, said) in [
        ("", Said::Plain),
        ("identity", Said::Plain),
        ("aws-chunked", Said::Plain),
        ("gzip", Said::Coded(Coding::Gzip)),
        (" X-GZIP ", Said::Coded(Coding::Gzip)),
        ("deflate", Said::Coded(Coding::Deflate)),
        ("aws-chunked, deflate", Said::Coded(Coding::Deflate)),
        ("identity,,gzip", Said::Coded(Coding::Gzip)),
        ("br", Said::Other),
        ("zstd", Said::Other),
        ("compress", Said::Other),
        ("gzip, gzip", Said::Other),
        ("deflate, br", Said::Other),
    ] {
        assert_eq!(Said::by(value.as_bytes()), said, "{value}");
    }
}

/// Decodes pieces of `step` bytes. No call may return more than 64 KiB.
fn decode(coding: Coding, bytes: &[u8], step: usize) -> Result<Vec<u8>, Undecodable> {
    let mut decoder = Decoder::new(coding);
    let (mut all, mut piece) = (Vec::new(), Vec::new());
    for mut part in bytes.chunks(step.max(1)) {
        loop {
            piece.clear();
            let told = decoder.decode(part, &mut piece)?;
            assert!(piece.len() <= 64 * 1024);
            all.extend_from_slice(&piece);
            part = &part[told.taken..];
            if !told.has_more && part.is_empty() {
                break;
            }
            let progress = told.has_more || told.taken > 0 || !piece.is_empty();
            assert!(progress, "{coding:?}");
        }
    }
    decoder.finish().map(|()| all)
}

/// "hello" as gzip writes it, with a file name.
const HELLO: &[u8] =
    b"\x1f\x8b\x08\x08\0\0\0\0\x02\x03h\0\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0";
#[test]
fn no_bytes_are_an_empty_content_and_the_end_must_be_there() {
    for (coding, whole) in [(Coding::Gzip, HELLO)] {
        assert_eq!(decode(coding, b"", 1), Ok(Vec::new()));
        for step in [1, 3, whole.len()] {
            assert_eq!(decode(coding, whole, step), Ok(b"hello".to_vec()));
            let twice = [whole, whole].concat();
            assert_eq!(decode(coding, &twice, step), Ok(b"hellohello".to_vec()));
            for end in 1..whole.len() {
                let cut = decode(coding, &whole[..end], step);
                assert_eq!(cut, Err(Undecodable::CutOff), "{coding:?} {end}");
            }
            let followed = [whole, b"MZ"].concat();
            let followed = decode(coding, &followed, step);
            assert!(followed.is_err(), "{coding:?}");
        }
    }
    assert_eq!(decode(Coding::Deflate, b"", 1), Ok(Vec::new()));
    // A whole stream of two bytes.
    assert_eq!(decode(Coding::Deflate, b"\x03\0", 1), Ok(Vec::new()));
    let followed = decode(Coding::Deflate, b"\x03\0x", 1);
    assert_eq!(followed, Err(Undecodable::Trailing));
}

#[test]
fn a_checksum_counts() {
    for at in HELLO.len() - 8..HELLO.len() {
        let mut wrong = HELLO.to_vec();
        wrong[at] ^= 1;
        assert_eq!(decode(Coding::Gzip, &wrong, 5), Err(Undecodable::Broken));
    }
}

#[test]
fn heads_are_bounded() {
    let mut long = b"\x1f\x8b\x08\x08\0\0\0\0\x02\x03".to_vec();
    long.resize(200 * 1024, b'n');
    assert_eq!(decode(Coding::Gzip, &long, 4096), Err(Undecodable::Broken));
}

#[cfg(not(target_arch = "wasm32"))]
mod against_others {
    use std::io::{Read, Write};

    use flate2::Compression;
    use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use proptest::prelude::*;

    use super::{Coding, decode};

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Format {
        Gzip,
        Zlib,
        Raw,
    }

    impl Format {
        fn coding(self) -> Coding {
            match self {
                Self::Gzip => Coding::Gzip,
                Self::Zlib | Self::Raw => Coding::Deflate,
            }
        }

        fn encode(self, content: &[u8], level: u32) -> Vec<u8> {
            let level_of = Compression::new(level);
            let mut out = Vec::new();
            match self {
                Self::Gzip => GzEncoder::new(&mut out, level_of).write_all(content),
                Self::Zlib => ZlibEncoder::new(&mut out, level_of).write_all(content),
                Self::Raw => DeflateEncoder::new(&mut out, level_of).write_all(content),
            }
            .unwrap();
            out
        }

        fn decode(self, bytes: &[u8]) -> Option<Vec<u8>> {
            let mut out = Vec::new();
            let read = match self {
                Self::Gzip => MultiGzDecoder::new(bytes).read_to_end(&mut out),
                Self::Zlib => ZlibDecoder::new(bytes).read_to_end(&mut out),
                Self::Raw => DeflateDecoder::new(bytes).read_to_end(&mut out),
            };
            read.ok().map(|_| out)
        }
    }

    fn format() -> impl Strategy<Value = Format> {
        prop_oneof![Just(Format::Gzip), Just(Format::Zlib), Just(Format::Raw),]
    }

    /// Repeated words, as in text, longer than a piece.
    fn content() -> impl Strategy<Value = Vec<u8>> {
        let words = prop::collection::vec(prop::collection::vec(any::<u8>(), 1..12), 1..20);
        (
            words,
            prop::collection::vec(any::<prop::sample::Index>(), 0..200),
            1_usize..40,
        )
            .prop_map(|(words, order, times)| {
                let once: Vec<u8> = order.iter().flat_map(|at| at.get(&words).clone()).collect();
                once.repeat(times)
            })
    }

    #[test]
    fn pieces_and_blocks_that_are_just_full() {
        let content: Vec<u8> = (0..300_000_u32).map(|n| (n ^ (n >> 5)) as u8).collect();
        for edge in [64, 128, 256_usize] {
            for size in edge * 1024 - 1..=edge * 1024 + 1 {
                for format in [Format::Gzip, Format::Zlib, Format::Raw] {
                    for content in [&content[..size], &vec![7; size]] {
                        let coded = format.encode(content, 3);
                        for step in [65_536, coded.len()] {
                            let decoded = decode(format.coding(), &coded, step);
                            assert!(
                                decoded.as_deref() == Ok(content),
                                "{format:?} {size} {step}"
                            );
                        }
                    }
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

        #[test]
        fn what_others_encode_is_decoded(
            content in content(), format in format(), level in 1_u32..9, step in 50_usize..5000,
        ) {
            let coded = format.encode(&content, level);
            // Two bytes tell the formats of deflate apart.
            let is_told = format != Format::Raw || coded.len() < 2 || decode(Coding::Deflate, &coded, step).is_ok();
            prop_assume!(is_told);
            prop_assert!(decode(format.coding(), &coded, step) == Ok(content));
        }

        #[test]
        fn what_is_decoded_others_decode_alike(
            content in content(), format in format(), level in 1_u32..9, at in any::<prop::sample::Index>(),
            change in 1_u8..=255,
        ) {
            let mut coded = format.encode(&content, level);
            let at = at.index(coded.len());
            coded[at] ^= change;
            let whole = decode(format.coding(), &coded, coded.len());
            let split = decode(format.coding(), &coded, 77);
            prop_assert!(whole == split, "{:?} {:?}", whole.is_ok(), split.is_ok());
            if let (Ok(ours), Some(theirs)) = (whole, format.decode(&coded)) {
                prop_assert!(ours == theirs || format == Format::Raw || format == Format::Zlib);
            }
        }
    }
}
