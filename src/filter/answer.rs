//! An ICAP answer as it comes in: its heads, and its body compared with what was sent.

use std::ops::Range;

use crate::icap::{AnswerHead, Headers, HttpHead};

/// The body of an answer.
///
/// ```text
///  None ──bytes equal to the original──▶ Same ──another byte──▶ Own
///  None ──other bytes──▶ Own
/// ```
#[derive(Debug, Default)]
pub enum AnswerBody {
    /// No byte so far.
    #[default]
    None,
    /// As long as it says what was sent, it is not kept: so many bytes are the same.
    Same(u64),
    /// It is not what was sent.
    Own(Vec<u8>),
    /// It is more than may be kept.
    TooLarge,
}

/// What has come of an answer.
#[derive(Debug, Default)]
pub struct Answer {
    /// The ICAP head.
    pub head: Option<AnswerHead>,
    /// The HTTP head that it encapsulates.
    pub http: Option<HttpHead>,
    /// The body that it encapsulates.
    pub body: AnswerBody,
    /// ICAP or HTTP trailers.
    pub trailers: Headers,
    /// 206: the original body follows from here on.
    pub use_original_body: Option<u64>,
}

impl AnswerBody {
    /// Takes `bytes` of the answer. `original` gives a range of what was sent, as far as there is one; `available` is its
    /// length so far. `limit` is the most that is kept.
    pub fn push(
        &mut self,
        bytes: &[u8],
        available: u64,
        limit: u64,
        mut original: impl FnMut(Range<u64>) -> Option<Vec<u8>>,
    ) {
        let len = bytes.len() as u64;
        if bytes.is_empty() {
            return;
        }
        match self {
            Self::TooLarge => {}
            Self::Own(own) => {
                own.extend_from_slice(bytes);
                if own.len() as u64 > limit {
                    *self = Self::TooLarge;
                }
            }
            Self::None | Self::Same(_) => {
                let same = self.same();
                let end = same.saturating_add(len);
                let equal = end <= available
                    && original(same..end).is_some_and(|original| original == bytes);
                *self = if equal {
                    Self::Same(end)
                } else if end > limit {
                    Self::TooLarge
                } else {
                    let mut own = if same == 0 {
                        Vec::new()
                    } else {
                        original(0..same).unwrap_or_default()
                    };
                    own.extend_from_slice(bytes);
                    Self::Own(own)
                };
            }
        }
    }

    /// How many bytes are the same as sent.
    fn same(&self) -> u64 {
        match self {
            Self::Same(same) => *same,
            Self::None | Self::Own(_) | Self::TooLarge => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGINAL: &[u8] = b"hello world";

    fn fed(pieces: &[&[u8]], limit: u64) -> AnswerBody {
        let mut body = AnswerBody::default();
        for piece in pieces {
            body.push(piece, ORIGINAL.len() as u64, limit, |range| {
                ORIGINAL
                    .get(range.start as usize..range.end as usize)
                    .map(<[u8]>::to_vec)
            });
        }
        body
    }

    #[test]
    fn an_echo_is_counted_and_not_kept() {
        assert!(matches!(
            fed(&[b"hello", b" world"], 1),
            AnswerBody::Same(11)
        ));
    }

    #[test]
    fn a_difference_brings_back_what_was_the_same() {
        assert!(
            matches!(fed(&[b"hello", b" there"], 99), AnswerBody::Own(b) if b == b"hello there")
        );
    }

    #[test]
    fn bytes_past_the_original_are_a_difference() {
        assert!(
            matches!(fed(&[b"hello world", b"!"], 99), AnswerBody::Own(b) if b == b"hello world!")
        );
    }

    #[test]
    fn no_more_is_kept_than_the_limit() {
        assert!(matches!(fed(&[b"HELLO"], 5), AnswerBody::Own(_)));
        assert!(matches!(fed(&[b"HELLO", b"!"], 5), AnswerBody::TooLarge));
        assert!(matches!(fed(&[b"HELLO!"], 5), AnswerBody::TooLarge));
        assert!(matches!(fed(&[b"hello", b"!"], 5), AnswerBody::TooLarge));
    }
}
