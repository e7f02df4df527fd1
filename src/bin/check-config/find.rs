//! Finds the plugin configurations in a file.

use serde::Deserialize;
use serde_yaml_ng::Value;

/// A plugin configuration.
pub(crate) struct Found {
    /// Where it is in the file; empty: it is the file.
    pub(crate) place: String,
    /// The JSON that Envoy would hand to the module.
    pub(crate) json: Vec<u8>,
}

/// Keys at the top of files that hold plugin configurations and are none.
const ENVELOPES: [&str; 8] = [
    "static_resources",
    "dynamic_resources",
    "resources",
    "admin",
    "node",
    "kind",
    "filter_chains",
    "http_filters",
];

/// The plugin configurations of a file, at least one.
pub(crate) fn configurations(bytes: &[u8]) -> Result<Vec<Found>, String> {
    let text = std::str::from_utf8(bytes).map_err(|fault| format!("no UTF-8: {fault}"))?;
    let itself = Found {
        place: String::new(),
        json: bytes.to_vec(),
    };
    if text.trim().is_empty() {
        return Ok(vec![itself]);
    }
    // JSON is given on as it stands, so that the parser sees duplicate keys.
    if let Ok(document) = serde_json::from_str::<Value>(text) {
        let mut found = Vec::new();
        walk(&document, "", &mut found)?;
        return match found.is_empty() {
            true if is_envelope(&document) => Err(nothing()),
            true => Ok(vec![itself]),
            false => Ok(found),
        };
    }
    match yaml(text) {
        // Meant as JSON: its errors say more.
        Err(_) if text.trim_start().starts_with('{') => Ok(vec![itself]),
        other => other,
    }
}

fn yaml(text: &str) -> Result<Vec<Found>, String> {
    let mut found = Vec::new();
    let mut envelope = false;
    let mut documents = Vec::new();
    for document in serde_yaml_ng::Deserializer::from_str(text) {
        let document = Value::deserialize(document).map_err(|f| format!("no valid YAML: {f}"))?;
        documents.push(document);
    }
    let several = documents.len() > 1;
    for (index, document) in documents.iter().enumerate() {
        let place = if several {
            format!("document {}", index.saturating_add(1))
        } else {
            String::new()
        };
        walk(document, &place, &mut found)?;
        envelope |= is_envelope(document);
    }
    match documents.as_slice() {
        _ if !found.is_empty() => Ok(found),
        [document] if !envelope => Ok(vec![Found {
            place: String::new(),
            json: to_json(document)?,
        }]),
        _ => Err(nothing()),
    }
}

fn nothing() -> String {
    "no plugin configuration of icap-filter in it".to_owned()
}

fn is_envelope(document: &Value) -> bool {
    ENVELOPES.iter().any(|key| document.get(key).is_some())
}

/// Goes through a document and gathers every plugin configuration.
fn walk(value: &Value, place: &str, found: &mut Vec<Found>) -> Result<(), String> {
    match value {
        Value::Mapping(fields) => {
            if let Some((key, json)) = plugin_configuration(value)? {
                found.push(Found {
                    place: join(place, key),
                    json,
                });
                return Ok(());
            }
            for (key, field) in fields {
                let key = key
                    .as_str()
                    .map_or_else(|| format!("{key:?}"), str::to_owned);
                walk(field, &join(place, &key), found)?;
            }
            Ok(())
        }
        Value::Sequence(entries) => {
            for (index, entry) in entries.iter().enumerate() {
                walk(entry, &format!("{place}[{index}]"), found)?;
            }
            Ok(())
        }
        Value::Tagged(tagged) => walk(&tagged.value, place, found),
        _ => Ok(()),
    }
}

fn join(place: &str, key: &str) -> String {
    match place {
        "" => key.to_owned(),
        place if place.starts_with("document ") && !place.contains(": ") => {
            format!("{place}: {key}")
        }
        place => format!("{place}.{key}"),
    }
}

/// The field and the JSON of the plugin configuration, if `value` is an Envoy `PluginConfig` or the `spec` of an Istio
/// `WasmPlugin` and the plugin is ours.
fn plugin_configuration(value: &Value) -> Result<Option<(&'static str, Vec<u8>)>, String> {
    let (key, json) = if value.get("vm_config").is_some() {
        let json = match value.get("configuration") {
            Some(any) => any_to_json(any)?,
            None => Vec::new(),
        };
        ("configuration", json)
    } else if let Some(plain) = value.get("pluginConfig") {
        ("pluginConfig", to_json(plain)?)
    } else {
        return Ok(None);
    };
    let ours = names_this_plugin(value) || has_our_fields(&json);
    Ok(ours.then_some((key, json)))
}

/// A `google.protobuf.Any` as Envoy hands it over: the text of a `StringValue`, the JSON of a `Struct`.
fn any_to_json(any: &Value) -> Result<Vec<u8>, String> {
    let type_url = any.get("@type").and_then(Value::as_str).unwrap_or_default();
    match (type_url.rsplit('/').next(), any.get("value")) {
        (Some("google.protobuf.StringValue"), Some(value)) => {
            Ok(value.as_str().unwrap_or_default().as_bytes().to_vec())
        }
        (Some("google.protobuf.Struct"), Some(value)) => to_json(value),
        _ => Ok(Vec::new()),
    }
}

fn to_json(value: &Value) -> Result<Vec<u8>, String> {
    serde_json::to_vec(value).map_err(|fault| format!("no JSON can be made of it: {fault}"))
}

/// Whether the plugin's names or the module's place say `icap`.
fn names_this_plugin(plugin: &Value) -> bool {
    let code = plugin
        .get("vm_config")
        .and_then(|vm| vm.get("code"))
        .and_then(|code| code.get("local"))
        .and_then(|local| local.get("filename"));
    [
        plugin.get("name"),
        plugin.get("root_id"),
        plugin.get("url"),
        code,
    ]
    .into_iter()
    .flatten()
    .filter_map(Value::as_str)
    .any(|name| name.to_ascii_lowercase().contains("icap"))
}

/// Whether the configuration itself looks like one of ours.
fn has_our_fields(json: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(json)
        .is_ok_and(|json| json.get("profiles").is_some() || json.get("role").is_some())
}
