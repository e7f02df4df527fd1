//! Quoted-printable.

use super::Undecodable;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct QuotedPrintable {
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// Behind a space or a tab, which may not end a line: some drop it there.
    Space,
    Cr,
    Escape,
    /// Behind an escape's first digit.
    Digit(u8),
    /// Within the line end that an escape takes away.
    SoftCr,
    /// Behind that line end, where a body may not end.
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
        // Some read digits in lower case, others leave them as they are.
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
