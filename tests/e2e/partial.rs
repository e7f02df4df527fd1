//! 206 Partial Content: the answer begins the body anew, and the original goes on from a place in it.

use serde_json::{Value, json};

use crate::support::c_icap;
use crate::support::client::{VERSIONS, fed, post, request_with, sized};
use crate::support::eventually;
use crate::support::icap_server::{Behaviour, IcapServer, OptionsAnswer};
use crate::support::payload::{assert_same_bytes, pattern};
use crate::support::scene::{PREVIEW, Scene};

const OPTIONS: &str = "Allow: 204, 206\r\nPreview: 5000\r\n";

/// A scene whose worker knows that the service can do 206.
async fn scene(server: &IcapServer, changes: Value) -> Scene {
    server.answer_options(OptionsAnswer::ok(OPTIONS));
    let mut changes = changes;
    changes["options"] = json!({"enabled": true});
    let scene = Scene::new(server.address(), changes).await;
    scene.until_learned(1).await;
    scene
}

/// A 206 that puts `start` in front of the original from `place` on.
fn partial(start: &[u8], place: usize) -> Vec<u8> {
    let head = "POST /upload HTTP/1.1\r\nHost: app.test\r\nX-Partial: yes\r\n\r\n";
    let mut answer = format!(
        "ICAP/1.0 206 Partial Content\r\nISTag: \"e2e-1\"\r\n\
         Encapsulated: req-hdr=0, req-body={}\r\n\r\n{head}",
        head.len()
    )
    .into_bytes();
    if !start.is_empty() {
        answer.extend_from_slice(format!("{:x}\r\n", start.len()).as_bytes());
        answer.extend_from_slice(start);
        answer.extend_from_slice(b"\r\n");
    }
    answer.extend_from_slice(format!("0; use-original-body={place}\r\n\r\n").as_bytes());
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_leaves_after_its_answer_has_answered() {
    let server = IcapServer::listen().await;
    let settings = json!({"response_timeout_ms": 5000});
    let scene = Scene::new(server.address(), settings).await;
    let bytes = pattern(4 * PREVIEW);
    for version in VERSIONS {
        let client = scene.client(version).await;
        let (mut feed, body) = fed();
        let pending = client.send_in_background(post("/upload", body));
        feed.send_data(bytes.slice(..2 * PREVIEW)).await.unwrap();
        let mut connection = server.accept().await;
        connection.request().await;
        connection.send(partial(b"begins anew: ", PREVIEW)).await;
        connection.close().await;
        scene
            .envoy
            .until_stat("wasmcustom.icap_filter.connections_active", 0)
            .await;
        feed.send_data(bytes.slice(2 * PREVIEW..)).await.unwrap();
        drop(feed);
        assert_eq!(pending.response().await.status, 200, "{version:?}");
        let expected = [b"begins anew: ", &bytes[PREVIEW..]].concat();
        let received = scene.application.next().await;
        assert_same_bytes("changed", &received.body, &expected);
    }
}

/// The two moments at which the answer may come: with the preview, and after the whole body.
fn moments(answer: Vec<u8>) -> [Behaviour; 2] {
    [
        Behaviour::AnswerPreview(answer.clone()),
        Behaviour::Answer(answer),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_original_goes_on_from_the_place_that_is_named() {
    let length = 4 * PREVIEW;
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = scene(&server, json!({})).await;
    let bytes = pattern(length);
    for place in [0, 1, PREVIEW - 1, PREVIEW, 2 * PREVIEW, length] {
        for start in [&b""[..], b"begins anew: ", &bytes[..place.min(PREVIEW)]] {
            for behaviour in moments(partial(start, place)) {
                server.now(behaviour);
                let mut client = scene.client(VERSIONS[place % 2]).await;
                let answer = client.send(post("/upload", sized(bytes.clone()))).await;
                let case = format!("{} bytes, from {place} on", start.len());
                assert_eq!(answer.status, 200, "{case}");
                let received = scene.application.next().await;
                let expected = [start, &bytes[place..]].concat();
                assert_same_bytes(&case, &received.body, &expected);
                assert_eq!(received.head.get("x-partial"), Some("yes"), "{case}");
                let seen = server.next_request().await;
                assert_eq!(seen.icap.get("allow"), Some("204, 206"));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_fits_the_preview_can_be_gone_on_with() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = scene(&server, json!({})).await;
    server.now(Behaviour::Answer(partial(b"new ", 4)));
    let answer = scene.send(post("/upload", sized("old body"))).await;
    assert_eq!(answer.status, 200);
    assert_eq!(scene.application.next().await.body, b"new body");
    let log = scene.icap_log(0).await;
    assert_eq!(log["action"], "ICAP_MODIFIED", "{log}");
    assert_eq!(log["request_logs"][0]["icap_response_code"], 206, "{log}");
    assert_eq!(
        log["request_logs"][0]["modified_content_length"], 8,
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_past_the_end_is_unreadable() {
    let length = 2 * PREVIEW;
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = scene(&server, json!({})).await;
    let mut sent = 0;
    for place in [length + 1, usize::MAX] {
        for behaviour in moments(partial(b"new", place)) {
            server.now(behaviour);
            let answer = scene.send(post("/upload", sized(pattern(length)))).await;
            assert_eq!(answer.status, 503, "from {place} on");
            let log = scene.icap_log(sent).await;
            assert_eq!(
                log["significance"],
                json!(["ADF_ICAP_SERVER_ERROR"]),
                "{log}"
            );
            sent += 1;
        }
    }
    assert_eq!(scene.envoy.metric("failed.protocol").await, sent as u64);
    scene.assert_application_untouched(sent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c_icaps_own_service_for_it_changes_the_start_alone() {
    let changes = json!({
        "service_url": "icap://icap.test/ex206",
        "options": {"enabled": true},
    });
    let scene = Scene::new(c_icap::address().await, changes).await;
    // It puts a comment behind <html>, for HTML alone, and answers 206 where that is offered.
    let page = format!("<html><body>{}</body></html>", "a page. ".repeat(3000));
    let fields = [("content-type", "text/html")];
    let mut sent = 0;
    eventually("an answer with 206", async || {
        let body = sized(page.clone());
        let request = request_with(hyper::Method::POST, "/upload", &fields, body);
        let answer = scene.send(request).await;
        assert_eq!(answer.status, 200);
        let received = String::from_utf8(scene.application.next().await.body).unwrap();
        let log = scene.icap_log(sent).await;
        sent += 1;
        let place = page.find('>').unwrap() + 1;
        let (head, rest) = page.split_at(place);
        let inserted = received
            .strip_prefix(head)
            .and_then(|tail| tail.strip_suffix(rest));
        assert!(
            inserted.is_some(),
            "{} bytes, {:?}",
            received.len(),
            &received[..200]
        );
        (log["request_logs"][0]["icap_response_code"] == 206).then_some(())
    })
    .await;
}
