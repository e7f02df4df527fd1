//! The page of a local reply: a status, and a body with placeholders for what only the message tells.

use super::reader::Fields;
use super::value::shown;

/// The page of a local reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyPage {
    /// Its HTTP status.
    pub status: u16,
    /// `content-type` of the page.
    pub content_type: String,
    /// The page as the configuration gives it, with its placeholders.
    pub body: String,
}

/// The values of a page's placeholders; an empty one is not known.
#[derive(Clone, Copy, Debug, Default)]
pub struct PageValues<'a> {
    /// What was found.
    pub threat: &'a str,
    /// Why the message was blocked, or what failed.
    pub reason: &'a str,
    /// The request's `x-request-id`.
    pub request_id: &'a str,
}

/// The most of a value that a page shows, in characters. Servers and clients choose them.
const VALUE_CHARS: usize = 256;
/// What stands for a value that is not known, as in Envoy's access logs.
const UNKNOWN: &str = "-";

/// The placeholders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Placeholder {
    Threat,
    Reason,
    RequestId,
}

impl Placeholder {
    const ALL: [(&'static str, Self); 3] = [
        ("%THREAT%", Self::Threat),
        ("%REASON%", Self::Reason),
        ("%REQUEST_ID%", Self::RequestId),
    ];

    fn value<'a>(self, values: &PageValues<'a>) -> &'a str {
        match self {
            Self::Threat => values.threat,
            Self::Reason => values.reason,
            Self::RequestId => values.request_id,
        }
    }
}

/// How to write a value so that it stays text in a page of that type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    /// HTML and XML: the five characters, and what is not ASCII, as references. So the charset does not matter.
    Markup,
    /// In a string of JSON (RFC 8259 section 7).
    Json,
    /// Not at all.
    Text,
}

impl Escape {
    /// By the media type. `None`: for that type there is no way to escape a value.
    fn of(content_type: &str) -> Option<Self> {
        let media = content_type.split(';').next().unwrap_or_default();
        let media = media.trim().to_ascii_lowercase();
        match media.as_str() {
            "text/html" | "text/xml" | "application/xml" => Some(Self::Markup),
            "application/json" => Some(Self::Json),
            "text/plain" => Some(Self::Text),
            media if media.ends_with("+xml") => Some(Self::Markup),
            media if media.ends_with("+json") => Some(Self::Json),
            _ => None,
        }
    }

    fn push(self, c: char, text: &mut String) {
        match (self, c) {
            (Self::Markup, '&' | '<' | '>' | '"' | '\'') => push_reference(c, text),
            (Self::Markup, c) if !c.is_ascii() => push_reference(c, text),
            (Self::Json, '"' | '\\') => text.extend(['\\', c]),
            (_, c) => text.push(c),
        }
    }
}

fn push_reference(c: char, text: &mut String) {
    text.push_str("&#");
    text.push_str(&u32::from(c).to_string());
    text.push(';');
}

impl ReplyPage {
    /// The page for one message.
    pub fn render(&self, values: &PageValues<'_>) -> String {
        let escape = Escape::of(&self.content_type).unwrap_or(Escape::Markup);
        let mut text = String::with_capacity(self.body.len());
        let mut rest = self.body.as_str();
        while let Some((before, placeholder, after)) = next_placeholder(rest) {
            text.push_str(before);
            let value = match placeholder.value(values) {
                "" => UNKNOWN,
                value => value,
            };
            for c in value.chars().take(VALUE_CHARS) {
                escape.push(if c.is_control() { ' ' } else { c }, &mut text);
            }
            rest = after;
        }
        text.push_str(rest);
        text
    }

    /// The page with these attributes. `fields` is their object; notes placeholders that can't be filled in.
    pub(super) fn checked(
        fields: &Fields<'_>,
        status: u16,
        content_type: String,
        body: String,
    ) -> Self {
        if let Some(word) = misspelt(&body) {
            let found = format!("a placeholder {}, which does not exist", shown(word));
            fields.fault("body", found, "%THREAT%, %REASON% and %REQUEST_ID%");
        }
        if next_placeholder(&body).is_some() && Escape::of(&content_type).is_none() {
            let found = format!("{} with placeholders in the body", shown(&content_type));
            let allowed = "text/html, text/plain, JSON or XML: for others nobody knows how to escape what is put in";
            fields.fault("content_type", found, allowed);
        }
        Self {
            status,
            content_type,
            body,
        }
    }
}

