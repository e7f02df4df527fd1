//! An encoded part of a body, decoded each time it is read.

use std::ops::Range;
use std::rc::Rc;

use super::extent::length;
use crate::extract;
use crate::host::HostError;
use crate::transfer_encoding::{self, Undecodable};

/// How many encoded bytes are read at once. Marks stand at this distance, so a read decodes at most so many bytes
/// twice.
const CODED_BYTES: u64 = 64 * 1024;

/// The decoded content of a part. Its bytes are read from the body and decoded each time, and never kept.
#[derive(Debug)]
pub struct Decoded {
    /// Where the encoded bytes stand, in order.
    runs: Rc<[Range<u64>]>,
    /// How many encoded bytes there are.
    coded: u64,
    /// How many decoded bytes there are.
    length: u64,
    /// Places where decoding can resume, in order.
    marks: Vec<Mark>,
}

#[derive(Debug)]
struct Mark {
    /// How many decoded bytes come before this place.
    decoded: u64,
    /// How many encoded bytes come before this place.
    coded: u64,
    decoder: Decoder,
}

/// Decodes one part from its beginning to its end.
#[derive(Clone, Debug)]
pub enum Decoder {
    /// A transfer encoding of MIME.
    Transfer(transfer_encoding::Decoder),
    /// The encoding of a value that `extract` found in a body.
    Value(extract::Decoder),
}

/// Why a part can't be decoded.
#[derive(Clone, Copy, Debug)]
pub enum NotDecoded {
    /// The body can't be read.
    Unreadable(HostError),
    /// The part is not encoded as it says, or can be decoded in two ways.
    Undecodable(Undecodable),
}

impl From<HostError> for NotDecoded {
    fn from(e: HostError) -> Self {
        Self::Unreadable(e)
    }
}

