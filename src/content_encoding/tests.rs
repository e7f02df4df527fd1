//! Decodes whole, byte by byte and cut off, and compares with zlib-rs and libzstd.

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
        ("zstd", Said::Coded(Coding::Zstd)),
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
/// "hello" as zstd writes it.
const HELLO_ZSTD: &[u8] = b"\x28\xb5\x2f\xfd\x24\x05\x29\0\0hello\xa3\x6d\x9f\x88";

#[test]
fn no_bytes_are_an_empty_content_and_the_end_must_be_there() {
    for (coding, whole) in [(Coding::Gzip, HELLO), (Coding::Zstd, HELLO_ZSTD)] {
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
    for (coding, whole, checked) in [(Coding::Gzip, HELLO, 8), (Coding::Zstd, HELLO_ZSTD, 4)] {
        for at in whole.len() - checked..whole.len() {
            let mut wrong = whole.to_vec();
            wrong[at] ^= 1;
            assert_eq!(decode(coding, &wrong, 5), Err(Undecodable::Broken));
        }
    }
}

#[test]
fn a_length_in_the_head_counts() {
    for length in [4, 6] {
        let mut wrong = HELLO_ZSTD.to_vec();
        wrong[5] = length;
        assert_eq!(decode(Coding::Zstd, &wrong, 5), Err(Undecodable::Broken));
    }
}

#[test]
fn frames_that_zstd_skips_are_no_content() {
    for skipped in [
        &b"\x5a\x2a\x4d\x18\x03\0\0\0abc"[..],
        b"\x50\x2a\x4d\x18\0\0\0\0",
    ] {
        for step in [1, 4, 100] {
            let around = [skipped, HELLO_ZSTD, skipped].concat();
            assert_eq!(decode(Coding::Zstd, &around, step), Ok(b"hello".to_vec()));
            let cut = decode(Coding::Zstd, &around[..around.len() - 1], step);
            assert_eq!(cut, Err(Undecodable::CutOff));
        }
    }
}

/// libzstd refuses such a block too.
#[test]
fn a_block_has_no_more_literals_than_a_block_may_give() {
    let head = b"\x28\xb5\x2f\xfd\0\x50";
    // 131,072 times one byte, and 131,073 times; no sequences.
    for (literals, wanted) in [
        (b"\x0d\x00\x20a", Ok(vec![b'a'; 128 * 1024])),
        (b"\x1d\x00\x20a", Err(Undecodable::Broken)),
    ] {
        let block = [&b"\x2d\0\0"[..], literals, b"\0"].concat();
        let decoded = decode(Coding::Zstd, &[&head[..], &block].concat(), 7);
        assert!(decoded == wanted, "{:?}", decoded.map(|all| all.len()));
    }
}

#[test]
fn windows_are_bounded() {
    for (descriptor, wanted) in [
        // 8 MiB, and an eighth of it more.
        (0x68, Err(Undecodable::CutOff)),
        (0x69, Err(Undecodable::Window)),
        (0xff, Err(Undecodable::Window)),
    ] {
        let head = [0x28, 0xb5, 0x2f, 0xfd, 0, descriptor];
        assert_eq!(decode(Coding::Zstd, &head, 1), wanted, "{descriptor:x}");
    }
    let unknown_dictionary = [0x28, 0xb5, 0x2f, 0xfd, 0x21, 7, 5];
    let decoded = decode(Coding::Zstd, &unknown_dictionary, 1);
    assert_eq!(decoded, Err(Undecodable::Broken));
}

/// A block that repeats one byte is the shortest that gives the most.
#[test]
fn the_window_is_counted_as_it_fills() {
    let mut decoder = Decoder::new(Coding::Zstd);
    let mut decoded = Vec::new();
    let mut push = |mut bytes: &[u8]| {
        while !bytes.is_empty() {
            let step = decoder.decode(bytes, &mut decoded).unwrap();
            bytes = &bytes[step.taken..];
        }
        decoder.memory_bytes()
    };
    // A window of 1 MiB.
    assert_eq!(push(b"\x28\xb5\x2f\xfd\0\x50"), 0);
    let repeated = [2, 0, 0x10, b'a'];
    assert_eq!(push(&repeated), (1024 + 2 * 128) * 1024);
    for _ in 0..20 {
        push(&repeated);
    }
    assert_eq!(push(&repeated), (1024 + 2 * (1024 + 128)) * 1024);
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
        /// In one stream, with a checksum at its end.
        ZstdStream,
        /// With its length in the head.
        ZstdWhole,
    }

    const ALL: [Format; 5] = [
        Format::Gzip,
        Format::Zlib,
        Format::Raw,
        Format::ZstdStream,
        Format::ZstdWhole,
    ];

    impl Format {
        fn coding(self) -> Coding {
            match self {
                Self::Gzip => Coding::Gzip,
                Self::Zlib | Self::Raw => Coding::Deflate,
                Self::ZstdStream | Self::ZstdWhole => Coding::Zstd,
            }
        }

        fn encode(self, content: &[u8], level: u32) -> Vec<u8> {
            let level_of = Compression::new(level);
            let mut out = Vec::new();
            match self {
                Self::Gzip => GzEncoder::new(&mut out, level_of).write_all(content),
                Self::Zlib => ZlibEncoder::new(&mut out, level_of).write_all(content),
                Self::Raw => DeflateEncoder::new(&mut out, level_of).write_all(content),
                Self::ZstdStream => {
                    zstd::Encoder::new(&mut out, level as i32).and_then(|mut it| {
                        it.include_checksum(true)?;
                        it.write_all(content)?;
                        it.finish().map(|_| ())
                    })
                }
                Self::ZstdWhole => {
                    zstd::bulk::compress(content, level as i32).map(|coded| out = coded)
                }
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
                Self::ZstdStream | Self::ZstdWhole => {
                    zstd::Decoder::new(bytes).and_then(|mut it| it.read_to_end(&mut out))
                }
            };
            read.ok().map(|_| out)
        }
    }

    fn format() -> impl Strategy<Value = Format> {
        prop::sample::select(ALL.to_vec())
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
                for format in ALL {
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
                prop_assert!(ours == theirs || matches!(format, Format::Raw | Format::Zlib));
            }
        }
    }
}
