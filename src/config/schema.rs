//! Prints `schema/config.schema.json` from the declared attributes. Native builds only.

use super::attribute::{Absent, Attribute, Kind, Object, Section};
use super::plugin::Config;
use super::sections::SECTIONS;
use crate::product;
use serde_json::{Map, Value, json};

/// The JSON Schema (draft 2020-12) of the plugin configuration, as text. Only the parser checks what a schema can't say, such
/// as that a name is unique or exists.
pub fn schema() -> String {
    let mut schema = object(Config::SECTION);
    if let Value::Object(fields) = &mut schema {
        fields.insert(
            "$schema".to_owned(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        fields.insert(
            "title".to_owned(),
            json!("icap-filter plugin configuration"),
        );
        let sections = SECTIONS.iter().filter(|section| !section.path.is_empty());
        let definitions: Map<String, Value> = sections
            .map(|section| (definition(section), object(section)))
            .collect();
        fields.insert("$defs".to_owned(), json!(definitions));
        // The role decides which fields are required.
        fields.remove("required");
        fields.insert(
            "oneOf".to_owned(),
            json!([
                {"required": ["profiles"], "properties": {"role": {"const": "filter"}}},
                {"required": ["role"], "properties": {"role": {"enum": ["transport", "gate"]}}, "maxProperties": 1},
            ]),
        );
    }
    format!("{schema:#}\n")
}

/// The name under `$defs`.
fn definition(section: &Section) -> String {
    section.path.replace("[]", "").replace(' ', "_")
}

fn reference(section: &Section) -> Value {
    json!({"$ref": format!("#/$defs/{}", definition(section))})
}

fn object(section: &Section) -> Value {
    let properties: Map<String, Value> = section
        .attributes()
        .map(|attribute| (attribute.name.to_owned(), property(attribute)))
        .collect();
    let required: Vec<&str> = section
        .attributes()
        .filter(|a| a.default == Absent::Required)
        .map(|a| a.name)
        .collect();
    let mut object = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    if !required.is_empty() {
        insert(&mut object, "required", json!(required));
    }
    object
}

fn property(attribute: &Attribute) -> Value {
    let mut property = value(attribute.kind);
    insert(
        &mut property,
        "description",
        json!(attribute.effect.trim_start()),
    );
    match attribute.default {
        Absent::Bool(default) => insert(&mut property, "default", json!(default)),
        Absent::Integer(default) => insert(&mut property, "default", json!(default)),
        Absent::Text(default) => insert(&mut property, "default", json!(default)),
        Absent::Required | Absent::Nothing | Absent::Words(_) => {}
    }
    property
}

fn insert(object: &mut Value, key: &str, value: Value) {
    if let Value::Object(fields) = object {
        fields.insert(key.to_owned(), value);
    }
}

fn value(kind: Kind) -> Value {
    const TOKEN: &str = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$";
    match kind {
        Kind::Bool => json!({"type": "boolean"}),
        Kind::Integer { min, max, .. } => {
            json!({"type": "integer", "minimum": min, "maximum": max})
        }
        Kind::Text { max } | Kind::Secret { max } => {
            json!({"type": "string", "minLength": 1, "maxLength": max})
        }
        Kind::Page { max } => json!({"type": "string", "maxLength": max}),
        Kind::Choice(words) => json!({"enum": words}),
        Kind::Switch => json!({"enum": [true, false, "auto"]}),
        Kind::HeaderName => json!({"type": "string", "pattern": TOKEN}),
        Kind::HeaderNames => json!({
            "type": "array",
            "uniqueItems": true,
            "items": {"type": "string", "pattern": TOKEN},
        }),
        Kind::HeaderMap => json!({
            "type": "object",
            "propertyNames": {"pattern": TOKEN},
            "additionalProperties": {"type": "string"},
        }),
        Kind::ServiceUrl => json!({
            "type": "string",
            "maxLength": 2048,
            "pattern": "^([iI][cC][aA][pP][sS]?://[^/?#@]+|/)[^#]*$",
        }),
        Kind::Object(section) => reference(section),
        Kind::Objects { section, min, max } => json!({
            "type": "array",
            "minItems": min,
            "maxItems": max,
            "items": reference(section),
        }),
        Kind::Networks => one_or_list(&json!({"type": "string"})),
        Kind::Ports => one_or_list(&json!({"type": "integer", "minimum": 1, "maximum": 65535})),
        Kind::Statuses => one_or_list(&json!({"anyOf": [
            {"type": "integer", "minimum": 100, "maximum": 599},
            {"type": "string", "pattern": "^[1-5]xx$"},
        ]})),
        Kind::Words(words) => json!({"type": "array", "items": {"enum": words}}),
        Kind::Choices(words) => one_or_list(&json!({"enum": words})),
        Kind::Matchers(section) => {
            one_or_list(&json!({"anyOf": [{"type": "string"}, reference(section)]}))
        }
        Kind::Texts => one_or_list(&json!({"type": "string"})),
        Kind::Product => json!({"enum": product::names().collect::<Vec<_>>()}),
        Kind::IcapHeaderMatchers(section) => json!({
            "type": "array",
            "items": {"anyOf": [{"type": "string", "pattern": TOKEN}, reference(section)]},
        }),
    }
}

fn one_or_list(entry: &Value) -> Value {
    json!({"anyOf": [entry, {"type": "array", "minItems": 1, "items": entry}]})
}
