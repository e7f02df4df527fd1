//! Texts of a configuration that must not get into a log. A server may echo them anywhere in what it sends.

use super::service_url::ServiceUrl;
use super::template::Template;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::fmt;
use std::rc::Rc;

/// What a log shows in the place of a secret.
const HIDDEN: &str = "***";
/// Shortest credential that is hidden, in bytes: ordinary words contain shorter ones.
const MIN_CREDENTIAL_BYTES: usize = 4;
/// Shortest value of `icap_headers` that is hidden, in bytes.
const MIN_HEADER_BYTES: usize = 6;
/// Shortest value of a query's parameter that is hidden by itself, in bytes. The query as a whole is hidden in any case.
const MIN_PARAMETER_BYTES: usize = 8;
/// Shortest beginning of a secret that is hidden at the end of a text that was cut off, in bytes.
const MIN_REMAINDER_BYTES: usize = 3;

/// Text that must never be printed: `Debug` shows `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the wire only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The secrets of a profile. `Debug` shows none.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(Rc<[Box<str>]>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Secrets {
    /// Gathers the secrets of a profile: its credentials in each of their forms, values of `icap_headers`, and queries.
    pub(super) fn new<'a>(
        authorization: Option<&Secret>,
        icap_headers: &[(String, Template)],
        urls: impl IntoIterator<Item = &'a ServiceUrl>,
    ) -> Self {
        let mut found: Vec<String> = Vec::new();
        if let Some(authorization) = authorization {
            found.extend(credentials(authorization.expose()));
        }
        let values = icap_headers.iter().flat_map(|(_, value)| value.texts());
        found.extend(
            values
                .filter(|text| text.len() >= MIN_HEADER_BYTES)
                .map(str::to_owned),
        );
        for url in urls {
            if let Some((_, query)) = url.path.split_once('?') {
                let parameters = query.split('&').filter_map(|p| p.split_once('='));
                found.extend(
                    parameters
                        .filter(|(_, value)| value.len() >= MIN_PARAMETER_BYTES)
                        .map(|(_, value)| value.to_owned()),
                );
                if query.len() >= MIN_CREDENTIAL_BYTES {
                    found.push(query.to_owned());
                }
            }
        }
        Self::of(found)
    }

    /// The secrets of several profiles together.
    pub fn joined<'a>(all: impl IntoIterator<Item = &'a Self>) -> Self {
        let texts = all.into_iter().flat_map(|secrets| secrets.0.iter());
        Self::of(texts.map(|text| text.to_string()).collect())
    }

    /// Sorts the longest first: else a short secret would hide only a part of a longer one.
    fn of(texts: Vec<String>) -> Self {
        let mut sorted: Vec<Box<str>> = Vec::new();
        for text in texts {
            let place = (Reverse(text.len()), text.as_str());
            if let Err(at) = sorted.binary_search_by(|it| (Reverse(it.len()), &**it).cmp(&place)) {
                sorted.insert(at, text.into_boxed_str());
            }
        }
        Self(sorted.into())
    }

    /// `text` with `***` for each secret in it, whatever the case of its letters, also for the beginning of one before a final `…`.
    pub fn hide<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut hidden = Cow::Borrowed(text);
        for secret in self.0.iter() {
            if let Some(replaced) = replaced(&hidden, secret) {
                hidden = Cow::Owned(replaced);
            }
        }
        if let Some(cut) = hidden.strip_suffix('…')
            && let Some(kept) = self.without_remainder(cut)
        {
            hidden = Cow::Owned(format!("{kept}{HIDDEN}…"));
        }
        hidden
    }

    /// The text before the beginning of a secret at the end of `cut`.
    fn without_remainder<'t>(&self, cut: &'t str) -> Option<&'t str> {
        let longest = |secret: &str| {
            secret
                .char_indices()
                .rev()
                .map(|(at, _)| at)
                .take_while(|at| *at >= MIN_REMAINDER_BYTES)
                .find_map(|at| {
                    let (kept, end) = cut.split_at_checked(cut.len().checked_sub(at)?)?;
                    end.eq_ignore_ascii_case(secret.get(..at)?).then_some(kept)
                })
        };
        self.0
            .iter()
            .filter_map(|secret| longest(secret))
            .min_by_key(|kept| kept.len())
    }
}

