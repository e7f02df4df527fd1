//! Writes icap_log as JSON (RFC 8259) on one line.

use std::fmt::Write;

use super::object::Object;

/// A JSON writer.
#[derive(Debug)]
pub(super) struct Json {
    out: String,
    /// Whether the current object has a field already.
    has_field: bool,
}

impl Json {
    /// Returns the JSON of an object whose fields `write` adds. `capacity`: the bytes that it usually needs.
    pub(super) fn of(capacity: usize, write: impl FnOnce(&mut Self)) -> String {
        let mut json = Self {
            out: String::with_capacity(capacity),
            has_field: false,
        };
        json.braced(write);
        json.out
    }

    fn name(&mut self, name: &str) {
        if self.has_field {
            self.out.push(',');
        }
        self.has_field = true;
        write_text(&mut self.out, name);
        self.out.push(':');
    }

    fn braced(&mut self, write: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.has_field, false);
        self.out.push('{');
        write(self);
        self.out.push('}');
        self.has_field = outer;
    }

    fn list<T>(
        &mut self,
        name: &str,
        items: impl Iterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.name(name);
        self.out.push('[');
        for (n, item) in items.enumerate() {
            if n > 0 {
                self.out.push(',');
            }
            write(self, item);
        }
        self.out.push(']');
    }
}

impl Object for Json {
    fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        write_text(&mut self.out, text);
    }

    fn number(&mut self, name: &str, number: u64) {
        self.name(name);
        self.out.push_str(itoa::Buffer::new().format(number));
    }

    fn truth(&mut self, name: &str, truth: bool) {
        self.name(name);
        self.out.push_str(if truth { "true" } else { "false" });
    }

    fn object(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        self.name(name);
        self.braced(write);
    }

    fn texts<'t>(&mut self, name: &str, texts: impl Iterator<Item = &'t str>) {
        self.list(name, texts, |json, text| write_text(&mut json.out, text));
    }

    fn objects<T>(
        &mut self,
        name: &str,
        items: impl Iterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.list(name, items, |json, item| {
            json.braced(|json| write(json, item));
        });
    }
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    escape(out, text);
    out.push('"');
}

/// Whether a byte stands for itself: printable ASCII but for the quote and the backslash.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

/// Whether all eight bytes are plain, by arithmetic on the eight at once: most of a log is.
fn are_plain(bytes: [u8; 8]) -> bool {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let word = u64::from_le_bytes(bytes);
    // A byte of `below` has its high bit set where the byte of `word` is below the limit. Above the lowest such byte a bit may be
    // set without cause, which does no harm: the bytes are then looked at one by one.
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES.wrapping_mul(u64::from(limit)));
    let equal = |byte: u8| below(word ^ ONES.wrapping_mul(u64::from(byte)), 1);
    let special = below(word, b' ') | equal(b'"') | equal(b'\\') | equal(0x7f) | word;
    special & HIGH == 0
}

/// How many bytes at the front of a text are plain.
fn plain_bytes(text: &str) -> usize {
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let Some(special) = words.iter().position(|word| !are_plain(*word)) else {
        // Most names and numbers are shorter than eight bytes: blanks stand in for the rest.
        let mut last = [b' '; 8];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        return match are_plain(last) {
            true => text.len(),
            false => words.len().saturating_mul(8).saturating_add(plain_in(rest)),
        };
    };
    let word = words.get(special).map(plain_in).unwrap_or_default();
    special.saturating_mul(8).saturating_add(word)
}

fn plain_in(bytes: impl AsRef<[u8]>) -> usize {
    let plain = bytes.as_ref().iter().take_while(|byte| is_plain(**byte));
    plain.count()
}

/// Beyond RFC 8259, C1 controls, DEL and the Unicode line breaks are escaped too: terminals and line readers would
/// act on them.
fn escape(out: &mut String, text: &str) {
    let mut rest = text;
    loop {
        let Some((run, special)) = rest.split_at_checked(plain_bytes(rest)) else {
            return;
        };
        out.push_str(run);
        let mut chars = special.chars();
        match chars.next() {
            None => return,
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\r') => out.push_str("\\r"),
            Some('\n') => out.push_str("\\n"),
            Some('\t') => out.push_str("\\t"),
            Some(c) if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            Some(c) => out.push(c),
        }
        rest = chars.as_str();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nests_in_order() {
        let json = Json::of(0, |top| {
            top.number("b", 18_446_744);
            top.texts("a", ["x", "y"].into_iter());
            top.object("c", |c| c.text("d", "x"));
            top.object("e", |_| ());
            top.objects("f", [true, false].into_iter(), |f, truth| {
                f.truth("g", truth);
            });
            top.digits("h", 7);
        });
        let expected = r#"{"b":18446744,"a":["x","y"],"c":{"d":"x"},"e":{},"f":[{"g":true},{"g":false}],"h":"7"}"#;
        assert_eq!(json, expected);
    }

    #[test]
    fn each_byte_is_plain_or_not_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            for at in 0..8 {
                let mut bytes = *b"abcdefgh";
                bytes[at] = byte;
                assert_eq!(are_plain(bytes), is_plain(byte), "{byte} at {at}");
            }
        }
    }

    #[test]
    fn no_control_character_is_raw() {
        let text = "a\"\\/\r\n\t\u{0}\u{1b}\u{7f}\u{9b}\u{2028}ä…";
        let expected = r#""a\"\\/\r\n\t\u0000\u001b\u007f\u009b\u2028ä…""#;
        let json = Json::of(0, |top| top.text("t", text));
        assert_eq!(json, format!(r#"{{"t":{expected}}}"#));
        let back: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(back["t"], text);
    }
}
