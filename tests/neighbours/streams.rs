//! Uploads that are scanned while they pass, beside what keeps a copy of them: none goes on twice, and none is lost.

use std::path::Path;

use serde_json::{Value, json};

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
    ];
    let stream = |row| Row {
        profile: json!({"large_upload_fail_action": "stream"}),
        ..row
    };
    rows.into_iter().map(stream).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_streams_is_neither_doubled_nor_lost_and_never_whole_once_it_is_blocked() {
    const STREAMED: [Outcome; 2] = [Outcome::Streamed, Outcome::StreamBlocked];
    let (lines, _) = run(rows, &STREAMED, &SLOWLY).await;
    let outcomes = STREAMED.map(Outcome::name);
    let deliveries = SLOWLY.map(Delivery::name);
    let table = table::print("Streams", &outcomes, &deliveries, &lines);
    eprintln!("{table}");
    assert_eq!(table::wrong(&lines), 0, "{table}");
}
