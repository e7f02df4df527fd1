use super::*;

fn message(flag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![flag];
    bytes.extend((content.len() as u32).to_be_bytes());
    bytes.extend(content);
    bytes
}

/// A message as it was read.
type Read = (Prefix, Vec<u8>);

/// The messages in a body that comes in pieces of `size` bytes, and how it ended.
fn read(body: &[u8], size: usize) -> (Vec<Read>, Result<(), Broken>) {
    let mut framer = Framer::default();
    let (mut whole, mut open) = (Vec::new(), None::<Read>);
    for mut bytes in body.chunks(size) {
        loop {
            match framer.next(&mut bytes) {
                Ok(None) => break,
                Ok(Some(Piece::Begins(prefix))) => {
                    assert!(open.is_none());
                    open = Some((prefix, Vec::new()));
                }
                Ok(Some(Piece::Content(content))) => open.as_mut().unwrap().1.extend(content),
                Ok(Some(Piece::Ends)) => whole.push(open.take().unwrap()),
                Err(broken) => return (whole, Err(broken)),
            }
        }
        assert!(bytes.is_empty());
    }
    assert_eq!(framer.is_between(), open.is_none() && framer.end().is_ok());
    (whole, framer.end())
}

fn sizes(body: &[u8]) -> impl Iterator<Item = usize> {
    (1..=body.len().max(1)).chain([usize::MAX])
}

#[test]
fn messages_come_out_as_they_went_in_however_the_bytes_come() {
    let contents: [(u8, &[u8]); 5] = [
        (0, b"hello"),
        (0, b""),
        (1, b"\x00\x00\x00\x00\x05"),
        (0, &[7; 300]),
        (1, b""),
    ];
    let body: Vec<u8> = contents.iter().flat_map(|(f, c)| message(*f, c)).collect();
    for size in sizes(&body) {
        let (messages, end) = read(&body, size);
        assert_eq!(end, Ok(()), "{size}");
        let found: Vec<(u8, &[u8])> = messages
            .iter()
            .map(|(prefix, content)| (u8::from(prefix.is_compressed), content.as_slice()))
            .collect();
        assert_eq!(found, contents, "{size}");
        let again: Vec<u8> = messages
            .iter()
            .flat_map(|(prefix, content)| [prefix.bytes(), content.clone()].concat())
            .collect();
        assert_eq!(again, body);
    }
    assert_eq!(read(b"", 1), (Vec::new(), Ok(())));
}

#[test]
fn a_body_that_ends_within_a_message_is_broken() {
    let body = [message(0, b"whole"), message(0, b"cut off")].concat();
    for len in 0..body.len() {
        let expected = match len {
            0 | 10 => Ok(()),
            _ => Err(Broken::Unfinished),
        };
        for size in [1, 3, len.max(1)] {
            assert_eq!(read(&body[..len], size).1, expected, "{len} {size}");
        }
    }
}

#[test]
fn an_unknown_flag_is_broken_and_what_came_before_is_whole() {
    for flag in 2..=255 {
        let body = [message(0, b"whole"), message(flag, b"x")].concat();
        for size in sizes(&body) {
            let (messages, end) = read(&body, size);
            assert_eq!(end, Err(Broken::Flag(flag)));
            assert_eq!(messages.len(), 1);
        }
    }
}
