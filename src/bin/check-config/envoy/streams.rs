//! What keeps a copy of an upload: beside that no stream comes to its end.

use super::{Connection, metadata};
use crate::document::Node;
use crate::finding::Finding;

/// What a route may have that makes the router keep a copy of a request.
const KEEPERS: [&str; 2] = ["retry_policy", "internal_redirect_policy"];
const LIMIT: &str = "per_request_buffer_limit_bytes";

/// What is wrong beside a profile whose large uploads stream.
pub(super) fn check(connection: &Connection) -> Vec<Finding> {
    let mut streams = connection.scanning().filter(|(.., config)| {
        let mut profiles = config.profiles.iter();
        profiles.any(|profile| profile.streams.requests)
    });
    let Some((index, ..)) = streams.next() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for host in &connection.virtual_hosts {
        for route in host.list("routes") {
            if !metadata::disables(&route) && !keeps_nothing(host, &route) {
                found.extend(keepers(host, &route).map(|place| in_the_router(&place)));
            }
        }
    }
    let behind = connection.filters.iter().skip(index.saturating_add(1));
    for filter in behind.filter(|filter| filter.kind() == "buffer") {
        found.push(Finding::error(
            &filter.node.place,
            "buffer after a filter with large_upload_fail_action: stream",
            "it keeps the whole upload: each that streams ends in 503",
            "leave it out, or put it before the filter",
        ));
    }
    found
}

fn keeps_nothing(host: &Node, route: &Node) -> bool {
    route.number(LIMIT).or_else(|| host.number(LIMIT)) == Some(0)
}

/// Where a copy is asked for, once for a route.
fn keepers(host: &Node, route: &Node) -> Option<String> {
    let action = route.field("route")?;
    let of_route = KEEPERS
        .iter()
        .filter_map(|name| action.field(name))
        .map(|it| it.place);
    let of_host = host.field("retry_policy").map(|it| it.place);
    of_route.chain(of_host).next()
}

fn in_the_router(place: &str) -> Finding {
    Finding::error(
        place,
        "a copy of each request for a retry or a redirect, beside large_upload_fail_action: stream",
        "an upload that streams can't come to its end beside that copy: it ends in 503",
        "write per_request_buffer_limit_bytes: 0 into the route: requests with a body are not retried then",
    )
}
