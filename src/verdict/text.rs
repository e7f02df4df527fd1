//! Makes text from the wire fit for a log line.

/// The longest reason, threat or file name that is kept, in bytes of UTF-8. Longer text is cut and ends in `…`.
const MAX_TEXT_BYTES: usize = 512;

/// `raw` as text of at most 512 bytes, with `…` behind where it was cut. Bytes that are no UTF-8 become U+FFFD;
/// breaks and tabs become blanks. Other control characters are dropped, and so are those that reorder text on a
/// screen.
pub fn clean(raw: &[u8]) -> String {
    let mut text = String::new();
    let chars = raw.trim_ascii().utf8_chunks().flat_map(|chunk| {
        let broken = (!chunk.invalid().is_empty()).then_some(char::REPLACEMENT_CHARACTER);
        chunk.valid().chars().chain(broken)
    });
    for c in chars {
        let c = match c {
            '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => ' ',
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => continue,
            c if c.is_control() => continue,
            c => c,
        };
        if text.len().saturating_add(c.len_utf8()) > MAX_TEXT_BYTES {
            text.push('…');
            break;
        }
        text.push(c);
    }
    text
}

/// Values by which servers say that they have nothing to report.
const NOTHING: [&str; 11] = [
    "",
    "false",
    "-",
    "0",
    "none",
    "clean",
    "no",
    "n/a",
    "no threat",
    "no threats",
    "no threats found",
];

/// Whether `value` says that the server has nothing to report.
pub(super) fn says_nothing(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    NOTHING
        .iter()
        .any(|word| value.eq_ignore_ascii_case(word.as_bytes()))
}

/// A value without the quotes around it.
pub(super) fn unquoted(value: &[u8]) -> &[u8] {
    let value = value.trim_ascii();
    value
        .strip_prefix(b"\"")
        .and_then(|value| value.strip_suffix(b"\""))
        .unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_become_blanks_and_controls_go() {
        assert_eq!(clean(b" a\r\n\tb\x00\x1b[31mc\x7f "), "a   b[31mc");
        assert_eq!(clean("a\u{202e}b\u{2028}c\u{85}".as_bytes()), "ab c");
    }

    #[test]
    fn broken_utf8_is_shown_as_such() {
        assert_eq!(
            clean(b"Schadsoftware gel\xf6scht"),
            "Schadsoftware gel\u{fffd}scht"
        );
        assert_eq!(clean("gelöscht".as_bytes()), "gelöscht");
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        let exact = "ä".repeat(MAX_TEXT_BYTES / 2);
        assert_eq!(clean(exact.as_bytes()), exact);
        let cut = clean(format!("{exact}ä").as_bytes());
        assert_eq!(cut, format!("{exact}…"));
    }

    #[test]
    fn words_for_nothing_are_known_without_case() {
        for word in ["", " ", "None", "CLEAN", "no threats", "-"] {
            assert!(says_nothing(word.as_bytes()), "{word:?}");
        }
        assert!(!says_nothing(b"None.A!tr"));
    }
}
