//! Content with a content coding, decoded as it arrives, and again where it is read too late.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;

use super::content::Content;
use super::extent::{Extent, length};
use super::held::{Budget, OverBudget, Share};
use crate::content_encoding::{Coding, Decoder};
use crate::host::HostError;
use crate::icap::BodyProgress;

/// How many coded bytes are read at once.
const CODED_BYTES: u64 = 64 * 1024;
/// Memory of the two decoders of one content: one measures the content as it arrives, the other decodes it for the
/// server. In the place of the other, the end of what the first has decoded is kept for as long as that is enough.
const DECODERS_BYTES: u64 = 2 * DECODER_BYTES as u64;
/// Memory of a decoder.
const DECODER_BYTES: usize = 128 * 1024;

/// A coded content and how much of it has arrived. The code that measures the content and the submission that sends
/// it share this value. A small content is decoded once. Of a large one the server is sent what was decoded while it
/// arrives, but once a read wants bytes that are kept no more, reads decode anew, mostly from where the last one ended:
/// keeping all would take as much memory as the decoded content, which may be 200 times the coded one.
#[derive(Debug)]
pub struct Encoded {
    coding: Coding,
    /// Where the content stands in the body; `None`: it is the whole body.
    content: Option<Rc<Content>>,
    coded: Cell<u64>,
    decoded: Cell<u64>,
    ended: Cell<bool>,
    /// The last decoded bytes; `None` once a read has wanted others.
    kept: RefCell<Option<Vec<u8>>>,
    reader: RefCell<Option<Reader>>,
    share: RefCell<Share>,
}

/// A decoder and its position in a content.
#[derive(Debug)]
struct Reader {
    decoder: Decoder,
    /// How many coded bytes were read.
    coded: u64,
    /// Bytes that were read and not decoded.
    input: Vec<u8>,
    has_more: bool,
    /// The decoded offset of the last piece.
    at: u64,
    piece: Vec<u8>,
}

impl Encoded {
    /// A content of which no byte has arrived.
    ///
    /// # Errors
    /// The budget has no room for its decoders.
    pub fn new(
        coding: Coding,
        content: Option<Rc<Content>>,
        budget: &Budget,
    ) -> Result<Self, OverBudget> {
        Ok(Self {
            coding,
            content,
            coded: Cell::new(0),
            decoded: Cell::new(0),
            ended: Cell::new(false),
            kept: RefCell::new(Some(Vec::new())),
            reader: RefCell::new(None),
            share: RefCell::new(budget.share(DECODERS_BYTES)?),
        })
    }

    /// The content coding.
    pub fn coding(&self) -> Coding {
        self.coding
    }

    /// So many more coded bytes have arrived.
    pub fn came(&self, coded: usize) {
        self.coded
            .set(self.coded.get().saturating_add(coded as u64));
    }

    /// The arrived bytes decode to these further bytes.
    pub fn says(&self, decoded: &[u8]) {
        let all = self.decoded.get().saturating_add(decoded.len() as u64);
        self.decoded.set(all);
        if let Ok(mut kept) = self.kept.try_borrow_mut()
            && let Some(kept) = &mut *kept
        {
            if kept.len().saturating_add(decoded.len()) > DECODER_BYTES {
                // Half of it, so that many small pieces do not move it again and again.
                let surplus = kept.len().saturating_sub(DECODER_BYTES / 2);
                kept.drain(..surplus);
            }
            kept.extend_from_slice(decoded);
        }
    }

    /// Appends a range that is still kept. False where it is not; nothing is kept any more then.
    fn read_kept(&self, wanted: &Range<u64>, out: &mut Vec<u8>) -> bool {
        let Ok(mut slot) = self.kept.try_borrow_mut() else {
            return false;
        };
        let bytes = slot.as_ref().and_then(|kept| {
            let first = self.decoded.get().saturating_sub(kept.len() as u64);
            let at = |offset: u64| usize::try_from(offset.checked_sub(first)?).ok();
            kept.get(at(wanted.start)?..at(wanted.end)?)
        });
        match bytes {
            Some(bytes) => out.extend_from_slice(bytes),
            None => {
                *slot = None;
                return false;
            }
        }
        true
    }

    /// Each of the two decoders takes so many bytes by now beside its tables and buffers.
    ///
    /// # Errors
    /// The budget has no room for them.
    pub fn takes(&self, memory: u64) -> Result<(), OverBudget> {
        let bytes = DECODERS_BYTES.saturating_add(memory.saturating_mul(2));
        let share = self.share.try_borrow_mut();
        share.map_err(|_| OverBudget)?.grow_to(bytes)
    }

