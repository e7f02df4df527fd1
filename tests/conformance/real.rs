//! A plan in Envoy itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use hyper::Request;
use hyper::body::Frame;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::callbacks;
use crate::parties::client::{NO_TRAILER, Part, TRAILER};
use crate::plan::{Body as BodyPlan, Framing, MessagePlan, Plan};
use crate::seen::{Application, COUNTERS, Digest, Exchange, Log, Seen};
use crate::server::Server;
use crate::support::application::Application as Origin;
use crate::support::client::{Body, Version, empty, fed, request_with};
use crate::support::envoy::Envoy;
use crate::support::envoy_config::Setup;
use crate::support::eventually;

/// How long a worker may take to tell Envoy what it counted.
const COUNTERS_WITHIN: Duration = Duration::from_secs(10);
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// Runs it, and waits until the worker has told Envoy the counters that are expected, or gives those that it did tell.
pub async fn run(plan: &Plan, expected: &[(&'static str, i64)]) -> Seen {
    let shared = Arc::new(plan.clone());
    let mut servers = Vec::new();
    for server in &plan.servers {
        servers.push(Server::start(Arc::clone(&shared), *server).await);
    }
    let origin = Origin::start().await;
    let profile: Value = serde_json::from_str(&plan.profile.json()).unwrap();
    let mut setup = Setup::new(&profile, servers[0].address, origin.address());
    setup.buffer_limit = u32::try_from(plan.envoy.buffer_limit).unwrap();
    setup.more_pools = vec![("icap", servers[0].address)];
    let own = plan.servers.iter().position(|it| it.for_responses);
    setup
        .more_pools
        .push(("icap_responses", servers[own.unwrap_or(0)].address));
    setup.patch(callbacks::tell_contexts_apart);
    let envoy = Envoy::start(&setup).await;
    envoy.log_calls().await;
    if plan.profile.options {
        until_asked(&envoy).await;
    }
    let mut seen = Seen::default();
    for (n, message) in plan.messages.iter().enumerate() {
        seen.exchanges
            .push(exchange(plan, message, n, &envoy, &origin).await);
    }
    let order = callbacks::of_each_message(&envoy, seen.exchanges.len()).await;
    for (exchange, callbacks) in seen.exchanges.iter_mut().zip(order) {
        exchange.callbacks = callbacks;
    }
    seen.counters = counters(&envoy, expected).await;
    seen
}

/// The counters, as soon as they are the expected ones: a worker tells Envoy at its next tick what no scan's end told before.
async fn counters(envoy: &Envoy, expected: &[(&'static str, i64)]) -> Vec<(&'static str, i64)> {
    let deadline = Instant::now() + COUNTERS_WITHIN;
    loop {
        let mut counters = Vec::new();
        for name in COUNTERS {
            let value = envoy.metric(name).await;
            counters.push((name, i64::try_from(value).unwrap()));
        }
        if counters == expected || Instant::now() > deadline {
            return counters;
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

/// Waits until the worker, and the main thread, have asked every service for its OPTIONS.
async fn until_asked(envoy: &Envoy) {
    eventually("OPTIONS to be answered", async || {
        let mut ended = 0;
        for name in ["connections_idle", "connections_closed", "options_failed"] {
            ended += envoy.metric(name).await;
        }
        (ended >= 2).then_some(())
    })
    .await;
}

async fn exchange(
    plan: &Plan,
    message: &MessagePlan,
    n: usize,
    envoy: &Envoy,
    origin: &Origin,
) -> Exchange {
    origin.answer_with(response(plan, message));
    let before = origin.requests_received();
    let mut client = envoy.connect(Version::Http1).await;
    let answer = client.send(request(plan, message)).await;
    let entry = envoy.log_entry(n).await;
    let received = match origin.requests_received() > before {
        true => Some(origin.next().await),
        false => None,
    };
    let details = entry["details"].as_str().unwrap().to_owned();
    let is_envoys = !details.starts_with("icap_") && details != "via_upstream";
    Exchange {
        status: answer.status,
        page: (!is_envoys && message.method != "HEAD").then(|| Digest::of(&answer.body)),
        application: received.map(|it| Application {
            length: it
                .head
                .get("content-length")
                .filter(|it| *it != "0")
                .map(str::to_owned),
            marked: it.head.get("x-scanned").map(str::to_owned),
            outcome: it.head.get("x-icap-action").map(str::to_owned),
            trailers: it.trailers,
            body: Digest::of(&it.body),
        }),
        details,
        log: Log::of(&entry["icap_log"]),
        callbacks: Vec::new(),
    }
}

fn request(plan: &Plan, message: &MessagePlan) -> Request<Body> {
    let fields = message.request_fields();
    let texts: Vec<(String, String)> = fields
        .iter()
        .map(|(name, value)| [name, value].map(|it| String::from_utf8_lossy(it).into_owned()))
        .map(|[name, value]| (name, value))
        .collect();
    let path = texts.iter().find(|(name, _)| name == ":path").unwrap();
    let mut others: Vec<(&str, &str)> = texts
        .iter()
        .filter(|(name, _)| !name.starts_with(':'))
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    if message.request.framing == Framing::Trailers {
        others.push(("trailer", TRAILER));
        others.push(("trailer", NO_TRAILER));
    }
    let method = message.method.parse().unwrap();
    request_with(method, &path.1, &others, body(plan, &message.request))
}

fn body(plan: &Plan, body: &BodyPlan) -> Body {
    if body.framing == Framing::None {
        return empty();
    }
    let (mut feed, fed) = fed();
    let (seed, plan) = (plan.seed, body.clone());
    tokio::spawn(async move {
        for step in 0.. {
            let frame = match plan.part(seed, step) {
                Part::Bytes(bytes, _) if bytes.is_empty() => continue,
                Part::Bytes(bytes, _) => Frame::data(bytes.into()),
                Part::Trailers(fields) => Frame::trailers(map(&fields)),
                Part::Nothing => return,
            };
            // The client may have been answered already.
            if feed.send(frame).await.is_err() {
                return;
            }
        }
    });
    fed.boxed()
}

fn map(fields: &icap_filter::host::Fields) -> HeaderMap {
    let pairs = fields.iter().map(|(name, value)| {
        let name = HeaderName::from_bytes(name).unwrap();
        (name, HeaderValue::from_bytes(value).unwrap())
    });
    pairs.collect()
}

/// The application's response, as it is on the wire.
fn response(plan: &Plan, message: &MessagePlan) -> Vec<u8> {
    let mut wire = format!("HTTP/1.1 {} Phrase\r\n", message.status).into_bytes();
    for (name, value) in message.response_fields() {
        if name != b":status" {
            wire.extend_from_slice(&[&name, b": ".as_slice(), &value, b"\r\n"].concat());
        }
    }
    let body = message.response.bytes(plan.seed);
    let chunked = matches!(
        message.response.framing,
        Framing::Chunked | Framing::Trailers
    );
    if chunked {
        wire.extend_from_slice(b"transfer-encoding: chunked\r\n");
    } else if message.response.framing == Framing::None && ![204, 304].contains(&message.status) {
        wire.extend_from_slice(b"content-length: 0\r\n");
    }
    wire.extend_from_slice(b"\r\n");
    if !chunked {
        wire.extend_from_slice(&body);
        return wire;
    }
    if !body.is_empty() {
        wire.extend_from_slice(format!("{:x}\r\n", body.len()).as_bytes());
        wire.extend_from_slice(&body);
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b"0\r\n");
    if message.response.framing == Framing::Trailers {
        for trailer in [TRAILER, NO_TRAILER] {
            wire.extend_from_slice(format!("{trailer}: {}\r\n", message.response.id).as_bytes());
        }
    }
    wire.extend_from_slice(b"\r\n");
    wire
}
