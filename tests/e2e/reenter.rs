//! A server's last words and its close in one packet: what is sent in return meets a stream that has ended.

use serde_json::json;

use crate::support::client::{post, sized};
use crate::support::icap_answers::{CONTINUE, NO_CONTENT};
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::payload::pattern;
use crate::support::scene::{PREVIEW, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_100_and_closes_costs_one_request() {
    let server = IcapServer::serving(Behaviour::AnswerPreview(CONTINUE.into())).await;
    let scene = Scene::new(server.address(), json!({"response_timeout_ms": 2000})).await;
    server.now(Behaviour::AnswerPreviewThenClose(CONTINUE.into()));
    for _ in 0..20 {
        let body = sized(pattern(4 * PREVIEW));
        let answer = scene.send(post("/upload", body)).await;
        assert_eq!(answer.status, 503);
    }
    scene.envoy.assert_vm_alive();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_closes_after_each_answer_hands_no_dead_connection_on() {
    let behaviour = Behaviour::AnswerThenClose(NO_CONTENT.into());
    let server = IcapServer::serving(behaviour).await;
    let scene = Scene::new(server.address(), json!({"max_connections": 2})).await;
    let mut all = Vec::new();
    for _ in 0..64 {
        all.push(scene.send_in_background(post("/upload", sized("x"))).await);
    }
    for pending in all {
        assert_eq!(pending.response().await.status, 200);
    }
    scene.envoy.assert_vm_alive();
}
