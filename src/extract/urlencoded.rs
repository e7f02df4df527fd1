//! Finds the fields of `application/x-www-form-urlencoded` (the URL standard, section 5.1).

use super::spotter::Spotter;
use super::value::{Coding, Encoding, Escapes, Found, NAME_BYTES};
use super::{Extractors, Unextractable};

/// Reads one body.
#[derive(Clone, Debug)]
pub(super) struct UrlEncoded {
    wanted: Extractors,
    unescape: Unescape,
    name: Vec<u8>,
    value: Option<OpenValue>,
}

#[derive(Clone, Debug)]
struct OpenValue {
    start: u64,
    spotter: Spotter,
}

impl UrlEncoded {
    pub(super) fn new(wanted: Extractors) -> Self {
        Self {
            wanted,
            unescape: Unescape::default(),
            name: Vec::new(),
            value: None,
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
            match byte {
                b'&' => self.end(offset, found)?,
                b'=' if self.value.is_none() => {
                    self.drain(offset, found)?;
                    let start = offset.saturating_add(1);
                    let spotter = Spotter::new(start, self.wanted.urlencoded, self.wanted.data_url);
                    self.value = Some(OpenValue { start, spotter });
                }
                _ => {
                    let mut out = Unescaped::default();
                    self.unescape
                        .push(*byte, |byte, behind| out.push(byte, behind));
                    self.take(&out, offset.saturating_add(1), found)?;
                }
            }
            offset = offset.saturating_add(1);
        }
        Ok(())
    }

    /// A field ends before `offset`.
    pub(super) fn end(&mut self, offset: u64, found: &mut Found) -> Result<(), Unextractable> {
        self.drain(offset, found)?;
        let name = std::mem::take(&mut self.name);
        let Some(mut value) = self.value.take() else {
            return Ok(());
        };
        let name = String::from_utf8_lossy(&name).into_owned();
        if let Some(base64) = value.spotter.end() {
            found.push(&name, base64, encoding(Coding::Base64))?;
        }
        if self.wanted.urlencoded {
            found.push(&name, value.start..offset, encoding(Coding::Identity))?;
        }
        Ok(())
    }

    /// The bytes held back turn out to be no escape.
    fn drain(&mut self, offset: u64, found: &mut Found) -> Result<(), Unextractable> {
        let mut out = Unescaped::default();
        self.unescape.finish(|byte, behind| out.push(byte, behind));
        self.take(&out, offset, found)
    }

    fn take(&mut self, out: &Unescaped, end: u64, found: &mut Found) -> Result<(), Unextractable> {
        for (byte, behind) in out.bytes.iter().flatten() {
            let Some(value) = &mut self.value else {
                if self.name.len() < NAME_BYTES {
                    self.name.push(*byte);
                }
                continue;
            };
            let end = end.saturating_sub(u64::from(*behind));
            if let Some(base64) = value.spotter.push(*byte, end) {
                let name = String::from_utf8_lossy(&self.name);
                found.push(&name, base64, encoding(Coding::Base64))?;
            }
        }
        Ok(())
    }
}

fn encoding(coding: Coding) -> Encoding {
    Encoding {
        escapes: Escapes::UrlEncoded,
        coding,
    }
}

/// The bytes that one input byte released: at most three. Each has the number of input bytes that stand behind it
/// already.
#[derive(Default)]
struct Unescaped {
    bytes: [Option<(u8, u8)>; 3],
}

impl Unescaped {
    fn push(&mut self, byte: u8, behind: u8) {
        if let Some(free) = self.bytes.iter_mut().find(|slot| slot.is_none()) {
            *free = Some((byte, behind));
        }
    }
}

/// Decodes percent-escapes and `+`, a byte at a time. A percent sign that begins no escape stands for itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Unescape {
    held: Held,
}

#[derive(Clone, Copy, Debug, Default)]
enum Held {
    #[default]
    Nothing,
    Percent,
    Digit(u8),
}

impl Unescape {
    /// Passes each byte that is known now to `take`, with the number of text bytes behind it.
    pub(super) fn push(&mut self, byte: u8, mut take: impl FnMut(u8, u8)) {
        match (self.held, byte) {
            (Held::Percent, digit) if digit.is_ascii_hexdigit() => {
                self.held = Held::Digit(digit);
                return;
            }
            (Held::Digit(high), low) if low.is_ascii_hexdigit() => {
                self.held = Held::Nothing;
                return take(hex(high) << 4 | hex(low), 0);
            }
            _ => {}
        }
        self.give(1, &mut take);
        match byte {
            b'%' => self.held = Held::Percent,
            b'+' => take(b' ', 0),
            other => take(other, 0),
        }
    }

    /// Passes the bytes held back to `take`.
    pub(super) fn finish(&mut self, mut take: impl FnMut(u8, u8)) {
        self.give(0, &mut take);
    }

    fn give(&mut self, behind: u8, take: &mut impl FnMut(u8, u8)) {
        match std::mem::take(&mut self.held) {
            Held::Nothing => {}
            Held::Percent => take(b'%', behind),
            Held::Digit(digit) => {
                take(b'%', behind.saturating_add(1));
                take(digit, behind);
            }
        }
    }
}

fn hex(digit: u8) -> u8 {
    let value = char::from(digit).to_digit(16).unwrap_or_default();
    u8::try_from(value).unwrap_or_default()
}