impl Decoder {
    fn decode(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Undecodable> {
        match self {
            Self::Transfer(decoder) => decoder.decode(bytes, out),
            Self::Value(decoder) => {
                decoder.decode(bytes, out);
                Ok(())
            }
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Undecodable> {
        match self {
            Self::Transfer(decoder) => decoder.finish(),
            Self::Value(decoder) => {
                decoder.finish(out);
                Ok(())
            }
        }
    }
}

impl Decoded {
    /// Decodes the whole part once, to learn its length. `read` appends a range of the runs, which count as one body.
    ///
    /// # Errors
    /// The part can't be read or decoded.
    pub fn new(
        runs: Rc<[Range<u64>]>,
        mut decoder: Decoder,
        mut read: impl FnMut(Range<u64>, &mut Vec<u8>) -> Result<(), HostError>,
    ) -> Result<Self, NotDecoded> {
        let coded = runs.iter().map(length).fold(0, u64::saturating_add);
        let mut marks = Vec::new();
        let (mut at, mut decoded) = (0_u64, 0_u64);
        let (mut bytes, mut out) = (Vec::new(), Vec::new());
        loop {
            marks.push(Mark {
                decoded,
                coded: at,
                decoder: decoder.clone(),
            });
            let end = coded.min(at.saturating_add(CODED_BYTES));
            bytes.clear();
            out.clear();
            read(at..end, &mut bytes)?;
            let told = decoder.decode(&bytes, &mut out);
            told.map_err(NotDecoded::Undecodable)?;
            at = end;
            if at == coded {
                let told = decoder.finish(&mut out);
                told.map_err(NotDecoded::Undecodable)?;
            }
            decoded = decoded.saturating_add(out.len() as u64);
            if at == coded {
                break;
            }
        }
        Ok(Self {
            runs,
            coded,
            length: decoded,
            marks,
        })
    }

    /// The decoded length in bytes.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether the decoded part is empty.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Where the encoded bytes stand.
    pub(super) fn runs(&self) -> &Rc<[Range<u64>]> {
        &self.runs
    }

    /// Appends a range of the decoded part. `read` appends a range of the runs, which count as one body.
    ///
    /// # Errors
    /// The error of `read`; or the part has fewer bytes.
    pub(super) fn read(
        &self,
        wanted: Range<u64>,
        out: &mut Vec<u8>,
        mut read: impl FnMut(Range<u64>, &mut Vec<u8>) -> Result<(), HostError>,
    ) -> Result<(), HostError> {
        let before = self
            .marks
            .partition_point(|mark| mark.decoded <= wanted.start);
        let mark = before.checked_sub(1).and_then(|last| self.marks.get(last));
        let mark = mark.ok_or(HostError::SHORT_BODY)?;
        let mut decoder = mark.decoder.clone();
        let (mut at, mut coded) = (mark.decoded, mark.coded);
        let (mut bytes, mut piece) = (Vec::new(), Vec::new());
        while at < wanted.end {
            if coded >= self.coded {
                return Err(HostError::SHORT_BODY);
            }
            let end = self.coded.min(coded.saturating_add(CODED_BYTES));
            bytes.clear();
            piece.clear();
            read(coded..end, &mut bytes)?;
            decoder
                .decode(&bytes, &mut piece)
                .map_err(|_| HostError::SHORT_BODY)?;
            coded = end;
            if coded == self.coded {
                decoder
                    .finish(&mut piece)
                    .map_err(|_| HostError::SHORT_BODY)?;
            }
            let within = |offset: u64| {
                let offset = usize::try_from(offset.saturating_sub(at));
                offset.map_or(piece.len(), |offset| offset.min(piece.len()))
            };
            let part = piece.get(within(wanted.start)..within(wanted.end));
            out.extend_from_slice(part.unwrap_or_default());
            at = at.saturating_add(piece.len() as u64);
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "one run is a list too")]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::transfer_encoding::TransferEncoding;

    fn base64() -> Decoder {
        Decoder::Transfer(transfer_encoding::Decoder::new(TransferEncoding::Base64))
    }

    /// Reads these runs of a body, which count as one.
    fn reader<'a>(
        body: &'a [u8],
        runs: &'a [Range<u64>],
    ) -> impl FnMut(Range<u64>, &mut Vec<u8>) -> Result<(), HostError> + 'a {
        let whole: Vec<u8> = runs
            .iter()
            .flat_map(|run| body[run.start as usize..run.end as usize].to_vec())
            .collect();
        move |range, out| {
            out.extend_from_slice(&whole[range.start as usize..range.end as usize]);
            Ok(())
        }
    }

    fn decoded(body: &[u8], runs: Vec<Range<u64>>) -> Result<Decoded, NotDecoded> {
        Decoded::new(runs.clone().into(), base64(), reader(body, &runs))
    }

    #[test]
    fn any_range_can_be_read() {
        let content: Vec<u8> = (0..300_000_u32).map(|n| (n * 7 / 3) as u8).collect();
        let mut body = b"before ".to_vec();
        let text = STANDARD.encode(&content);
        for line in text.as_bytes().chunks(76) {
            body.extend_from_slice(line);
            body.extend_from_slice(b"\r\n");
        }
        let runs = vec![7..1000, 1000..1001, 1001..body.len() as u64];
        let found = decoded(&body, runs.clone()).unwrap();
        assert_eq!(found.len(), content.len() as u64);
        assert!(found.marks.len() > 3);
        let length = content.len();
        for range in [
            0..length,
            0..1,
            5..5,
            100_000..200_000,
            49_150..49_160,
            length - 1..length,
            length..length,
        ] {
            let mut out = b"kept".to_vec();
            let wanted = range.start as u64..range.end as u64;
            found.read(wanted, &mut out, reader(&body, &runs)).unwrap();
            assert_eq!(&out[4..], &content[range.clone()], "{range:?}");
        }
        let past = found.len()..found.len() + 1;
        let read = found.read(past, &mut Vec::new(), reader(&body, &runs));
        assert!(read.is_err());
    }

    #[test]
    fn empty_and_undecodable_parts() {
        assert!(decoded(b"", vec![]).unwrap().is_empty());
        assert!(decoded(b"\r\n", vec![0..2]).unwrap().is_empty());
        let refused = decoded(b"a-b=", vec![0..4]);
        assert!(matches!(refused, Err(NotDecoded::Undecodable(_))));
        let refused = decoded(b"YQ=", vec![0..3]);
        assert!(matches!(refused, Err(NotDecoded::Undecodable(_))));
    }
}
