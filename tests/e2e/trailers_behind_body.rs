//! `trailers: scan` where the server says `Allow: trailers`: they follow the body, and the server may give back others.

use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};

use crate::support::application::Received;
use crate::support::client::{VERSIONS, Version, empty, fed, request_with};
use crate::support::icap_answers::{
    NO_CONTENT, block_page, request as changed, response, with_trailers,
};
use crate::support::icap_message::IcapRequest;
use crate::support::icap_server::{Behaviour, IcapServer, OptionsAnswer, echo};
use crate::support::payload::{assert_same_bytes, pattern};
use crate::support::scene::Scene;
use crate::trailers::{logged, names, upload, with_trailer};

/// What the server says that takes trailers behind a body.
const TAKES: &str = "Methods: REQMOD, RESPMOD\r\nAllow: 204, trailers\r\nPreview: 5000\r\n";
const GOOD: [(&str, &str); 3] = [
    ("x-checksum", "42"),
    ("x-virus-id", "mine"),
    ("x-envoy-retry-on", "5xx"),
];
const BAD: [(&str, &str); 2] = [("x-checksum", "13"), ("x-more", "1")];

/// A scene whose worker knows that the server takes trailers.
async fn scene(server: &IcapServer, changes: Value) -> Scene {
    server.answer_options(OptionsAnswer::ok(TAKES));
    let mut settings = json!({"trailers": "scan", "options": {"enabled": true}});
    for (name, value) in changes.as_object().unwrap() {
        settings[name] = value.clone();
    }
    let scene = Scene::new(server.address(), settings).await;
    scene.until_learned(1).await;
    scene
}

fn entries(log: &Value) -> &Vec<Value> {
    log["request_logs"].as_array().unwrap()
}

