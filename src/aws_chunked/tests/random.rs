//! Properties over random bodies, compared with another reader of chunks. Native only.

use httparse::Status;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{UNSIGNED, framing, in_pieces};

/// Reads the content as HTTP chunks, of which S3's are a kind. Skips extensions and trailers.
fn theirs(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    loop {
        let Ok(Status::Complete((start, size))) = httparse::parse_chunk_size(body) else {
            return None;
        };
        body = body.get(start..)?;
        if size == 0 {
            return Some(content);
        }
        let (data, rest) = body.split_at_checked(usize::try_from(size).ok()?)?;
        content.extend(data);
        body = rest.strip_prefix(b"\r\n")?;
    }
}

/// A chunk with this content, signed or not.
fn chunk(content: &[u8], signed: bool) -> Vec<u8> {
    let signature = match signed {
        true => format!(";chunk-signature={}", "e4".repeat(32)),
        false => String::new(),
    };
    [
        format!("{:x}{signature}\r\n", content.len()).as_bytes(),
        content,
    ]
    .concat()
}

fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "1\r\n",
        "2\r\n",
        "a\r\n",
        "0\r\n",
        "\r\n",
        "\n",
        "\r",
        "x",
        "xy",
        "0\r\n\r\n",
        "1;a=b\r\n",
        "01\r\n",
        " ",
        "1\r\nx\r\n",
        "2\r\nxy\r\n",
        "A\r\n0123456789\r\n",
        "x-amz-a:b\r\n",
        "x-amz-a:b\n",
        "other:b\r\n",
        "1\nx\n",
    ]);
    vec(piece, 0..10).prop_map(|pieces| pieces.concat().into_bytes())
}

fn payload(signed: bool) -> &'static str {
    match signed {
        true => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        false => UNSIGNED,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn hostile_bodies_are_refused_or_read_alike(body in hostile(), length in 0_u64..6) {
        if let Ok(content) = in_pieces(framing(UNSIGNED, length), [body.as_slice()]) {
            prop_assert_eq!(Some(content), theirs(&body), "{}", body.escape_ascii());
        }
    }

    #[test]
    fn what_was_written_is_read(
        chunks in vec(vec(any::<u8>(), 1..40), 0..6),
        signed in any::<bool>(),
        end in prop::sample::select(vec!["\r\n", "x-amz-a:b\r\n\r\n", "x-amz-a:b\n\r\n\r\n"]),
        pieces in 1_usize..50,
        byte in any::<prop::sample::Index>(),
        other in any::<u8>(),
    ) {
        let content = chunks.concat();
        let mut body: Vec<u8> = chunks.iter().flat_map(|c| [chunk(c, signed), b"\r\n".to_vec()].concat()).collect();
        body.extend(chunk(b"", signed));
        body.extend(end.as_bytes());
        let framing = framing(payload(signed), content.len() as u64);
        prop_assert_eq!(in_pieces(framing, body.chunks(pieces)), Ok(content.clone()));
        prop_assert_eq!(theirs(&body), Some(content));
        // With one byte changed, both readers still read the same, or ours refuses.
        let at = byte.index(body.len());
        body[at] = other;
        let whole = in_pieces(framing, [body.as_slice()]);
        prop_assert_eq!(in_pieces(framing, body.chunks(pieces)), whole.clone());
        if let Ok(content) = whole {
            prop_assert_eq!(Some(content), theirs(&body), "{}", body.escape_ascii());
        }
    }
}
