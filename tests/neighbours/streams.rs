//! Uploads that are scanned while they pass, beside what keeps a copy of them: none goes on twice, and none is lost.

use std::path::Path;

use serde_json::{Value, json};

use crate::bootstrap::PROCESSOR;
use crate::filters;
use crate::outcome::{Delivery, Outcome};
use crate::rows::{Place, Row};
use crate::table;
use crate::world::run;

/// How an upload comes, so that its scan does not fall far behind.
const SLOWLY: [Delivery; 3] = [Delivery::SlowChunked, Delivery::SlowLength, Delivery::Http2];

/// The rows: the router or a filter keeps a copy, or nobody does.
fn rows(_: &Path, _: &Path) -> Vec<Row> {
    let retries = json!({"retry_policy": {"retry_on": "5xx,reset", "num_retries": 2}});
    let redirects = json!({"internal_redirect_policy": {"redirect_response_codes": [307]}});
    let nothing_kept = json!({"per_request_buffer_limit_bytes": 0});
    let route = |name, action: Value, route: Value| Row {
        action,
        route,
        ..Row::new(name, Place::Route, Vec::new())
    };
    let before = |name, filter| Row::new(name, Place::Before, vec![filter]);
    let after = |name, filter| Row::new(name, Place::After, vec![filter]);
    let rows = vec![
        route("stream", json!({}), json!({})),
        route("stream, retry policy", retries.clone(), json!({})),
        route(
            "stream, retry policy that keeps nothing",
            retries,
            nothing_kept.clone(),
        ),
        route(
            "stream, internal redirect policy",
            redirects.clone(),
            json!({}),
        ),
        route(
            "stream, internal redirect policy that keeps nothing",
            redirects,
            nothing_kept,
        ),
        after("stream, buffer", filters::buffer()),
        after("stream, fault delay", filters::fault()),
        after("stream, rbac", filters::rbac()),
        after("stream, bandwidth_limit", filters::bandwidth("REQUEST")),
        after(
            "stream, ext_proc, streamed",
            filters::ext_proc(PROCESSOR, "request", "STREAMED"),
        ),
        before("stream, bandwidth_limit", filters::bandwidth("REQUEST")),
        before(
            "stream, ext_proc, streamed",
            filters::ext_proc(PROCESSOR, "request", "STREAMED"),
        ),
    ];
    rows.into_iter().map(stream).collect()
}

fn stream(row: Row) -> Row {
    Row {
        profile: json!({"large_upload_fail_action": "stream"}),
        ..row
    }
}

/// The rows with a gate before the filter.
fn gated_rows(_: &Path, _: &Path) -> Vec<Row> {
    let retries = json!({"retry_policy": {"retry_on": "5xx,reset", "num_retries": 2}});
    let before = |name, filter| Row::new(name, Place::Before, vec![filter]);
    let after = |name, filter| Row::new(name, Place::After, vec![filter]);
    let chunks = "function envoy_on_request(h) for chunk in h:bodyChunks() do local n = chunk:length() end end";
    let mut rows = vec![
        Row::new("gate", Place::Route, Vec::new()),
        Row {
            action: retries.clone(),
            ..Row::new("gate, retry policy", Place::Route, Vec::new())
        },
        Row {
            action: retries,
            route: json!({"per_request_buffer_limit_bytes": 0}),
            ..Row::new(
                "gate, retry policy that keeps nothing",
                Place::Route,
                Vec::new(),
            )
        },
        Row {
            holds: true,
            ..before("gate, buffer", filters::buffer())
        },
        Row {
            holds: true,
            ..before(
                "gate, ext_proc, buffered",
                filters::ext_proc(PROCESSOR, "request", "BUFFERED"),
            )
        },
    ];
    for (name, filter) in [
        ("gate, lua bodyChunks", filters::lua(chunks)),
        (
            "gate, ext_proc, streamed",
            filters::ext_proc(PROCESSOR, "request", "STREAMED"),
        ),
        ("gate, bandwidth_limit", filters::bandwidth("REQUEST")),
        ("gate, fault delay", filters::fault()),
        ("gate, rbac", filters::rbac()),
    ] {
        rows.push(before(name, filter.clone()));
        rows.push(after(name, filter));
    }
    rows.push(after("gate, buffer", filters::buffer()));
    let gated = |row| Row {
        gated: true,
        ..stream(row)
    };
    rows.into_iter().map(gated).collect()
}

async fn check(rows: fn(&Path, &Path) -> Vec<Row>) {
    const STREAMED: [Outcome; 2] = [Outcome::Streamed, Outcome::StreamBlocked];
    let (lines, _) = run(rows, &STREAMED, &SLOWLY).await;
    let outcomes = STREAMED.map(Outcome::name);
    let deliveries = SLOWLY.map(Delivery::name);
    let table = table::print("Streams", &outcomes, &deliveries, &lines);
    eprintln!("{table}");
    assert_eq!(table::wrong(&lines), 0, "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_streams_is_neither_doubled_nor_lost_and_never_whole_once_it_is_blocked() {
    check(rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_gate_too_what_streams_is_neither_doubled_nor_lost() {
    check(gated_rows).await;
}
