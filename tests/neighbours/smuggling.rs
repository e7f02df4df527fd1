//! A body whose end is a request of its own, which no rule lets through.

use bytes::Bytes;
use serde_json::json;

use crate::application::Manner;
use crate::filters;
use crate::outcome::{Delivery, Outcome};
use crate::rows::{Place, Row};
use crate::support::payload::{eicar, pattern};
use crate::world::World;

/// A request to what RBAC denies, of exactly this many bytes.
fn hidden(length: usize) -> Vec<u8> {
    let head = |body: usize| {
        format!("POST /denied HTTP/1.1\r\nHost: app.test\r\nContent-Length: {body}\r\n\r\n")
    };
    let body = length - head(length).len();
    let mut request = head(body).into_bytes();
    request.extend_from_slice(&eicar());
    request.resize(length, b'x');
    request
}

async fn try_to_smuggle(action: serde_json::Value, outcome: Outcome) {
    let mut row = Row::new("smuggling", Place::Before, vec![filters::rbac()]);
    row.action = action;
    row.manner = Manner::Kept;
    let (world, application) = World::of(row.clone()).await;
    // Whatever was doubled, the surplus begins with a whole request.
    let hidden = Bytes::from(hidden(15_000));
    let parts = [pattern(30_000), hidden.clone(), hidden];
    let path = format!("/smuggling/request/{}", outcome.word());
    let way = world.way(&row);
    let sent = way.send_parts(&path, &parts, outcome, Delivery::SlowLength);
    let answer = sent.await.unwrap();
    assert_eq!(answer.status, 200);
    world.log(&row, &path, outcome.action()).await;
    // What follows on the connection to the application comes after whatever was smuggled.
    let next = way.send_parts("/next", &parts[..1], Outcome::Clean, Delivery::OnePiece);
    assert_eq!(next.await.unwrap().status, 200);
    let requests = application.requests();
    let lines: Vec<_> = requests
        .iter()
        .map(|request| request.head.first_line.as_str())
        .collect();
    let line = format!("POST {path} HTTP/1.1");
    assert_eq!(lines, [line.as_str(), "POST /next HTTP/1.1"], "{outcome:?}");
    assert!(
        requests[0].body == parts.concat(),
        "{outcome:?}: another body"
    );
    let direct = way.send_parts("/denied", &parts[..1], Outcome::Clean, Delivery::OnePiece);
    assert_eq!(direct.await.unwrap().status, 403, "RBAC");
}

#[tokio::test(flavor = "multi_thread")]
async fn request_smuggling_with_content_length_beside_a_retry_policy() {
    let retries = json!({"retry_policy": {"retry_on": "5xx,reset", "num_retries": 2}});
    for outcome in [Outcome::CleanPreview, Outcome::FailOpen] {
        try_to_smuggle(retries.clone(), outcome).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn request_smuggling_with_content_length_beside_an_internal_redirect_policy() {
    let redirects = json!({"internal_redirect_policy": {"redirect_response_codes": [307]}});
    for outcome in [Outcome::CleanPreview, Outcome::FailOpen] {
        try_to_smuggle(redirects.clone(), outcome).await;
    }
}
