//! Credentials for the ICAP server. No part of them gets into an error.

use super::attribute::{object, secret};
use super::object::object;
use super::reader::Fields;
use super::secrets::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

object! {
    /// Exactly one of the two.
    pub(super) struct Authorization, at "profiles[].authorization", read from fields {
        /// User name and password (RFC 7617).
        pub basic: Option<Secret> = object::<Basic>().or_nothing()
            => |fields, name| Some(fields.object(name, |basic| Basic::of(&basic)?.header(&basic)));
        /// A token (RFC 6750).
        pub bearer: Option<Secret> = secret(8192).or_nothing() => |fields, name| Some(bearer(fields, name));
    }
}

object! {
    /// The user that the ICAP server knows the filter as.
    pub(super) struct Basic, at "profiles[].authorization.basic", read from fields {
        /// Without a colon.
        pub username: String = secret(1024);
        /// The password.
        pub password: String = secret(1024);
    }
}

/// The value of the `Authorization` header, ready to be sent.
pub(super) fn authorization(fields: &Fields<'_>) -> Option<Secret> {
    if fields.has("basic") == fields.has("bearer") {
        let found = if fields.has("basic") { "both" } else { "none" };
        fields.fault_here(found, "exactly one of basic, bearer");
    }
    let Authorization { basic, bearer } = Authorization::of(fields)?;
    basic.or(bearer)
}

impl Basic {
    /// RFC 7617.
    fn header(&self, fields: &Fields<'_>) -> Option<Secret> {
        let Self { username, password } = self;
        if username.contains(':') {
            fields.fault("username", "a colon", "a user name without a colon");
            return None;
        }
        let encoded = STANDARD.encode(format!("{username}:{password}"));
        Some(Secret::new(format!("Basic {encoded}")))
    }
}

/// RFC 6750 section 2.1.
fn bearer(fields: &Fields<'_>, name: &str) -> Option<Secret> {
    let token = fields.text(name)?;
    let body = token.trim_end_matches('=');
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b);
    if body.is_empty() || !body.bytes().all(legal) {
        fields.fault(
            name,
            "other characters",
            "letters, digits and -._~+/, with = at the end",
        );
        return None;
    }
    Some(Secret::new(format!("Bearer {token}")))
}
