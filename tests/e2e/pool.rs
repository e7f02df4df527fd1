//! Connections to the ICAP server: kept, bounded, retried, given up.

use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::{Value, json};

use crate::support::client::{Pending, Version, empty, fed, post, request, sized};
use crate::support::eventually;
use crate::support::icap_answers::{CONTINUE, NO_CONTENT, NO_CONTENT_CLOSE};
use crate::support::icap_server::{Behaviour, Connection, IcapServer, refused_address};
use crate::support::payload::{MIB, assert_same_bytes, pattern};
use crate::support::scene::{PREVIEW, Scene};

/// Requests that Envoy is working on.
const ACTIVE: &str = "http.ingress.downstream_rq_active";

/// A server whose connections the test plays itself, and a scene around it.
async fn manual(changes: Value) -> (IcapServer, Scene) {
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), changes).await;
    (server, scene)
}

/// Sends one small request, lets the server allow it on a new connection, and returns that: kept, ready for the next.
async fn kept_connection(server: &IcapServer, scene: &Scene) -> Connection {
    let pending = scene.send_in_background(post("/first", sized("x"))).await;
    let mut connection = server.accept().await;
    let mut request = connection.request().await;
    connection.take_whole(&mut request).await;
    connection.send(NO_CONTENT).await;
    assert_eq!(pending.response().await.status, 200);
    scene.application.next().await;
    connection
}

