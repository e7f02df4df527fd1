//! Checks Envoy's buffers and time-outs: they must be above the profiles' own limits, but not far above for all
//! traffic.

use super::{Connection, size};
use crate::document::Node;
use crate::finding::Finding;
use icap_filter::config::{Cause, Config, Enforcement, FailAction};

/// Envoy's buffer limit for a listener without its own.
const DEFAULT_BUFFER: u64 = 1 << 20;
/// Above this limit, downloads that clients do not read fill the memory.
const FOR_EVERYTHING: u64 = 4 << 20;
/// Envoy's default `stream_idle_timeout`, in milliseconds.
const DEFAULT_IDLE: u64 = 300_000;
/// How many bytes one read may add beyond the connection's limit. Envoy checks the limit between two reads.
const ONE_READ: u64 = 128 << 10;
const WINDOWS: [&str; 2] = [
    "initial_stream_window_size",
    "initial_connection_window_size",
];

/// Checks the limits of a connection manager that scans.
pub(super) fn check(connection: &Connection, whole: bool) -> Vec<Finding> {
    let configs: Vec<&Config> = connection.scanning().map(|(.., config)| config).collect();
    let profiles = || configs.iter().flat_map(|config| &config.profiles);
    let Some(largest) = profiles().map(|profile| profile.request_buffer_bytes).max() else {
        return Vec::new();
    };
    let longest = profiles().map(|p| p.response_timeout_ms).max();
    let mut found = sizes(connection, whole, largest);
    let opening = profiles().filter(|p| {
        p.fail_action(Cause::Oversize) == FailAction::Open
            || p.streams.requests
            || p.enforcement == Enforcement::Monitor
    });
    if let Some(largest) = opening.map(|profile| profile.request_buffer_bytes).max() {
        found.extend(room_to_open(connection, largest));
    }
    found.extend(times(connection, whole, longest.unwrap_or_default()));
    found
}

/// The listener's own limit and its place.
fn listener_limit(connection: &Connection) -> Option<(String, u64)> {
    connection.listener.iter().find_map(|node| {
        let limit = node.number("per_connection_buffer_limit_bytes")?;
        Some((node.place.clone(), limit))
    })
}

/// Checks the room for a body that fails open: the filter finds it too large once it has passed the profile's buffer,
/// so the read that takes it there must fit Envoy's buffer.
fn room_to_open(connection: &Connection, largest: u64) -> Vec<Finding> {
    let read = listener_limit(connection).map_or(DEFAULT_BUFFER, |(_, limit)| limit);
    let needed = largest.saturating_add(read).saturating_add(ONE_READ);
    let what = |limit: u64| {
        format!(
            "{} of room above the profile's buffer, though larger uploads are to go on",
            size(limit.saturating_sub(largest))
        )
    };
    let why = format!(
        "one read may bring {}: an upload of unknown length that is sent fast gets Envoy's own 413",
        size(read)
    );
    let tight = |(_, own): &(String, Option<u64>)| {
        let limit = own.unwrap_or(read);
        limit > largest && limit < needed
    };
    lifted(connection)
        .into_iter()
        .filter(tight)
        .map(|(place, own)| match own {
            Some(own) => Finding::error(
                &place,
                &what(own),
                &why,
                &format!(
                    "write request_body_buffer_limit: {needed} or more, or a smaller per_connection_buffer_limit_bytes"
                ),
            ),
            None => Finding::warning(
                &place,
                &what(read),
                &why,
                "write per_connection_buffer_limit_bytes: 1048576, and request_body_buffer_limit into the route (Envoy 1.37 or later)",
            ),
        })
        .collect()
}

