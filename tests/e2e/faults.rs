//! What can go wrong, and what the client, the application and icap_log get of it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::client::{VERSIONS, fed, post, sized, unsized_body};
use crate::support::icap_answers::{CONTINUE, NO_CONTENT, block_page};
use crate::support::icap_server::{Behaviour, IcapServer, refused_address};
use crate::support::payload::{MIB, assert_same_bytes, pattern};
use crate::support::scene::{PREVIEW, Scene};

const TIMEOUT: Duration = Duration::from_millis(1000);
/// How much later than the time-out an outcome may come.
const SLACK: Duration = Duration::from_millis(250);

const LOST: &str = "ADF_ICAP_CONNECTION_ERROR";
const TIMED_OUT: &str = "ADF_ICAP_TIMEDOUT";
const UNREADABLE: &str = "ADF_ICAP_SERVER_ERROR";

/// A server that fails, and the significance that this has.
struct Fault {
    name: &'static str,
    behaviour: Behaviour,
    significance: &'static str,
}

fn faults() -> Vec<Fault> {
    let fault = |name, behaviour, significance| Fault {
        name,
        behaviour,
        significance,
    };
    let answer = |text: &str| Behaviour::Answer(text.into());
    vec![
        fault(
            "close without an answer",
            Behaviour::AnswerThenClose(Vec::new()),
            LOST,
        ),
        fault(
            "reset without an answer",
            Behaviour::AnswerThenReset(Vec::new()),
            LOST,
        ),
        fault(
            "close in the head",
            Behaviour::AnswerThenClose(b"ICAP/1.0 20".into()),
            LOST,
        ),
        fault("no answer", Behaviour::Silence, TIMED_OUT),
        fault("not ICAP", answer("HTTP/1.1 200 OK\r\n\r\n"), UNREADABLE),
        fault("no protocol", answer("\0\u{1}garbage\r\n\r\n"), UNREADABLE),
        fault("no status", answer("ICAP/1.0 abc Hm\r\n\r\n"), UNREADABLE),
        fault(
            "no Encapsulated",
            answer("ICAP/1.0 200 OK\r\n\r\n"),
            UNREADABLE,
        ),
        fault(
            "a status that nobody defined",
            answer("ICAP/1.0 299 Hm\r\n\r\n"),
            UNREADABLE,
        ),
        fault(
            "500",
            answer("ICAP/1.0 500 Server Error\r\n\r\n"),
            UNREADABLE,
        ),
        fault(
            "404",
            answer("ICAP/1.0 404 Service not found\r\n\r\n"),
            UNREADABLE,
        ),
        fault(
            "503",
            answer("ICAP/1.0 503 Service overloaded\r\n\r\n"),
            UNREADABLE,
        ),
    ]
}

fn short(fail_action: &str) -> Value {
    json!({"response_timeout_ms": TIMEOUT.as_millis() as u64, "fail_action": fail_action})
}

/// A failure's icap_log: what it was, and at least one transaction with a sentence about it.
#[track_caller]
fn assert_failed(case: &str, log: &Value, significance: &str) {
    assert_eq!(log["action"], "ICAP_FAILED", "{case}: {log}");
    assert_eq!(log["significance"], json!([significance]), "{case}: {log}");
    let entries = log["request_logs"].as_array().unwrap();
    let last = entries.last().unwrap();
    assert_eq!(last["action"], "ICAP_FAILED", "{case}: {log}");
    let reason = last["reason"].as_str().unwrap_or_default();
    assert!(!reason.is_empty(), "{case}: {log}");
}

/// How often an outcome may be late in a row: a machine that is busy delays one, a filter that is late delays all.
const ATTEMPTS: usize = 3;

