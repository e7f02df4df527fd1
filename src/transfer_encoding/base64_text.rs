//! Decodes Base64 with padding, in lines or not. All decoders skip line ends; they differ on other bytes, which are
//! refused.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Undecodable;

#[derive(Clone, Debug, Default)]
pub(super) struct Base64 {
    /// The bytes of a group of four so far.
    group: Vec<u8>,
    /// Whether the last group had padding.
    ended: bool,
}

impl Base64 {
    pub(super) fn decode(
        &mut self,
        bytes: &[u8],
        decoded: &mut Vec<u8>,
    ) -> Result<(), Undecodable> {
        let text = bytes.iter().filter(|b| !matches!(b, b'\r' | b'\n'));
        self.group.extend(text);
        let whole = self.group.len() & !3;
        let (groups, rest) = self.group.split_at_checked(whole).unwrap_or_default();
        if self.ended && !self.group.is_empty() {
            return Err(Undecodable::Base64);
        }
        STANDARD
            .decode_vec(groups, decoded)
            .map_err(|_| Undecodable::Base64)?;
        self.ended |= groups.ends_with(b"=");
        self.group = rest.to_vec();
        Ok(())
    }

    pub(super) fn finish(&self) -> Result<(), Undecodable> {
        match self.group.is_empty() {
            true => Ok(()),
            false => Err(Undecodable::Base64),
        }
    }
}