fn sizes(connection: &Connection, whole: bool, largest: u64) -> Vec<Finding> {
    let mut found = Vec::new();
    let buffer = listener_limit(connection);
    let limit = buffer.as_ref().map_or(DEFAULT_BUFFER, |(_, limit)| *limit);
    let windows: Vec<(String, u64)> = WINDOWS
        .iter()
        .filter_map(|name| {
            let node = connection.with("http2_protocol_options")?;
            let options = node.field("http2_protocol_options")?;
            Some((format!("{}.{name}", options.place), options.number(name)?))
        })
        .collect();
    let instead = format!(
        "write request_body_buffer_limit: {} into the route or its virtual host (Envoy 1.37 or later)",
        largest.saturating_add(2 << 20)
    );
    let too_small = |place: &str, limit: u64, whose: &str| {
        Finding::error(
            place,
            &format!("{whose} of {} for requests under scan", size(limit)),
            &format!(
                "the profile's request_buffer_size_kb is {}: a body between the two ends in Envoy's own 413, or hangs",
                size(largest)
            ),
            &instead,
        )
    };
    let lifted = lifted(connection);
    if limit <= largest && whole && connection.virtual_hosts.is_empty() {
        // The routes come from another source.
        found.push(Finding::warning(
            &connection.place,
            "routes that are not in this file",
            "whether their request_body_buffer_limit is above the profile's request_buffer_size_kb is not checked",
            "check the output of /config_dump of a running Envoy",
        ));
    } else if limit <= largest && !whole && lifted.is_empty() {
        found.push(too_small(&connection.place, limit, "the listener's limit"));
    }
    for (place, own) in &lifted {
        match own {
            Some(own) if *own <= largest => found.push(too_small(place, *own, "a limit")),
            None if limit <= largest => {
                found.push(too_small(place, limit, "the listener's limit"));
            }
            None => {
                let small = windows.iter().find(|(_, window)| *window <= largest);
                found.extend(
                    small.map(|(place, window)| too_small(place, *window, "an HTTP/2 window")),
                );
            }
            Some(_) => {}
        }
    }
    for (place, limit) in buffer.iter().chain(&windows) {
        if *limit > FOR_EVERYTHING {
            found.push(Finding::warning(
                place,
                &format!("a limit of {} for everything", size(*limit)),
                "Envoy keeps so much of each download in memory while its client does not read",
                "write 1048576, and request_body_buffer_limit into the routes of uploads (Envoy 1.37 or later; older ones need the large limit)",
            ));
        }
    }
    found
}

/// For each virtual host, the routes that can be scanned: one entry for each different limit.
fn lifted(connection: &Connection) -> Vec<(String, Option<u64>)> {
    let mut all = Vec::new();
    for host in &connection.virtual_hosts {
        let of_host = host.number("request_body_buffer_limit");
        let routes = host.list("routes");
        if routes.is_empty() {
            all.extend(of_host.map(|limit| (host.place.clone(), Some(limit))));
            continue;
        }
        let mut seen = Vec::new();
        for route in routes {
            let own = route.number("request_body_buffer_limit").or(of_host);
            let passes = super::metadata::disables(&route)
                || route.field("redirect").is_some()
                || route.field("direct_response").is_some();
            if !passes && !seen.contains(&own) {
                seen.push(own);
                all.push((route.place.clone(), own));
            }
        }
    }
    // A patch of routes may omit limits that another patch sets for their virtual host.
    let by_host = all.iter().any(|(_, limit)| limit.is_some());
    if connection.listener.is_empty() && by_host {
        all.retain(|(_, limit)| limit.is_some());
    }
    all
}

fn times(connection: &Connection, whole: bool, longest: u64) -> Vec<Finding> {
    let mut found = Vec::new();
    let too_short = |place: &str, name: &str, time: u64| {
        Finding::error(
            place,
            &format!("{name} of {time} ms"),
            &format!(
                "the profile's response_timeout_ms is {longest}: Envoy ends a request whose scan takes that long with 408 or 504"
            ),
            "write a longer time",
        )
    };
    let idle = connection
        .with("stream_idle_timeout")
        .and_then(|node| Some((node, node.duration_ms("stream_idle_timeout")?)));
    let unbounded = |place: &str, what: &str| {
        Finding::error(
            place,
            what,
            "a request that hangs, whatever the cause, is never ended",
            "write stream_idle_timeout: 120s into the connection manager, longer than response_timeout_ms",
        )
    };
    match idle {
        Some((node, 0)) => found.push(unbounded(&node.place, "stream_idle_timeout of 0")),
        Some((node, time)) if time <= longest => {
            found.push(too_short(&node.place, "stream_idle_timeout", time));
        }
        Some(_) => {}
        None if whole && DEFAULT_IDLE <= longest => {
            found.push(too_short(
                &connection.place,
                "Envoy's own stream_idle_timeout",
                DEFAULT_IDLE,
            ));
        }
        None if whole => {}
        None => found.push(unbounded(&connection.place, "no stream_idle_timeout")),
    }
    let mut bound = |node: &Node, name: &str| {
        let time = node.duration_ms(name).filter(|time| *time > 0);
        if let Some(time) = time.filter(|time| *time <= longest) {
            found.push(too_short(&node.place, name, time));
        }
    };
    for node in &connection.fields {
        bound(node, "request_timeout");
        if let Some(common) = node.field("common_http_protocol_options") {
            bound(&common, "max_stream_duration");
        }
    }
    for route in connection
        .virtual_hosts
        .iter()
        .flat_map(|h| h.list("routes"))
    {
        if super::metadata::disables(&route) {
            continue;
        }
        if let Some(action) = route.field("route") {
            bound(&action, "idle_timeout");
            if let Some(duration) = action.field("max_stream_duration") {
                bound(&duration, "max_stream_duration");
            }
        }
    }
    found
}
