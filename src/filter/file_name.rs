//! Finds the file name of a message, in `Content-Disposition` or the path.

/// The name in `Content-Disposition` (RFC 6266), else the last segment of the path, percent-decoded where that gives text.
/// Without directories. `None`: there is no name.
pub fn file_name(disposition: Option<&[u8]>, target: &[u8]) -> Option<Vec<u8>> {
    disposition
        .and_then(of_disposition)
        .or_else(|| of_target(target))
}

fn of_target(target: &[u8]) -> Option<Vec<u8>> {
    let path = target.split(|b| matches!(b, b'?' | b'#')).next()?;
    let segment = path.rsplit(|b| *b == b'/').next()?;
    base(&decoded(segment))
}

fn of_disposition(value: &[u8]) -> Option<Vec<u8>> {
    let mut plain = None;
    for (name, value) in parameters(value) {
        if name.eq_ignore_ascii_case(b"filename*") {
            // charset'language'value (RFC 8187). With a charset other than UTF-8 a plain `filename` counts instead.
            let mut parts = value.splitn(3, |b| *b == b'\'');
            let charset = parts.next().unwrap_or_default();
            let encoded = parts.nth(1);
            if let Some(encoded) = encoded.filter(|_| charset.eq_ignore_ascii_case(b"utf-8"))
                && let Some(name) = base(&decoded(encoded))
            {
                return Some(name);
            }
        } else if name.eq_ignore_ascii_case(b"filename") && plain.is_none() {
            plain = base(&value);
        }
    }
    plain
}

/// The parameters behind the first `;`: names, and values without quotes.
fn parameters(value: &[u8]) -> Vec<(&[u8], Vec<u8>)> {
    let mut found = Vec::new();
    let mut rest = after(value, b';');
    while let Some(begin) = rest {
        let Some(equals) = memchr::memchr2(b'=', b';', begin) else {
            break;
        };
        let (name, tail) = begin.split_at(equals);
        let Some(tail) = tail.strip_prefix(b"=") else {
            rest = after(begin, b';');
            continue;
        };
        let tail = tail.trim_ascii_start();
        let (value, next) = match tail.strip_prefix(b"\"") {
            Some(quoted) => unquote(quoted),
            None => {
                let end = memchr::memchr(b';', tail).unwrap_or(tail.len());
                let (value, next) = tail.split_at(end);
                (value.trim_ascii().to_vec(), next)
            }
        };
        found.push((name.trim_ascii(), value));
        rest = after(next, b';');
    }
    found
}

/// A quoted string (RFC 9110 section 5.6.4) behind its first quote, and the bytes that follow its end.
fn unquote(quoted: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut value = Vec::new();
    let mut bytes = quoted.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => break,
            // Some clients write a Windows path without escapes.
            b'\\' => match bytes.clone().next() {
                Some(escaped @ (b'"' | b'\\')) => {
                    bytes.next();
                    value.push(*escaped);
                }
                _ => value.push(b'\\'),
            },
            byte => value.push(*byte),
        }
    }
    (value, bytes.as_slice())
}

fn after(bytes: &[u8], mark: u8) -> Option<&[u8]> {
    let at = memchr::memchr(mark, bytes)?;
    bytes.get(at.checked_add(1)?..)
}

/// The name without directories. `None` where nothing is left.
fn base(name: &[u8]) -> Option<Vec<u8>> {
    let last = name.rsplit(|b| matches!(b, b'/' | b'\\')).next()?;
    let last = last.trim_ascii();
    (!last.is_empty()).then(|| last.to_vec())
}

/// The percent-decoded bytes; as they are, where decoding would not give text without control characters.
fn decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let byte = match (first, tail) {
            (b'%', [high, low, ..]) => hex(*high)
                .zip(hex(*low))
                .map(|(high, low)| (high << 4) | low),
            _ => None,
        };
        match byte {
            Some(byte) => {
                out.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    let writable = std::str::from_utf8(&out).is_ok_and(|text| !text.chars().any(char::is_control));
    if writable { out } else { text.to_vec() }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::file_name;

    fn name(disposition: &str, target: &str) -> Option<String> {
        let disposition = Some(disposition.as_bytes()).filter(|text| !text.is_empty());
        file_name(disposition, target.as_bytes()).map(|name| String::from_utf8(name).unwrap())
    }

    #[test]
    fn the_name_in_content_disposition_comes_first() {
        for (disposition, expected) in [
            ("attachment; filename=a.pdf", "a.pdf"),
            ("attachment; filename=\"a b;c.pdf\"; size=3", "a b;c.pdf"),
            ("form-data; name=\"f\"; FileName = \"a.pdf\"", "a.pdf"),
            ("attachment; filename=\"a\\\"b.pdf\"", "a\"b.pdf"),
            ("attachment; filename=\"C:\\dir\\a.pdf\"", "a.pdf"),
            ("attachment; filename=\"../../a.pdf\"", "a.pdf"),
            (
                "attachment; filename=\"e.pdf\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.pdf",
                "größe.pdf",
            ),
            (
                "attachment; filename*=iso-8859-1'en'%A3; filename=e.pdf",
                "e.pdf",
            ),
            ("attachment", "last"),
            ("attachment; filename=", "last"),
            ("", "last"),
        ] {
            assert_eq!(
                name(disposition, "/dir/last?x=/y").as_deref(),
                Some(expected),
                "{disposition}"
            );
        }
    }

    #[test]
    fn the_last_segment_of_the_path_is_a_name() {
        for (target, expected) in [
            ("/a/b.zip", Some("b.zip")),
            ("/a/b%20c.zip?d", Some("b c.zip")),
            ("/a/..%2fb.zip", Some("b.zip")),
            ("/a/b%0d%0aX.zip", Some("b%0d%0aX.zip")),
            ("/a/%ff.zip", Some("%ff.zip")),
            ("/a/100%", Some("100%")),
            ("/a/", None),
            ("/", None),
            ("*", Some("*")),
        ] {
            assert_eq!(name("", target).as_deref(), expected, "{target}");
        }
    }
}
