//! Reads Envoy's own formats: a bootstrap, resources of listeners and clusters, a `config_dump`.

use super::{Connection, Filter, Proxy, is_type};
use crate::document::Node;
use std::collections::BTreeMap;

/// The proxy that a document describes.
pub(super) fn read(document: &Node) -> Proxy {
    let mut listeners = BTreeMap::new();
    let mut clusters = BTreeMap::new();
    let mut routes = BTreeMap::new();
    let mut extensions = Vec::new();
    let mut loose = Vec::new();
    // A dump has the bootstrap's resources twice: keep one of each name.
    let key = |node: &Node| match node.text("name") {
        name if name.is_empty() => node.place.clone(),
        name => name,
    };
    document.walk(&mut |node| {
        let type_name = node.type_name();
        if ["filter_chains", "default_filter_chain"]
            .iter()
            .any(|f| node.field(f).is_some())
        {
            listeners.insert(key(node), node.clone());
            false
        } else if is_cluster(node) {
            clusters.insert(key(node), node.clone());
            false
        } else if node.field("http_filters").is_some() {
            loose.push(node.clone());
            // A file with a part of the configuration may have routes and clusters beside its filters.
            if node.field("virtual_hosts").is_some() {
                routes.insert(String::new(), node.clone());
            }
            true
        } else if node.field("virtual_hosts").is_some() {
            routes.insert(node.text("name"), node.clone());
            false
        } else if is_type(&type_name, "TypedExtensionConfig")
            || node.place.ends_with(".ecds_filter")
        {
            extensions.push(node.clone());
            false
        } else {
            true
        }
    });
    let mut proxy = Proxy {
        // Missing resources may be in another file.
        piece: ["static_resources", "configs"]
            .iter()
            .all(|f| document.field(f).is_none()),
        whole: ["static_resources", "configs"]
            .iter()
            .any(|f| document.field(f).is_some()),
        clusters: clusters.into_values().collect(),
        ..Proxy::default()
    };
    for listener in listeners.into_values() {
        listener.walk(&mut |node| {
            if node.field("http_filters").is_none() {
                return true;
            }
            let listener = Some(listener.clone());
            proxy
                .connections
                .push(connection(node, listener, &routes, &extensions));
            false
        });
        proxy.formats.push(listener);
    }
    for node in loose {
        let mut connection = connection(&node, None, &routes, &extensions);
        // In a part of the configuration the routes stand beside the filter.
        if connection.virtual_hosts.is_empty() {
            connection.virtual_hosts = routes
                .values()
                .flat_map(|r| r.list("virtual_hosts"))
                .collect();
        }
        proxy.connections.push(connection);
    }
    proxy.extensions = extensions;
    proxy
}

fn is_cluster(node: &Node) -> bool {
    is_type(&node.type_name(), "Cluster")
        || (node.field("name").is_some()
            && [
                "load_assignment",
                "lb_policy",
                "connect_timeout",
                "cluster_type",
                "typed_extension_protocol_options",
            ]
            .iter()
            .any(|f| node.field(f).is_some()))
}

fn connection(
    node: &Node,
    listener: Option<Node>,
    routes: &BTreeMap<String, Node>,
    extensions: &[Node],
) -> Connection {
    let route_config = node.field("route_config").or_else(|| {
        let name = node.field("rds")?.text("route_config_name");
        routes.get(&name).cloned()
    });
    Connection {
        place: node.place.clone(),
        listener: listener.into_iter().collect(),
        filters: node
            .list("http_filters")
            .into_iter()
            .map(|filter| Filter::read(filter, extensions))
            .collect(),
        virtual_hosts: route_config.map_or_else(Vec::new, |routes| routes.list("virtual_hosts")),
        fields: vec![node.clone()],
    }
}
