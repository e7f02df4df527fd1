//! An ICAP response as it arrives: its heads, and its body compared with the body that was sent.

use std::ops::Range;

use super::held::{Budget, Held, OverBudget, PIECE_BYTES};
use crate::icap::{Headers, HttpHead, IcapResponseHead};

/// The body of an ICAP response.
///
/// ```text
///  None ──bytes equal to the original──▶ Same ──another byte──▶ Own
///  None ──other bytes──▶ Own
/// ```
#[derive(Debug, Default)]
pub enum IcapResponseBody {
    /// No byte so far.
    #[default]
    None,
    /// So many bytes so far, all equal to the sent body. Equal bytes are not kept.
    Same(u64),
    /// The body differs from the sent one.
    Own(OwnBody),
    /// The body differs from the sent one and can't be kept.
    Lost(NotKept),
}

/// A body that differs from the sent one.
#[derive(Debug)]
pub struct OwnBody {
    /// How many bytes of the original begin the body. They are not held.
    pub same: u64,
    /// The bytes that follow.
    pub held: Held,
    /// The offset from which the original follows those bytes.
    pub from: Option<u64>,
}

/// How much of the body of an ICAP response is kept.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    /// The longest body that is kept, in bytes.
    pub limit: u64,
    /// A body that begins with at most so many bytes of the original gets a copy of them. A longer beginning stays
    /// where it is.
    pub copied: u64,
}

/// Why a body is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotKept {
    /// The body is longer than allowed for one message.
    TooLarge,
    /// The worker's budget for ICAP responses is used up.
    OverBudget,
    /// The part that equals the original could not be read.
    Unreadable,
}

/// The parts of an ICAP response so far.
#[derive(Debug, Default)]
pub struct IcapResponse {
    /// The ICAP head.
    pub head: Option<IcapResponseHead>,
    /// The HTTP head that it encapsulates.
    pub http: Option<HttpHead>,
    /// The body that it encapsulates.
    pub body: IcapResponseBody,
    /// The trailers behind the body: the message's, or the server's.
    pub trailers: Headers,
    /// The ICAP trailers behind the message.
    pub icap_trailers: Headers,
    /// 206: the offset from which the original body follows.
    pub use_original_body: Option<u64>,
}

/// The body that was sent, with which that of the ICAP response is compared.
pub trait Original {
    /// A range of it. `None`: it can't be read.
    fn read(&mut self, range: Range<u64>) -> Option<Vec<u8>>;

    /// Whether it has these bytes from `start` on. `None`: it can't be read.
    fn equals(&mut self, start: u64, bytes: &[u8]) -> Option<bool> {
        let end = start.saturating_add(bytes.len() as u64);
        self.read(start..end).map(|sent| is_same(&sent, bytes))
    }
}

/// Whether two slices are equal. They may be long, and the comparison of WASI's C library goes byte by byte.
pub(super) fn is_same(one: &[u8], other: &[u8]) -> bool {
    let [(ones, one_rest), (others, other_rest)] = [one, other].map(<[u8]>::as_chunks::<32>);
    // Arrays of this length are compared as words.
    one.len() == other.len()
        && ones.iter().zip(others).all(|(one, other)| one == other)
        && one_rest == other_rest
}

impl From<OverBudget> for NotKept {
    fn from(_: OverBudget) -> Self {
        Self::OverBudget
    }
}

impl IcapResponseBody {
    /// Takes `bytes` of the ICAP response's body. `original` is the sent body, as far as there is one; `available` is its
    /// length so far. Kept bytes come out of `budget`.
    pub fn push(
        &mut self,
        bytes: &[u8],
        available: u64,
        keep: Keep,
        budget: &Budget,
        original: &mut impl Original,
    ) {
        if bytes.is_empty() {
            return;
        }
        let mut kept = match std::mem::take(self) {
            lost @ Self::Lost(_) => {
                *self = lost;
                return;
            }
            Self::Own(own) => Ok(own),
            begun @ (Self::None | Self::Same(_)) => {
                let same = begun.same();
                let end = same.saturating_add(bytes.len() as u64);
                let is_same = (end <= available).then(|| original.equals(same, bytes));
                match is_same {
                    Some(Some(true)) => {
                        *self = Self::Same(end);
                        return;
                    }
                    // The bytes may be equal. Taken for a difference, the beginning of a message would pass for a
                    // changed message.
                    Some(None) => {
                        *self = Self::Lost(NotKept::Unreadable);
                        return;
                    }
                    Some(Some(false)) | None => {}
                }
                if end > keep.limit {
                    Err(NotKept::TooLarge)
                } else {
                    OwnBody::begun_with(same, keep, budget, |range| original.read(range))
                }
            }
        };
        if let Ok(own) = &mut kept {
            let end = own.len().saturating_add(bytes.len() as u64);
            let added = match end > keep.limit {
                true => Err(NotKept::TooLarge),
                false => own.held.extend(bytes).map_err(NotKept::from),
            };
            if let Err(why) = added {
                kept = Err(why);
            }
        }
        *self = match kept {
            Ok(own) => Self::Own(own),
            Err(why) => Self::Lost(why),
        };
    }

