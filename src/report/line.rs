//! Makes lines fit for Envoy's log: one line each, visible, bounded, and without secrets.

use std::borrow::Cow;
use std::cell::RefCell;

use crate::config::Secrets;

/// The longest line, in bytes of UTF-8. Longer lines are cut and end in `…`.
pub const MAX_LINE_BYTES: usize = 16 * 1024;
/// The longest text of a client or server in a line, in bytes of UTF-8.
pub const MAX_FOREIGN_BYTES: usize = 256;

thread_local! {
    /// The secrets of every configuration that this virtual machine was given.
    static SECRETS: RefCell<Secrets> = RefCell::default();
}

/// From now on, hides these secrets in every line.
pub fn keep_out_of_lines(secrets: &Secrets) {
    SECRETS.with_borrow_mut(|known| *known = Secrets::joined([&*known, secrets]));
}

/// The line as it goes to the log.
pub fn fit_for_log(line: &str) -> String {
    // A message may be written while another one is made fit. Then the secrets are borrowed, and none is hidden in
    // it.
    let hidden = SECRETS.with(|secrets| match secrets.try_borrow() {
        Ok(secrets) => secrets.hide(line).into_owned(),
        Err(_) => line.to_owned(),
    });
    visible(&hidden, MAX_LINE_BYTES)
}

/// Text of a client or a server in a form that a line may quote.
pub fn foreign(text: &str) -> String {
    visible(text, MAX_FOREIGN_BYTES)
}

/// `text`, cut at `max` bytes. Characters that are invisible or reorder the text are escaped.
fn visible(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max));
    for c in text.chars() {
        let piece: Cow<'_, str> = match c {
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' => {
                c.escape_unicode().to_string().into()
            }
            c if c.is_control() => c.escape_default().to_string().into(),
            c => {
                if out.len().saturating_add(c.len_utf8()) > max {
                    out.push('…');
                    return out;
                }
                out.push(c);
                continue;
            }
        };
        if out.len().saturating_add(piece.len()) > max {
            out.push('…');
            return out;
        }
        out.push_str(&piece);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_escaped_and_length_is_bounded() {
        assert_eq!(
            foreign("a\x1b[31mb\r\nc\u{202e}"),
            "a\\u{1b}[31mb\\r\\nc\\u{202e}"
        );
        assert_eq!(foreign("geprüft"), "geprüft");
        let long = foreign(&"ä".repeat(MAX_FOREIGN_BYTES));
        assert_eq!(long, format!("{}…", "ä".repeat(MAX_FOREIGN_BYTES / 2)));
        let line = fit_for_log(&"\x1b".repeat(48 * 1024));
        assert!(line.len() <= MAX_LINE_BYTES + "…".len());
        assert!(!line.contains('\x1b'));
    }

    #[test]
    fn a_secret_stays_out_of_every_line() {
        let config = br#"{"profiles": [{"name": "a", "cluster": "c", "service_url": "/x?token=abcdefgh",
            "authorization": {"bearer": "bearer-token"}, "icap_headers": {"X-Key": "key-value"}}]}"#;
        let Ok(crate::config::PluginConfig::Filter(config)) = crate::config::parse(config) else {
            panic!("it is right");
        };
        keep_out_of_lines(&config.profiles[0].secrets);
        let line = fit_for_log("token=abcdefgh abcdefgh Bearer bearer-token key-value");
        assert_eq!(line, "*** *** *** ***");
    }
}