/// Plays a case until its outcome comes within the time-out and a little; that of a silent server not much before it.
/// `case` returns how long the client waited.
async fn in_time(significance: &str, mut case: impl AsyncFnMut() -> Duration) {
    let mut late = Vec::new();
    while late.len() < ATTEMPTS {
        let elapsed = case().await;
        if significance == TIMED_OUT {
            assert!(elapsed + SLACK >= TIMEOUT, "too early: {elapsed:?}");
        }
        if elapsed <= TIMEOUT + SLACK {
            return;
        }
        late.push(elapsed);
    }
    panic!("late every time: {late:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_ends_in_503_in_time_and_keeps_the_request_back() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::new(server.address(), short("fail_closed")).await;
    let mut sent = 0;
    for fault in faults() {
        for version in VERSIONS {
            let case = format!("{} {version:?}", fault.name);
            server.now(fault.behaviour.clone());
            in_time(fault.significance, async || {
                let mut client = scene.client(version).await;
                let body = sized(pattern(4 * PREVIEW));
                let begun = Instant::now();
                let answer = client.send(post("/upload", body)).await;
                let elapsed = begun.elapsed();
                assert_eq!(answer.status, 503, "{case}");
                assert_failed(&case, &scene.icap_log(sent).await, fault.significance);
                sent += 1;
                elapsed
            })
            .await;
        }
    }
    scene.assert_application_untouched(sent).await;
    server.now(Behaviour::Allow);
    let answer = scene.send(post("/upload", sized("clean"))).await;
    assert_eq!(answer.status, 200, "after all of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_forwards_the_whole_original_body_where_told_to_fail_open() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::new(server.address(), short("fail_open")).await;
    let bytes = pattern(MIB);
    let mut sent = 0;
    for fault in faults() {
        let case = fault.name;
        server.now(fault.behaviour);
        in_time(fault.significance, async || {
            let body = if sent % 2 == 0 {
                sized(bytes.clone())
            } else {
                unsized_body(bytes.clone())
            };
            let begun = Instant::now();
            let answer = scene.send(post("/upload", body)).await;
            let elapsed = begun.elapsed();
            assert_eq!(answer.status, 200, "{case}");
            assert_eq!(answer.header("x-application"), Some("yes"), "{case}");
            assert_same_bytes(case, &scene.application.next().await.body, &bytes);
            assert_failed(case, &scene.icap_log(sent).await, fault.significance);
            sent += 1;
            elapsed
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_cause_can_have_an_action_of_its_own() {
    let server = IcapServer::serving(Behaviour::Silence).await;
    let mut changes = short("fail_closed");
    changes["fail_action_by_cause"] = json!({"timeout": "fail_open"});
    let scene = Scene::new(server.address(), changes).await;
    let answer = scene.send(post("/upload", sized("x"))).await;
    assert_eq!(answer.status, 200, "a time-out is let through");
    server.now(Behaviour::Answer("ICAP/1.0 500 Error\r\n\r\n".into()));
    let answer = scene.send(post("/upload", sized("x"))).await;
    assert_eq!(answer.status, 503, "an error is not");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_connection_ends_in_503() {
    let scene = Scene::new(refused_address(), short("fail_closed")).await;
    let mut sent = 0;
    for version in VERSIONS {
        in_time(LOST, async || {
            let mut client = scene.client(version).await;
            let begun = Instant::now();
            let answer = client.send(post("/upload", sized(pattern(MIB)))).await;
            let elapsed = begun.elapsed();
            assert_eq!(answer.status, 503, "{version:?}");
            assert_failed("refused", &scene.icap_log(sent).await, LOST);
            sent += 1;
            elapsed
        })
        .await;
    }
    scene.assert_application_untouched(sent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_connection_forwards_the_body_where_told_to_fail_open() {
    let scene = Scene::new(refused_address(), short("fail_open")).await;
    let bytes = pattern(MIB);
    let answer = scene.send(post("/upload", sized(bytes.clone()))).await;
    assert_eq!(answer.status, 200);
    assert_same_bytes("forwarded", &scene.application.next().await.body, &bytes);
    let log = scene.icap_log(0).await;
    assert_failed("refused", &log, LOST);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_silent_after_100_continue_times_out() {
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), short("fail_closed")).await;
    let mut sent = 0;
    in_time(TIMED_OUT, async || {
        let body = sized(pattern(4 * PREVIEW));
        let begun = Instant::now();
        let pending = scene.send_in_background(post("/upload", body)).await;
        let mut connection = server.accept().await;
        let mut request = connection.request().await;
        connection.send(CONTINUE).await;
        connection.rest(&mut request).await;
        assert_eq!(pending.response().await.status, 503);
        let elapsed = begun.elapsed();
        assert_failed("after 100", &scene.icap_log(sent).await, TIMED_OUT);
        // Whatever this server may still say must not be taken for the next request's answer.
        assert_eq!(connection.closed().await, b"");
        sent += 1;
        elapsed
    })
    .await;
    scene.assert_application_untouched(sent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_client_is_not_the_servers_fault() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let scene = Scene::new(server.address(), short("fail_closed")).await;
    let (mut feed, body) = fed();
    let pending = scene.send_in_background(post("/upload", body)).await;
    feed.send_data(pattern(2 * PREVIEW)).await.unwrap();
    // Longer than the server may take: time in which only the client is waited for does not count.
    tokio::time::sleep(TIMEOUT + SLACK).await;
    assert!(!pending.is_finished());
    drop(feed);
    assert_eq!(pending.response().await.status, 200);
    let received = scene.application.next().await;
    assert_same_bytes("passed", &received.body, &pattern(2 * PREVIEW));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_verdict_is_marked_as_slow() {
    let server = IcapServer::listen().await;
    let threshold = Duration::from_millis(100);
    let changes = json!({"slow_response_warning_threshold_ms": threshold.as_millis() as u64});
    let scene = Scene::new(server.address(), changes).await;
    let pending = scene.send_in_background(post("/upload", sized("x"))).await;
    let mut connection = server.accept().await;
    connection.request().await;
    tokio::time::sleep(2 * threshold).await;
    connection.send(NO_CONTENT).await;
    assert_eq!(pending.response().await.status, 200);
    let log = scene.icap_log(0).await;
    assert_eq!(log["action"], "ICAP_PASSED", "{log}");
    assert_eq!(
        log["significance"],
        json!(["ADF_ICAP_SERVER_HIGH_RESPONSE_TIME"]),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_breaks_off_blocks_though_told_to_fail_open() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::new(server.address(), short("fail_open")).await;
    let page = block_page(
        "X-Infection-Found: Type=0; Resolution=2; Threat=Eicar;\r\n",
        "cut off",
    );
    let cut = page[..page.len() - 8].to_vec();
    let ends = [
        Behaviour::AnswerThenClose(cut.clone()),
        Behaviour::AnswerThenReset(cut.clone()),
        Behaviour::Answer([cut.clone(), b"zz\r\n".into()].concat()),
        Behaviour::Answer(cut),
    ];
    for (n, end) in ends.into_iter().enumerate() {
        server.now(end);
        let body = sized(pattern(4 * PREVIEW));
        assert_eq!(scene.send(post("/upload", body)).await.status, 403, "{n}");
        let log = scene.icap_log(n).await;
        assert_eq!(log["action"], "ICAP_BLOCKED", "{n}: {log}");
        let entry = &log["request_logs"][0];
        assert_eq!(entry["threat_id"], "Eicar", "{n}: {log}");
    }
    scene.assert_application_untouched(4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_server_is_known_every_request_fails_though_many_come_at_once() {
    let scene = Scene::with(
        refused_address(),
        json!({"options": {"enabled": true}}),
        |setup| {
            setup.patch_pool(|pool| pool["load_assignment"]["endpoints"] = json!([]));
        },
    )
    .await;
    let mut all = Vec::new();
    for _ in 0..32 {
        all.push(scene.send_in_background(post("/upload", sized("x"))).await);
    }
    for pending in all {
        assert_eq!(pending.response().await.status, 503);
    }
    for n in 0..32 {
        assert_failed("no server", &scene.icap_log(n).await, LOST);
    }
    scene.assert_application_untouched(32).await;
}
