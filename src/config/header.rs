//! Names and values of headers that a configuration gives.

use super::reader::Fields;
use super::template::Template;
use super::token::{TOKEN, is_token};
use super::value::{Value, shown};

/// ICAP headers that `icap_headers` may not set: the protocol sets them (RFC 3507 sections 4.3 and 4.4), or another attribute.
const RESERVED: &[&str] = &[
    "host",
    "encapsulated",
    "preview",
    "allow",
    "istag",
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "content-length",
    "upgrade",
    "te",
    "trailer",
    "expect",
    "authorization",
    "x-client-ip",
    "x-server-ip",
    "x-authenticated-user",
];

/// The default of `authenticated_user_icap_header`.
const USER: &str = "X-Authenticated-User";

/// Headers that any ICAP response may have: their presence says nothing.
pub(super) const ORDINARY: &[&str] = &[
    "istag",
    "encapsulated",
    "connection",
    "server",
    "service",
    "service-id",
    "date",
];

/// The header name in the field `name`, in lower case.
pub(super) fn name(fields: &Fields<'_>, name: &str) -> Option<String> {
    let text = fields.text(name)?;
    if !is_token(text) {
        fields.fault(name, shown(text), TOKEN);
        return None;
    }
    Some(text.to_ascii_lowercase())
}

/// `authenticated_user_icap_header`, in the case in which it is written.
pub(super) fn user_header(fields: &Fields<'_>, name: &str) -> Option<String> {
    let text = fields.text(name)?;
    let own = text.eq_ignore_ascii_case(USER);
    if !is_token(text) {
        fields.fault(name, shown(text), TOKEN);
        return None;
    }
    if !own && RESERVED.iter().any(|r| r.eq_ignore_ascii_case(text)) {
        fields.fault(
            name,
            "a header that the protocol or an attribute of its own sets",
            "other headers",
        );
        return None;
    }
    Some(text.to_owned())
}

/// The list of header names in the field `name`, in lower case.
pub(super) fn names(fields: &Fields<'_>, name: &str) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    fields.list(name, |value, text| {
        if !is_token(text) {
            value.wrong(TOKEN);
            return None;
        }
        let lower = text.to_ascii_lowercase();
        if seen.contains(&lower) {
            value.wrong("each header once");
            return None;
        }
        seen.push(lower.clone());
        Some(lower)
    })
}

/// `authenticated_user_scheme`; `Some(None)`: the field is absent.
pub(super) fn user_scheme(fields: &Fields<'_>, name: &str) -> Option<Option<String>> {
    if !fields.has(name) {
        return Some(None);
    }
    let scheme = fields.text(name)?;
    if !scheme
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    {
        fields.fault(name, shown(scheme), "letters, digits, +, - and .");
        return None;
    }
    Some(Some(scheme.to_owned()))
}

/// `icap_headers`.
pub(super) fn icap_headers(fields: &Fields<'_>, name: &str) -> Vec<(String, Template)> {
    fields.text_map(name, icap_header)
}

/// Notes a header that both `icap_headers` and `authenticated_user_icap_header` set.
pub(super) fn check_user(
    fields: &Fields<'_>,
    user: Option<&str>,
    icap_headers: Option<&[(String, Template)]>,
) {
    let mut names = icap_headers.into_iter().flatten().map(|(name, _)| name);
    if let Some(user) = user
        && fields.has("authenticated_user_header")
        && names.any(|name| name.eq_ignore_ascii_case(user))
    {
        fields.fault(
            "icap_headers",
            format!("{user}, which authenticated_user_icap_header sets"),
            "each header once",
        );
    }
}

fn icap_header(value: Value<'_>, name: &str, text: &str) -> Option<(String, Template)> {
    if !is_token(name) {
        value.fault("no header name", TOKEN);
        return None;
    }
    if RESERVED.iter().any(|r| r.eq_ignore_ascii_case(name)) {
        value.fault(
            "a header that the protocol or an attribute of its own sets",
            "other headers",
        );
        return None;
    }
    if text.trim_ascii() != text || text.chars().any(char::is_control) {
        value.wrong("a string without control characters and without blanks around it");
        return None;
    }
    match Template::parse(text) {
        Ok(template) => Some((name.to_owned(), template)),
        Err(fault) => {
            value.fault(fault, Template::ALLOWED);
            None
        }
    }
}