/// The text before the first placeholder, the placeholder, and the text behind it.
fn next_placeholder(text: &str) -> Option<(&str, Placeholder, &str)> {
    text.match_indices('%').find_map(|(at, _)| {
        let (before, from) = text.split_at_checked(at)?;
        let named = |(name, placeholder): (&str, Placeholder)| {
            let after = from.strip_prefix(name)?;
            Some((before, placeholder, after))
        };
        Placeholder::ALL.into_iter().find_map(named)
    })
}

/// A word in capitals between percent signs that is no placeholder. A word that begins with two hexadecimal digits may be part
/// of a URL, and is let be.
fn misspelt(text: &str) -> Option<&str> {
    let is_word = |word: &&str| {
        let is_encoded = word
            .bytes()
            .take(2)
            .all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b));
        word.len() > 2
            && !is_encoded
            && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
            && !Placeholder::ALL
                .iter()
                .any(|(name, _)| name.trim_matches('%') == *word)
    };
    let mut parts = text.split('%');
    // The texts before the first percent sign and behind the last are between no two.
    parts.next();
    parts.next_back();
    parts.find(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(content_type: &str, body: &str) -> String {
        let page = ReplyPage {
            status: 403,
            content_type: content_type.to_owned(),
            body: body.to_owned(),
        };
        page.render(&PageValues {
            threat: "<script>\"'&ü\\",
            reason: "two\r\nlines",
            request_id: "7-8",
        })
    }

    #[test]
    fn values_are_escaped_for_the_kind_of_page() {
        let markup = "&#60;script&#62;&#34;&#39;&#38;&#252;\\";
        for (content_type, expected) in [
            ("text/html", markup),
            ("Text/HTML; charset=utf-8", markup),
            ("application/xml", markup),
            ("application/xhtml+xml", markup),
            ("application/json", "<script>\\\"'&ü\\\\"),
            ("application/problem+json", "<script>\\\"'&ü\\\\"),
            ("text/plain", "<script>\"'&ü\\"),
        ] {
            assert_eq!(render(content_type, "%THREAT%"), expected, "{content_type}");
        }
    }

    #[test]
    fn what_is_rendered_as_json_is_json() {
        let body = r#"{"threat": "%THREAT%", "reason": "%REASON%", "id": "%REQUEST_ID%"}"#;
        let text = render("application/json", body);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["threat"], "<script>\"'&ü\\");
        assert_eq!(json["reason"], "two  lines");
        assert_eq!(json["id"], "7-8");
    }

    #[test]
    fn other_percent_signs_stay() {
        for body in ["width: 100%", "%", "%%", "/a%20b%EF%BB%BF%", "% THREAT %"] {
            assert_eq!(render("text/plain", body), body);
            assert_eq!(misspelt(body), None, "{body}");
        }
        assert_eq!(render("text/plain", "%%REQUEST_ID%%"), "%7-8%");
        assert_eq!(render("text/plain", "5%%REQUEST_ID%"), "5%7-8");
    }

    #[test]
    fn a_misspelt_placeholder_is_noticed() {
        for body in ["%THREATS%", "100% of %REQUESTID% ", "%RESPONSE_CODE%"] {
            assert!(misspelt(body).is_some(), "{body}");
        }
        for body in ["%THREAT%%REASON%", "a%REQUEST_ID%b", "%FACADE%"] {
            assert_eq!(misspelt(body), None, "{body}");
        }
    }

    #[test]
    fn what_is_not_known_is_a_dash_and_what_is_long_is_cut() {
        let page = ReplyPage {
            status: 403,
            content_type: "text/plain".to_owned(),
            body: "%THREAT%|%REASON%".to_owned(),
        };
        let reason = "x".repeat(VALUE_CHARS + 1);
        let text = page.render(&PageValues {
            reason: &reason,
            ..PageValues::default()
        });
        assert_eq!(text, format!("-|{}", "x".repeat(VALUE_CHARS)));
    }
}