    /// How many bytes equal the sent body.
    fn same(&self) -> u64 {
        match self {
            Self::Same(same) => *same,
            Self::None | Self::Own(_) | Self::Lost(_) => 0,
        }
    }
}

impl OwnBody {
    /// A body that begins with so many bytes of the original.
    ///
    /// # Errors
    /// The original can't be read, or the budget has no room for it.
    pub fn begun_with(
        same: u64,
        keep: Keep,
        budget: &Budget,
        original: impl FnMut(Range<u64>) -> Option<Vec<u8>>,
    ) -> Result<Self, NotKept> {
        let mut own = Self {
            same: 0,
            held: Held::new(budget),
            from: None,
        };
        match same > keep.copied {
            true => own.same = same,
            false => copy(&mut own.held, 0..same, original)?,
        }
        Ok(own)
    }

    /// The length in bytes, without the part of the original that follows.
    pub fn len(&self) -> u64 {
        self.same.saturating_add(self.held.len())
    }

    /// Whether the body is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Copies a range of the sent body, piece by piece.
///
/// # Errors
/// The sent body can't be read, or the budget has no room for it.
pub fn copy(
    own: &mut Held,
    range: Range<u64>,
    mut original: impl FnMut(Range<u64>) -> Option<Vec<u8>>,
) -> Result<(), NotKept> {
    let mut start = range.start;
    while start < range.end {
        let end = range.end.min(start.saturating_add(PIECE_BYTES as u64));
        let piece = original(start..end).ok_or(NotKept::Unreadable)?;
        own.extend(&piece)?;
        start = end;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGINAL: &[u8] = b"hello world";

    impl<F: FnMut(Range<u64>) -> Option<Vec<u8>>> Original for F {
        fn read(&mut self, range: Range<u64>) -> Option<Vec<u8>> {
            self(range)
        }
    }

    fn up_to(limit: u64) -> Keep {
        Keep {
            limit,
            copied: u64::MAX,
        }
    }

    fn fed(pieces: &[&[u8]], limit: u64) -> IcapResponseBody {
        let mut body = IcapResponseBody::default();
        let budget = Budget::new(1 << 20);
        for piece in pieces {
            body.push(
                piece,
                ORIGINAL.len() as u64,
                up_to(limit),
                &budget,
                &mut |range: Range<u64>| {
                    ORIGINAL
                        .get(range.start as usize..range.end as usize)
                        .map(<[u8]>::to_vec)
                },
            );
        }
        body
    }

    #[track_caller]
    fn assert_own(body: &IcapResponseBody, expected: &[u8]) {
        match body {
            IcapResponseBody::Own(own) => {
                assert_eq!(own.held.pieces().collect::<Vec<_>>().concat(), expected);
            }
            other => panic!("{other:?}"),
        }
    }

    fn is_too_large(body: &IcapResponseBody) -> bool {
        matches!(body, IcapResponseBody::Lost(NotKept::TooLarge))
    }

    #[test]
    fn slices_are_the_same_where_every_byte_is() {
        let bytes: Vec<u8> = (0..100).collect();
        for len in 0..bytes.len() {
            let mut other = bytes[..len].to_vec();
            assert!(is_same(&bytes[..len], &other));
            assert!(!is_same(&bytes[..=len], &other));
            for at in 0..len {
                other[at] ^= 1;
                assert!(!is_same(&bytes[..len], &other), "byte {at} of {len}");
                other[at] ^= 1;
            }
        }
    }

    #[test]
    fn an_echo_is_counted_and_not_kept() {
        assert!(matches!(
            fed(&[b"hello", b" world"], 1),
            IcapResponseBody::Same(11)
        ));
    }

    #[test]
    fn a_difference_brings_back_the_equal_beginning() {
        assert_own(&fed(&[b"hello", b" there"], 99), b"hello there");
    }

    #[test]
    fn a_long_equal_beginning_is_not_copied() {
        let keep = Keep {
            limit: 99,
            copied: 4,
        };
        let mut body = IcapResponseBody::Same(5);
        body.push(b" there", 11, keep, &Budget::new(64), &mut |range| {
            assert_eq!(range, 5..11);
            Some(b" world".to_vec())
        });
        let IcapResponseBody::Own(own) = &body else {
            panic!("{body:?}");
        };
        assert_eq!((own.same, own.len(), own.from), (5, 11, None));
        assert_own(&body, b" there");
    }

    #[test]
    fn bytes_past_the_original_are_a_difference() {
        assert_own(&fed(&[b"hello world", b"!"], 99), b"hello world!");
    }

    #[test]
    fn no_more_is_kept_than_the_limit() {
        assert_own(&fed(&[b"HELLO"], 5), b"HELLO");
        assert!(is_too_large(&fed(&[b"HELLO", b"!"], 5)));
        assert!(is_too_large(&fed(&[b"HELLO!"], 5)));
        assert!(is_too_large(&fed(&[b"hello", b"!"], 5)));
    }

    #[test]
    fn no_more_is_kept_than_the_budget() {
        let budget = Budget::new(64);
        let mut body = IcapResponseBody::default();
        body.push(&[1; 60], 0, up_to(1000), &budget, &mut |_| None);
        assert_eq!(budget.used(), 64);
        body.push(&[1; 60], 0, up_to(1000), &budget, &mut |_| None);
        assert!(matches!(body, IcapResponseBody::Lost(NotKept::OverBudget)));
        assert_eq!(budget.used(), 0, "what can't be used is not held");
    }

    #[test]
    fn an_unreadable_beginning_is_not_taken_for_empty() {
        let mut body = IcapResponseBody::Same(5);
        body.push(b"x", 5, up_to(99), &Budget::new(99), &mut |_| None);
        assert!(matches!(body, IcapResponseBody::Lost(NotKept::Unreadable)));
    }

    #[test]
    fn an_unreadable_original_is_no_difference() {
        let mut body = IcapResponseBody::default();
        body.push(b"hello", 11, up_to(99), &Budget::new(99), &mut |_| None);
        assert!(matches!(body, IcapResponseBody::Lost(NotKept::Unreadable)));
    }

    #[test]
    fn chunks_of_one_byte_are_compared_in_long_runs() {
        use crate::icap::{Event, IcapResponseParser, Limits};
        const SIZE: usize = 1 << 20;
        let mut response = b"ICAP/1.0 200 OK\r\nEncapsulated: req-body=0\r\n\r\n".to_vec();
        for byte in 0..SIZE {
            response.extend_from_slice(b"1\r\n");
            response.push(byte as u8);
            response.extend_from_slice(b"\r\n");
        }
        response.extend_from_slice(b"0\r\n\r\n");
        let mut parser = IcapResponseParser::new(Limits::default());
        let (mut body, mut reads, mut pieces) = (IcapResponseBody::default(), 0, 0);
        let received = 64 * 1024;
        for part in response.chunks(received) {
            parser.push(part.to_vec());
            while let Some(event) = parser.poll().unwrap() {
                if let Event::Body(bytes) = event {
                    pieces += 1;
                    body.push(
                        bytes,
                        SIZE as u64,
                        up_to(1),
                        &Budget::new(0),
                        &mut |range: Range<u64>| {
                            reads += 1;
                            Some(range.map(|n| n as u8).collect())
                        },
                    );
                }
            }
        }
        assert!(matches!(body, IcapResponseBody::Same(n) if n == SIZE as u64));
        // The original is read once for each received part, not once for each chunk.
        let parts = response.len().div_ceil(received);
        assert!(pieces <= parts + SIZE / (64 * 1024), "{pieces} pieces");
        assert_eq!(reads, pieces);
    }
}
