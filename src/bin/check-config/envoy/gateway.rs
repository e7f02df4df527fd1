//! Reads Envoy Gateway's policies: the filter of an `EnvoyExtensionPolicy`, and the additions of `EnvoyPatchPolicy`s.

use super::plugin::parsed;
use super::{Connection, Filter, Proxy};
use crate::document::Node;
use crate::find;
use serde_json::{Value, json};

/// The parts that one file's policies add to a Gateway's proxies; `None` without policies.
pub(super) fn read(documents: &[&Node]) -> Option<Proxy> {
    let of_kind = |kind: &str| -> Vec<&Node> {
        let documents = documents.iter();
        documents
            .copied()
            .filter(|d| d.text("kind") == kind)
            .collect()
    };
    let extensions = of_kind("EnvoyExtensionPolicy");
    let patches: Vec<Node> = of_kind("EnvoyPatchPolicy")
        .iter()
        .filter_map(|policy| policy.field("spec"))
        .flat_map(|spec| spec.list("jsonPatches"))
        .collect();
    let place = extensions.first().map(|node| node.place.clone());
    let place = place.or_else(|| Some(patches.first()?.place.clone()))?;
    let mut connection = Connection {
        place,
        ..Connection::default()
    };
    let mut proxy = Proxy::default();
    for policy in &extensions {
        connection.filters.extend(filters(policy, &patches));
    }
    for patch in &patches {
        add(patch, &mut connection, &mut proxy);
    }
    proxy.formats.extend(connection.fields.iter().cloned());
    proxy.connections.push(connection);
    Some(proxy)
}

/// The filters of an extension policy, with the fields that patches add.
fn filters(policy: &Node, patches: &[Node]) -> Vec<Filter> {
    let entries = policy
        .field("spec")
        .map_or_else(Vec::new, |spec| spec.list("wasm"));
    let mut filters = Vec::new();
    for (index, entry) in entries.into_iter().enumerate() {
        let metadata = policy.field("metadata");
        let metadata = |name: &str| metadata.as_ref().map_or_else(String::new, |m| m.text(name));
        let id = format!(
            "envoyextensionpolicy/{}/{}/wasm/{index}",
            metadata("namespace"),
            metadata("name")
        );
        let Some(json) = find::of_this_module(&entry.value) else {
            continue;
        };
        let fails_open = entry.flag("failOpen") == Some(true);
        let mut fields = json!({"vm_config": {"vm_id": id}, "fail_open": fails_open});
        for patch in patches {
            let operation = patch.field("operation");
            let text = |name: &str| {
                operation
                    .as_ref()
                    .map_or_else(String::new, |o| o.text(name))
            };
            let selected = text("jsonPath");
            if selected.contains(&id) && selected.ends_with(".config") {
                let field = text("path");
                let value = operation.as_ref().and_then(|o| o.field("value"));
                if let (Some(fields), Some(value)) = (fields.as_object_mut(), value) {
                    fields.insert(field.trim_start_matches('/').to_owned(), value.value);
                }
            }
        }
        let written = entry.field("config");
        let written = written.unwrap_or_else(|| Node::new(entry.place.clone(), Value::Null));
        let node = Node::new(entry.place.clone(), fields);
        filters.push(Filter {
            name: entry.text("name"),
            type_name: "envoy.extensions.filters.http.wasm.v3.Wasm".to_owned(),
            plugin: Some(parsed(node, written, &json)),
            node: entry,
        });
    }
    filters
}

/// Adds a patch to the part of the proxy that it changes.
fn add(patch: &Node, connection: &mut Connection, proxy: &mut Proxy) {
    let (Some(operation), type_name) = (patch.field("operation"), patch.text("type")) else {
        return;
    };
    let Some(value) = operation.field("value") else {
        return;
    };
    let path = operation.text("path");
    let selected = operation.text("jsonPath");
    let field = path.rsplit('/').next().unwrap_or_default();
    let single = || {
        let mut fields = serde_json::Map::new();
        fields.insert(field.to_owned(), value.value.clone());
        Node::new(value.place.clone(), Value::Object(fields))
    };
    if type_name.ends_with(".Cluster") && path.is_empty() {
        proxy.clusters.push(value);
    } else if value.field("typed_config").is_some() {
        // A filter added at place 0 comes before filters that were added earlier.
        let filter = Filter::read(value, &[]);
        match field.parse::<usize>() {
            Ok(index) => {
                let index = index.min(connection.filters.len());
                connection.filters.insert(index, filter);
            }
            Err(_) => connection.filters.push(filter),
        }
    } else if type_name.ends_with(".RouteConfiguration") {
        connection.virtual_hosts.push(single());
    } else if selected.contains("typed_config") && !selected.contains("http_filters") {
        connection.fields.insert(0, single());
    } else if selected.is_empty() {
        connection.listener.insert(0, single());
    }
}
