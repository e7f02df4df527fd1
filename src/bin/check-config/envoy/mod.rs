//! Checks a whole proxy: listeners, the filters in a request's way, clusters.

mod bootstrap;
mod chain;
mod clusters;
mod gate;
mod gateway;
mod istio;
mod limits;
mod metadata;
mod plugin;
mod profiles;
mod streams;

use crate::document::Node;
use crate::finding::Finding;
use icap_filter::config::Config;
use plugin::{Plugin, Role};

/// A proxy, as far as one file shows it.
#[derive(Debug, Default)]
struct Proxy {
    /// The file is all that Envoy loads.
    whole: bool,
    /// The file has some of Envoy's resources; others may be in other files.
    piece: bool,
    connections: Vec<Connection>,
    clusters: Vec<Node>,
    /// Filters that are resources of their own.
    extensions: Vec<Node>,
    /// Texts that may contain `%FILTER_STATE(…)%`.
    formats: Vec<Node>,
}

/// An `HttpConnectionManager` and its surroundings.
#[derive(Debug, Default)]
struct Connection {
    /// The place in the file.
    place: String,
    /// The fields of the listener, the last patch first.
    listener: Vec<Node>,
    /// The fields of the connection manager, the last patch first.
    fields: Vec<Node>,
    filters: Vec<Filter>,
    virtual_hosts: Vec<Node>,
}

impl Connection {
    /// The connection manager's fields in which `name` is set.
    fn with(&self, name: &str) -> Option<&Node> {
        self.fields.iter().find(|node| node.field(name).is_some())
    }

    /// The kinds of the filters, such as `rbac`.
    fn kinds(&self) -> Vec<String> {
        self.filters.iter().map(Filter::kind).collect()
    }

    /// The module's filters that scan, each with its index in the list.
    fn scanning(&self) -> impl Iterator<Item = (usize, &Filter, &Plugin, &Config)> {
        let filters = self.filters.iter().enumerate();
        filters.filter_map(|(index, filter)| {
            let plugin = filter.plugin.as_ref()?;
            match &plugin.role {
                Role::Filter(config) => Some((index, filter, plugin, config)),
                Role::Transport | Role::Gate | Role::Wrong => None,
            }
        })
    }
}

/// An HTTP filter.
#[derive(Clone, Debug)]
struct Filter {
    node: Node,
    name: String,
    /// The message's full name, such as `envoy.extensions.filters.http.lua.v3.Lua`.
    type_name: String,
    plugin: Option<Plugin>,
}

impl Filter {
    /// The kind of the filter, such as `rbac`.
    fn kind(&self) -> String {
        let of_type = self.type_name.split_once("filters.http.");
        let (_, kind) = of_type
            .or_else(|| self.name.split_once("filters.http."))
            .unwrap_or_default();
        kind.split('.').next().unwrap_or_default().to_owned()
    }

    /// Reads an entry of `http_filters`. `extensions`: filters that are resources of their own.
    fn read(node: Node, extensions: &[Node]) -> Self {
        let name = node.text("name");
        let elsewhere = node.field("config_discovery").and_then(|_| {
            let of_that_name = |extension: &&Node| extension.text("name") == name;
            extensions.iter().find(of_that_name)
        });
        let config = elsewhere.unwrap_or(&node);
        Self {
            type_name: config.type_name(),
            plugin: plugin::read(config),
            name,
            node,
        }
    }
}

/// Checks the proxies of a file.
pub(crate) fn check(documents: &[Node]) -> Vec<Finding> {
    let mut proxies = Vec::new();
    let (of_kubernetes, of_envoy): (Vec<&Node>, Vec<&Node>) = documents
        .iter()
        .partition(|document| document.field("kind").is_some());
    for document in &of_kubernetes {
        if document.text("kind") == "EnvoyFilter" {
            proxies.push(istio::read(document));
        }
    }
    proxies.extend(gateway::read(&of_kubernetes));
    proxies.extend(of_envoy.iter().map(|document| bootstrap::read(document)));
    if proxies.is_empty() {
        return vec![Finding::error(
            "",
            "no configuration of a proxy in it",
            "there is nothing to check",
            "give an Envoy configuration, the output of /config_dump, an EnvoyFilter, or an EnvoyExtensionPolicy with \
             its EnvoyPatchPolicy",
        )];
    }
    let mut found: Vec<Finding> = proxies.iter().flat_map(check_proxy).collect();
    if found.is_empty() {
        let connections = proxies.iter().flat_map(|proxy| &proxy.connections);
        let count: usize = connections.map(|c| c.scanning().count()).sum();
        let whole = proxies.iter().any(|proxy| proxy.whole);
        let is_plugin = |d: &Node| d.field("profiles").or(d.field("role")).is_some();
        found.push(match count {
            0 if documents.iter().any(is_plugin) => Finding::error(
                "",
                "a plugin configuration alone",
                "with --envoy all that a proxy gets is checked",
                "leave --envoy out",
            ),
            0 if whole => Finding::error(
                "",
                "no filter of icap-filter in a listener",
                "nothing is scanned",
                "put the filter with its profiles before the router",
            ),
            0 => Finding::ok("", "ok: nothing in it scans"),
            1 => Finding::ok("", "ok: 1 filter scans"),
            _ => Finding::ok("", &format!("ok: {count} filters scan")),
        });
    }
    found
}

fn check_proxy(proxy: &Proxy) -> Vec<Finding> {
    let mut found = plugin::check(proxy);
    for connection in &proxy.connections {
        found.extend(chain::check(connection));
        found.extend(limits::check(connection, proxy.whole));
        found.extend(metadata::check(connection));
        found.extend(streams::check(connection));
        found.extend(gate::check(connection));
    }
    found.extend(clusters::check(proxy));
    found.extend(profiles::check(proxy));
    found
}

/// Whether the message type is `wanted`, in any version.
fn is_type(type_name: &str, wanted: &str) -> bool {
    type_name.ends_with(&format!(".{wanted}"))
}

/// A size in a readable unit.
fn size(bytes: u64) -> String {
    const KIB: u64 = 1024;
    match bytes {
        bytes if bytes % (KIB * KIB) == 0 && bytes > 0 => format!("{} MiB", bytes / (KIB * KIB)),
        bytes if bytes % KIB == 0 => format!("{} KiB", bytes / KIB),
        bytes => format!("{bytes} bytes"),
    }
}
