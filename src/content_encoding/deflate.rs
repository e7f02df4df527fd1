//! `deflate`: the zlib format (RFC 9110 section 8.4.1.2), or raw DEFLATE, which many programs send and browsers
//! accept.

use super::inflater::Inflater;
use super::step::fill;
use super::{Step, Undecodable};

/// How many bytes tell the two formats apart (RFC 1950 section 2.2).
const HEAD_BYTES: usize = 2;

/// A content in `deflate`.
#[derive(Debug, Default)]
pub(super) struct Deflate {
    /// The first bytes, until there are enough to tell the format.
    head: Vec<u8>,
    inflater: Option<Inflater>,
}

impl Deflate {
    pub(super) fn decode(
        &mut self,
        bytes: &[u8],
        decoded: &mut Vec<u8>,
    ) -> Result<Step, Undecodable> {
        let Some(inflater) = &mut self.inflater else {
            return self.begin(bytes, decoded);
        };
        if inflater.has_ended() {
            return match bytes {
                [] => Ok(Step::default()),
                _ => Err(Undecodable::Trailing),
            };
        }
        inflater.decode(bytes, decoded)
    }

    fn begin(&mut self, bytes: &[u8], decoded: &mut Vec<u8>) -> Result<Step, Undecodable> {
        let taken = fill(&mut self.head, HEAD_BYTES, bytes);
        let [method, flags] = *self.head.as_slice() else {
            return Ok(Step::taken(taken));
        };
        let is_wrapped = method & 0x0f == 8 && u16::from_be_bytes([method, flags]) % 31 == 0;
        let inflater = self.inflater.insert(Inflater::new(is_wrapped));
        // Both bytes are always taken, and may be a whole stream.
        let step = inflater.decode(&self.head, decoded)?;
        match step.taken == self.head.len() {
            true => Ok(Step { taken, ..step }),
            false => Err(Undecodable::Trailing),
        }
    }

    pub(super) fn finish(&self) -> Result<(), Undecodable> {
        match &self.inflater {
            Some(inflater) if inflater.has_ended() => Ok(()),
            None if self.head.is_empty() => Ok(()),
            _ => Err(Undecodable::CutOff),
        }
    }
}
