//! Request headers that announce the framing, or contradict each other.

use super::*;
use crate::aws_chunked::tests::test;

fn of(
    content_encoding: Option<&str>,
    content_sha256: Option<&str>,
    decoded_length: Option<&str>,
) -> Result<Option<(Signature, bool, u64)>, Ambiguous> {
    let framing = Framing::of(Fields {
        content_encoding: content_encoding.map(str::as_bytes),
        content_sha256: content_sha256.map(str::as_bytes),
        decoded_length: decoded_length.map(str::as_bytes),
    });
    Ok(framing?.map(|f| (f.signature, f.trailer, f.decoded_length())))
}

#[test]
fn kinds_of_payloads() {
    for (payload, signature, trailer) in [
        ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", Signature::None, true),
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", Signature::Hmac, false),
        (
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
            Signature::Hmac,
            true,
        ),
        (
            "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
            Signature::Ecdsa,
            false,
        ),
        (
            "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER",
            Signature::Ecdsa,
            true,
        ),
    ] {
        // Java's first SDK sends no Content-Encoding.
        for encoding in [
            None,
            Some("aws-chunked"),
            Some("AWS-Chunked"),
            Some("aws-chunked, gzip"),
            Some("gzip,aws-chunked"),
            Some("gzip"),
        ] {
            let found = of(encoding, Some(payload), Some("17"));
            assert_eq!(
                found,
                Ok(Some((signature, trailer, 17))),
                "{payload} {encoding:?}"
            );
        }
    }
}

#[test]
fn requests_without_framing() {
    for (encoding, payload) in [
        (None, None),
        (Some("gzip"), None),
        (Some("aws-chunkedx"), None),
        (None, Some("UNSIGNED-PAYLOAD")),
        (
            None,
            Some("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ),
        (None, Some("STREAMING-AWS4-HMAC-SHA256-EVENTS")),
    ] {
        assert_eq!(
            of(encoding, payload, None),
            Ok(None),
            "{encoding:?} {payload:?}"
        );
    }
}

#[test]
fn headers_that_disagree() {
    use Ambiguous::*;
    const UNSIGNED: Option<&str> = Some("STREAMING-UNSIGNED-PAYLOAD-TRAILER");
    for (encoding, payload, length, expected) in [
        (Some("aws-chunked"), None, None, NotAnnounced),
        (Some("aws-chunked"), None, Some("1"), NotAnnounced),
        (
            Some("gzip, aws-chunked"),
            Some("UNSIGNED-PAYLOAD"),
            None,
            NotAnnounced,
        ),
        (
            Some("aws-chunked"),
            Some("STREAMING-AWS4-HMAC-SHA256-EVENTS"),
            None,
            NotAnnounced,
        ),
        (None, None, Some("1"), NotAnnounced),
        (None, Some("UNSIGNED-PAYLOAD"), Some("1"), NotAnnounced),
        (
            Some("aws-chunked, aws-chunked"),
            UNSIGNED,
            Some("1"),
            EncodedTwice,
        ),
        (
            Some("aws-chunked"),
            Some("STREAMING-UNSIGNED-PAYLOAD"),
            Some("1"),
            PayloadKind,
        ),
        (
            Some("aws-chunked"),
            Some("STREAMING-"),
            Some("1"),
            PayloadKind,
        ),
        (
            Some("aws-chunked"),
            Some("streaming-unsigned-payload-trailer"),
            Some("1"),
            PayloadKind,
        ),
        (
            Some("aws-chunked"),
            Some("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER-TRAILER"),
            Some("1"),
            PayloadKind,
        ),
        (
            None,
            Some("UNSIGNED-PAYLOAD,STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
            Some("1"),
            PayloadKind,
        ),
        (None, UNSIGNED, None, DecodedLength),
        (None, UNSIGNED, Some(""), DecodedLength),
        (None, UNSIGNED, Some("-1"), DecodedLength),
        (None, UNSIGNED, Some("+1"), DecodedLength),
        (None, UNSIGNED, Some("0x1"), DecodedLength),
        (None, UNSIGNED, Some("1,1"), DecodedLength),
        (None, UNSIGNED, Some("18446744073709551616"), DecodedLength),
    ] {
        assert_eq!(
            of(encoding, payload, length),
            Err(expected),
            "{encoding:?} {payload:?} {length:?}"
        );
    }
}
