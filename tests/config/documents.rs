//! The reference and the schema are what the parser's table says.

use icap_filter::config::reference::{EXAMPLE, reference};
use icap_filter::config::schema::schema;
use icap_filter::config::{PluginConfig, parse};
use icap_filter::product::PRODUCTS;
use icap_filter::product::page::page;
use serde_json::Value;
use std::path::Path;

fn same(file: &str, printed: &str, how: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let written = std::fs::read_to_string(path).unwrap();
    assert!(
        written == printed,
        "{file} is out of date: cargo run --bin check-config -- {how} > {file}"
    );
}

#[test]
fn the_reference_is_up_to_date() {
    same("docs/configuration.md", &reference(), "--print-reference");
}

#[test]
fn the_page_of_icap_servers_is_up_to_date() {
    same("docs/icap-servers.md", &page(), "--print-servers");
}

/// What an operator copies from it has to be right.
#[test]
fn the_examples_of_each_product_are_right() {
    for product in PRODUCTS {
        let yaml = format!("profiles:\n{}\n", product.words.example);
        let value: Value = serde_yaml_ng::from_str(&yaml).unwrap();
        let parsed = parse(value.to_string().as_bytes());
        let Ok(PluginConfig::Filter(config)) = parse(value.to_string().as_bytes()) else {
            panic!("{yaml}{parsed:?}");
        };
        let vendor = config.profiles[0].vendor.product();
        assert_eq!(vendor.names, product.names, "{yaml}");
    }
}

#[test]
fn the_schema_is_up_to_date() {
    same("schema/config.schema.json", &schema(), "--print-schema");
}

#[test]
fn the_examples_of_the_reference_are_right() {
    let page = reference();
    let examples: Vec<&str> = page
        .split("```json\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert_eq!(examples.len(), 2);
    assert_eq!(examples[1], EXAMPLE);
    for example in examples {
        assert!(matches!(
            parse(example.as_bytes()),
            Ok(PluginConfig::Filter(_))
        ));
    }
}

/// A cell with a bar in it would tear its row apart.
#[test]
fn every_row_of_the_reference_has_seven_cells() {
    let rows = reference();
    let rows: Vec<&str> = rows.lines().filter(|l| l.starts_with('|')).collect();
    assert!(rows.len() > 80);
    for row in rows {
        assert_eq!(row.matches('|').count(), 8, "{row}");
    }
}

#[test]
fn the_schema_knows_the_fields_of_the_example() {
    let schema: Value = serde_json::from_str(&schema()).unwrap();
    let example = serde_json::from_str(EXAMPLE).unwrap();
    assert_eq!(unknown_fields(&example, &schema, &schema), [""; 0]);
    let slip = serde_json::json!({"profiles": [{"options": {"enable": true}}]});
    assert_eq!(unknown_fields(&slip, &schema, &schema), ["enable"]);
}

/// The fields for which the schema has no property, without looking into alternatives.
fn unknown_fields(value: &Value, object: &Value, schema: &Value) -> Vec<String> {
    let object = match object["$ref"].as_str() {
        Some(reference) => &schema["$defs"][reference.strip_prefix("#/$defs/").unwrap()],
        None => object,
    };
    let (Value::Object(fields), Some(properties)) = (value, object["properties"].as_object())
    else {
        return Vec::new();
    };
    let mut unknown = Vec::new();
    for (name, value) in fields {
        match (properties.get(name), value) {
            (None, _) => unknown.push(name.clone()),
            (Some(property), Value::Array(entries)) => {
                for entry in entries {
                    unknown.extend(unknown_fields(entry, &property["items"], schema));
                }
            }
            (Some(property), value) => unknown.extend(unknown_fields(value, property, schema)),
        }
    }
    unknown
}
