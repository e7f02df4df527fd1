//! What keeps a copy of a request: beside that no upload that streams comes to its end, and no gRPC call goes on message by message.

use icap_filter::config::{Config, Grpc};

use super::{Connection, metadata};
use crate::document::Node;
use crate::finding::Finding;

/// What a route may have that makes the router keep a copy of a request.
const KEEPERS: [&str; 2] = ["retry_policy", "internal_redirect_policy"];
const LIMIT: &str = "per_request_buffer_limit_bytes";

/// What lets a request go on before its end.
#[derive(Clone, Copy)]
struct Passing {
    attribute: &'static str,
    /// What becomes of it beside a copy.
    harm: &'static str,
}

const STREAMS: Passing = Passing {
    attribute: "large_upload_fail_action: stream",
    harm: "an upload that streams can't come to its end beside that copy: it ends in 503",
};
const CALLS: Passing = Passing {
    attribute: "grpc: messages",
    harm: "a gRPC call that goes on before its end, as a conversation does, fails beside that copy (INTERNAL)",
};

impl Passing {
    fn of(config: &Config) -> Option<Self> {
        let any = |wants: fn(&icap_filter::config::Profile) -> bool| {
            config.profiles.iter().any(|profile| wants(profile))
        };
        if any(|profile| profile.streams.requests) {
            return Some(STREAMS);
        }
        any(|profile| profile.grpc == Grpc::Messages).then_some(CALLS)
    }
}

/// What is wrong beside a profile whose large uploads stream, or whose gRPC calls go on message by message.
pub(super) fn check(connection: &Connection) -> Vec<Finding> {
    let mut passing = connection
        .scanning()
        .filter_map(|(index, _, _, config)| Some((index, Passing::of(config)?)));
    let Some((index, passing)) = passing.next() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for host in &connection.virtual_hosts {
        for route in host.list("routes") {
            if !metadata::disables(&route) && !keeps_nothing(host, &route) {
                found.extend(keepers(host, &route).map(|place| passing.in_the_router(&place)));
            }
        }
    }
    let behind = connection.filters.iter().skip(index.saturating_add(1));
    for filter in behind.filter(|filter| filter.kind() == "buffer") {
        found.push(Finding::error(
            &filter.node.place,
            &format!("buffer after a filter with {}", passing.attribute),
            passing.harm,
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

impl Passing {
    fn in_the_router(self, place: &str) -> Finding {
        let what = "a copy of each request for a retry or a redirect, beside";
        Finding::error(
            place,
            &format!("{what} {}", self.attribute),
            self.harm,
            "write per_request_buffer_limit_bytes: 0 into the route: requests with a body are not retried then",
        )
    }
}
