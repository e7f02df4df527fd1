//! Trailers of requests and responses: which go on, what a server is shown of them, and what icap_log says.

use bytes::Bytes;
use hyper::header::HeaderValue;
use hyper::{HeaderMap, Method, Request};
use serde_json::{Value, json};

use crate::support::application::Received;
use crate::support::client::{Body, VERSIONS, Version, empty, fed, request, request_with};
use crate::support::icap_answers::{block_page, request as changed, response};
use crate::support::icap_message::IcapRequest;
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::payload::{assert_same_bytes, pattern};
use crate::support::scene::Scene;

/// A checksum, and what no head would be allowed to say behind a scanner's back.
const TRAILERS: [(&str, &str); 5] = [
    ("x-checksum", "42"),
    ("content-type", "text/html"),
    ("authorization", "Bearer t"),
    ("x-envoy-retry-on", "5xx"),
    ("content-digest", "sha-256=:AAAA:"),
];

/// An upload of `bytes` that these trailers end. `announced` lists them in its head, without which hyper sends none in HTTP/1.
pub fn upload(bytes: Bytes, trailers: &'static [(&str, &str)]) -> Request<Body> {
    let (mut feed, body) = fed();
    tokio::spawn(async move {
        if !bytes.is_empty() {
            feed.send_data(bytes).await.unwrap();
        }
        let mut fields = HeaderMap::new();
        for (name, value) in trailers {
            fields.insert(*name, HeaderValue::from_static(value));
        }
        feed.send_trailers(fields).await.unwrap();
    });
    let names: Vec<&str> = trailers.iter().map(|(name, _)| *name).collect();
    let announced = [("trailer", names.join(", "))];
    let announced = announced
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    request_with(Method::POST, "/upload", &announced, body)
}

pub fn names(received: &Received) -> Vec<&str> {
    let mut names: Vec<&str> = received
        .trailers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    names.sort_unstable();
    names
}

/// The trailers that icap_log names: those that went on, those that did not.
pub fn logged(log: &Value) -> [Vec<String>; 2] {
    ["trailers", "removed_trailers"].map(|name| {
        let list = log[name].as_array().cloned().unwrap_or_default();
        let mut names: Vec<String> = list
            .iter()
            .map(|it| it.as_str().unwrap().to_owned())
            .collect();
        names.sort_unstable();
        names
    })
}

