//! Checks the metadata of routes: `filter_metadata` of the namespace `icap_filter`.

use super::Connection;
use crate::document::Node;
use crate::finding::Finding;
use serde_json::Value;

const NAMESPACE: &str = "icap_filter";
const INSTEAD: &str = "write filter_metadata: {icap_filter: {disabled: true}} or {icap_filter: {profile: NAME}} into a route's metadata";

/// Checks the metadata of all routes.
pub(super) fn check(connection: &Connection) -> Vec<Finding> {
    let mut found = Vec::new();
    let known: Vec<&str> = connection
        .scanning()
        .flat_map(|(.., config)| &config.profiles)
        .map(|profile| &*profile.name)
        .collect();
    for host in &connection.virtual_hosts {
        for (namespace, node) in namespaces(host) {
            if is_ours(&namespace) {
                found.push(Finding::error(
                    &node.place,
                    "metadata of a virtual host",
                    "the filter reads that of routes only",
                    INSTEAD,
                ));
            }
        }
        for route in host.list("routes") {
            for (namespace, node) in namespaces(&route) {
                if namespace == NAMESPACE {
                    found.extend(entries(&node, &known));
                } else if is_ours(&namespace) {
                    found.push(Finding::error(
                        &node.place,
                        &format!("the namespace \"{namespace}\""),
                        "requests of this route get 503",
                        INSTEAD,
                    ));
                }
            }
        }
    }
    found
}

fn namespaces(node: &Node) -> Vec<(String, Node)> {
    node.path(&["metadata", "filter_metadata"])
        .map_or_else(Vec::new, |namespaces| namespaces.fields())
}

/// Whether the namespace is ours, or a misspelling of ours.
fn is_ours(namespace: &str) -> bool {
    let letters = namespace.chars().filter(char::is_ascii_alphanumeric);
    let letters: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    letters == "icap" || letters.contains("icapfilter")
}

fn entries(node: &Node, known: &[&str]) -> Vec<Finding> {
    let mut found = Vec::new();
    for (key, entry) in node.fields() {
        let what = match (key.as_str(), &entry.value) {
            ("disabled", Value::Bool(_)) => continue,
            ("profile", Value::String(name)) => {
                if known.is_empty() || known.contains(&name.as_str()) {
                    continue;
                }
                format!("the profile \"{name}\", which is not there")
            }
            ("disabled" | "profile", value) => format!("the value {value}"),
            _ => format!("the key \"{key}\""),
        };
        let why = "requests of this route get 503";
        found.push(Finding::error(&entry.place, &what, why, INSTEAD));
    }
    found
}

/// Whether the route disables the scan.
pub(super) fn disables(route: &Node) -> bool {
    let ours = route.path(&["metadata", "filter_metadata", NAMESPACE]);
    ours.is_some_and(|node| node.flag("disabled") == Some(true))
}

/// The places of routes whose metadata decides over the scan.
pub(super) fn deciding_routes(connection: &Connection) -> impl Iterator<Item = String> {
    let routes = connection
        .virtual_hosts
        .iter()
        .flat_map(|host| host.list("routes"));
    routes.filter_map(|route| {
        let ours = route.path(&["metadata", "filter_metadata", NAMESPACE])?;
        Some(ours.place)
    })
}
