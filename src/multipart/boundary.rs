//! Reads the boundary in a message's `Content-Type`.

use super::Ambiguous;
use super::parameters::{Parameter, split};

/// How many bytes a boundary may have (RFC 2046 section 5.1.1).
pub const BOUNDARY_BYTES: usize = 70;

/// The kind of a multipart, which decides the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `multipart/form-data` (RFC 7578): every part is a field and has a name; no part is encoded.
    FormData,
    /// `multipart/related` (RFC 2387): a document and its attachments.
    Related,
    /// `multipart/mixed` (RFC 2046 section 5.1.3).
    Mixed,
}

impl Kind {
    fn media_type(self) -> &'static [u8] {
        match self {
            Self::FormData => b"multipart/form-data",
            Self::Related => b"multipart/related",
            Self::Mixed => b"multipart/mixed",
        }
    }
}

/// The boundary of a form, or of another multipart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boundary {
    /// The boundary with the two dashes before it.
    dashed: Vec<u8>,
    kind: Kind,
}

impl Boundary {
    /// The boundary that a `Content-Type` names; `None` if the type is not `multipart/form-data`.
    ///
    /// `content_type` is the value of the message's only such field, or of all of them joined with commas, as Envoy
    /// joins them. More than one field is refused.
    pub fn of(content_type: &[u8]) -> Result<Option<Self>, Ambiguous> {
        Self::of_kind(content_type, Kind::FormData)
    }

    /// Like [`Boundary::of`], for `multipart/related` and `multipart/mixed`.
    pub fn of_related(content_type: &[u8]) -> Result<Option<Self>, Ambiguous> {
        match Self::of_kind(content_type, Kind::Related)? {
            None => Self::of_kind(content_type, Kind::Mixed),
            related => Ok(related),
        }
    }

    fn of_kind(content_type: &[u8], kind: Kind) -> Result<Option<Self>, Ambiguous> {
        let value = content_type.trim_ascii();
        let (media_type, parameters) = split(value);
        if !media_type.eq_ignore_ascii_case(kind.media_type()) {
            // Some programs look at the beginning of the value only, or at the last of several types.
            return match contains(value, kind.media_type()) {
                true => Err(Ambiguous::MediaType),
                false => Ok(None),
            };
        }
        let mut found = None;
        for parameter in parameters {
            let parameter = parameter.map_err(|_| Ambiguous::MediaTypeParameters)?;
            if found.is_none() && parameter.name.eq_ignore_ascii_case(b"boundary") {
                found = Some(parameter);
            } else if contains(parameter.name, b"boundary")
                || contains(parameter.value, b"boundary")
            {
                // PHP takes the text behind the first "boundary", wherever that stands; others take the last
                // parameter.
                return Err(Ambiguous::SecondBoundary);
            }
        }
        let boundary = found.ok_or(Ambiguous::NoBoundary)?;
        Ok(Some(Self {
            dashed: [b"--", checked(&boundary)?].concat(),
            kind,
        }))
    }

    /// The kind, which decides the rules for the parts.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The boundary without the dashes of delimiters.
    pub fn as_bytes(&self) -> &[u8] {
        self.dashed.strip_prefix(b"--").unwrap_or(&self.dashed)
    }

    /// The boundary with the dashes before it.
    pub(super) fn dashed(&self) -> &[u8] {
        &self.dashed
    }
}

/// The value, if all programs read the same boundary in it.
fn checked<'a>(boundary: &Parameter<'a>) -> Result<&'a [u8], Ambiguous> {
    let value = boundary.value;
    if value.is_empty() || value.len() > BOUNDARY_BYTES {
        return Err(Ambiguous::BoundaryLength);
    }
    // Without quotes, only characters of a token get here. Some programs stop at "=" or ",", others do not.
    let clean =
        !boundary.quoted || (value.iter().all(|b| is_boundary(*b)) && !value.ends_with(b" "));
    if !clean || value.starts_with(b" ") || value.starts_with(b"'") {
        return Err(Ambiguous::BoundaryCharacters);
    }
    Ok(value)
}

/// A `bchar` (RFC 2046 section 5.1.1), or another character of a token. No comma: some programs split the value
/// there.
fn is_boundary(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"'()+_-./:=? !#$%&*^`|~".contains(&byte)
}

/// Whether `text` contains `word`, in any case. `word` is in lower case.
fn contains(text: &[u8], word: &[u8]) -> bool {
    let Some(first) = word.first() else {
        return true;
    };
    memchr::memchr2_iter(*first, first.to_ascii_uppercase(), text).any(|at| {
        let found = text.get(at..).and_then(|rest| rest.get(..word.len()));
        found.is_some_and(|found| found.eq_ignore_ascii_case(word))
    })
}

#[cfg(test)]
#[path = "boundary_tests.rs"]
mod tests;
