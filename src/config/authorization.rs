//! Credentials for the ICAP server. No part of them gets into an error.

use super::profile::Secret;
use super::reader::Fields;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// `authorization`, ready to be sent.
pub(super) fn authorization(profile: &Fields<'_>) -> Option<Secret> {
    profile.object("authorization", |fields| {
        if fields.has("basic") == fields.has("bearer") {
            let found = if fields.has("basic") { "both" } else { "none" };
            fields.fault_here(found, "exactly one of basic, bearer");
        }
        let basic = fields.object("basic", |fields| basic(&fields));
        basic.or_else(|| bearer(&fields))
    })
}

/// RFC 7617.
fn basic(fields: &Fields<'_>) -> Option<Secret> {
    let (username, password) = (fields.text("username"), fields.text("password"));
    let (username, password) = (username?, password?);
    if username.contains(':') {
        fields.fault("username", "a colon", "a user name without a colon");
        return None;
    }
    let encoded = STANDARD.encode(format!("{username}:{password}"));
    Some(Secret::new(format!("Basic {encoded}")))
}

/// RFC 6750 section 2.1.
fn bearer(fields: &Fields<'_>) -> Option<Secret> {
    let token = fields.text("bearer")?;
    let body = token.trim_end_matches('=');
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b);
    if body.is_empty() || !body.bytes().all(legal) {
        fields.fault(
            "bearer",
            "other characters",
            "letters, digits and -._~+/, with = at the end",
        );
        return None;
    }
    Some(Secret::new(format!("Bearer {token}")))
}
