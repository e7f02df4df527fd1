//! Decodes the bytes of a value into its content.

use super::urlencoded::Unescape;
use super::value::{Coding, Encoding, Escapes};

/// Decodes one value as its bytes arrive. Holds a few bytes, and returns at most three more bytes than it got.
#[derive(Clone, Debug)]
pub struct Decoder {
    escapes: Unescaper,
    base64: Option<Base64>,
}

#[derive(Clone, Debug)]
enum Unescaper {
    None,
    Json(JsonState),
    UrlEncoded(Unescape),
}

#[derive(Clone, Copy, Debug)]
enum JsonState {
    Text,
    Escape,
    /// Behind `\u`: the number of digits so far, and their value.
    Unicode(u8, u32),
}

/// The symbols of an unfinished group of four.
#[derive(Clone, Copy, Debug, Default)]
struct Base64 {
    bits: u32,
    symbols: u8,
}

impl Decoder {
    /// A decoder of one value.
    pub fn new(encoding: Encoding) -> Self {
        Self {
            escapes: match encoding.escapes {
                Escapes::None => Unescaper::None,
                Escapes::Json => Unescaper::Json(JsonState::Text),
                Escapes::UrlEncoded => Unescaper::UrlEncoded(Unescape::default()),
            },
            base64: match encoding.coding {
                Coding::Identity => None,
                Coding::Base64 => Some(Base64::default()),
            },
        }
    }

    /// Decodes the next bytes and appends the content.
    pub fn decode(&mut self, bytes: &[u8], decoded: &mut Vec<u8>) {
        let base64 = &mut self.base64;
        let mut take = |byte: u8| match base64 {
            Some(base64) => base64.push(byte, decoded),
            None => decoded.push(byte),
        };
        match &mut self.escapes {
            Unescaper::None => bytes.iter().copied().for_each(take),
            Unescaper::Json(state) => {
                for byte in bytes {
                    *state = unescape_json(*state, *byte, &mut take);
                }
            }
            Unescaper::UrlEncoded(unescape) => {
                for byte in bytes {
                    unescape.push(*byte, |byte, _| take(byte));
                }
            }
        }
    }

    /// The value has ended: appends the rest.
    pub fn finish(&mut self, decoded: &mut Vec<u8>) {
        if let Unescaper::UrlEncoded(unescape) = &mut self.escapes {
            let base64 = &mut self.base64;
            unescape.finish(|byte, _| match base64 {
                Some(base64) => base64.push(byte, decoded),
                None => decoded.push(byte),
            });
        }
        if let Some(base64) = &mut self.base64 {
            base64.flush(decoded);
        }
    }
}

fn unescape_json(state: JsonState, byte: u8, take: &mut impl FnMut(u8)) -> JsonState {
    match (state, byte) {
        (JsonState::Text, b'\\') => return JsonState::Escape,
        (JsonState::Escape, b'u') => return JsonState::Unicode(0, 0),
        (JsonState::Escape, b'n') => take(b'\n'),
        (JsonState::Escape, b'r') => take(b'\r'),
        (JsonState::Escape, b't') => take(b'\t'),
        (JsonState::Text | JsonState::Escape, other) => take(other),
        (JsonState::Unicode(digits, value), digit) => {
            let value = value << 4 | char::from(digit).to_digit(16).unwrap_or_default();
            if digits < 3 {
                return JsonState::Unicode(digits.saturating_add(1), value);
            }
            let scalar = char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER);
            let mut utf8 = [0; 4];
            scalar.encode_utf8(&mut utf8).bytes().for_each(take);
        }
    }
    JsonState::Text
}

impl Base64 {
    /// Takes a symbol. Padding ends a group; other bytes are skipped, as most decoders do.
    fn push(&mut self, byte: u8, decoded: &mut Vec<u8>) {
        let symbol = match byte {
            b'A'..=b'Z' => byte.wrapping_sub(b'A'),
            b'a'..=b'z' => byte.wrapping_sub(b'a').wrapping_add(26),
            b'0'..=b'9' => byte.wrapping_sub(b'0').wrapping_add(52),
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => return self.flush(decoded),
            _ => return,
        };
        self.bits = self.bits << 6 | u32::from(symbol);
        self.symbols = self.symbols.saturating_add(1);
        if self.symbols == 4 {
            let [_, bytes @ ..] = self.bits.to_be_bytes();
            decoded.extend(bytes);
            *self = Self::default();
        }
    }

    /// Appends the whole bytes of an unfinished group.
    fn flush(&mut self, decoded: &mut Vec<u8>) {
        match self.symbols {
            2 => decoded.extend((self.bits >> 4).to_be_bytes().get(3..).unwrap_or_default()),
            3 => decoded.extend((self.bits >> 2).to_be_bytes().get(2..).unwrap_or_default()),
            _ => {}
        }
        *self = Self::default();
    }
}
