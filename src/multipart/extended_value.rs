//! Decodes file names in headers: percent-escapes of browsers, RFC 5987, and encoded words (RFC 2047).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Decodes an `ext-value` (RFC 5987 section 3.2.1) in UTF-8 or ISO-8859-1. `None`: the value is no `ext-value`, or
/// has control characters.
pub(super) fn extended(value: &[u8]) -> Option<String> {
    let mut fields = value.splitn(3, |b| *b == b'\'');
    let charset = fields.next()?;
    let language = fields.next()?;
    let encoded = fields.next()?;
    let language_tag = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-';
    if !language.iter().all(language_tag) || encoded.iter().any(|b| b"'*".contains(b)) {
        return None;
    }
    let bytes = percent_decoded(encoded)?;
    let text = match charset.to_ascii_lowercase().as_slice() {
        b"utf-8" => String::from_utf8(bytes).ok()?,
        b"iso-8859-1" => bytes.into_iter().map(char::from).collect(),
        _ => return None,
    };
    (!text.chars().any(char::is_control)).then_some(text)
}

/// `value` with every escape decoded; `None` where a percent sign begins no escape.
fn percent_decoded(value: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value;
    loop {
        rest = match rest {
            [] => return Some(decoded),
            [b'%', high, low, tail @ ..] => {
                decoded.push(hex(*high)? << 4 | hex(*low)?);
                tail
            }
            [b'%', ..] => return None,
            [byte, tail @ ..] => {
                decoded.push(*byte);
                tail
            }
        };
    }
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

/// Decodes the three escapes that browsers write in names: of `"`, CR and LF (the HTML standard, "multipart/form-data encoding").
pub(super) fn browser(value: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value;
    loop {
        rest = match rest {
            [] => return decoded,
            [b'%', b'2', b'2', tail @ ..] => push(&mut decoded, b'"', tail),
            [b'%', b'0', b'D' | b'd', tail @ ..] => push(&mut decoded, b'\r', tail),
            [b'%', b'0', b'A' | b'a', tail @ ..] => push(&mut decoded, b'\n', tail),
            [byte, tail @ ..] => push(&mut decoded, *byte, tail),
        };
    }
}

fn push<'a>(decoded: &mut Vec<u8>, byte: u8, rest: &'a [u8]) -> &'a [u8] {
    decoded.push(byte);
    rest
}

/// Whether some program would read an encoded word in the value.
pub(super) fn has_encoded_word(value: &[u8]) -> bool {
    let stands = |mark: &[u8]| value.windows(mark.len()).any(|w| w == mark);
    stands(b"=?") && stands(b"?=")
}

/// Decodes a value that is one encoded word in UTF-8 and Base64, which .NET writes beside `filename*`.
pub(super) fn encoded_word(value: &[u8]) -> Option<Vec<u8>> {
    let inner = value.strip_prefix(b"=?")?.strip_suffix(b"?=")?;
    let mut fields = inner.split(|b| *b == b'?');
    let (charset, encoding, text) = (fields.next()?, fields.next()?, fields.next()?);
    let known = charset.eq_ignore_ascii_case(b"utf-8") && encoding.eq_ignore_ascii_case(b"b");
    if !known || fields.next().is_some() {
        return None;
    }
    STANDARD.decode(text).ok()
}
