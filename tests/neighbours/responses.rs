//! Responses beside the neighbours that have to do with them. A response meets the filters from the last to the first.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use hyper::Method;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::bootstrap::PROCESSOR;
use crate::filters::{self, LUA_PREFIX, gunzip, gzip};
use crate::judge::{Cell, PATIENCE};
use crate::limits::{RESPONSE_LIMITS, limit_of, objection};
use crate::origin::Origin;
use crate::outcome::{DELIVERIES, Delivery, Outcome, PREVIEW, changed};
use crate::rows::{Effect, Place, Row};
use crate::scanner::Progress;
use crate::support::client::{Client, HttpResponse, Version, empty, request_with};
use crate::table::{self, Entry};
use crate::world::World;

/// Rows under way at a time.
const AT_A_TIME: usize = 8;

const OUTCOMES: [Outcome; 5] = [
    Outcome::Clean,
    Outcome::CleanPreview,
    Outcome::FailOpen,
    Outcome::Changed,
    Outcome::Blocked,
];

fn rows(_: &Path, directory: &Path) -> Vec<Row> {
    use Effect::{Compress, Decompress, Nothing, Prefix};
    let read = "function envoy_on_response(h) local body = h:body() if body then local n = body:length() end end";
    let write = "function envoy_on_response(h) local body = h:body() if body then body:setBytes('lua:' .. body:getBytes(0, body:length())) end end";
    let kinds = [
        ("lua reading the body", filters::lua(read), true, Nothing),
        ("lua writing the body", filters::lua(write), true, Prefix),
        (
            "ext_proc, buffered",
            filters::ext_proc(PROCESSOR, "response", "BUFFERED"),
            true,
            Nothing,
        ),
        (
            "ext_proc, streamed",
            filters::ext_proc(PROCESSOR, "response", "STREAMED"),
            false,
            Nothing,
        ),
        (
            "bandwidth_limit",
            filters::bandwidth("RESPONSE"),
            false,
            Nothing,
        ),
        ("buffer", filters::buffer(), false, Nothing),
        ("cors", filters::cors(), false, Nothing),
        ("grpc_web", filters::grpc_web(), false, Nothing),
        ("decompressor", filters::decompressor(), false, Decompress),
        (
            "compressor",
            filters::compressor("response"),
            false,
            Compress,
        ),
        ("tap", filters::tap(directory), false, Nothing),
        ("cache", filters::cache(), false, Nothing),
        (
            "custom_response",
            filters::custom_response(&[503]),
            false,
            Nothing,
        ),
    ];
    let mut rows = vec![Row::new("no neighbour", Place::Route, Vec::new())];
    for (name, filter, holds, effect) in kinds {
        for place in [Place::Before, Place::After] {
            let mut row = Row::new(name, place, vec![filter.clone()]);
            row.holds = holds && place == Place::After;
            row.effect = effect;
            row.fields.push(("accept-encoding", "gzip".to_owned()));
            rows.push(row);
        }
    }
    for row in &mut rows {
        row.profile = json!({"response_service_url": "/respmod"});
        if row.title() == "decompressor, after" {
            row.profile["fail_action"] = json!("fail_closed");
            row.profile["body_progress_timeout_ms"] = json!(500);
        }
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn no_neighbour_loses_or_doubles_a_byte_of_a_response() {
    let wanted = std::env::var("NEIGHBOUR").unwrap_or_default();
    let chosen = |module: &Path, directory: &Path| -> Vec<Row> {
        let mut rows = rows(module, directory);
        rows.retain(|row| row.title().starts_with(&wanted));
        rows
    };
    let origin = Arc::new(Origin::start().await);
    let plan = chosen(Path::new(""), Path::new(""));
    let addresses = vec![origin.address(); plan.len()];
    let world = World::start(chosen, &addresses).await;
    let gate = Arc::new(Semaphore::new(AT_A_TIME));
    let mut tasks = JoinSet::new();
    for (place, row) in plan.into_iter().enumerate() {
        let (world, origin, gate) = (world.clone(), origin.clone(), gate.clone());
        tasks.spawn(async move {
            let _turn = gate.acquire().await.unwrap();
            (place, line(&world, &origin, &row).await)
        });
    }
    let mut lines = tasks.join_all().await;
    lines.sort_by_key(|(place, _)| *place);
    let lines: Vec<_> = lines.into_iter().map(|(_, line)| line).collect();
    let table = table::print(
        "Responses",
        &OUTCOMES.map(Outcome::name),
        &DELIVERIES.map(Delivery::name),
        &lines,
    );
    eprintln!("{table}");
    assert_eq!(table::wrong(&lines), 0, "{table}");
}

async fn line(world: &World, origin: &Origin, row: &Row) -> (String, Vec<Entry>) {
    let mut entries = Vec::new();
    for outcome in OUTCOMES {
        for delivery in DELIVERIES {
            let answer = fetch(world, origin, row, outcome, delivery).await;
            let cell = judge(row, outcome, &answer);
            let limit = limit_of(RESPONSE_LIMITS, row, outcome);
            entries.push(Entry {
                case: format!("{}, {}", outcome.name(), delivery.name()),
                objection: objection(&cell, limit),
                limit,
            });
        }
    }
    (row.title(), entries)
}

/// Asks for a response, and feeds it to the application.
async fn fetch(
    world: &World,
    origin: &Origin,
    row: &Row,
    outcome: Outcome,
    delivery: Delivery,
) -> Result<HttpResponse, String> {
    let path = format!("/{}/response/{}/{delivery:?}", row.slug(), outcome.word());
    let mut parts = outcome.parts();
    let mut fields =
        "content-type: application/octet-stream\r\ncache-control: max-age=60\r\n".to_owned();
    if row.effect == Effect::Decompress {
        fields.push_str("content-encoding: gzip\r\n");
        let whole = gzip(&parts.concat());
        parts = vec![
            whole.slice(..30_000),
            whole.slice(30_000..45_000),
            whole.slice(45_000..),
        ];
    }
    if delivery == Delivery::OnePiece {
        parts = vec![Bytes::from(parts.concat())];
    }
    let length = parts.iter().map(Bytes::len).sum();
    let sized = [Delivery::OnePiece, Delivery::SlowLength].contains(&delivery);
    let feed = origin.answer(&path, &fields, sized.then_some(length));
    let version = match delivery {
        Delivery::Http2 => Version::Http2,
        _ => Version::Http1,
    };
    let counter = format!("cluster.{}.upstream_cx_rx_bytes_total", row.slug());
    let before = world.traffic.now(&counter).await;
    let client = Client::connect(world.envoy.listener_named(&row.slug()), version).await;
    let mut headers: Vec<(&str, &str)> = row
        .fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    headers.push(("x-case", &path));
    let pending = client.send_in_background(request_with(Method::GET, &path, &headers, empty()));
    let mut sent = 0;
    let last = parts.len() - 1;
    for (nth, part) in parts.into_iter().enumerate() {
        sent += part.len();
        let length = part.len();
        // Envoy may have closed.
        let _ = feed.send(part);
        if nth == last {
            break;
        }
        let taken = async {
            world.traffic.until(&counter, before + sent as u64).await;
            if nth == 0 && !row.holds {
                let enough = if row.effect == Effect::Nothing {
                    length
                } else {
                    PREVIEW
                };
                let far = |progress: &Progress| match outcome {
                    Outcome::CleanPreview | Outcome::FailOpen => progress.decided,
                    _ => progress.seen >= enough,
                };
                let _ = world.scanner.follow(&path).wait_for(far).await;
            }
        };
        let _ = tokio::time::timeout(PATIENCE, taken).await;
    }
    drop(feed);
    match tokio::time::timeout(PATIENCE * 2, pending.outcome()).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(format!("no answer: {error}")),
        Err(_) => Err("hangs".to_owned()),
    }
}

fn judge(row: &Row, outcome: Outcome, answer: &Result<HttpResponse, String>) -> Cell {
    let answer = match answer {
        Ok(answer) => answer,
        Err(what) => return Cell::Wrong(what.clone()),
    };
    let body = match answer.header("content-encoding") {
        Some("gzip") => gunzip(&answer.body).unwrap_or_default(),
        _ => answer.body.to_vec(),
    };
    let original = outcome.parts().concat();
    if outcome == Outcome::Blocked {
        let leaked = body.windows(64).any(|window| window == &original[..64]);
        return match answer.status {
            403 if !leaked => Cell::Right,
            200 if body == original => Cell::Unscanned,
            status if leaked => Cell::Wrong(format!("{status} with what is blocked")),
            status => Cell::Refused(status),
        };
    }
    if answer.status != 200 {
        return Cell::Refused(answer.status);
    }
    let scanned = outcome == Outcome::Changed;
    if scanned && body == original {
        return Cell::Unscanned;
    }
    let mut expected = if scanned {
        changed().to_vec()
    } else {
        original
    };
    if row.effect == Effect::Prefix && !(scanned && row.place == Place::After) {
        expected = [LUA_PREFIX, &expected].concat();
    }
    if body == expected {
        return Cell::Right;
    }
    let place = body.iter().zip(&expected).position(|(f, e)| f != e);
    let place = place.unwrap_or(body.len().min(expected.len()));
    Cell::Wrong(format!(
        "{} bytes instead of {}, differs at {place}",
        body.len(),
        expected.len()
    ))
}
