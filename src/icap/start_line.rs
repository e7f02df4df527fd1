//! Parses request and status lines (RFC 3507 section 4.3, RFC 9112 sections 3 and 4).

use super::fields::is_token;

/// The beginning of every ICAP status line.
pub(super) const ICAP_START: &[u8] = b"ICAP/";

/// The status and reason of `ICAP/1.0 204 No Content`. The status is 100 to 999; a missing reason is empty.
///
/// An odd line, of another version or with other punctuation, still counts if its status is an error: the fields that
/// follow may report a threat. A success must have the exact form.
pub(super) fn icap_status(line: &[u8]) -> Option<(u16, String)> {
    let rest = line.strip_prefix(ICAP_START)?;
    let [major, b'.', minor, rest @ ..] = rest else {
        return None;
    };
    if !major.is_ascii_digit() || !minor.is_ascii_digit() {
        return None;
    }
    let proper = status_and_reason(rest).filter(|_| *major == b'1');
    let (status, reason) = proper.or_else(|| odd_error(rest))?;
    let mut reason = String::from_utf8_lossy(reason);
    if reason.contains(char::is_control) {
        reason = reason.replace(char::is_control, " ").into();
    }
    Some((status, reason.trim().to_owned()))
}

/// The status of `HTTP/1.1 403 Forbidden`, 100 to 599.
pub(super) fn http_status(line: &[u8]) -> Option<u16> {
    let blank = memchr::memchr(b' ', line)?;
    let (version, rest) = line.split_at_checked(blank)?;
    if !is_http_version(version) {
        return None;
    }
    let (status, _) = status_and_reason(rest)?;
    (status <= 599).then_some(status)
}

/// The method and target of `POST /upload HTTP/1.1`. Targets may hold bytes above 0x7f, in whatever encoding.
pub(super) fn http_request(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let mut parts = line.split(|b| *b == b' ');
    let (method, target, version) = (parts.next()?, parts.next()?, parts.next()?);
    let clean = !target.is_empty() && target.iter().all(|b| *b > b' ' && *b != 0x7f);
    if parts.next().is_some() || !is_token(method) || !clean || !is_http_version(version) {
        return None;
    }
    let method = std::str::from_utf8(method).ok()?;
    Some((method.to_owned(), target.to_vec()))
}

fn is_http_version(version: &[u8]) -> bool {
    matches!(version, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
        if major.is_ascii_digit() && minor.is_ascii_digit())
}

/// The status 400 to 999 and the reason of ` 403: Forbidden`.
fn odd_error(rest: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, reason) = rest.trim_ascii_start().split_at_checked(3)?;
    let digits = std::str::from_utf8(digits).ok()?;
    let status = digits.parse::<u16>().ok().filter(|status| *status >= 400)?;
    let ended = reason.first().is_none_or(|b| !b.is_ascii_digit());
    ended.then_some((status, reason))
}

/// Splits ` 204 No Content`: one or more blanks, three digits, then nothing or a blank and the reason.
fn status_and_reason(rest: &[u8]) -> Option<(u16, &[u8])> {
    let trimmed = rest.trim_ascii_start();
    if trimmed.len() == rest.len() {
        return None;
    }
    let [a, b, c, reason @ ..] = trimmed else {
        return None;
    };
    // Three digits always fit.
    let mut status = 0_u16;
    for digit in [a, b, c] {
        if !digit.is_ascii_digit() {
            return None;
        }
        let digit = u16::from(digit.wrapping_sub(b'0'));
        status = status.wrapping_mul(10).wrapping_add(digit);
    }
    let separated = matches!(reason, [] | [b' ' | b'\t', ..]);
    (separated && status >= 100).then_some((status, reason))
}
