//! Requests for a range of a resource, and responses without a body, where responses are scanned.

use hyper::Method;
use serde_json::{Value, json};

use crate::support::client::{VERSIONS, empty, request_with};
use crate::support::icap_answers::{block_page, response};
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::payload::{assert_same_bytes, pattern};
use crate::support::scene::{Scene, profile};

const RANGE: [(&str, &str); 3] = [
    ("range", "bytes=10-19"),
    ("if-range", "\"v1\""),
    ("x-mine", "kept"),
];

/// A scene whose profile scans responses, with `changes` to it.
async fn scene(server: &IcapServer, changes: Value) -> Scene {
    let mut settings = json!({"response_service_url": "/respmod"});
    for (name, value) in changes.as_object().unwrap() {
        settings[name] = value.clone();
    }
    Scene::new(server.address(), settings).await
}

/// Sends a request for a range and says whether the application got it as one.
async fn is_range_asked(scene: &Scene) -> bool {
    let get = request_with(Method::GET, "/file", &RANGE, empty());
    assert_eq!(scene.send(get).await.status, 200);
    let received = scene.application.next().await;
    assert_eq!(received.head.get("x-mine"), Some("kept"));
    let fields = ["range", "if-range"].map(|name| received.head.get(name).is_some());
    assert_eq!(fields[0], fields[1], "{received:?}");
    fields[0]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_is_asked_for_where_the_response_is_scanned() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let scene = scene(&server, json!({"range_requests": "strip"})).await;
    let body = pattern(20_000);
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    scene
        .application
        .answer_with([head.as_bytes(), &body].concat());
    for version in VERSIONS {
        let get = request_with(Method::GET, "/file", &RANGE, empty());
        let answer = scene.client(version).await.send(get).await;
        assert_eq!(answer.status, 200, "{version:?}");
        assert_same_bytes("answer", &answer.body, &body);
        let received = scene.application.next().await;
        assert_eq!(received.head.get("range"), None, "{version:?}");
        assert_eq!(received.head.get("if-range"), None, "{version:?}");
        assert_eq!(received.head.get("x-mine"), Some("kept"));
        let reqmod = server.next_request().await;
        assert_eq!(reqmod.http().get("range"), None, "{version:?}");
        let respmod = server.next_request().await;
        assert_same_bytes("scanned", &respmod.body, &body);
        assert_eq!(respmod.http().get("range"), None, "{version:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_is_asked_for_where_the_profile_lets_it_or_scans_no_response() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    for changes in [
        json!({}),
        json!({"range_requests": "pass"}),
        json!({"range_requests": "strip", "enforcement": "monitor"}),
    ] {
        let scene = scene(&server, changes.clone()).await;
        assert!(is_range_asked(&scene).await, "{changes}");
    }
    let requests_only = Scene::new(server.address(), json!({"range_requests": "strip"})).await;
    assert!(is_range_asked(&requests_only).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_about_responses_decide_which_requests_lose_their_range() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let rules = json!([
        {"name": "pdf", "match": {"path": {"prefix": "/file"}, "response_content_type": {"exact": "application/pdf"}},
         "action": "enable_icap", "profile": "upload-av"},
    ]);
    let strip = json!({"response_service_url": "/respmod", "range_requests": "strip"});
    let scene = Scene::with(server.address(), strip.clone(), |setup| {
        setup.plugin = json!({"profiles": [profile(strip.clone())], "rules": rules}).to_string();
    })
    .await;
    assert!(!is_range_asked(&scene).await);
    let get = request_with(Method::GET, "/other", &RANGE, empty());
    scene.send(get).await;
    let received = scene.application.next().await;
    assert_eq!(received.head.get("range"), Some("bytes=10-19"));
}

#[tokio::test(flavor = "multi_thread")]
async fn responses_without_a_body_pass() {
    let server = IcapServer::listen().await;
    server.serve_responses(Behaviour::Allow).await;
    let scene = scene(&server, json!({"response_buffer_size_kb": 1})).await;
    for (n, (method, answer, status)) in [
        // Its length is that of what a GET would get, larger than the buffer.
        (
            Method::HEAD,
            "HTTP/1.1 200 OK\r\ncontent-length: 5000\r\netag: \"v1\"\r\n\r\n",
            200,
        ),
        (
            Method::GET,
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 5000\r\netag: \"v1\"\r\n\r\n",
            304,
        ),
        (
            Method::GET,
            "HTTP/1.1 204 No Content\r\netag: \"v1\"\r\n\r\n",
            204,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        scene.application.answer_with(answer);
        for (m, version) in VERSIONS.into_iter().enumerate() {
            let get = request_with(method.clone(), "/file", &[], empty());
            let got = scene.client(version).await.send(get).await;
            assert_eq!(got.status, status, "{method} {version:?}");
            assert_eq!(got.header("etag"), Some("\"v1\""), "{method} {version:?}");
            assert!(got.body.is_empty());
            let length = answer.contains("5000").then_some("5000");
            assert_eq!(got.header("content-length"), length, "{method} {version:?}");
            let log = scene.icap_log(n * VERSIONS.len() + m).await;
            assert_eq!(log["action"], "ICAP_PASSED", "{log}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_without_a_body_is_blocked_all_the_same() {
    let server = IcapServer::listen().await;
    let blocked = Behaviour::Answer(block_page("", "no"));
    server.serve_responses(blocked).await;
    let scene = scene(&server, json!({})).await;
    scene
        .application
        .answer_with("HTTP/1.1 304 Not Modified\r\netag: \"v1\"\r\n\r\n");
    let get = request_with(Method::GET, "/file", &[], empty());
    assert_eq!(scene.send(get).await.status, 403);
    assert_eq!(scene.icap_log(0).await["action"], "ICAP_BLOCKED");
    let changed = response("", "HTTP/1.1 304 Not Modified\r\nx-seen: 1", None);
    server.now(Behaviour::Responses(Box::new(Behaviour::Answer(changed))));
    let get = request_with(Method::GET, "/file", &[], empty());
    let got = scene.send(get).await;
    assert_eq!((got.status, got.header("x-seen")), (304, Some("1")));
}
