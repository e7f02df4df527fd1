//! The gRPC length prefix: finds it in the bytes that go to the server, and makes it for those that come back.

use std::ops::Range;

/// Bytes of a gRPC message prefix: one of flags, four of length, big-endian.
pub const PREFIX_BYTES: usize = 5;

/// The prefix for a message of that length in bytes. `None` where the length does not fit into 32 bits.
pub fn prefix(len: usize) -> Option<[u8; PREFIX_BYTES]> {
    let [a, b, c, d] = u32::try_from(len).ok()?.to_be_bytes();
    Some([0, a, b, c, d])
}

/// Where the payload stands in a piece of the outgoing stream.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// The ranges of bytes that are payload, in order.
    pub payload: Vec<Range<usize>>,
    /// The piece holds an empty message, by which the filter role asks to close the connection. Empty messages mean nothing
    /// else.
    pub close_soon: bool,
}

/// Finds the prefixes in a byte stream of gRPC messages, wherever the stream is cut into pieces.
///
/// ```text
///  Prefix { have } ──5 bytes──▶ Payload { left } ──left = 0──▶ Prefix { have: [] }
/// ```
#[derive(Debug)]
pub struct Deframer {
    state: State,
}

#[derive(Debug)]
enum State {
    Prefix { have: Vec<u8> },
    Payload { left: usize },
}

impl Default for Deframer {
    fn default() -> Self {
        Self {
            state: State::Prefix { have: Vec::new() },
        }
    }
}

impl Deframer {
    /// Takes the next `len` bytes. `read` appends the bytes of a range; the deframer reads prefixes only, so no payload is copied.
    ///
    /// # Errors
    /// The error of `read`.
    pub fn payload<E>(
        &mut self,
        len: usize,
        mut read: impl FnMut(Range<usize>, &mut Vec<u8>) -> Result<(), E>,
    ) -> Result<Outgoing, E> {
        let mut outgoing = Outgoing::default();
        let mut at = 0_usize;
        while at < len {
            let rest = len.saturating_sub(at);
            match &mut self.state {
                State::Prefix { have } => {
                    let take = PREFIX_BYTES.saturating_sub(have.len()).min(rest);
                    let end = at.saturating_add(take);
                    read(at..end, have)?;
                    at = end;
                    if let &[_, a, b, c, d] = have.as_slice() {
                        let left = u32::from_be_bytes([a, b, c, d]) as usize;
                        outgoing.close_soon |= left == 0;
                        self.state = State::Payload { left };
                    }
                }
                State::Payload { left: 0 } => self.state = State::Prefix { have: Vec::new() },
                State::Payload { left } => {
                    let take = rest.min(*left);
                    let end = at.saturating_add(take);
                    outgoing.payload.push(at..end);
                    *left = left.saturating_sub(take);
                    at = end;
                }
            }
        }
        Ok(outgoing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(messages: &[Vec<u8>]) -> Vec<u8> {
        let mut out = Vec::new();
        for message in messages {
            out.extend_from_slice(&prefix(message.len()).unwrap());
            out.extend_from_slice(message);
        }
        out
    }

    /// The payload of `bytes` cut into pieces of the sizes `cuts`, and the most bytes that were read at once.
    fn run(bytes: &[u8], cuts: &[usize]) -> (Vec<u8>, usize) {
        let (mut deframer, mut out, mut rest, mut longest) =
            (Deframer::default(), Vec::new(), bytes, 0);
        let mut cuts = cuts.iter().copied().chain(std::iter::repeat(usize::MAX));
        while !rest.is_empty() {
            let (piece, tail) = rest.split_at(cuts.next().unwrap().min(rest.len()));
            let parts = deframer
                .payload(piece.len(), |range, out| {
                    longest = longest.max(range.len());
                    out.extend_from_slice(&piece[range]);
                    Ok::<_, ()>(())
                })
                .unwrap();
            for part in parts.payload {
                out.extend_from_slice(&piece[part]);
            }
            rest = tail;
        }
        (out, longest)
    }

    #[test]
    fn one_message_at_a_time_is_one_part_behind_the_prefix() {
        let bytes = stream(&[b"hello".to_vec()]);
        let mut deframer = Deframer::default();
        let parts = deframer
            .payload(bytes.len(), |range, out| {
                out.extend_from_slice(&bytes[range]);
                Ok::<_, ()>(())
            })
            .unwrap();
        assert!(!parts.close_soon);
        assert_eq!(parts.payload.len(), 1);
        assert_eq!(parts.payload[0], 5..10);
    }

    #[test]
    fn empty_messages_are_skipped() {
        assert_eq!(
            run(
                &stream(&[vec![], b"a".to_vec(), vec![], b"b".to_vec()]),
                &[]
            )
            .0,
            b"ab"
        );
    }

    #[test]
    fn an_empty_message_hangs_up_also_when_its_prefix_is_cut() {
        let bytes = stream(&[b"a".to_vec(), vec![]]);
        let mut deframer = Deframer::default();
        let mut take = |range: Range<usize>| {
            let piece = &bytes[range];
            deframer
                .payload(piece.len(), |r, out| {
                    out.extend_from_slice(&piece[r]);
                    Ok::<_, ()>(())
                })
                .unwrap()
                .close_soon
        };
        assert!(!take(0..8));
        assert!(take(8..11));
    }

    #[test]
    fn byte_by_byte_gives_the_same_payload() {
        let bytes = stream(&[b"REQMOD".to_vec(), vec![], vec![7; 300]]);
        assert_eq!(
            run(&bytes, &vec![1; bytes.len()]).0,
            [b"REQMOD".to_vec(), vec![7; 300]].concat()
        );
    }

    #[cfg(not(target_arch = "wasm32"))]
    mod however_cut {
        use super::*;
        use proptest::prelude::*;

        proptest! {
            #[test]
            fn messages_joined_and_cut_anywhere_come_out_whole(
                messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 0..8),
                cuts in prop::collection::vec(1_usize..200, 0..40),
            ) {
                let (out, longest) = run(&stream(&messages), &cuts);
                prop_assert_eq!(out, messages.concat());
                prop_assert!(longest <= PREFIX_BYTES, "payload was read");
            }
        }
    }
}
