//! Fields in gRPC messages.

use super::{ALL, Limits, read, read_with, test};
use crate::extract::Unextractable;

const GRPC: &str = "application/grpc";

/// A field of wire type 2.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut length = content.len();
    while length > 0x7f {
        field.push(length as u8 | 0x80);
        length >>= 7;
    }
    field.push(length as u8);
    [field, content.to_vec()].concat()
}

fn frame(message: &[u8]) -> Vec<u8> {
    [&[0][..], &(message.len() as u32).to_be_bytes(), message].concat()
}

fn named(names: &[(&str, &[u8])]) -> Vec<(String, Vec<u8>)> {
    names
        .iter()
        .map(|(name, content)| ((*name).to_owned(), content.to_vec()))
        .collect()
}

#[test]
fn fields_of_messages() {
    let file = [0xff_u8; 100];
    let short = field(3, &[0xff; 64]);
    let numbers = [
        &[0x08, 0x96, 0x01][..],
        &[0x11, 1, 2, 3, 4, 5, 6, 7, 8],
        &[0x1d, 1, 2, 3, 4],
    ]
    .concat();
    let flat = [numbers.clone(), short, field(2, &file), numbers].concat();
    let body = [frame(&flat), frame(b""), frame(&field(1, &file))].concat();
    assert_eq!(
        read(GRPC, body),
        Ok(named(&[("0:2", &file), ("2:1", &file)]))
    );
    assert_eq!(read(GRPC, b""), Ok(vec![]));
}

#[test]
fn messages_within_messages() {
    let file = [0xff_u8; 100];
    let inner = field(2, &file);
    let outer = field(1, &inner);
    let expected = named(&[("0:1.2", &file), ("0:1", &inner)]);
    assert_eq!(read(GRPC, frame(&outer)), Ok(expected));
}

#[test]
fn bytes_that_only_begin_like_a_message_are_reported_whole() {
    let file = [0xff_u8; 100];
    for end in [
        &b"\x00"[..],
        b"\x0f",
        b"\x0a",
        b"\x0a\x02x",
        b"\x08",
        b"\x08\x80",
        b"\x09\x01",
        b"\x0d",
        b"\x0b",
        &[0xff; 12],
    ] {
        let content = [field(2, &file), end.to_vec()].concat();
        let body = frame(&field(1, &content));
        assert_eq!(
            read(GRPC, &body),
            Ok(named(&[("0:1", &content)])),
            "{end:?}"
        );
        assert_eq!(
            read(GRPC, frame(&content)),
            Ok(named(&[("0", &content)])),
            "{end:?}"
        );
    }
}

#[test]
fn broken_grpc() {
    let body = frame(&field(1, &[0xff; 100]));
    for length in 1..body.len() {
        assert_eq!(
            read(GRPC, &body[..length]),
            Err(Unextractable::Grpc),
            "{length}"
        );
    }
    for flag in [1, 2, 0x80] {
        let mut compressed = body.clone();
        compressed[0] = flag;
        assert_eq!(read(GRPC, compressed), Err(Unextractable::Compressed));
    }
}

#[test]
fn depth_and_number_are_limited() {
    let mut nested = field(1, &[0xff; 65]);
    for _ in 0..3 {
        nested = field(1, &nested);
    }
    let limits = |depth, values| Limits {
        depth,
        values,
        ..Limits::default()
    };
    let read = |depth, values| {
        read_with(ALL, limits(depth, values), GRPC, frame(&nested)).map(|v| v.len())
    };
    assert_eq!(read(4, 4), Ok(4));
    assert_eq!(read(3, 4), Err(Unextractable::TooDeep));
    assert_eq!(read(4, 3), Err(Unextractable::TooMany));
}