    /// The content has ended.
    pub fn end(&self) {
        self.ended.set(true);
    }

    /// How many coded bytes have arrived.
    pub fn coded(&self) -> u64 {
        self.coded.get()
    }

    /// How much decoded content there is.
    pub fn extent(&self) -> Extent {
        let available = self.decoded.get();
        let ended = self.ended.get();
        Extent {
            progress: BodyProgress { available, ended },
            announced: ended.then_some(available),
        }
    }

    /// Appends a range of the decoded content. `read` appends a range of the body.
    ///
    /// # Errors
    /// The error of `read`; or the content has fewer bytes.
    pub(super) fn read(
        &self,
        wanted: Range<u64>,
        out: &mut Vec<u8>,
        mut read: impl FnMut(Range<u64>, &mut Vec<u8>) -> Result<(), HostError>,
    ) -> Result<(), HostError> {
        if self.read_kept(&wanted, out) {
            return Ok(());
        }
        let mut slot = self
            .reader
            .try_borrow_mut()
            .map_err(|_| HostError::SHORT_BODY)?;
        let mut reader = match slot.take() {
            Some(reader) if reader.at <= wanted.start => reader,
            _ => Reader::new(self.coding),
        };
        let mut at = wanted.start;
        loop {
            at = at.saturating_add(reader.give(at..wanted.end, out));
            if at >= wanted.end {
                break;
            }
            if reader.input.is_empty() && !reader.has_more {
                let end = self.coded.get();
                let end = end.min(reader.coded.saturating_add(CODED_BYTES));
                let range = reader.coded..end;
                if length(&range) == 0 {
                    return Err(HostError::SHORT_BODY);
                }
                match &self.content {
                    None => read(range, &mut reader.input)?,
                    Some(content) => {
                        for place in content.places(&range) {
                            read(place, &mut reader.input)?;
                        }
                    }
                }
                reader.coded = end;
            }
            reader.decode().ok_or(HostError::SHORT_BODY)?;
        }
        *slot = Some(reader);
        Ok(())
    }
}

impl Reader {
    fn new(coding: Coding) -> Self {
        Self {
            decoder: Decoder::new(coding),
            coded: 0,
            input: Vec::new(),
            has_more: false,
            at: 0,
            piece: Vec::new(),
        }
    }

    /// Appends the part of the last piece that begins the range. Returns how many bytes that is.
    fn give(&self, wanted: Range<u64>, out: &mut Vec<u8>) -> u64 {
        let within = |offset: u64| {
            let offset = usize::try_from(offset.saturating_sub(self.at));
            offset.map_or(self.piece.len(), |offset| offset.min(self.piece.len()))
        };
        let part = self.piece.get(within(wanted.start)..within(wanted.end));
        let part = part.unwrap_or_default();
        out.extend_from_slice(part);
        part.len() as u64
    }