/// `text` with `***` in each place of `secret`; `None`: the secret is not in it. Every record goes through here, so that a regular
/// expression would cost too much.
fn replaced(text: &str, secret: &str) -> Option<String> {
    let first = secret.bytes().next()?;
    let (lower, upper) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
    let mut out = String::new();
    let mut rest = text;
    let mut from = 0;
    while let Some(at) = rest
        .as_bytes()
        .get(from..)
        .and_then(|bytes| memchr::memchr2(lower, upper, bytes))
    {
        let at = from.saturating_add(at);
        let end = at.saturating_add(secret.len());
        match (rest.get(..at), rest.get(at..end), rest.get(end..)) {
            (Some(before), Some(found), Some(after)) if found.eq_ignore_ascii_case(secret) => {
                out.push_str(before);
                out.push_str(HIDDEN);
                rest = after;
                from = 0;
            }
            _ => from = at.saturating_add(1),
        }
    }
    if out.is_empty() {
        return None;
    }
    out.push_str(rest);
    Some(out)
}

/// The value of `Authorization`, its parts, and what they decode to.
fn credentials(value: &str) -> Vec<String> {
    let mut found = vec![value.to_owned()];
    let Some((scheme, token)) = value.split_once(' ') else {
        return found;
    };
    found.push(token.to_owned());
    if scheme.eq_ignore_ascii_case("basic")
        && let Some(pair) = STANDARD.decode(token).ok().map(String::from_utf8)
        && let Ok(pair) = pair
    {
        if let Some((_, password)) = pair.split_once(':') {
            found.push(password.to_owned());
        }
        found.push(pair);
    }
    found.retain(|text| text.len() >= MIN_CREDENTIAL_BYTES);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        let basic = format!("Basic {}", STANDARD.encode("scan:s3cr3t-word"));
        let url = ServiceUrl {
            authority: "h".to_owned(),
            path: "/av?key=Query-Value-1&x=on".to_owned(),
            scheme: "icap",
        };
        let headers = [("X-Key", "header-value"), ("X-On", "yes")]
            .map(|(name, value)| (name.to_owned(), Template::parse(value).unwrap()));
        Secrets::new(Some(&Secret::new(basic)), &headers, [&url])
    }

    #[test]
    fn credentials_are_hidden_in_each_of_their_forms() {
        let encoded = STANDARD.encode("scan:s3cr3t-word");
        for text in [
            format!("you sent Basic {encoded}"),
            format!("you sent {encoded}."),
            "you sent scan:s3cr3t-word".to_owned(),
            "password s3cr3t-word is wrong".to_owned(),
            "X-Key was header-value".to_owned(),
            "/av?key=Query-Value-1&x=on".to_owned(),
            "key Query-Value-1".to_owned(),
            "PASSWORD S3CR3T-WORD".to_owned(),
        ] {
            let hidden = secrets().hide(&text).into_owned();
            assert!(hidden.contains("***"), "{hidden}");
            for part in ["s3cr3t", &encoded, "header-value", "Query-Value"] {
                assert!(
                    !hidden.to_lowercase().contains(&part.to_lowercase()),
                    "{hidden}"
                );
            }
        }
        assert_eq!(secrets().hide("yes, it is on"), "yes, it is on");
    }

    #[test]
    fn a_secret_that_was_cut_off_is_hidden_too() {
        assert_eq!(secrets().hide("wrong: s3cr3t-…"), "wrong: ***…");
        assert_eq!(secrets().hide("wrong: scan:s3…"), "wrong: ***…");
        assert_eq!(secrets().hide("nothing here…"), "nothing here…");
    }

    #[test]
    fn nothing_is_shown_of_them() {
        assert_eq!(format!("{:?}", secrets()), "***");
    }
}
