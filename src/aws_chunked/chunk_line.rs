//! Reads a chunk's first line.

use super::Ambiguous;
use super::framing::Signature;

/// How many bytes a chunk's first line may have, line end included: 16 digits and the longest signature.
pub const CHUNK_LINE_BYTES: usize = 16 + ";chunk-signature=".len() + ECDSA_DIGITS + 2;

const HMAC_DIGITS: usize = 64;
const ECDSA_DIGITS: usize = 144;

/// The size in a line. The line ends with its LF.
pub(super) fn size(line: &[u8], signature: Signature) -> Result<u64, Ambiguous> {
    read(line, signature).ok_or(Ambiguous::ChunkLine)
}

fn read(line: &[u8], signature: Signature) -> Option<u64> {
    let line = line.strip_suffix(b"\r\n")?;
    let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let (digits, rest) = line.split_at_checked(digits)?;
    let found = rest.strip_prefix(b";chunk-signature=");
    let signed = match signature {
        Signature::None => rest.is_empty(),
        Signature::Hmac => found.is_some_and(|s| s.len() == HMAC_DIGITS && hexadecimal(s)),
        Signature::Ecdsa => found.is_some_and(ecdsa),
    };
    // With leading zeros a size would have several spellings, and some programs do not take "00" for the last chunk.
    let plain = matches!(digits, b"0") || !digits.starts_with(b"0");
    if !signed || !plain || digits.is_empty() {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn hexadecimal(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_hexdigit)
}

fn ecdsa(signature: &[u8]) -> bool {
    let digits = signature
        .iter()
        .take_while(|b| b.is_ascii_hexdigit())
        .count();
    let padding = signature.get(digits..).unwrap_or_default();
    digits > 0 && signature.len() <= ECDSA_DIGITS && padding.iter().all(|b| *b == b'*')
}
