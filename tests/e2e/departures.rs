//! Clients that leave before they have an answer.

use serde_json::json;

use crate::support::client::{VERSIONS, Version, abort, fed, post, sized};
use crate::support::icap_answers::CONTINUE;
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::payload::{assert_same_bytes, pattern};
use crate::support::scene::{PREVIEW, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_in_mid_upload_ends_its_transaction() {
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), json!({})).await;
    for version in VERSIONS {
        let client = scene.client(version).await;
        let (mut feed, body) = fed();
        let pending = client.send_in_background(post("/upload", body));
        feed.send_data(pattern(2 * PREVIEW)).await.unwrap();
        let mut connection = server.accept().await;
        let mut request = connection.request().await;
        connection.send(CONTINUE).await;
        while request.body.len() < 2 * PREVIEW {
            connection.chunk(&mut request).await;
        }
        abort(feed);
        pending.error().await;
        let last = connection.closed().await;
        assert!(last.is_empty(), "{version:?}: {last:?}");
    }
    scene.assert_application_untouched(2).await;
    assert_still_serving(&server, &scene).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_in_mid_preview_costs_nothing() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::new(server.address(), json!({})).await;
    for (sent, version) in VERSIONS.into_iter().enumerate() {
        let client = scene.client(version).await;
        let (mut feed, body) = fed();
        let pending = client.send_in_background(post("/upload", body));
        feed.send_data(pattern(100)).await.unwrap();
        let active = "http.ingress.downstream_rq_active";
        scene.envoy.until_stat(active, 1).await;
        abort(feed);
        pending.error().await;
        scene.envoy.log_entry(sent).await;
    }
    scene.assert_application_untouched(2).await;
    let answer = scene.send(post("/upload", sized("clean"))).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_before_the_verdict_ends_its_transaction() {
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), json!({})).await;
    for version in VERSIONS {
        let client = scene.client(version).await;
        let pending = client.send_in_background(post("/upload", sized(pattern(2 * PREVIEW))));
        let mut connection = server.accept().await;
        let mut request = connection.request().await;
        connection.take_whole(&mut request).await;
        pending.abandon();
        connection.closed().await;
    }
    scene.assert_application_untouched(2).await;
    assert_still_serving(&server, &scene).await;
}

async fn assert_still_serving(server: &IcapServer, scene: &Scene) {
    server.serve(Behaviour::ContinueThenAllow).await;
    let bytes = pattern(2 * PREVIEW);
    let mut client = scene.client(Version::Http1).await;
    for _ in 0..10 {
        let answer = client.send(post("/upload", sized(bytes.clone()))).await;
        assert_eq!(answer.status, 200);
        assert_same_bytes("passed", &scene.application.next().await.body, &bytes);
    }
}
