//! Tokens, such as the names of headers (RFC 9110 section 5.6.2).

/// What an error calls allowed in the place of a token.
pub(super) const TOKEN: &str = "a header name: letters, digits and !#$%&'*+-.^_`|~";

/// Whether `text` is a token (RFC 9110 section 5.6.2).
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
