//! Checks the module's configuration in a filter, and that the filter is in the right place.

use super::Proxy;
use crate::document::Node;
use crate::find;
use crate::finding::Finding;
use icap_filter::config::{self, Config, ConfigError, PluginConfig};

/// A filter of this module.
#[derive(Clone, Debug)]
pub(super) struct Plugin {
    /// The `PluginConfig` with `vm_config`.
    pub(super) node: Node,
    /// The role that the configuration gives the module.
    pub(super) role: Role,
    /// The configuration as written.
    pub(super) written: Node,
    errors: Vec<ConfigError>,
}

/// The role that a configuration gives the module.
#[derive(Clone, Debug)]
pub(super) enum Role {
    /// The filter role: scans.
    Filter(Config),
    /// The transport role: carries ICAP.
    Transport,
    /// The gate role: slows senders down.
    Gate,
    /// The module refuses the configuration.
    Wrong,
}

/// The plugin of a filter, if it is this module.
pub(super) fn read(filter: &Node) -> Option<Plugin> {
    let typed = filter.field("typed_config")?;
    // A route's TypedStruct or a config_dump may have one more level.
    let node = typed
        .field("config")
        .or_else(|| typed.path(&["value", "config"]))?;
    let json = find::of_this_module(&node.value)?;
    let written = serde_json::from_slice(&json).unwrap_or_default();
    let place = format!("{}.configuration", node.place);
    Some(parsed(node, Node::new(place, written), &json))
}

/// The plugin with the configuration `json`.
pub(super) fn parsed(node: Node, written: Node, json: &[u8]) -> Plugin {
    let (role, errors) = match config::parse(json) {
        Ok(PluginConfig::Filter(config)) => (Role::Filter(config), Vec::new()),
        Ok(PluginConfig::Transport) => (Role::Transport, Vec::new()),
        Ok(PluginConfig::Gate) => (Role::Gate, Vec::new()),
        Err(errors) => (Role::Wrong, errors),
    };
    Plugin {
        node,
        role,
        written,
        errors,
    }
}

/// Checks the plugins and their places.
pub(super) fn check(proxy: &Proxy) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut machines = Vec::new();
    let (mut scans, mut carries) = (false, None);
    for connection in &proxy.connections {
        for plugin in connection.filters.iter().filter_map(|f| f.plugin.as_ref()) {
            found.extend(errors(plugin));
            match &plugin.role {
                Role::Transport => found.push(Finding::error(
                    &plugin.written.place,
                    "role transport in a listener",
                    "the role damages every response and lets uploads hang",
                    "write profiles and rules here; {role: transport} belongs into http_filters of the ICAP cluster",
                )),
                Role::Filter(_) => {
                    scans = true;
                    machines.push(vm_id(&plugin.node));
                    found.extend(headers_alone(plugin));
                    found.extend(settings(plugin));
                }
                Role::Gate => found.extend(settings(plugin)),
                Role::Wrong => scans = true,
            }
        }
    }
    for cluster in &proxy.clusters {
        for filter in super::clusters::filters(cluster, &proxy.extensions) {
            let Some(plugin) = &filter.plugin else {
                continue;
            };
            found.extend(errors(plugin));
            match &plugin.role {
                Role::Filter(_) => found.push(Finding::error(
                    &plugin.written.place,
                    "profiles in the filters of a cluster",
                    "Envoy never becomes ready: the filter asks for OPTIONS through itself",
                    "write {role: transport} here; profiles belong into http_filters of the listener",
                )),
                Role::Gate => found.push(Finding::error(
                    &plugin.written.place,
                    "role gate in the filters of a cluster",
                    "there is nothing to slow down",
                    "put it into http_filters of the listener, directly before the filter with its profiles",
                )),
                Role::Transport => {
                    carries = Some(plugin.written.place.clone());
                    let id = vm_id(&plugin.node);
                    if machines.contains(&id) {
                        found.push(Finding::warning(
                            &plugin.node.place,
                            &format!("vm_id \"{id}\" is also the filter's"),
                            "both roles share one virtual machine, and a failure of one ends the other",
                            "write a vm_id of its own, such as icap-transport",
                        ));
                    }
                }
                Role::Wrong => {}
            }
        }
    }
    if let (true, false, Some(place)) = (proxy.whole, scans, carries) {
        found.push(Finding::error(
            &place,
            "role transport, and no filter in a listener",
            "nothing is scanned",
            "put the filter with its profiles before the router of the listener",
        ));
    }
    found
}

pub(super) fn vm_id(plugin: &Node) -> String {
    plugin
        .field("vm_config")
        .map_or_else(String::new, |vm| vm.text("vm_id"))
}

fn errors(plugin: &Plugin) -> Vec<Finding> {
    let errors = plugin.errors.iter();
    errors
        .map(|error| {
            let place = format!("{}: {}", plugin.written.place, error.path);
            Finding::error(
                &place,
                &format!("found {}", error.found),
                "the module is refused",
                &format!("allowed: {}", error.allowed),
            )
        })
        .collect()
}

/// A filter that scans holds headers while it gets bodies.
fn headers_alone(plugin: &Plugin) -> Option<Finding> {
    let node = &plugin.node;
    (node.flag("allow_on_headers_stop_iteration") != Some(true)).then(|| {
        Finding::error(
            &node.place,
            "no allow_on_headers_stop_iteration",
            "Envoy hands over no body while the headers are held: every request with a body fails or hangs",
            "write allow_on_headers_stop_iteration: true",
        )
    })
}

/// Checks the settings beside the configuration of a filter in a listener.
fn settings(plugin: &Plugin) -> Vec<Finding> {
    let node = &plugin.node;
    let mut found = Vec::new();
    let policy = node.text("failure_policy");
    if node.flag("fail_open") == Some(true) || policy == "FAIL_OPEN" {
        found.push(Finding::error(
            &node.place,
            "the plugin fails open",
            "a wrong configuration, or a module that failed, lets every request pass without a scan",
            "write failure_policy: FAIL_RELOAD, without fail_open",
        ));
    } else if policy != "FAIL_RELOAD" {
        found.push(Finding::warning(
            &node.place,
            "no failure_policy",
            "after one failure the module sends 503 until Envoy is restarted",
            "write failure_policy: FAIL_RELOAD",
        ));
    }
    found
}
