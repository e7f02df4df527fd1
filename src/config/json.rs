//! JSON that keeps duplicate keys, so that the parser can refuse them.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// The most of a value that an error shows, in characters.
const SHOWN_CHARS: usize = 40;

/// Below 2^53 a double holds each integer exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Integer(i128),
    /// A number with a fraction, or too large for an integer.
    Real(f64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads JSON text. The parser refuses nesting deeper than 128.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// A number that came as a double: Istio and protobuf's Struct turn 5000 into 5000.0.
    pub(super) fn number(value: f64) -> Self {
        if value.fract() == 0.0 && value.abs() < EXACT {
            Self::Integer(value as i128)
        } else {
            Self::Real(value)
        }
    }

    /// The name that errors use for the type.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "boolean",
            Json::Integer(_) | Json::Real(_) => "number",
            Json::Text(_) => "string",
            Json::List(_) => "list",
            Json::Object(_) => "object",
        }
    }

    /// Type and value, the value shortened.
    pub(super) fn describe(&self) -> String {
        match self {
            Json::Bool(value) => format!("boolean {value}"),
            Json::Integer(value) => format!("number {value}"),
            Json::Real(value) => format!("number {}", thousandths(*value)),
            Json::Text(value) => format!("string {}", quote(value)),
            Json::List(entries) if entries.is_empty() => "empty list".to_owned(),
            other => other.type_name().to_owned(),
        }
    }
}

/// A number with a fraction, to three places; `…` stands for what is left out. Rust's own text of a double is exact, and its code is
/// fifteen times as long.
fn thousandths(value: f64) -> String {
    let all = value.abs() * 1000.0;
    if all.is_nan() || all >= EXACT {
        return "too large".to_owned();
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let (whole, part) = (all as u64 / 1000, all as u64 % 1000);
    let part = format!("{part:03}");
    let (part, rest) = if all.fract() == 0.0 {
        (part.trim_end_matches('0'), "")
    } else {
        (part.as_str(), "…")
    };
    format!("{sign}{whole}.{part}{rest}")
}

/// Text in quotation marks, control characters escaped, shortened.
pub(super) fn quote(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(SHOWN_CHARS)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(SHOWN_CHARS).is_some() {
        shown.push('…');
    }
    format!("\"{shown}\"")
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Integer(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Integer(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        Ok(Json::number(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = seq.next_element()? {
            entries.push(entry);
        }
        Ok(Json::List(entries))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Json::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::Json;

    #[test]
    fn a_number_with_a_fraction_is_shown_to_three_places() {
        for (value, shown) in [
            (5000.5, "number 5000.5"),
            (-0.25, "number -0.25"),
            (10.125, "number 10.125"),
            (0.0001, "number 0.000…"),
            (-1.0 / 3.0, "number -0.333…"),
            (1e15, "number too large"),
            (f64::INFINITY, "number too large"),
            (f64::NAN, "number too large"),
        ] {
            assert_eq!(Json::Real(value).describe(), shown);
        }
    }
}
