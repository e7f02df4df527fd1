//! Finds `data:` URLs in any text.

use super::Unextractable;
use super::spotter::Spotter;
use super::value::{Coding, Encoding, Escapes, Found};

/// Reads one body.
#[derive(Clone, Debug)]
pub(super) struct Text {
    spotter: Spotter,
    /// The number of values found, long enough or not.
    count: usize,
}

impl Text {
    pub(super) fn new() -> Self {
        Self {
            spotter: Spotter::new(0, false, true),
            count: 0,
        }
    }

    /// Reads further, from `offset` in the body.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        mut offset: u64,
        found: &mut Found,
    ) -> Result<(), Unextractable> {
        for byte in bytes {
            offset = offset.saturating_add(1);
            if let Some(base64) = self.spotter.push(*byte, offset) {
                self.tell(base64, found)?;
            }
        }
        Ok(())
    }

    /// The body has ended.
    pub(super) fn end(&mut self, found: &mut Found) -> Result<(), Unextractable> {
        match self.spotter.end() {
            Some(base64) => self.tell(base64, found),
            None => Ok(()),
        }
    }

    fn tell(
        &mut self,
        base64: std::ops::Range<u64>,
        found: &mut Found,
    ) -> Result<(), Unextractable> {
        let name = format!("data:{}", self.count);
        self.count = self.count.saturating_add(1);
        let encoding = Encoding {
            escapes: Escapes::None,
            coding: Coding::Base64,
        };
        found.push(&name, base64, encoding)
    }
}
