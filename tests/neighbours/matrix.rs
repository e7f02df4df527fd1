//! Requests beside every neighbour, and the combinations that once went wrong by their names.

use std::path::Path;

use crate::outcome::{DELIVERIES, Delivery, OUTCOMES, Outcome};
use crate::rows::{Place, Row, rows};
use crate::support::envoy::version;
use crate::table;
use crate::world::run;

/// Runs the rows whose titles begin with one of `titles`, prints the table, and fails the test where a cell is wrong.
async fn check(titles: &[&str], outcomes: &'static [Outcome], deliveries: &'static [Delivery]) {
    let choose = |module: &Path, directory: &Path| -> Vec<Row> {
        let mut rows = rows(module, directory);
        rows.retain(|row| titles.iter().any(|title| row.title().starts_with(title)));
        rows
    };
    let (lines, error_pages) = run(choose, outcomes, deliveries).await;
    let outcomes: Vec<_> = outcomes.iter().map(|outcome| outcome.name()).collect();
    let deliveries: Vec<_> = deliveries.iter().map(|delivery| delivery.name()).collect();
    let table = table::print("Requests", &outcomes, &deliveries, &lines);
    eprintln!("{table}");
    assert_eq!(table::wrong(&lines), 0, "{table}");
    assert_eq!(
        error_pages, 0,
        "error pages were asked for with a held body"
    );
}

/// What a message is let go by in mid-body.
const MIDWAY: [Outcome; 2] = [Outcome::CleanPreview, Outcome::FailOpen];

/// `NEIGHBOUR` narrows it to rows whose titles begin so.
#[tokio::test(flavor = "multi_thread")]
async fn no_neighbour_loses_doubles_or_smuggles_a_byte_of_a_request() {
    let wanted = std::env::var("NEIGHBOUR").unwrap_or_default();
    check(&[&wanted], &OUTCOMES, &DELIVERIES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chunked_and_http2_bodies_are_not_doubled_beside_retry_and_internal_redirect() {
    const UNSIZED: [Delivery; 2] = [Delivery::SlowChunked, Delivery::Http2];
    check(&["retry policy", "internal redirect"], &MIDWAY, &UNSIZED).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_let_go_in_mid_body_passes_a_buffer_filter_after_ours() {
    check(&["buffer, after"], &MIDWAY, &DELIVERIES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_a_hedge_and_a_per_try_time_out_send_the_same_body_again() {
    const ROWS: [&str; 3] = ["retry policy, a retry", "hedging", "per-try time-out"];
    check(&ROWS, &MIDWAY, &[Delivery::SlowLength]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn request_body_buffer_limit_of_a_route_lifts_the_413_limit_of_the_listener() {
    const SCANNED: [Outcome; 2] = [Outcome::Clean, Outcome::Changed];
    // Without it, and before Envoy 1.40 with it, the listener's limit ends an upload.
    let small = |_: &Path, _: &Path| {
        let mut row = Row::new("small listener", Place::Route, Vec::new());
        row.limit = 32 * 1024;
        vec![row]
    };
    let (lines, _) = run(small, &SCANNED, &[Delivery::OnePiece]).await;
    for entry in &lines[0].1 {
        assert_eq!(
            entry.objection.as_deref(),
            Some("refused with 413"),
            "{}",
            entry.case
        );
    }
    if version() >= vec![1, 40] {
        check(&["request_body_buffer_limit"], &SCANNED, &DELIVERIES).await;
    }
}
