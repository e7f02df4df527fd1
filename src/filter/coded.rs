//! A body with a `Content-Encoding`: decodes it for the server.

use std::rc::Rc;

use super::indivisible::Indivisible;
use crate::content_encoding::{Coding, Decoder, Undecodable};
use crate::submission::{Budget, Content, Encoded};

/// The largest ratio of decoded to coded bytes, for decoded contents over [`UNBOUNDED_BYTES`]. Text seldom reaches 20, DEFLATE
/// allows 1,032.
const MAX_RATIO: u64 = 200;
/// Decoded contents up to so many bytes may have any ratio.
const UNBOUNDED_BYTES: u64 = 1024 * 1024;

/// A coded content, decoded as it comes.
#[derive(Debug)]
pub(super) struct Coded {
    decoder: Decoder,
    encoded: Rc<Encoded>,
    /// The largest decoded content that is scanned, in bytes.
    limit: u64,
}

impl Coded {
    /// A coded content of which nothing has come. `content` says where it stands in the body, if there is framing around it.
    pub(super) fn new(
        coding: Coding,
        content: Option<Rc<Content>>,
        limit: u64,
        budget: &Budget,
    ) -> Result<Self, Indivisible> {
        let encoded = Encoded::new(coding, content, budget).map_err(|_| Indivisible::OverBudget)?;
        Ok(Self {
            decoder: Decoder::new(coding),
            encoded: Rc::new(encoded),
            limit,
        })
    }

    /// The content, as submissions show it.
    pub(super) fn encoded(&self) -> &Rc<Encoded> {
        &self.encoded
    }

    /// Decodes the next bytes; `look` gets the decoded bytes, piece by piece.
    pub(super) fn read(
        &mut self,
        mut bytes: &[u8],
        mut look: impl FnMut(&[u8]) -> Result<(), Indivisible>,
    ) -> Result<(), Indivisible> {
        self.encoded.came(bytes.len());
        let mut piece = Vec::new();
        loop {
            piece.clear();
            let step = self.decoder.decode(bytes, &mut piece);
            let step = step.map_err(|why| match why {
                Undecodable::Window => Indivisible::TooLarge,
                _ => Indivisible::Coding(why),
            })?;
            let memory = self.encoded.takes(self.decoder.memory_bytes());
            memory.map_err(|_| Indivisible::OverBudget)?;
            self.encoded.says(&piece);
            if self.is_too_large() {
                return Err(Indivisible::TooLarge);
            }
            look(&piece)?;
            bytes = bytes.get(step.taken..).unwrap_or_default();
            if bytes.is_empty() && !step.has_more {
                return Ok(());
            }
        }
    }

    fn is_too_large(&self) -> bool {
        let decoded = self.encoded.extent().progress.available;
        let by_ratio = self.encoded.coded().saturating_mul(MAX_RATIO);
        decoded > self.limit || decoded > by_ratio.max(UNBOUNDED_BYTES)
    }

    /// The whole content was read.
    pub(super) fn end(&self) -> Result<(), Indivisible> {
        self.decoder.finish().map_err(Indivisible::Coding)?;
        self.encoded.end();
        Ok(())
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn size_and_ratio_are_bounded() {
        let zeros = |size: usize| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(&vec![0; size]).unwrap();
            encoder.finish().unwrap()
        };
        let budget = Budget::new(u64::MAX);
        for (size, limit, fits) in [
            (1_000_000, 1_000_000, true),
            (1_000_001, 1_000_000, false),
            (1 << 20, 1 << 30, true),
            ((1 << 20) + 1, 1 << 30, false),
        ] {
            let mut coded = Coded::new(Coding::Gzip, None, limit, &budget).unwrap();
            let read = coded.read(&zeros(size), |_| Ok(()));
            let expected = if fits {
                Ok(())
            } else {
                Err(Indivisible::TooLarge)
            };
            assert_eq!(read, expected, "{size}");
        }
    }
}
