//! Finds the plugin configurations in a file.

use crate::document::{self, Node, join};
use serde_json::Value;

/// A plugin configuration.
pub(crate) struct Found {
    /// The place in the file; empty: the whole file.
    pub(crate) place: String,
    /// The JSON that Envoy would hand to the module.
    pub(crate) json: Vec<u8>,
}

/// Top-level keys of files that hold plugin configurations but are none themselves.
const ENVELOPES: [&str; 9] = [
    "static_resources",
    "dynamic_resources",
    "resources",
    "configs",
    "admin",
    "node",
    "kind",
    "filter_chains",
    "http_filters",
];

/// The plugin configurations in a file, at least one.
pub(crate) fn configurations(bytes: &[u8]) -> Result<Vec<Found>, String> {
    let text = std::str::from_utf8(bytes).map_err(|fault| format!("no UTF-8: {fault}"))?;
    // JSON is passed on unchanged, so that the parser sees duplicate keys.
    let itself = || {
        Ok(vec![Found {
            place: String::new(),
            json: bytes.to_vec(),
        }])
    };
    if text.trim().is_empty() {
        return itself();
    }
    let is_json = serde_json::from_str::<Value>(text).is_ok();
    let documents = match document::read(text) {
        // The file was meant as JSON, whose errors say more.
        Err(_) if text.trim_start().starts_with('{') => return itself(),
        other => other?,
    };
    let mut found = Vec::new();
    for document in &documents {
        document.walk(&mut |node| match plugin_configuration(&node.value) {
            Some((key, json)) => {
                found.push(Found {
                    place: join(&node.place, key),
                    json,
                });
                false
            }
            None => true,
        });
    }
    match documents.as_slice() {
        _ if !found.is_empty() => Ok(found),
        documents if documents.iter().any(is_envelope) => Err(nothing()),
        _ if is_json => itself(),
        [document] => Ok(vec![Found {
            place: String::new(),
            json: to_json(&document.value),
        }]),
        _ => Err(nothing()),
    }
}

fn nothing() -> String {
    "no plugin configuration of icap-filter in it".to_owned()
}

fn is_envelope(document: &Node) -> bool {
    ENVELOPES
        .iter()
        .any(|key| document.value.get(key).is_some())
}

/// The JSON of an Envoy `PluginConfig` for this module.
pub(crate) fn of_this_module(plugin: &Value) -> Option<Vec<u8>> {
    plugin_configuration(plugin).map(|(_, json)| json)
}

/// The field and the JSON of the plugin configuration, if `value` is an Envoy `PluginConfig`, the `spec` of an Istio
/// `WasmPlugin`, or an entry of `wasm` in an `EnvoyExtensionPolicy`, and the plugin is this module.
fn plugin_configuration(value: &Value) -> Option<(&'static str, Vec<u8>)> {
    let (key, json) = if value.get("vm_config").or(value.get("vmConfig")).is_some() {
        let json = value
            .get("configuration")
            .map_or_else(Vec::new, any_to_json);
        ("configuration", json)
    } else if let Some(plain) = value.get("pluginConfig") {
        ("pluginConfig", to_json(plain))
    } else if value.pointer("/code/type").is_some() {
        ("config", value.get("config").map_or_else(Vec::new, to_json))
    } else {
        return None;
    };
    let ours = names_this_plugin(value) || has_our_fields(&json);
    ours.then_some((key, json))
}

/// A `google.protobuf.Any` as Envoy passes it to the module: the text of a `StringValue`, the JSON of a `Struct`.
fn any_to_json(any: &Value) -> Vec<u8> {
    let type_url = any.get("@type").and_then(Value::as_str).unwrap_or_default();
    match (type_url.rsplit('/').next(), any.get("value")) {
        (Some("google.protobuf.StringValue"), Some(value)) => {
            value.as_str().unwrap_or_default().as_bytes().to_vec()
        }
        (Some("google.protobuf.Struct"), Some(value)) => to_json(value),
        _ => Vec::new(),
    }
}

/// The text of a JSON value.
pub(crate) fn to_json(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// Whether the plugin's names or the path of the module contain `icap`.
fn names_this_plugin(plugin: &Value) -> bool {
    [
        "/name",
        "/root_id",
        "/url",
        "/vm_config/code/local/filename",
        "/vm_config/code/remote/http_uri/uri",
        "/code/image/url",
    ]
    .into_iter()
    .filter_map(|place| plugin.pointer(place)?.as_str())
    .any(|name| name.to_ascii_lowercase().contains("icap"))
}

/// Whether the configuration has fields of this module.
fn has_our_fields(json: &[u8]) -> bool {
    serde_json::from_slice::<Value>(json)
        .is_ok_and(|json| json.get("profiles").is_some() || json.get("role").is_some())
}
