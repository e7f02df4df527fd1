//! Decodes quoted-printable (RFC 2045 section 6.7).

use super::Undecodable;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct QuotedPrintable {
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// After a space or a tab. A line may not end here: some programs drop the space.
    Space,
    Cr,
    Escape,
    /// After an escape's first digit.
    Digit(u8),
    /// Within the line end that an escape removes.
    SoftCr,
    /// After that line end. A body may not end here.
    Soft,
}

impl QuotedPrintable {
    pub(super) fn decode(
        &mut self,
        bytes: &[u8],
        decoded: &mut Vec<u8>,
    ) -> Result<(), Undecodable> {
        for byte in bytes {
            self.state = next(self.state, *byte, decoded).ok_or(Undecodable::QuotedPrintable)?;
        }
        Ok(())
    }

    pub(super) fn finish(&self) -> Result<(), Undecodable> {
        match self.state {
            State::Text => Ok(()),
            _ => Err(Undecodable::QuotedPrintable),
        }
    }
}

fn next(state: State, byte: u8, decoded: &mut Vec<u8>) -> Option<State> {
    Some(match (state, byte) {
        (State::Text | State::Soft | State::Space, b'=') => State::Escape,
        (State::Text | State::Soft, b'\r') => State::Cr,
        (State::Text | State::Soft | State::Space, b' ' | b'\t') => {
            decoded.push(byte);
            State::Space
        }
        (State::Text | State::Soft | State::Space, b'!'..=b'~') => {
            decoded.push(byte);
            State::Text
        }
        (State::Cr, b'\n') => {
            decoded.extend(b"\r\n");
            State::Text
        }
        (State::Escape, b'\r') => State::SoftCr,
        (State::SoftCr, b'\n') => State::Soft,
        // Some programs accept lower-case digits, others leave such escapes as they are.
        (State::Escape, b'0'..=b'9' | b'A'..=b'F') => State::Digit(digit(byte)?),
        (State::Digit(high), b'0'..=b'9' | b'A'..=b'F') => {
            decoded.push(high << 4 | digit(byte)?);
            State::Text
        }
        _ => return None,
    })
}

fn digit(byte: u8) -> Option<u8> {
    u8::try_from(char::from(byte).to_digit(16)?).ok()
}
