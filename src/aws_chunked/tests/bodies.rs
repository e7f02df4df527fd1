//! Bodies as clients write them, and bodies that programs read in two ways.

use super::{Ambiguous, SIGNED, UNSIGNED, framing, in_pieces, read, test};
use crate::aws_chunked::{CHUNKS, TRAILER_BYTES};

fn signed(size: &str) -> String {
    format!("{size};chunk-signature={}\r\n", "0a".repeat(32))
}

#[test]
fn bodies_of_real_clients() {
    let content = b"hello".to_vec();
    // boto3
    let body = "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n";
    assert_eq!(read(UNSIGNED, 5, body), Ok(content.clone()));
    assert_eq!(
        read(UNSIGNED, 5, "5\r\nhello\r\n0\r\n\r\n"),
        Ok(content.clone())
    );
    // MinIO's client
    let body = "5\r\nhello\r\n0\r\nx-amz-checksum-crc32c:mnG7TA==\n\r\n\r\n";
    assert_eq!(read(UNSIGNED, 5, body), Ok(content.clone()));
    // Java's SDKs
    let body = format!(
        "{}hel\r\n{}lo\r\n{}\r\n",
        signed("3"),
        signed("2"),
        signed("0")
    );
    assert_eq!(read(SIGNED, 5, body), Ok(content.clone()));
    let body = format!(
        "{}hello\r\n{}x-amz-checksum-sha256:abc=\r\nx-amz-trailer-signature:{}\r\n\r\n",
        signed("5"),
        signed("0"),
        "0a".repeat(32)
    );
    let with_trailer = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
    assert_eq!(read(with_trailer, 5, body), Ok(content.clone()));
    let signature = format!("{}****", "0A".repeat(70));
    let body =
        format!("5;chunk-signature={signature}\r\nhello\r\n0;chunk-signature={signature}\r\n\r\n");
    assert_eq!(
        read("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", 5, body),
        Ok(content)
    );
}

#[test]
fn content_may_look_like_chunks() {
    let body = "A\r\n\r\n0\r\n\r\n5\r\n\r\nB\r\n5\r\nhello\r\n0\r\n0\r\n\r\n";
    assert_eq!(
        read(UNSIGNED, 21, body),
        Ok(b"\r\n0\r\n\r\n5\r\n5\r\nhello\r\n0".to_vec())
    );
    assert_eq!(read(UNSIGNED, 0, "0\r\n\r\n"), Ok(vec![]));
}

#[test]
fn broken_chunks() {
    use Ambiguous::*;
    for (body, expected) in [
        ("\r\n5\r\nhello\r\n0\r\n\r\n", ChunkLine),
        ("05\r\nhello\r\n0\r\n\r\n", ChunkLine),
        ("0x5\r\nhello\r\n0\r\n\r\n", ChunkLine),
        ("+5\r\nhello\r\n0\r\n\r\n", ChunkLine),
        (" 5\r\nhello\r\n0\r\n\r\n", ChunkLine),
        ("5 \r\nhello\r\n0\r\n\r\n", ChunkLine),
        ("5\nhello\r\n0\r\n\r\n", ChunkLine),
        ("5\r\r\nhello\r\n0\r\n\r\n", ChunkLine),
        ("5;\r\nhello\r\n0\r\n\r\n", ChunkLine),
        ("5;a=b\r\nhello\r\n0\r\n\r\n", ChunkLine),
        ("10000000000000005\r\nhello\r\n0\r\n\r\n", ChunkLine),
        ("5\r\nhello\r\n00\r\n\r\n", ChunkLine),
        ("5\r\nhello\n0\r\n\r\n", ChunkEnd),
        ("5\r\nhello0\r\n\r\n", ChunkEnd),
        ("5\r\nhello \r\n0\r\n\r\n", ChunkEnd),
        ("4\r\nhello\r\n0\r\n\r\n", ChunkEnd),
        ("6\r\nhello\r\n0\r\n\r\n", Length),
        ("ffffffffffffffff\r\nhello\r\n0\r\n\r\n", Length),
        ("4\r\nhell\r\nffffffffffffffff\r\n", Length),
        ("4\r\nhell\r\n0\r\n\r\n", Length),
        ("0\r\n\r\n5\r\nhello\r\n0\r\n\r\n", Length),
        ("5\r\nhello\r\n1\r\nx\r\n0\r\n\r\n", Length),
        ("5\r\nhello\r\n0\r\n\r\n5\r\nhello\r\n0\r\n\r\n", AfterEnd),
        ("5\r\nhello\r\n0\r\n\r\n\r\n\r\n", AfterEnd),
        ("5\r\nhello\r\n0\r\n\r\nx-amz-a:b\r\n\r\n", AfterEnd),
        ("5\r\nhello\r\n0\r\nx-amz-a:b\r\n\r\nx", AfterEnd),
        ("5\r\nhello\r\n0\r\n5\r\nhello\r\n0\r\n\r\n", Trailer),
        ("5\r\nhello\r\n0\r\nno colon\r\n\r\n", Trailer),
        ("5\r\nhello\r\n0\r\nother: b\r\n\r\n", Trailer),
        ("5\r\nhello\r\n0\r\nx-amz-a\r: b\r\n\r\n", Trailer),
        ("5\r\nhello\r\n0\r\nx-amz-a: \0\r\n\r\n", Trailer),
        ("5\r\nhello\r\n0\r\nx-amz-a: b\r\r\n\r\n", Trailer),
        ("5\r\nhello\r\n0\r\n\n", Trailer),
        ("5\r\nhello\r\n0\r\n\r", NoEnd),
        ("5\r\nhello\r\n0\r\n\r\n\r", NoEnd),
        ("5\r\nhello\r\n0\r\n", NoEnd),
        ("5\r\nhello\r\n0", NoEnd),
        ("5\r\nhello\r\n", NoEnd),
        ("5\r\nhello", NoEnd),
        ("5\r\nhell", NoEnd),
        ("5", NoEnd),
        ("", NoEnd),
    ] {
        assert_eq!(read(UNSIGNED, 5, body), Err(expected), "{body:?}");
    }
}

