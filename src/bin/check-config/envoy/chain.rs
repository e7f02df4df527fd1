//! Checks the order of the filters, and settings of the connection manager that act before a scan.

use super::Connection;
use crate::finding::Finding;
use icap_filter::config::Config;

/// Filters that must not stand before ours: kind, why, remedy.
const NEVER_BEFORE: [(&str, &str, &str); 3] = [
    (
        "cache",
        "the cache serves and fetches responses past the filter: none of them is scanned",
        "put it after the filter",
    ),
    (
        "cache_v2",
        "the cache serves and fetches responses past the filter: none of them is scanned",
        "put it after the filter",
    ),
    (
        "file_system_buffer",
        "its memory_buffer_bytes_limit becomes Envoy's buffer limit: a longer body gets 413",
        "leave it out, the filter holds a request itself",
    ),
];

/// Filters that refuse requests.
const REFUSE: [&str; 8] = [
    "rbac",
    "jwt_authn",
    "ext_authz",
    "basic_auth",
    "api_key_auth",
    "oauth2",
    "ratelimit",
    "local_ratelimit",
];

/// Filters that can choose another route.
const CHOOSES_ANEW: [&str; 7] = [
    "lua",
    "jwt_authn",
    "ext_authz",
    "ext_proc",
    "golang",
    "dynamic_modules",
    "wasm",
];

/// Checks the order of the filters.
pub(super) fn check(connection: &Connection) -> Vec<Finding> {
    let mut found = Vec::new();
    let kinds = connection.kinds();
    let mut first = None;
    for (index, filter, plugin, config) in connection.scanning() {
        let place = &filter.node.place;
        if let Some((other, before)) = first.replace((place, config)) {
            found.extend(in_a_row(place, config, other, before));
        }
        let responses = config.profiles.iter().any(|p| p.response_service.is_some());
        for (at, kind) in kinds.iter().enumerate() {
            let other = connection.filters.get(at);
            let other_place = other.map_or("", |filter| &filter.node.place);
            if at < index {
                found.extend(NEVER_BEFORE.iter().filter(|(k, ..)| k == kind).map(
                    |(kind, why, instead)| {
                        Finding::error(
                            other_place,
                            &format!("{kind} before the filter"),
                            why,
                            instead,
                        )
                    },
                ));
            } else if at > index {
                found.extend(after(kind, other_place, responses));
            }
        }
        found.extend(route_metadata(connection, index, &kinds));
        found.extend(addresses(connection, plugin));
    }
    if first.is_some()
        && let Some(node) = connection.with("proxy_100_continue")
        && node.flag("proxy_100_continue") == Some(true)
    {
        found.push(Finding::error(
            &node.place,
            "proxy_100_continue",
            "a client that expects 100 Continue waits for the application, which gets nothing before the verdict",
            "leave it out: Envoy then says 100 Continue itself",
        ));
    }
    found
}

/// Checks two of our filters in a row: the second stands at `place`, the first at `other`.
fn in_a_row(place: &str, second: &Config, other: &str, first: &Config) -> Option<Finding> {
    if !(first.chained && second.chained) {
        return Some(Finding::warning(
            place,
            "a second filter that scans",
            &format!(
                "every request is scanned twice, and icap_log shows only one of the scans; the other filter is {other}"
            ),
            "write chained: true into both, or keep one, with two profiles",
        ));
    }
    let same = second
        .profiles
        .iter()
        .find(|profile| first.profile(&profile.name).is_some())?;
    Some(Finding::error(
        place,
        &format!(
            "the profile \"{}\", which the filter at {other} has too",
            same.name
        ),
        "each filter takes the other's entries of icap_log for its own, and replaces them",
        "give the profiles of a chain different names",
    ))
}

/// Checks a filter that stands behind ours and should stand before it.
fn after(kind: &str, place: &str, responses: bool) -> Option<Finding> {
    let what = format!("{kind} after the filter");
    match kind {
        "grpc_web" => Some(Finding::error(
            place,
            &what,
            "the scanner sees base64 instead of what the application gets, and finds nothing in it",
            "put it before the filter",
        )),
        "decompressor" if responses => Some(Finding::error(
            place,
            &what,
            "Envoy's decompressor does not report the end of a held response: every one fails as timeout",
            "put it before the filter, or leave it out",
        )),
        "decompressor" => Some(Finding::error(
            place,
            &what,
            "the scanner sees compressed bytes instead of what the application gets",
            "put it before the filter",
        )),
        "compressor" if responses => Some(Finding::error(
            place,
            &what,
            "responses meet the filters from the last to the first: the scanner sees them compressed",
            "put it before the filter",
        )),
        "compressor" => Some(Finding::warning(
            place,
            &what,
            "as soon as responses are scanned, the scanner sees them compressed",
            "put it before the filter",
        )),
        "cors" => Some(Finding::warning(
            place,
            &what,
            "a block page lacks the headers without which a browser's script may not read it",
            "put it before the filter",
        )),
        kind if REFUSE.contains(&kind) => Some(Finding::error(
            place,
            &what,
            "requests that it refuses are scanned first: clients without access keep the scanner busy",
            "put it before the filter",
        )),
        _ => None,
    }
}

/// Where a route's metadata decides over the scan, the filter must read the route that the request finally takes.
fn route_metadata(connection: &Connection, index: usize, kinds: &[String]) -> Option<Finding> {
    let route_place = super::metadata::deciding_routes(connection).next()?;
    let chooser = kinds
        .iter()
        .take(index)
        .find(|kind| CHOOSES_ANEW.contains(&kind.as_str()))?;
    let looks_up = |kind: &String| kind == "header_mutation";
    if index
        .checked_sub(1)
        .and_then(|before| kinds.get(before))
        .is_some_and(looks_up)
    {
        return None;
    }
    Some(Finding::error(
        &route_place,
        "metadata of a route, and no filter that looks up the route directly before ours",
        &format!(
            "{chooser} can choose another route, and the filter would read the first route's metadata: a request passes without a scan"
        ),
        "put an empty header_mutation directly before the filter, or use rules",
    ))
}

/// Rules about the client's address need an address that the client cannot choose.
fn addresses(connection: &Connection, plugin: &super::Plugin) -> Option<Finding> {
    let by_address = plugin.written.list("rules").into_iter().find(|rule| {
        let criteria = rule.field("match");
        criteria.is_some_and(|c| c.field("client_ip").or(c.field("client_ip_not")).is_some())
    })?;
    let manager = connection.with("use_remote_address");
    let trusts_peer = plugin
        .written
        .list("profiles")
        .iter()
        .all(|profile| profile.text("client_ip_source") == "peer");
    // In gateways, Istio and Envoy Gateway set `use_remote_address`.
    let is_piece = connection.listener.is_empty() && manager.is_none();
    if trusts_peer
        || is_piece
        || manager.and_then(|node| node.flag("use_remote_address")) == Some(true)
    {
        return None;
    }
    Some(Finding::error(
        &by_address.place,
        "client_ip without use_remote_address",
        "the address comes from X-Forwarded-For, which the client writes: the client chooses whether it is scanned",
        "write use_remote_address: true into the connection manager, or client_ip_source: peer into the profile",
    ))
}
