//! Gates: whether one stands where bodies stream, in the right place, and in the virtual machine of its filter.

use super::plugin::{Role, vm_id};
use super::{Connection, Filter};
use crate::finding::Finding;
use icap_filter::config::Config;

/// A filter that looks at no body.
const HARMLESS: &str = "header_mutation";

/// What is wrong with the gates of a connection manager.
pub(super) fn check(connection: &Connection) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut used = Vec::new();
    for (index, filter, plugin, config) in connection.scanning() {
        let before = connection.filters.get(..index).unwrap_or_default();
        let behind = connection.filters.get(index.saturating_add(1)..);
        let mut look = |gate: Option<&Filter>, what: &str, where_to: &str| match gate {
            None => found.push(missing(&filter.node.place, what, where_to)),
            Some(gate) => {
                used.push(gate.node.place.clone());
                found.extend(own_machine(gate, &vm_id(&plugin.node)));
            }
        };
        let streams = |is_response| config.profiles.iter().any(|it| it.streams(is_response));
        if streams(false) {
            look(
                next_gate(before.iter().rev()),
                "large_upload_fail_action",
                "before",
            );
        }
        if scans_responses(config) && streams(true) {
            let behind = behind.unwrap_or_default();
            look(
                next_gate(behind.iter()),
                "large_download_fail_action",
                "behind",
            );
        }
    }
    let gates = connection.filters.iter().filter(|filter| is_gate(filter));
    for gate in gates.filter(|gate| !used.contains(&gate.node.place)) {
        found.push(Finding::error(
            &gate.node.place,
            "a gate that slows nothing down",
            "it stands next to no filter whose bodies stream, so it is not asked",
            "put it directly before a filter with large_upload_fail_action: stream, or behind one with large_download_fail_action: stream",
        ));
    }
    found
}

fn scans_responses(config: &Config) -> bool {
    let mut profiles = config.profiles.iter();
    profiles.any(|profile| profile.response_service.is_some())
}

fn is_gate(filter: &Filter) -> bool {
    let plugin = filter.plugin.as_ref();
    plugin.is_some_and(|plugin| matches!(plugin.role, Role::Gate))
}

/// The gate that comes first, where no filter stands in between that may change bodies.
fn next_gate<'f>(mut filters: impl Iterator<Item = &'f Filter>) -> Option<&'f Filter> {
    filters
        .find(|filter| filter.kind() != HARMLESS)
        .filter(|filter| is_gate(filter))
}

fn missing(place: &str, attribute: &str, where_to: &str) -> Finding {
    Finding::warning(
        place,
        &format!("{attribute}: stream, and no gate directly {where_to} the filter"),
        "nothing slows a sender down: where the ICAP server lags by more than the buffer, the body ends in the failure action",
        &format!(
            "put a filter with {{role: gate}} and the same vm_id directly {where_to} this one"
        ),
    )
}

fn own_machine(gate: &Filter, wanted: &str) -> Option<Finding> {
    let node = &gate.plugin.as_ref()?.node;
    let id = vm_id(node);
    (id != wanted).then(|| {
        Finding::error(
            &node.place,
            &format!("vm_id \"{id}\" for a gate whose filter has \"{wanted}\""),
            "the two can't talk in different virtual machines: the gate slows nothing down",
            "write the filter's vm_id, and the same code",
        )
    })
}