/// Blocks a message that a trailer behind its body says to block. Sees no trailers in heads.
fn by_trailers(seen: &IcapRequest) -> Option<Vec<u8>> {
    if !seen.complete {
        return None;
    }
    let bad = ("x-checksum".to_owned(), "13".to_owned());
    Some(match seen.trailers.contains(&bad) {
        true => block_page("", "bad trailer"),
        false => NO_CONTENT.into(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn one_transaction_shows_body_and_trailers() {
    let server = IcapServer::serving(Behaviour::Decide(by_trailers)).await;
    let scene = scene(&server, json!({})).await;
    let mut n = 0;
    for version in VERSIONS {
        for size in [10, 20_000] {
            let mut client = scene.client(version).await;
            let answer = client.send(upload(pattern(size), &BAD)).await;
            assert_eq!(answer.status, 403, "{version:?} {size}");
            let log = scene.icap_log(n).await;
            assert_eq!(entries(&log).len(), 1, "{log}");
            assert_eq!(entries(&log)[0]["action"], "ICAP_BLOCKED", "{log}");
            n += 1;
        }
    }
    scene.assert_application_untouched(n).await;
    let mut client = scene.client(Version::Http2).await;
    let answer = client.send(upload(pattern(20_000), &GOOD)).await;
    assert_eq!(answer.status, 200);
    let received = scene.application.next().await;
    assert_same_bytes("at the application", &received.body, &pattern(20_000));
    assert_eq!(names(&received), ["x-checksum"]);
    let log = scene.icap_log(n).await;
    assert_eq!(entries(&log).len(), 1, "{log}");
    // A client that sent it could pass for the server.
    assert_eq!(logged(&log)[1], ["x-envoy-retry-on", "x-virus-id"], "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_request_offers_trailers_and_names_them() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let scene = scene(&server, json!({})).await;
    let mut client = scene.client(Version::Http2).await;
    for (size, named) in [
        // All of the message had come.
        (10, Some("x-checksum")),
        // As the client had announced them.
        (20_000, Some("x-checksum, x-virus-id, x-envoy-retry-on")),
    ] {
        client.send(upload(pattern(size), &GOOD)).await;
        let seen = server.next_request().await;
        let allow = seen.icap.get("allow").unwrap();
        assert!(allow.split(", ").any(|it| it == "trailers"), "{allow}");
        assert_eq!(seen.http().get("trailer"), named);
        assert_eq!(seen.http().get("content-length"), None);
        let shown = [("x-checksum".to_owned(), "42".to_owned())];
        assert_eq!(seen.trailers, shown);
    }
    let (mut feed, body) = fed();
    feed.send_data(Bytes::from_static(b"0123456789"))
        .await
        .unwrap();
    drop(feed);
    let plain = request_with(Method::POST, "/upload", &[], body);
    client.send(plain).await;
    let seen = server.next_request().await;
    assert_eq!(seen.http().get("trailer"), None);
    assert_eq!(seen.http().get("content-length"), Some("10"));
    assert!(seen.trailers.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_that_come_after_the_verdict_are_shown_in_a_head() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = scene(&server, json!({})).await;
    let mut client = scene.client(Version::Http2).await;
    for (n, size) in [20_000, 0].into_iter().enumerate() {
        client.send(upload(pattern(size), &GOOD)).await;
        let of_body = server.next_request().await;
        assert!(of_body.trailers.is_empty(), "{size}");
        let of_trailers = server.next_request().await;
        assert!(!of_trailers.has_body, "{size}");
        assert_eq!(of_trailers.http().get("x-checksum"), Some("42"), "{size}");
        let log = scene.icap_log(n).await;
        assert_eq!(entries(&log).len(), 2, "{log}");
        assert_eq!(
            entries(&log)[1]["part"],
            json!({"name": "trailers"}),
            "{log}"
        );
    }
}

/// Gives the message back with other trailers.
fn other_trailers(seen: &IcapRequest) -> Option<Vec<u8>> {
    let trailers = "X-Checksum: 43\r\nauthorization: Bearer t\r\nx-added: 1\r\n";
    seen.complete.then(|| with_trailers(echo(seen), trailers))
}

/// Gives another body back, and no trailer.
fn other_body(seen: &IcapRequest) -> Option<Vec<u8>> {
    let head = "POST /upload HTTP/1.1\r\nHost: app.test";
    seen.complete
        .then(|| changed("", head, Some(b"other bytes")))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trailers_of_the_answer_take_their_place() {
    for (behaviour, body, left) in [
        (
            Behaviour::Decide(other_trailers),
            pattern(20_000),
            vec![("x-added", "1"), ("x-checksum", "43")],
        ),
        (
            Behaviour::Decide(other_body),
            Bytes::from_static(b"other bytes"),
            vec![],
        ),
    ] {
        let server = IcapServer::serving(behaviour).await;
        let scene = scene(&server, json!({})).await;
        for (n, version) in VERSIONS.into_iter().enumerate() {
            let mut client = scene.client(version).await;
            let answer = client.send(upload(pattern(20_000), &GOOD)).await;
            assert_eq!(answer.status, 200, "{version:?}");
            let received = scene.application.next().await;
            assert_same_bytes("at the application", &received.body, &body);
            assert_eq!(sorted(&received), left, "{version:?}");
            let log = scene.icap_log(n).await;
            assert_eq!(log["action"], "ICAP_MODIFIED", "{log}");
            assert_eq!(entries(&log).len(), 1, "{log}");
            let names: Vec<&str> = left.iter().map(|(name, _)| *name).collect();
            assert_eq!(logged(&log)[0], names, "{log}");
            let added = left.len() > 1;
            let removed = |name: &str| logged(&log)[1].contains(&name.to_owned());
            assert_eq!(removed("authorization"), added, "{log}");
            assert_eq!(removed("x-checksum"), !added, "{log}");
        }
    }
}

fn sorted(received: &Received) -> Vec<(&str, &str)> {
    let fields = received.trailers.iter();
    let mut fields: Vec<_> = fields.map(|(n, v)| (n.as_str(), v.as_str())).collect();
    fields.sort_unstable();
    fields
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monitored_message_keeps_its_own() {
    let server = IcapServer::serving(Behaviour::Decide(other_trailers)).await;
    let scene = scene(&server, json!({"enforcement": "monitor"})).await;
    let mut client = scene.client(Version::Http2).await;
    client.send(upload(pattern(20_000), &GOOD)).await;
    let received = scene.application.next().await;
    assert_eq!(received.trailers.len(), GOOD.len());
    let log = scene.icap_log(0).await;
    assert_eq!(log["action"], "ICAP_MODIFIED", "{log}");
    assert_eq!(log["enforced"], false, "{log}");
}

/// Gives an echo whose trailers have a line that is no field.
fn broken_trailers(seen: &IcapRequest) -> Option<Vec<u8>> {
    seen.complete
        .then(|| with_trailers(echo(seen), "x-checksum: 42\r\nnonsense\r\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_trailers_in_the_answer_never_go_on() {
    let server = IcapServer::serving(Behaviour::Decide(broken_trailers)).await;
    let scene = scene(&server, json!({"fail_action": "fail_open"})).await;
    let mut client = scene.client(Version::Http2).await;
    let answer = client.send(upload(pattern(20_000), &GOOD)).await;
    assert_eq!(answer.status, 503);
    scene.assert_application_untouched(1).await;
}

/// Gives the response back with another trailer.
fn other_response(seen: &IcapRequest) -> Option<Vec<u8>> {
    if seen.method() != "RESPMOD" || !seen.complete {
        return Some(NO_CONTENT.into());
    }
    let head = seen.http_response.as_ref().unwrap().raw.clone();
    let echo = response("", head.trim_end_matches("\r\n"), Some(&seen.body));
    let number = &seen.trailers[0].1;
    Some(with_trailers(echo, &format!("x-checksum: {number}0\r\n")))
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_of_responses_take_the_same_way() {
    let server = IcapServer::serving(Behaviour::Decide(other_response)).await;
    let scene = scene(&server, json!({"response_service_url": "/respmod"})).await;
    scene.application.answer_with(with_trailer("4"));
    for version in VERSIONS {
        let get = request_with(Method::GET, "/", &[("te", "trailers")], empty());
        let answer = scene.client(version).await.send(get).await;
        assert_eq!((answer.status, answer.text()), (200, "abc".to_owned()));
        assert_eq!(
            answer.trailers.get("x-checksum").unwrap(),
            "40",
            "{version:?}"
        );
        assert_eq!(answer.trailers.get("set-cookie"), None, "{version:?}");
    }
    let log = scene.icap_log(0).await;
    assert_eq!(log["action"], "ICAP_MODIFIED", "{log}");
}