#[test]
fn signatures_are_where_the_payload_has_them() {
    let body = |line: &str| format!("{line}hello\r\n{}\r\n", signed("0"));
    let signature = "0a".repeat(32);
    assert!(read(SIGNED, 5, body(&signed("5"))).is_ok());
    for line in [
        "5\r\n".to_owned(),
        "5;chunk-signature=\r\n".to_owned(),
        format!("5;chunk-signature={signature}0\r\n"),
        format!("5;chunk-signature={}\r\n", &signature.replace('a', "g")),
        format!("5; chunk-signature={signature}\r\n"),
        format!("5;Chunk-Signature={signature}\r\n"),
        format!("5;chunk-signature={signature};a=b\r\n"),
        format!("5;a=b;chunk-signature={signature}\r\n"),
    ] {
        assert_eq!(
            read(SIGNED, 5, body(&line)),
            Err(Ambiguous::ChunkLine),
            "{line:?}"
        );
    }
    let unsigned_end = format!("{}hello\r\n0\r\n\r\n", signed("5"));
    assert_eq!(read(SIGNED, 5, unsigned_end), Err(Ambiguous::ChunkLine));
    let with_trailer = format!("{}hello\r\n{}x-amz-a:b\r\n\r\n", signed("5"), signed("0"));
    assert_eq!(read(SIGNED, 5, with_trailer), Err(Ambiguous::Trailer));
    let two_ends = format!("{}hello\r\n{}\r\n\r\n", signed("5"), signed("0"));
    assert_eq!(read(SIGNED, 5, two_ends), Err(Ambiguous::AfterEnd));
}

#[test]
fn lines_and_trailers_are_limited() {
    assert_eq!(
        read(UNSIGNED, 5, "f".repeat(1000)),
        Err(Ambiguous::ChunkLineTooLong)
    );
    let rest = "x-amz-a:\r\n\r\n".len();
    let body = |length: usize| format!("0\r\nx-amz-a:{}\r\n\r\n", "x".repeat(length - rest));
    assert_eq!(read(UNSIGNED, 0, body(TRAILER_BYTES)), Ok(vec![]));
    assert_eq!(
        read(UNSIGNED, 0, body(TRAILER_BYTES + 1)),
        Err(Ambiguous::TrailerTooLong)
    );
}

#[test]
fn chunks_are_limited() {
    let chunks = |n: usize| format!("{}0\r\n\r\n", "1\r\nx\r\n".repeat(n));
    let read = |n: usize| {
        let body = chunks(n);
        in_pieces(
            framing(UNSIGNED, n as u64),
            body.as_bytes().chunks(64 * 1024),
        )
        .map(|content| content.len())
    };
    assert_eq!(read(CHUNKS - 1), Ok(CHUNKS - 1));
    assert_eq!(read(CHUNKS), Err(Ambiguous::TooManyChunks));
}

#[test]
fn content_is_given_as_it_comes() {
    let mut deframer = crate::aws_chunked::Deframer::new(framing(UNSIGNED, 5));
    deframer.push(b"5\r\nhe").unwrap();
    deframer.push(b"l").unwrap();
    assert_eq!(deframer.next_content(), Some(3..6));
    assert_eq!(deframer.next_content(), None);
    deframer.push(b"lo\r\n0\r\n").unwrap();
    assert_eq!(deframer.next_content(), Some(6..8));
}
