//! Values in a rule that no request can have, and what to write instead.

use super::token::is_token;

/// The part of a request that a string matcher looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Method,
    Host,
    Path,
    Query,
    ContentType,
    Header,
    Cookie,
}

/// How a string matcher compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compared {
    Exact,
    Prefix,
    Suffix,
    Contains,
}

impl Subject {
    /// The subject of the criterion `name`, negated or not.
    pub(super) fn of(name: &str) -> Self {
        match name.strip_suffix("_not").unwrap_or(name) {
            "method" => Self::Method,
            "host" => Self::Host,
            "path" => Self::Path,
            "query" => Self::Query,
            _ => Self::ContentType,
        }
    }

    /// What to write instead of `text`, if no value can match it. `None`: a value can.
    pub(super) fn instead_of(self, how: Compared, text: &str) -> Option<String> {
        match self {
            Self::Method => method(how, text),
            Self::Host => host(how, text),
            Self::Path => path(how, text),
            Self::Query => query(how, text),
            Self::ContentType => content_type(how, text),
            Self::Header => header(how, text),
            Self::Cookie => text
                .contains(';')
                .then(|| "the value of one cookie, which has no semicolon".to_owned()),
        }
    }
}

fn method(how: Compared, text: &str) -> Option<String> {
    if text == "*" {
        return Some("no method at all: then the rule is for every method".to_owned());
    }
    if is_token(text) {
        return None;
    }
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<String> = words
        .filter(|word| !word.is_empty())
        .map(|word| format!("\"{word}\""))
        .collect();
    Some(match how {
        Compared::Exact if words.len() > 1 => {
            format!(
                "a list, for a request has one method: [{}]",
                words.join(", ")
            )
        }
        _ => "a method such as \"POST\"".to_owned(),
    })
}

fn host(how: Compared, text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    if lower.contains("://") || text.contains(['/', '@', '?', '#', ' ']) {
        return Some("the host alone, such as \"upload.example\"".to_owned());
    }
    if text.contains('*') {
        return Some(suffix_for_star(text, "a host has no star"));
    }
    let port = match text.rfind(']') {
        Some(end) => text.get(end..).is_some_and(|rest| rest.contains(':')),
        None => text.contains(':') && !text.starts_with('['),
    };
    if port {
        let many = text.matches(':').count() > 1 && !text.contains(']');
        return Some(if many {
            format!("an IPv6 address in brackets: \"[{text}]\"")
        } else {
            "the host without its port; the criterion \"port\" has the listener's".to_owned()
        });
    }
    let ends = matches!(how, Compared::Exact | Compared::Suffix);
    let bare = text
        .strip_suffix('.')
        .filter(|bare| ends && !bare.is_empty());
    bare.map(|bare| format!("the host without its final dot: \"{bare}\""))
}

fn path(how: Compared, text: &str) -> Option<String> {
    if text.contains('?') {
        return Some("the path without its query; the criterion \"query\" has that".to_owned());
    }
    let starts = matches!(how, Compared::Exact | Compared::Prefix);
    let ends = matches!(how, Compared::Exact | Compared::Suffix | Compared::Prefix);
    if text == "*" && how == Compared::Exact {
        return None;
    }
    if let Some(before) = text.strip_suffix('*').filter(|_| ends) {
        let before = before.trim_end_matches('*');
        return Some(format!(
            "{{\"prefix\": \"{}\"}}: a star stands for nothing but itself",
            if before.is_empty() { "/" } else { before }
        ));
    }
    if text.starts_with('*') {
        return Some(suffix_for_star(
            text,
            "a star stands for nothing but itself",
        ));
    }
    (starts && !text.starts_with('/')).then(|| format!("a path begins with a slash: \"/{text}\""))
}

fn query(how: Compared, text: &str) -> Option<String> {
    let starts = matches!(how, Compared::Exact | Compared::Prefix);
    let bare = text.strip_prefix('?').filter(|_| starts);
    bare.map(|bare| format!("what follows the question mark: \"{bare}\""))
}

fn content_type(how: Compared, text: &str) -> Option<String> {
    if text.contains(';') {
        return Some("the media type without its parameters, such as \"text/html\"".to_owned());
    }
    if text.contains(',') {
        return Some("a list of media types".to_owned());
    }
    if let Some(before) = text.strip_suffix('*') {
        return Some(if before.is_empty() || before == "*/" {
            "no content_type at all: then the rule is for every type".to_owned()
        } else {
            format!("{{\"prefix\": \"{before}\"}}: a star stands for nothing but itself")
        });
    }
    if text.trim_ascii() != text {
        return Some("a media type without blanks around".to_owned());
    }
    (how == Compared::Exact && !text.is_empty() && !text.contains('/')).then(|| {
        format!("a whole media type such as \"text/html\", or {{\"prefix\": \"{text}/\"}}")
    })
}

fn header(how: Compared, text: &str) -> Option<String> {
    let starts = matches!(how, Compared::Exact | Compared::Prefix);
    let ends = matches!(how, Compared::Exact | Compared::Suffix);
    let blank = |c: Option<char>| c.is_some_and(|c| c.is_ascii_whitespace());
    let around = starts && blank(text.chars().next()) || ends && blank(text.chars().next_back());
    let controls = text.contains(['\r', '\n', '\0']);
    (around || controls).then(|| {
        "a value without blanks around and without line breaks, as Envoy has it".to_owned()
    })
}

fn suffix_for_star(text: &str, why: &str) -> String {
    let rest = text.trim_start_matches('*');
    if rest.is_empty() || rest.contains('*') {
        format!("a string matcher such as {{\"suffix\": \".example\"}}: {why}")
    } else {
        format!("{{\"suffix\": \"{rest}\"}}: {why}")
    }
}
