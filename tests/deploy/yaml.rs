//! YAML files as JSON values.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// The documents of a text, with its anchors and merge keys resolved. Duplicate keys are errors.
pub fn parse(text: &str) -> Result<Vec<Value>, String> {
    serde_yaml_ng::Deserializer::from_str(text)
        .map(|document| {
            let mut document =
                serde_yaml_ng::Value::deserialize(document).map_err(|e| e.to_string())?;
            document.apply_merge().map_err(|e| e.to_string())?;
            serde_json::to_value(document).map_err(|e| e.to_string())
        })
        .collect()
}

/// The documents of a file.
pub fn load(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    parse(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The one document of a file.
pub fn load_one(path: &Path) -> Value {
    let mut documents = load(path);
    assert_eq!(documents.len(), 1, "{}", path.display());
    documents.remove(0)
}

/// Every mapping in `value`, from the outside in.
pub fn mappings(value: &Value, visit: &mut dyn FnMut(&serde_json::Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            visit(fields);
            fields.values().for_each(|field| mappings(field, visit));
        }
        Value::Array(entries) => entries.iter().for_each(|entry| mappings(entry, visit)),
        _ => {}
    }
}

/// Like [`mappings`], to change them.
pub fn mappings_mut(
    value: &mut Value,
    change: &mut dyn FnMut(&mut serde_json::Map<String, Value>),
) {
    match value {
        Value::Object(fields) => {
            change(fields);
            fields
                .values_mut()
                .for_each(|field| mappings_mut(field, change));
        }
        Value::Array(entries) => entries
            .iter_mut()
            .for_each(|entry| mappings_mut(entry, change)),
        _ => {}
    }
}
