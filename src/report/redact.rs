//! Makes header lines fit for a log: replaces credentials and bounds the length.

use crate::config::Secrets;

/// The longest text that is kept, in bytes of UTF-8. Longer text is cut and ends in `…`.
pub const MAX_HEADERS_TEXT_BYTES: usize = 4096;

/// Headers whose values are never logged, lower case.
const SECRET: [&str; 5] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    "set-cookie",
    "x-authenticated-user",
];

/// The header lines in `raw` as text, each ended by CRLF.
///
/// Replaces by `***`: the values of `Authorization`, `Proxy-Authorization`, `Cookie`, `Set-Cookie`,
/// `X-Authenticated-User` and of the headers named in `extra` (any case), folded lines included, and `secrets`
/// wherever they stand. Bytes that are no UTF-8 become U+FFFD. The result has at most [`MAX_HEADERS_TEXT_BYTES`], and
/// `…` behind where it was cut. CR, LF and CRLF each end a line, so that no reader sees a line that this function did
/// not check. Empty lines are left out.
pub fn redact_headers<'e>(
    raw: &[u8],
    extra: impl IntoIterator<Item = &'e str> + Clone,
    secrets: &Secrets,
) -> String {
    let mut text = Bounded::for_text_of(raw.len());
    let mut hidden = false;
    for line in raw.split(|b| matches!(b, b'\r' | b'\n')) {
        if line.is_empty() {
            continue;
        }
        let folded = line.starts_with(b" ") || line.starts_with(b"\t");
        if folded && hidden {
            continue;
        }
        let name = memchr::memchr(b':', line)
            .and_then(|colon| line.get(..colon))
            .map(<[u8]>::trim_ascii);
        hidden = name.is_some_and(|name| is_secret(name, extra.clone()));
        if let Some(name) = name.filter(|_| hidden) {
            text.push(&secrets.hide(&String::from_utf8_lossy(name)));
            text.push(": ***");
        } else {
            text.push(&secrets.hide(&String::from_utf8_lossy(line)));
        }
        text.push("\r\n");
        if text.full {
            break;
        }
    }
    text.text
}

fn is_secret<'e>(name: &[u8], extra: impl IntoIterator<Item = &'e str>) -> bool {
    SECRET
        .into_iter()
        .chain(extra)
        .any(|secret| name.eq_ignore_ascii_case(secret.as_bytes()))
}

/// Text that grows up to [`MAX_HEADERS_TEXT_BYTES`] and then ends in `…`.
struct Bounded {
    text: String,
    full: bool,
}

impl Bounded {
    /// Text with room for `bytes` and a little more.
    fn for_text_of(bytes: usize) -> Self {
        const LINE_END: usize = 2;
        let likely = bytes.saturating_add(LINE_END).min(MAX_HEADERS_TEXT_BYTES);
        Self {
            text: String::with_capacity(likely),
            full: false,
        }
    }

    fn push(&mut self, piece: &str) {
        if self.full {
            return;
        }
        let room = MAX_HEADERS_TEXT_BYTES.saturating_sub(self.text.len());
        if piece.len() <= room {
            self.text.push_str(piece);
            return;
        }
        let fits = |(at, c): &(usize, char)| at.saturating_add(c.len_utf8()) <= room;
        let head = piece.char_indices().take_while(fits).map(|(_, c)| c);
        self.text.extend(head);
        self.text.push('…');
        self.full = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_replaced() {
        let raw = b"Host: icap.example.net\r\nAuthorization: Basic dTpw\r\nPROXY-AUTHORIZATION : Bearer x\r\n\
            X-Authenticated-User:TG9jYWw6Ly91\r\ncookie: a=b\r\nSet-Cookie: c=d\r\nx-api-key: k\r\nPreview: 0\r\n\r\n";
        assert_eq!(
            redact_headers(raw, ["X-Api-Key"], &Secrets::default()),
            "Host: icap.example.net\r\nAuthorization: ***\r\nPROXY-AUTHORIZATION: ***\r\n\
            X-Authenticated-User: ***\r\ncookie: ***\r\nSet-Cookie: ***\r\nx-api-key: ***\r\nPreview: 0\r\n"
        );
    }

    #[test]
    fn folded_lines_of_a_secret_go_with_it() {
        let raw =
            b"Cookie: a=b;\r\n\tc=secret\r\n d=secret\r\nX-Violations-Found: 1\r\n\tf\r\n\tX\r\n";
        assert_eq!(
            redact_headers(raw, [], &Secrets::default()),
            "Cookie: ***\r\nX-Violations-Found: 1\r\n\tf\r\n\tX\r\n"
        );
    }

    #[test]
    fn no_line_hides_behind_another_line_ending() {
        for raw in [
            "Date: x\nCookie: secret\nVia: y",
            "Date: x\rCookie: secret\rVia: y",
            "Date: x\r\n Cookie: secret\r\nVia: y",
            "Date: x\r\n Cookie: a\r\n secret\r\nVia: y",
        ] {
            let text = redact_headers(raw.as_bytes(), [], &Secrets::default());
            assert_eq!(text, "Date: x\r\nCookie: ***\r\nVia: y\r\n", "{raw:?}");
        }
    }

    #[test]
    fn length_is_bounded_between_characters() {
        let exact = format!("X: {}\r\n", "a".repeat(MAX_HEADERS_TEXT_BYTES - 5));
        assert_eq!(
            redact_headers(exact.as_bytes(), [], &Secrets::default()),
            exact
        );
        let long = format!("X: {}", "ä".repeat(MAX_HEADERS_TEXT_BYTES));
        let cut = redact_headers(long.as_bytes(), [], &Secrets::default());
        assert!(cut.ends_with("ä…"));
        assert_eq!(cut.len(), MAX_HEADERS_TEXT_BYTES - 1 + "…".len());
    }

    #[test]
    fn broken_utf8_is_shown_as_such() {
        assert_eq!(
            redact_headers(b"X: \xff", [], &Secrets::default()),
            "X: \u{fffd}\r\n"
        );
    }
}
