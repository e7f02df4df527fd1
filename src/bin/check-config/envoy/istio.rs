//! Reads an Istio `EnvoyFilter`: the parts that it adds to proxies.

use super::{Connection, Filter, Proxy};
use crate::document::Node;

/// The parts that an `EnvoyFilter` adds to a proxy.
pub(super) fn read(document: &Node) -> Proxy {
    let mut proxy = Proxy::default();
    let mut connection = Connection {
        place: document.place.clone(),
        ..Connection::default()
    };
    let patches = document
        .field("spec")
        .map_or_else(Vec::new, |spec| spec.list("configPatches"));
    let of_kind = |kind: &str| -> Vec<Node> {
        patches
            .iter()
            .filter(|patch| patch.text("applyTo") == kind)
            .filter_map(|patch| patch.path(&["patch", "value"]))
            .collect()
    };
    let extensions = of_kind("EXTENSION_CONFIG");
    connection.filters = of_kind("HTTP_FILTER")
        .into_iter()
        .map(|filter| Filter::read(filter, &extensions))
        .collect();
    let managers = of_kind("NETWORK_FILTER").into_iter();
    connection.fields = managers
        .filter_map(|filter| filter.field("typed_config"))
        .rev()
        .collect();
    connection.listener = of_kind("LISTENER").into_iter().rev().collect();
    connection.virtual_hosts = of_kind("VIRTUAL_HOST");
    // These routes may belong to any virtual host, so only their own settings are checked.
    for route in of_kind("HTTP_ROUTE") {
        let place = route.place.clone();
        let routes = serde_json::json!({"routes": [route.value]});
        connection.virtual_hosts.push(Node::new(place, routes));
    }
    proxy.clusters = of_kind("CLUSTER");
    proxy.formats.extend(connection.fields.iter().cloned());
    proxy.connections.push(connection);
    proxy.extensions = extensions;
    proxy
}