    /// Decodes the next piece. `None`: the piece can't be decoded.
    fn decode(&mut self) -> Option<()> {
        self.at = self.at.saturating_add(self.piece.len() as u64);
        self.piece.clear();
        let step = self.decoder.decode(&self.input, &mut self.piece).ok()?;
        let has_moved = step.taken > 0 || step.has_more || !self.piece.is_empty();
        let is_stuck = !has_moved && !self.input.is_empty();
        self.has_more = step.has_more;
        self.input.drain(..step.taken.min(self.input.len()));
        (!is_stuck).then_some(())
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn coded(content: &[u8]) -> Vec<u8> {
        let mut coded = Vec::new();
        let mut encoder = GzEncoder::new(&mut coded, Compression::fast());
        encoder.write_all(content).unwrap();
        drop(encoder);
        coded
    }

    fn budget() -> Budget {
        Budget::new(1 << 20)
    }

    #[test]
    fn any_range_can_be_read() {
        let mut state = 1_u32;
        let random = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as u8
        });
        let content: Vec<u8> = random.take(400_000).collect();
        let body = coded(&content);
        assert!(body.len() as u64 > 2 * CODED_BYTES);
        let encoded = Encoded::new(Coding::Gzip, None, &budget()).unwrap();
        encoded.came(body.len());
        for piece in content.chunks(60_000) {
            encoded.says(piece);
        }
        encoded.end();
        assert_eq!(encoded.extent().announced, Some(400_000));
        let read = |range: Range<usize>| {
            let wanted = range.start as u64..range.end as u64;
            let mut out = b"kept".to_vec();
            let of_body = |range: Range<u64>, out: &mut Vec<u8>| {
                out.extend_from_slice(&body[range.start as usize..range.end as usize]);
                Ok(())
            };
            encoded
                .read(wanted, &mut out, of_body)
                .map(|()| out.split_off(4))
        };
        for range in [
            0..400_000,
            0..1,
            5..5,
            100_000..300_000,
            300_000..300_010,
            10..20,
            399_999..400_000,
        ] {
            let got = read(range.clone()).unwrap();
            assert!(got == content[range.clone()], "{range:?}");
        }
        assert!(read(399_999..400_001).is_err());
    }

    /// A decoder that takes no byte of something empty has moved all the same.
    #[test]
    fn a_frame_of_nothing_does_not_stop_the_reading() {
        let content = vec![7; 2 * DECODER_BYTES];
        let nothing = b"\x50\x2a\x4d\x18\0\0\0\0";
        let frame = zstd::bulk::compress(&content, 3).unwrap();
        let body = [&nothing[..], &frame, nothing].concat();
        let encoded = Encoded::new(Coding::Zstd, None, &budget()).unwrap();
        encoded.came(body.len());
        content.chunks(60_000).for_each(|piece| encoded.says(piece));
        let mut out = Vec::new();
        let of_body = |range: Range<u64>, out: &mut Vec<u8>| {
            out.extend_from_slice(&body[range.start as usize..range.end as usize]);
            Ok(())
        };
        let all = 0..content.len() as u64;
        encoded.read(all, &mut out, of_body).unwrap();
        assert!(out == content);
    }

    #[test]
    fn content_is_read_within_its_framing() {
        let content = b"some content, some content".repeat(10);
        let coded = coded(&content);
        let (one, two) = coded.split_at(17);
        let body = [b"<<", one, b"><", two, b">>"].concat();
        let places = Content::new(0);
        places.push(2..19);
        places.push(21..21 + two.len() as u64);
        let encoded = Encoded::new(Coding::Gzip, Some(Rc::new(places)), &budget()).unwrap();
        encoded.came(coded.len());
        for part in content.chunks(3) {
            encoded.says(part);
        }
        let mut out = Vec::new();
        let of_body = |range: Range<u64>, out: &mut Vec<u8>| {
            out.extend_from_slice(&body[range.start as usize..range.end as usize]);
            Ok(())
        };
        encoded.read(3..200, &mut out, of_body).unwrap();
        assert!(out == content[3..200]);
    }

    #[test]
    fn what_is_read_in_time_is_not_decoded_again() {
        let never = |_, _: &mut Vec<u8>| -> Result<(), HostError> { panic!("the body was read") };
        let encoded = Encoded::new(Coding::Gzip, None, &budget()).unwrap();
        let piece: Vec<u8> = (0..60_000).map(|n| n as u8).collect();
        let mut all = Vec::new();
        let mut sent = 0;
        for _ in 0..10 {
            encoded.says(&piece);
            all.extend_from_slice(&piece);
            let mut out = Vec::new();
            encoded
                .read(sent as u64..all.len() as u64, &mut out, never)
                .unwrap();
            assert!(out == all[sent..]);
            sent = all.len();
        }
        let last = (all.len() - DECODER_BYTES / 2 - piece.len()) as u64;
        let end = all.len() as u64;
        for range in [last..end, last + 7..last + 9] {
            let mut out = Vec::new();
            encoded.read(range.clone(), &mut out, never).unwrap();
            assert!(out == all[range.start as usize..range.end as usize]);
        }
        // What is kept no more has to be read, and then all has to be.
        for range in [last - 1..end, last..end] {
            let gone = |_, _: &mut Vec<u8>| Err(HostError::SHORT_BODY);
            encoded.came(1);
            let read = encoded.read(range, &mut Vec::new(), gone);
            assert_eq!(read, Err(HostError::SHORT_BODY));
        }
    }

    #[test]
    fn decoders_count_towards_the_budget() {
        let budget = Budget::new(DECODERS_BYTES + 1);
        let one = Encoded::new(Coding::Gzip, None, &budget).unwrap();
        assert!(Encoded::new(Coding::Gzip, None, &budget).is_err());
        drop(one);
        assert!(Encoded::new(Coding::Gzip, None, &budget).is_ok());
        assert_eq!(budget.used(), 0);
    }
}
