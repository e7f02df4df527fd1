//! Clients that send slowly, and others that wait for the connections which they hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::support::client::{Feed, VERSIONS, fed, post, sized};
use crate::support::icap_answers::{CONTINUE, NO_CONTENT};
use crate::support::icap_server::IcapServer;
use crate::support::payload::{assert_same_bytes, pattern};
use crate::support::scene::{PREVIEW, Scene};

const ACTIVE: &str = "wasmcustom.icap_filter.connections_active";
const PREEMPTED: &str = "wasmcustom.icap_filter.preempted";

/// Has the bytes sent, and then a few again and again, until it is told to end. Gives all that was sent.
fn trickle(mut feed: Feed, first: Bytes, end: Arc<AtomicBool>) -> tokio::task::JoinHandle<Vec<u8>> {
    tokio::spawn(async move {
        let mut sent = first.to_vec();
        feed.send_data(first).await.unwrap();
        while !end.load(Ordering::SeqCst) {
            let few = pattern(10);
            sent.extend_from_slice(&few);
            feed.send_data(few).await.unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        sent
    })
}

fn records(log: &Value) -> &[Value] {
    log["request_logs"].as_array().map_or(&[], Vec::as_slice)
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_behind_a_client_that_sends_slowly() {
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), json!({"max_connections": 1})).await;
    for (n, version) in VERSIONS.into_iter().enumerate() {
        let slow = scene.client(version).await;
        let (feed, body) = fed();
        let end = Arc::new(AtomicBool::new(false));
        let slow = slow.send_in_background(post("/slow", body));
        let sending = trickle(feed, pattern(2 * PREVIEW), Arc::clone(&end));
        let mut held = server.accept().await;
        held.request().await;
        held.send(CONTINUE).await;

        let quick = scene.send_in_background(post("/quick", sized("x"))).await;
        held.closed().await;
        let mut next = server.accept().await;
        let request = next.request().await;
        assert_eq!(request.body, b"x", "{version:?}");
        next.send(NO_CONTENT).await;
        assert_eq!(quick.response().await.status, 200, "{version:?}");
        scene.application.next().await;
        scene.envoy.until_stat(PREEMPTED, n as u64 + 1).await;

        // It is scanned anew once it is there, and on the connection that is kept.
        end.store(true, Ordering::SeqCst);
        let sent = sending.await.unwrap();
        let mut request = next.request().await;
        next.take_whole(&mut request).await;
        assert_same_bytes("shown anew", &request.body, &sent);
        next.send(NO_CONTENT).await;
        assert_eq!(slow.response().await.status, 200, "{version:?}");
        let received = scene.application.next().await;
        assert_same_bytes("passed", &received.body, &sent);
        let log = scene.icap_log(2 * n + 1).await;
        assert_eq!(log["action"], "ICAP_PASSED", "{log}");
        let [given_up, passed] = records(&log) else {
            panic!("{log}");
        };
        assert_eq!(given_up["action"], Value::Null, "{log}");
        assert!(
            given_up["reason"]
                .as_str()
                .is_some_and(|why| why.contains("taken for others")),
            "{log}"
        );
        assert_eq!(passed["action"], "ICAP_PASSED", "{log}");
        next.close().await;
        scene
            .envoy
            .until_stat("wasmcustom.icap_filter.connections_idle", 0)
            .await;
    }
    assert_eq!(scene.envoy.metric("retries").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_kept_where_the_profile_says_so() {
    let server = IcapServer::listen().await;
    let changes = json!({"max_connections": 1, "upload_preempt_ms": 0, "response_timeout_ms": 600});
    let scene = Scene::new(server.address(), changes).await;
    let client = scene.client(VERSIONS[0]).await;
    let (mut feed, body) = fed();
    let slow = client.send_in_background(post("/slow", body));
    feed.send_data(pattern(2 * PREVIEW)).await.unwrap();
    let mut held = server.accept().await;
    let mut request = held.request().await;
    held.send(CONTINUE).await;
    // The other one waits as long as it may.
    assert_eq!(scene.send(post("/quick", sized("x"))).await.status, 503);
    drop(feed);
    held.rest(&mut request).await;
    held.send(NO_CONTENT).await;
    assert_eq!(slow.response().await.status, 200);
    assert_eq!(scene.envoy.metric("preempted").await, 0);
}

/// Nothing more is to be said to the server: whoever waits has its connection, however slow the client is.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_waits_for_the_rest_of_a_body_holds_no_connection() {
    let server = IcapServer::listen().await;
    let changes = json!({"max_connections": 1, "upload_preempt_ms": 0});
    let scene = Scene::new(server.address(), changes).await;
    let bytes = pattern(4 * PREVIEW);
    for version in VERSIONS {
        let client = scene.client(version).await;
        let (mut feed, body) = fed();
        let slow = client.send_in_background(post("/slow", body));
        feed.send_data(bytes.slice(..2 * PREVIEW)).await.unwrap();
        let mut connection = server.accept().await;
        connection.request().await;
        let head = "POST /slow HTTP/1.1\r\nHost: app.test\r\n\r\n";
        let partial = format!(
            "ICAP/1.0 206 Partial Content\r\nEncapsulated: req-hdr=0, req-body={}\r\n\r\n{head}\
             0; use-original-body={PREVIEW}\r\n\r\n",
            head.len()
        );
        connection.send(partial).await;
        scene.envoy.until_stat(ACTIVE, 0).await;
        let quick = scene.send_in_background(post("/quick", sized("x"))).await;
        let request = connection.request().await;
        assert_eq!(request.body, b"x", "{version:?}");
        connection.send(NO_CONTENT).await;
        assert_eq!(quick.response().await.status, 200, "{version:?}");
        scene.application.next().await;

        feed.send_data(bytes.slice(2 * PREVIEW..)).await.unwrap();
        drop(feed);
        assert_eq!(slow.response().await.status, 200, "{version:?}");
        let received = scene.application.next().await;
        assert_same_bytes("changed", &received.body, &bytes[PREVIEW..]);
        connection.close().await;
        scene
            .envoy
            .until_stat("wasmcustom.icap_filter.connections_idle", 0)
            .await;
    }
}
