//! Reads a part's `Content-Disposition` (RFC 7578 section 4.2).

use super::extended_value::{browser, encoded_word, extended, has_encoded_word};
use super::parameters::{Malformed, Parameter, is_token, split};
use super::{Ambiguous, Kind};

/// The names in a `Content-Disposition`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Disposition {
    /// Always present in a form.
    pub(super) name: Option<String>,
    pub(super) file_name: Option<String>,
}

impl Disposition {
    /// Reads a field's value in a multipart of this kind.
    pub(super) fn read(value: &[u8], kind: Kind) -> Result<Self, Ambiguous> {
        let (disposition, parameters) = split(value);
        let fits = match kind {
            Kind::FormData => disposition.eq_ignore_ascii_case(b"form-data"),
            _ => !disposition.is_empty() && disposition.iter().all(|b| is_token(*b)),
        };
        if !fits {
            return Err(Ambiguous::DispositionType);
        }
        let (mut name, mut plain, mut starred) = (None, None, None);
        for parameter in parameters {
            let parameter = parameter.map_err(|malformed| match malformed {
                Malformed::EscapedQuote => Ambiguous::Backslash,
                Malformed::Other => Ambiguous::DispositionParameters,
            })?;
            let slot = match parameter.name {
                b"name" => &mut name,
                b"filename" => &mut plain,
                b"filename*" => &mut starred,
                // Some programs know lower case only, look for "name=" anywhere, or join "filename*0" and
                // "filename*1".
                other if stands(&other.to_ascii_lowercase(), b"name") => {
                    return Err(Ambiguous::ParameterForm);
                }
                _ => &mut None,
            };
            if slot.replace(parameter).is_some() {
                return Err(Ambiguous::SecondParameter);
            }
            check(&parameter)?;
        }
        if kind == Kind::FormData && name.is_none() {
            return Err(Ambiguous::NoName);
        }
        Ok(Self {
            name: name.map(|name| text(&browser(name.value))),
            file_name: file_name(plain, starred)?,
        })
    }
}

/// Refuses a value in which programs without quotes find another parameter.
fn check(parameter: &Parameter<'_>) -> Result<(), Ambiguous> {
    let hidden: [&[u8]; 3] = [b"name=", b"name*=", b"name*0"];
    let lower = parameter.value.to_ascii_lowercase();
    if hidden.iter().any(|word| stands(&lower, word)) {
        return Err(Ambiguous::ParameterInValue);
    }
    // PHP takes single quotes for quotes as well.
    let single = !parameter.quoted && parameter.value.contains(&b'\'');
    if single && !parameter.name.ends_with(b"*") {
        return Err(Ambiguous::DispositionParameters);
    }
    Ok(())
}

fn file_name(
    plain: Option<Parameter<'_>>,
    starred: Option<Parameter<'_>>,
) -> Result<Option<String>, Ambiguous> {
    let starred = match starred {
        Some(starred) if starred.quoted => return Err(Ambiguous::ExtendedFileName),
        Some(starred) => Some(extended(starred.value).ok_or(Ambiguous::ExtendedFileName)?),
        None => None,
    };
    let Some(plain) = plain.map(|plain| plain.value) else {
        return Ok(starred);
    };
    // With or without its backslashes, as a path or as a plain name, the file must have the same extension.
    let extension = plain.rsplit(|b| *b == b'.').next().unwrap_or_default();
    if extension.len() < plain.len() && extension.contains(&b'\\') {
        return Err(Ambiguous::Backslash);
    }
    let word = has_encoded_word(plain);
    match starred {
        None if word => Err(Ambiguous::EncodedWord),
        None => Ok(Some(text(&browser(plain)))),
        Some(starred) => {
            let decoded = match word {
                true => encoded_word(plain),
                false => Some(browser(plain)),
            };
            match decoded.as_deref() == Some(starred.as_bytes()) {
                true => Ok(Some(starred)),
                false => Err(Ambiguous::FileNamesDiffer),
            }
        }
    }
}

fn stands(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|w| w == word)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
#[path = "disposition_tests.rs"]
mod tests;
