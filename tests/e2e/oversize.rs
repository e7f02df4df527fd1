//! Bodies at and over the request buffer.

use serde_json::{Value, json};

use crate::support::client::{VERSIONS, fed, post, sized, unsized_body};
use crate::support::icap_answers::CONTINUE;
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::payload::{MIB, assert_same_bytes, pattern};
use crate::support::scene::Scene;

/// The request buffer, in bytes.
const BUFFER: usize = 64 * 1024;

fn small_buffer(action: &str) -> Value {
    json!({"request_buffer_size_kb": BUFFER / 1024, "large_upload_fail_action": action})
}

#[track_caller]
fn assert_oversize(log: &Value) {
    assert_eq!(log["action"], "ICAP_FAILED", "{log}");
    let significance = json!(["ADF_ICAP_BODY_SIZE_BIGGER_THAN_CONFIGURED"]);
    assert_eq!(log["significance"], significance, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_as_large_as_the_buffer_is_scanned() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let scene = Scene::new(server.address(), small_buffer("fail_closed")).await;
    let bytes = pattern(BUFFER);
    for body in [sized(bytes.clone()), unsized_body(bytes.clone())] {
        let answer = scene.send(post("/upload", body)).await;
        assert_eq!(answer.status, 200);
        assert_same_bytes("passed", &scene.application.next().await.body, &bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_over_the_buffer_ends_in_413_before_the_server_hears_of_it() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::new(server.address(), small_buffer("fail_closed")).await;
    for (sent, version) in VERSIONS.into_iter().enumerate() {
        let mut client = scene.client(version).await;
        let body = sized(pattern(BUFFER + 1));
        let answer = client.send(post("/upload", body)).await;
        assert_eq!(answer.status, 413, "{version:?}");
        assert_oversize(&scene.icap_log(sent).await);
    }
    scene.assert_application_untouched(2).await;
    assert_eq!(server.accepted(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_unknown_length_ends_in_413_the_moment_it_passes_the_buffer() {
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), small_buffer("fail_closed")).await;
    for (sent, version) in VERSIONS.into_iter().enumerate() {
        let client = scene.client(version).await;
        let (mut feed, body) = fed();
        let pending = client.send_in_background(post("/upload", body));
        feed.send_data(pattern(BUFFER)).await.unwrap();
        let mut connection = server.accept().await;
        let mut request = connection.request().await;
        connection.send(CONTINUE).await;
        while request.body.len() < BUFFER {
            connection.chunk(&mut request).await;
        }
        assert!(!pending.is_finished(), "{version:?}: it still fits");
        feed.send_data(pattern(1)).await.unwrap();
        assert_eq!(pending.response().await.status, 413, "{version:?}");
        let last = connection.closed().await;
        assert!(!last.ends_with(b"0\r\n\r\n"), "{version:?}: a last chunk");
        assert_oversize(&scene.icap_log(sent).await);
    }
    scene.assert_application_untouched(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oversize_body_is_forwarded_whole_where_told_to_fail_open() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    // The body is larger than what Envoy may buffer, too: it must flow through.
    let scene = Scene::with(server.address(), small_buffer("fail_open"), |setup| {
        setup.buffer_limit = MIB as u32;
    })
    .await;
    let bytes = pattern(5 * MIB);
    let mut sent = 0;
    for version in VERSIONS {
        for body in [sized(bytes.clone()), unsized_body(bytes.clone())] {
            let mut client = scene.client(version).await;
            let answer = client.send(post("/upload", body)).await;
            assert_eq!(answer.status, 200, "{version:?}");
            let received = scene.application.next().await;
            assert_same_bytes("forwarded", &received.body, &bytes);
            assert_oversize(&scene.icap_log(sent).await);
            sent += 1;
        }
    }
}