/// Sends `n` requests and waits after each until Envoy has it, so that their order is known.
async fn one_after_the_other(scene: &Scene, n: usize) -> Vec<Pending> {
    let mut all = Vec::new();
    for i in 0..n {
        let body = sized(format!("body {i}"));
        all.push(scene.send_in_background(post(&format!("/{i}"), body)).await);
        scene.envoy.until_stat(ACTIVE, i as u64 + 1).await;
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_sequential_requests_open_at_most_two_connections() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let scene = Scene::new(server.address(), json!({})).await;
    let mut client = scene.client(Version::Http1).await;
    let small = pattern(100);
    let over_the_preview = pattern(PREVIEW + 100);
    for n in 0..1000 {
        let body = if n % 2 == 0 {
            &small
        } else {
            &over_the_preview
        };
        let answer = client.send(post("/upload", sized(body.clone()))).await;
        assert_eq!(answer.status, 200, "request {n}");
        assert_same_bytes("passed", &scene.application.next().await.body, body);
    }
    assert!(server.accepted() <= 2, "{} connections", server.accepted());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_whose_answer_came_after_the_preview_is_reused() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::new(server.address(), json!({})).await;
    let mut client = scene.client(Version::Http1).await;
    for n in 0..50 {
        let answer = client.send(post("/upload", sized(pattern(MIB / 8)))).await;
        assert_eq!(answer.status, 200, "request {n}");
        scene.application.next().await;
    }
    assert_eq!(server.accepted(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_client_notices_a_server_that_closes_idle_connections() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::new(server.address(), json!({})).await;
    let mut client = scene.client(Version::Http1).await;
    let bytes = pattern(2 * PREVIEW);
    for behaviour in [
        Behaviour::AnswerThenClose(NO_CONTENT.into()),
        Behaviour::AnswerThenReset(NO_CONTENT.into()),
    ] {
        server.now(behaviour.clone());
        for n in 0..100 {
            let answer = client.send(post("/upload", sized(bytes.clone()))).await;
            assert_eq!(answer.status, 200, "request {n}, {behaviour:?}");
            assert_same_bytes("passed", &scene.application.next().await.body, &bytes);
        }
    }
    assert_eq!(scene.application.requests_received(), 200);
    // Every answer was the last on its connection.
    assert!(server.accepted() >= 199, "{}", server.accepted());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_connection_that_dies_before_an_answer_is_retried_once_with_the_whole_body() {
    for (changes, size, how_it_dies) in [
        (json!({}), 3 * PREVIEW, Connection::reset as fn(Connection)),
        (json!({"enable_preview": false}), MIB, drop),
    ] {
        let (server, scene) = manual(changes).await;
        let mut kept = kept_connection(&server, &scene).await;
        let bytes = pattern(size);
        let pending = scene
            .send_in_background(post("/second", sized(bytes.clone())))
            .await;
        let mut request = kept.request().await;
        if request.preview.is_none() {
            kept.rest(&mut request).await;
        }
        how_it_dies(kept);
        let mut fresh = server.accept().await;
        let mut request = fresh.request().await;
        fresh.take_whole(&mut request).await;
        assert_same_bytes("replayed", &request.body, &bytes);
        fresh.send(NO_CONTENT).await;
        assert_eq!(pending.response().await.status, 200);
        assert_same_bytes("passed", &scene.application.next().await.body, &bytes);
        let log = scene.icap_log(1).await;
        assert_eq!(log["action"], "ICAP_PASSED", "{log}");
        assert_eq!(
            log["request_logs"].as_array().map(Vec::len),
            Some(2),
            "{log}"
        );
        assert_eq!(log["request_logs"][0]["action"], "ICAP_FAILED", "{log}");
        assert_eq!(log["request_logs"][1]["action"], "ICAP_PASSED", "{log}");
        scene
            .envoy
            .until_stat("wasmcustom.icap_filter.retries", 1)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_that_dies_too_is_the_last() {
    let (server, scene) = manual(json!({})).await;
    let mut kept = kept_connection(&server, &scene).await;
    let pending = scene.send_in_background(post("/second", sized("x"))).await;
    kept.request().await;
    kept.close().await;
    let mut fresh = server.accept().await;
    fresh.request().await;
    fresh.close().await;
    assert_eq!(pending.response().await.status, 503);
    let log = scene.icap_log(1).await;
    assert_eq!(
        log["significance"],
        json!(["ADF_ICAP_CONNECTION_ERROR"]),
        "{log}"
    );
    assert_eq!(
        log["request_logs"].as_array().map(Vec::len),
        Some(2),
        "{log}"
    );
    assert_eq!(scene.application.requests_received(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_connection_that_dies_in_mid_answer_is_not_retried() {
    let (server, scene) = manual(json!({})).await;
    let mut kept = kept_connection(&server, &scene).await;
    let pending = scene.send_in_background(post("/second", sized("x"))).await;
    kept.request().await;
    kept.send("ICAP/1.0 2").await;
    kept.close().await;
    assert_eq!(pending.response().await.status, 503);
    let log = scene.icap_log(1).await;
    assert_eq!(
        log["significance"],
        json!(["ADF_ICAP_CONNECTION_ERROR"]),
        "{log}"
    );
    assert_eq!(
        log["request_logs"].as_array().map(Vec::len),
        Some(1),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_is_closed_after_its_time() {
    let (server, scene) = manual(json!({"connection_idle_timeout_ms": 500})).await;
    let mut kept = kept_connection(&server, &scene).await;
    let idle_since = Instant::now();
    assert_eq!(kept.closed().await, b"");
    let idle = idle_since.elapsed();
    assert!(idle >= Duration::from_millis(400), "{idle:?}");
    assert!(idle <= Duration::from_millis(3000), "{idle:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_carries_no_more_requests_than_configured() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::new(server.address(), json!({"max_requests_per_connection": 2})).await;
    let mut client = scene.client(Version::Http1).await;
    for _ in 0..6 {
        let answer = client.send(post("/upload", sized("x"))).await;
        assert_eq!(answer.status, 200);
    }
    assert_eq!(server.accepted(), 3);
    // The last has served its two as well.
    server.until_open(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_closed_when_it_is_old_enough() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::new(server.address(), json!({"max_connection_age_ms": 1000})).await;
    let mut client = scene.client(Version::Http1).await;
    eventually("a second connection", async || {
        let answer = client.send(post("/upload", sized("x"))).await;
        assert_eq!(answer.status, 200);
        (server.accepted() == 2).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_close_in_an_answer_is_obeyed() {
    let (server, scene) = manual(json!({})).await;
    let pending = scene.send_in_background(post("/first", sized("x"))).await;
    let mut first = server.accept().await;
    first.request().await;
    first.send(NO_CONTENT_CLOSE).await;
    assert_eq!(pending.response().await.status, 200);
    // The server leaves the closing to the other side.
    assert_eq!(first.closed().await, b"");
    kept_connection(&server, &scene).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_concurrent_requests_share_the_configured_connections() {
    let (server, scene) = manual(json!({"max_connections": 4})).await;
    let mut all = Vec::new();
    for n in 0..64 {
        all.push(
            scene
                .send_in_background(post(&format!("/{n}"), sized(pattern(2 * PREVIEW))))
                .await,
        );
    }
    scene.envoy.until_stat(ACTIVE, 64).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut connection = server.accept().await;
        let mut request = connection.request().await;
        connection.take_whole(&mut request).await;
        held.push(connection);
    }
    // From here on every further connection would be taken, and counted.
    server.serve(Behaviour::ContinueThenAllow).await;
    for mut connection in held {
        connection.send(NO_CONTENT).await;
        server.hand_back(connection).await;
    }
    for pending in all {
        assert_eq!(pending.response().await.status, 200);
    }
    assert!(
        server.most_open() <= 4,
        "{} connections",
        server.most_open()
    );
    let mut targets = Vec::new();
    for _ in 0..64 {
        let received = scene.application.next().await;
        assert_same_bytes("passed", &received.body, &pattern(2 * PREVIEW));
        targets.push(received.target().to_owned());
    }
    targets.sort_unstable();
    targets.dedup();
    assert_eq!(targets.len(), 64);
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_requests_are_served_in_their_order() {
    let (server, scene) = manual(json!({"max_connections": 1})).await;
    let all = one_after_the_other(&scene, 6).await;
    let mut connection = server.accept().await;
    for n in 0..6 {
        let request = connection.request().await;
        let target = request.http().first_line.clone();
        assert!(target.contains(&format!("/{n} ")), "{n}: {target}");
        assert_eq!(request.body, format!("body {n}").as_bytes());
        connection.send(NO_CONTENT).await;
    }
    for pending in all {
        assert_eq!(pending.response().await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn past_the_queue_a_request_fails_at_once() {
    let (server, scene) = manual(json!({"max_connections": 1, "max_pending": 2})).await;
    let waiting = one_after_the_other(&scene, 3).await;
    let answer = scene.send(post("/too-many", sized("x"))).await;
    assert_eq!(answer.status, 503);
    let log = scene.icap_log(0).await;
    assert_eq!(log["action"], "ICAP_FAILED", "{log}");
    assert_eq!(log["significance"], json!(["ADF_ICAP_OVERLOAD"]), "{log}");
    assert_eq!(scene.application.bytes_received(), 0);
    let mut connection = server.accept().await;
    for _ in 0..3 {
        connection.request().await;
        connection.send(NO_CONTENT).await;
    }
    for pending in waiting {
        assert_eq!(pending.response().await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_the_queue_leaves_its_place() {
    let (server, scene) = manual(json!({"max_connections": 1})).await;
    let mut all = one_after_the_other(&scene, 3).await;
    all.remove(1).abandon();
    scene.envoy.log_entry(0).await;
    let mut connection = server.accept().await;
    for n in [0, 2] {
        let request = connection.request().await;
        let target = request.http().first_line.clone();
        assert!(target.contains(&format!("/{n} ")), "{n}: {target}");
        connection.send(NO_CONTENT).await;
    }
    for pending in all {
        assert_eq!(pending.response().await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_not_reused_while_it_is_owed_body_bytes() {
    let (server, scene) = manual(json!({"enable_preview": false})).await;
    let (mut feed, body) = fed();
    let first = scene.send_in_background(post("/first", body)).await;
    feed.send_data(pattern(1000)).await.unwrap();
    let mut early = server.accept().await;
    let mut request_one = early.request().await;
    early.chunk(&mut request_one).await;
    early.send(NO_CONTENT).await;
    // The verdict is in, the upload goes on; meanwhile another request needs a connection.
    let passed = "wasmcustom.icap_filter.passed";
    scene.envoy.until_stat(passed, 1).await;
    let second = scene
        .send_in_background(post("/second", sized("second")))
        .await;
    let mut fresh = server.accept().await;
    let mut request_two = fresh.request().await;
    fresh.rest(&mut request_two).await;
    assert_eq!(request_two.body, b"second");
    fresh.send(NO_CONTENT).await;
    assert_eq!(second.response().await.status, 200);
    feed.send_data(pattern(500)).await.unwrap();
    drop(feed);
    assert_eq!(first.response().await.status, 200);
    // The first connection either gets the rest it is owed, or is closed without the look of a whole body.
    if early.try_rest(&mut request_one).await.is_ok() {
        assert_eq!(request_one.body.len(), 1500);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_back_is_used_again() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::new(server.address(), json!({})).await;
    assert_eq!(scene.send(post("/1", sized("x"))).await.status, 200);
    server.stop().await;
    assert_eq!(scene.send(post("/2", sized("x"))).await.status, 503);
    server.restart().await;
    server.serve(Behaviour::Allow).await;
    assert_eq!(scene.send(post("/3", sized("x"))).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_fails_its_health_check_gets_no_requests() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let dead = refused_address();
    let scene = Scene::with(server.address(), json!({}), |setup| {
        setup.icap = vec![dead, server.address()];
        setup.health_check = true;
    })
    .await;
    let healthy = "cluster.icap_pool.membership_healthy";
    eventually("one healthy endpoint", async || {
        (scene.envoy.stat(healthy).await == 1).then_some(())
    })
    .await;
    for n in 0..10 {
        let answer = scene.send(request(Method::GET, "/", empty())).await;
        assert_eq!(answer.status, 200, "request {n}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_scan_side_by_side() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let scene = Scene::with(server.address(), json!({}), |setup| setup.concurrency = 2).await;
    let mut all = Vec::new();
    for _ in 0..40 {
        let body = sized(pattern(3 * PREVIEW));
        all.push(scene.send_in_background(post("/upload", body)).await);
    }
    for pending in all {
        assert_eq!(pending.response().await.status, 200);
        let received = scene.application.next().await;
        assert_same_bytes("passed", &received.body, &pattern(3 * PREVIEW));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_connection_on_which_the_server_speaks_unasked_is_not_used() {
    let (server, scene) = manual(json!({})).await;
    let mut kept = kept_connection(&server, &scene).await;
    kept.send(CONTINUE).await;
    kept.closed().await;
    kept_connection(&server, &scene).await;
}