/// hyper itself sends some trailers in HTTP/2 only.
fn removed(version: Version) -> &'static [&'static str] {
    match version {
        Version::Http1 => &["x-envoy-retry-on"],
        Version::Http2 => &["authorization", "content-type", "x-envoy-retry-on"],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_not_be_a_trailer_is_taken_out() {
    for behaviour in [Behaviour::Allow, Behaviour::ContinueThenAllow] {
        let server = IcapServer::serving(behaviour).await;
        let scene = Scene::new(server.address(), json!({})).await;
        for (n, version) in VERSIONS.into_iter().enumerate() {
            let mut client = scene.client(version).await;
            let answer = client.send(upload(pattern(20_000), &TRAILERS)).await;
            assert_eq!(answer.status, 200, "{version:?}");
            let received = scene.application.next().await;
            assert_same_bytes("at the application", &received.body, &pattern(20_000));
            assert_eq!(
                names(&received),
                ["content-digest", "x-checksum"],
                "{version:?}"
            );
            let log = scene.icap_log(n).await;
            assert_eq!(log["action"], "ICAP_PASSED", "{log}");
            assert_eq!(logged(&log)[0], ["content-digest", "x-checksum"], "{log}");
            assert_eq!(logged(&log)[1], removed(version), "{log}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_are_dropped_or_left_as_they_are() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    for (changes, left) in [
        (json!({"trailers": "drop"}), vec![]),
        (
            json!({"trailers": "drop", "enforcement": "monitor"}),
            vec![
                "authorization",
                "content-digest",
                "content-type",
                "x-checksum",
                "x-envoy-retry-on",
            ],
        ),
    ] {
        let scene = Scene::new(server.address(), changes.clone()).await;
        let mut client = scene.client(Version::Http2).await;
        client.send(upload(pattern(20_000), &TRAILERS)).await;
        let received = scene.application.next().await;
        assert_same_bytes("at the application", &received.body, &pattern(20_000));
        assert_eq!(names(&received), left, "{changes}");
        let log = scene.icap_log(0).await;
        assert_eq!(logged(&log)[0], left, "{log}");
        assert_eq!(logged(&log)[1].len(), 5 - left.len(), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_of_what_is_not_scanned_are_left_alone() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::with(server.address(), json!({}), |setup| {
        setup.route_metadata = Some(json!({"disabled": true}));
    })
    .await;
    let mut client = scene.client(Version::Http2).await;
    client.send(upload(pattern(2000), &TRAILERS)).await;
    assert_eq!(scene.application.next().await.trailers.len(), 5);
    assert_eq!(scene.icap_log(0).await, json!({"action": "ICAP_DISABLED"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_body_keeps_its_trailers_but_for_digests() {
    let head = "POST /upload HTTP/1.1\r\nHost: app.test\r\nContent-Length: 11";
    let changed = changed("", head, Some(b"other bytes"));
    let server = IcapServer::serving(Behaviour::Answer(changed)).await;
    let scene = Scene::new(server.address(), json!({})).await;
    for (n, version) in VERSIONS.into_iter().enumerate() {
        let mut client = scene.client(version).await;
        let answer = client.send(upload(pattern(20_000), &TRAILERS)).await;
        assert_eq!(answer.status, 200, "{version:?}");
        let received = scene.application.next().await;
        assert_eq!(received.body, b"other bytes", "{version:?}");
        assert_eq!(received.head.get("content-length"), None, "{version:?}");
        assert_eq!(names(&received), ["x-checksum"], "{version:?}");
        let log = scene.icap_log(n).await;
        assert_eq!(log["action"], "ICAP_MODIFIED", "{log}");
        assert_eq!(logged(&log)[0], ["x-checksum"], "{log}");
        assert!(
            logged(&log)[1].contains(&"content-digest".to_owned()),
            "{log}"
        );
    }
}

/// Blocks a message whose head says `x-checksum: 13`.
fn by_trailers(seen: &IcapRequest) -> Option<Vec<u8>> {
    let heads = [&seen.http, &seen.http_response];
    let bad = heads
        .into_iter()
        .flatten()
        .any(|head| head.get("x-checksum") == Some("13"));
    Some(match bad {
        true => block_page("", "bad trailer"),
        false => b"ICAP/1.0 204 No Content\r\n\r\n".to_vec(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_are_scanned_before_anything_goes_on() {
    const BAD: [(&str, &str); 2] = [("x-checksum", "13"), ("x-more", "1")];
    let server = IcapServer::serving(Behaviour::Decide(by_trailers)).await;
    let scene = Scene::new(server.address(), json!({"trailers": "scan"})).await;
    let mut n = 0;
    for version in VERSIONS {
        for size in [0, 10, 20_000] {
            let mut client = scene.client(version).await;
            let answer = client.send(upload(pattern(size), &BAD)).await;
            assert_eq!(answer.status, 403, "{version:?} {size}");
            let log = scene.icap_log(n).await;
            assert_eq!(log["action"], "ICAP_BLOCKED", "{log}");
            let entries = log["request_logs"].as_array().unwrap();
            // The body may still have been under scan.
            assert_eq!(entries.len(), 2, "{log}");
            assert_ne!(entries[0]["action"], "ICAP_BLOCKED", "{log}");
            assert_eq!(entries[1]["part"], json!({"name": "trailers"}), "{log}");
            assert_eq!(entries[1]["action"], "ICAP_BLOCKED", "{log}");
            n += 1;
        }
    }
    scene.assert_application_untouched(n).await;
    let mut client = scene.client(Version::Http2).await;
    let answer = client.send(upload(pattern(20_000), &TRAILERS)).await;
    assert_eq!(answer.status, 200);
    let received = scene.application.next().await;
    assert_same_bytes("at the application", &received.body, &pattern(20_000));
    assert_eq!(names(&received), ["content-digest", "x-checksum"]);
    // Without trailers there is nothing more to be shown.
    let (feed, body) = fed();
    drop(feed);
    client.send(request(Method::POST, "/upload", body)).await;
    let log = scene.icap_log(n + 1).await;
    assert_eq!(log["request_logs"].as_array().unwrap().len(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_behind_a_body_of_announced_length_are_scanned_too() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::new(server.address(), json!({"trailers": "scan"})).await;
    let client = scene.client(Version::Http2).await;
    let (mut feed, body) = fed();
    let fields = [("content-length", "10")];
    let answer = client.send_in_background(request_with(Method::POST, "/upload", &fields, body));
    feed.send_data(pattern(10)).await.unwrap();
    // All that was announced has come, and has its verdict soon.
    server.next_request().await;
    server.now(Behaviour::Decide(by_trailers));
    let mut fields = HeaderMap::new();
    fields.insert("x-checksum", HeaderValue::from_static("13"));
    feed.send_trailers(fields).await.unwrap();
    assert_eq!(answer.response().await.status, 403);
    scene.assert_application_untouched(1).await;
}

/// An application's response with a trailer.
pub fn with_trailer(value: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-checksum\r\n\r\n3\r\nabc\r\n0\r\n\
         x-checksum: {value}\r\nset-cookie: a=b\r\n\r\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_of_a_response_are_treated_the_same() {
    let server = IcapServer::serving(Behaviour::Decide(by_trailers)).await;
    let settings = json!({"response_service_url": "/respmod", "trailers": "scan"});
    let scene = Scene::new(server.address(), settings).await;
    for version in VERSIONS {
        let get = || request_with(Method::GET, "/", &[("te", "trailers")], empty());
        scene.application.answer_with(with_trailer("42"));
        let answer = scene.client(version).await.send(get()).await;
        assert_eq!((answer.status, answer.text()), (200, "abc".to_owned()));
        assert_eq!(
            answer.trailers.get("x-checksum").unwrap(),
            "42",
            "{version:?}"
        );
        assert_eq!(answer.trailers.get("set-cookie"), None, "{version:?}");
        scene.application.answer_with(with_trailer("13"));
        let answer = scene.client(version).await.send(get()).await;
        assert_eq!(answer.status, 403, "{version:?}");
    }
    let log = scene.icap_log(0).await;
    assert_eq!(
        logged(&log),
        [vec!["x-checksum"], vec!["set-cookie"]],
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_response_keeps_its_trailers() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 5";
    let server = IcapServer::listen().await;
    let changed = response("", head, Some(b"other"));
    server.serve_responses(Behaviour::Answer(changed)).await;
    let scene = Scene::new(
        server.address(),
        json!({"response_service_url": "/respmod"}),
    )
    .await;
    scene.application.answer_with(with_trailer("42"));
    for version in VERSIONS {
        let get = request_with(Method::GET, "/", &[("te", "trailers")], empty());
        let answer = scene.client(version).await.send(get).await;
        assert_eq!((answer.status, answer.text()), (200, "other".to_owned()));
        assert_eq!(
            answer.trailers.get("x-checksum").unwrap(),
            "42",
            "{version:?}"
        );
    }
}
