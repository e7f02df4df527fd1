//! A single value: its faults, and what an error may show of it.

use super::attribute::Kind;
use super::error::{Errors, Path};
use super::json::{Json, quote};

/// A value inside a list or a map.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    /// The value.
    pub(super) json: &'a Json,
    pub(super) path: Path<'a>,
    pub(super) kind: Kind,
    pub(super) errors: &'a Errors,
}

impl<'a> Value<'a> {
    /// `kind` tells whether the value may be shown.
    pub(super) fn new(json: &'a Json, path: Path<'a>, kind: Kind, errors: &'a Errors) -> Self {
        Self {
            json,
            path,
            kind,
            errors,
        }
    }

    /// Notes that the value is not among what `allowed` names.
    pub(super) fn wrong(&self, allowed: impl Into<String>) {
        self.fault(found(self.json, self.kind), allowed);
    }

    /// Notes a fault.
    pub(super) fn fault(&self, found: impl Into<String>, allowed: impl Into<String>) {
        self.errors.add(self.path, found, allowed);
    }

    /// The value as a string. Notes a value of another type.
    pub(super) fn text(&self) -> Option<&'a str> {
        match self.json {
            Json::Text(text) => Some(text),
            _ => {
                self.wrong("a string");
                None
            }
        }
    }
}

/// What an error shows of a value: the type alone, if the value may hold a secret.
pub(super) fn found(value: &Json, kind: Kind) -> String {
    match (value, kind) {
        (Json::Text(text), Kind::ServiceUrl) if text.contains('@') => "string \"…@…\"".to_owned(),
        (Json::Text(text), Kind::Text { max }) if text.len() > max => {
            format!("string of {} bytes", text.len())
        }
        (Json::Text(text), Kind::Page { .. }) => format!("string of {} bytes", text.len()),
        (_, Kind::Secret { .. } | Kind::Object(_) | Kind::Objects { .. } | Kind::HeaderMap) => {
            match value {
                Json::List(list) if list.is_empty() => "empty list".to_owned(),
                Json::List(list) => format!("list of {}", list.len()),
                other => other.type_name().to_owned(),
            }
        }
        _ => value.describe(),
    }
}

/// A string as an error shows it.
pub(super) fn shown(text: &str) -> String {
    format!("string {}", quote(text))
}
