//! Recognizes the framing from the request's headers.

use super::Ambiguous;

/// The fields that announce the framing, each with the value of its only field, or of all, joined with commas.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fields<'a> {
    /// `Content-Encoding`
    pub content_encoding: Option<&'a [u8]>,
    /// `x-amz-content-sha256`
    pub content_sha256: Option<&'a [u8]>,
    /// `x-amz-decoded-content-length`
    pub decoded_length: Option<&'a [u8]>,
}

/// The framing of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    pub(super) signature: Signature,
    pub(super) trailer: bool,
    pub(super) length: u64,
}

/// The signature of each chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signature {
    None,
    /// 64 hexadecimal digits.
    Hmac,
    /// Up to 144 hexadecimal digits, padded with asterisks.
    Ecdsa,
}

impl Framing {
    /// The framing that the headers announce; `None` if they announce none.
    ///
    /// Servers decide by `x-amz-content-sha256`, and some clients send that without `Content-Encoding`. The reverse,
    /// `aws-chunked` without a streaming payload, is ambiguous: some servers take the framing for content.
    pub fn of(fields: Fields<'_>) -> Result<Option<Self>, Ambiguous> {
        let codings = fields
            .content_encoding
            .unwrap_or_default()
            .split(|b| *b == b',');
        let encoded = codings
            .filter(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"aws-chunked"))
            .count();
        if encoded > 1 {
            return Err(Ambiguous::EncodedTwice);
        }
        let payload = fields.content_sha256.unwrap_or_default().trim_ascii();
        // An event stream (of Transcribe and others) is signed in its own framing, not in chunks.
        if !streaming(payload) || payload == b"STREAMING-AWS4-HMAC-SHA256-EVENTS" {
            return match encoded > 0 || fields.decoded_length.is_some() {
                true => Err(Ambiguous::NotAnnounced),
                false => Ok(None),
            };
        }
        let (signature, trailer) = kind(payload).ok_or(Ambiguous::PayloadKind)?;
        let length = fields.decoded_length.and_then(number);
        Ok(Some(Self {
            signature,
            trailer,
            length: length.ok_or(Ambiguous::DecodedLength)?,
        }))
    }

    /// The content's length in bytes, as announced. [`Deframer`](super::Deframer) refuses any other length.
    pub fn decoded_length(&self) -> u64 {
        self.length
    }
}

/// Whether some server would take the payload for a streaming one.
fn streaming(payload: &[u8]) -> bool {
    let word = b"streaming-";
    payload
        .windows(word.len())
        .any(|w| w.eq_ignore_ascii_case(word))
}

fn kind(payload: &[u8]) -> Option<(Signature, bool)> {
    let kind = payload.strip_prefix(b"STREAMING-")?;
    if kind == b"UNSIGNED-PAYLOAD-TRAILER" {
        return Some((Signature::None, true));
    }
    let (kind, trailer) = match kind.strip_suffix(b"-TRAILER") {
        Some(kind) => (kind, true),
        None => (kind, false),
    };
    match kind {
        b"AWS4-HMAC-SHA256-PAYLOAD" => Some((Signature::Hmac, trailer)),
        b"AWS4-ECDSA-P256-SHA256-PAYLOAD" => Some((Signature::Ecdsa, trailer)),
        _ => None,
    }
}

fn number(value: &[u8]) -> Option<u64> {
    let digits = value.trim_ascii();
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
#[path = "framing_tests.rs"]
mod tests;
