//! A 200 with a request in it: what the server changed is what the application gets.

use serde_json::json;

use crate::support::client::{VERSIONS, post, request, request_with, sized, unsized_body};
use crate::support::icap_answers;
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::payload::{MIB, assert_same_bytes, pattern};
use crate::support::scene::Scene;

/// A scene whose server answers every request with this one.
async fn changing_to(head: &str, body: Option<&[u8]>) -> (IcapServer, Scene) {
    let answer = icap_answers::request("", head, body);
    let server = IcapServer::serving(Behaviour::Answer(answer)).await;
    let scene = Scene::new(server.address(), json!({})).await;
    (server, scene)
}

async fn assert_logged_as_modified(scene: &Scene, n: usize, length: Option<usize>) {
    let log = scene.icap_log(n).await;
    assert_eq!(log["action"], "ICAP_MODIFIED", "{log}");
    assert_eq!(log["significance"], json!(["ADF_ICAP_MODIFIED"]), "{log}");
    if let Some(length) = length {
        let entry = &log["request_logs"][0];
        assert_eq!(entry["modified_content_length"], length, "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_body_arrives_with_its_own_length() {
    // The length the server states is wrong on purpose: it must be recomputed.
    let head = "POST /upload HTTP/1.1\r\nHost: app.test\r\nContent-Length: 7";
    let (server, scene) = changing_to(head, None).await;
    let original = pattern(20_000);
    let mut sent = 0;
    for size in [1, 19_999, 20_001, MIB] {
        let changed = pattern(size).iter().map(|b| !b).collect::<Vec<u8>>();
        server.now(Behaviour::Answer(icap_answers::request(
            "",
            head,
            Some(&changed),
        )));
        for version in VERSIONS {
            for body in [sized(original.clone()), unsized_body(original.clone())] {
                let mut client = scene.client(version).await;
                let answer = client.send(post("/upload", body)).await;
                assert_eq!(answer.status, 200, "{version:?} {size}");
                let received = scene.application.next().await;
                assert_same_bytes("changed", &received.body, &changed);
                // Either counted anew or framed by chunks, never the client's or the server's number.
                if let Some(length) = received.head.get("content-length") {
                    assert_eq!(length, size.to_string());
                }
                assert_logged_as_modified(&scene, sent, Some(size)).await;
                sent += 1;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_body_arrives_empty() {
    let head = "POST /upload HTTP/1.1\r\nHost: app.test";
    let (server, scene) = changing_to(head, None).await;
    for (sent, body) in [Some(&b""[..]), None].into_iter().enumerate() {
        server.now(Behaviour::Answer(icap_answers::request("", head, body)));
        let answer = scene.send(post("/upload", sized(pattern(20_000)))).await;
        assert_eq!(answer.status, 200);
        let received = scene.application.next().await;
        assert_eq!(received.body, b"", "{body:?}");
        assert_logged_as_modified(&scene, sent, Some(0)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_method_path_and_fields_arrive() {
    let head = "PUT /elsewhere?x=1 HTTP/1.1\r\nHost: other.test\r\nX-Added: yes\r\nX-Changed: after\r\n\
                X-Twice: 1\r\nX-Twice: 2";
    let (_server, scene) = changing_to(head, Some(b"0123456789")).await;
    for (sent, version) in VERSIONS.into_iter().enumerate() {
        let mut client = scene.client(version).await;
        let fields = [("x-changed", "before"), ("x-removed", "was here")];
        let body = sized("0123456789");
        let answer = client
            .send(request_with(hyper::Method::POST, "/upload", &fields, body))
            .await;
        assert_eq!(answer.status, 200, "{version:?}");
        let received = scene.application.next().await;
        assert_eq!(received.method(), "PUT");
        assert_eq!(received.target(), "/elsewhere?x=1");
        assert_eq!(received.head.all("host"), ["other.test"]);
        assert_eq!(received.head.get("x-added"), Some("yes"));
        assert_eq!(received.head.all("x-changed"), ["after"]);
        assert_eq!(received.head.get("x-removed"), None);
        assert_eq!(received.head.all("x-twice").join(","), "1,2");
        assert_eq!(received.body, b"0123456789");
        assert_logged_as_modified(&scene, sent, None).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absolute_target_is_turned_into_authority_and_path() {
    let head = "POST http://other.test/elsewhere HTTP/1.1\r\nHost: other.test";
    let (_server, scene) = changing_to(head, Some(b"x")).await;
    let answer = scene.send(post("/upload", sized("x"))).await;
    assert_eq!(answer.status, 200);
    let received = scene.application.next().await;
    assert_eq!(received.target(), "/elsewhere");
    assert_eq!(received.head.all("host"), ["other.test"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn hop_by_hop_fields_of_a_changed_request_do_not_arrive() {
    let head = "POST /upload HTTP/1.1\r\nHost: app.test\r\nConnection: close, X-Private\r\nX-Private: 1\r\n\
                Keep-Alive: timeout=5\r\nTransfer-Encoding: chunked\r\nX-Kept: yes";
    let (_server, scene) = changing_to(head, Some(b"changed")).await;
    let answer = scene.send(post("/upload", sized("original"))).await;
    assert_eq!(answer.status, 200);
    let received = scene.application.next().await;
    assert_eq!(received.body, b"changed");
    for name in ["keep-alive", "x-private", "connection"] {
        assert_eq!(received.head.get(name), None, "{name}");
    }
    assert_eq!(received.head.get("x-kept"), Some("yes"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fields_of_a_request_without_a_body_can_change() {
    let head = "GET /elsewhere HTTP/1.1\r\nHost: app.test\r\nX-Added: yes";
    let (_server, scene) = changing_to(head, None).await;
    for (sent, version) in VERSIONS.into_iter().enumerate() {
        let mut client = scene.client(version).await;
        let get = request(hyper::Method::GET, "/", crate::support::client::empty());
        assert_eq!(client.send(get).await.status, 200, "{version:?}");
        let received = scene.application.next().await;
        assert_eq!(received.target(), "/elsewhere");
        assert_eq!(received.head.get("x-added"), Some("yes"));
        assert_logged_as_modified(&scene, sent, None).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_200_with_no_encapsulated_part_but_a_null_body_changes_nothing() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::new(server.address(), json!({})).await;
    let bytes = pattern(20_000);
    for (sent, encapsulated) in ["null-body=0", "req-hdr=0, null-body=0"]
        .into_iter()
        .enumerate()
    {
        let answer =
            format!("ICAP/1.0 200 OK\r\nISTag: \"e2e-1\"\r\nEncapsulated: {encapsulated}\r\n\r\n");
        server.now(Behaviour::Answer(answer.into_bytes()));
        let answer = scene.send(post("/upload", sized(bytes.clone()))).await;
        assert_eq!(answer.status, 200, "{encapsulated}");
        assert_same_bytes("passed", &scene.application.next().await.body, &bytes);
        let log = scene.icap_log(sent).await;
        assert_eq!(log["action"], "ICAP_PASSED", "{encapsulated}: {log}");
    }
}
