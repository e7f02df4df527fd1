//! gRPC calls that are shown message by message, byte by byte: framing, trailers, time-outs, budgets.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::support::client::{
    Body, HttpResponse, VERSIONS, Version, fed, request_with, sized, unsized_body,
};
use crate::support::envoy_config::Setup;
use crate::support::icap_answers::{CONTINUE, NO_CONTENT, block_page};
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::payload::{assert_same_bytes, pattern};
use crate::support::scene::{PREVIEW, Scene};

const FIELDS: [(&str, &str); 2] = [("content-type", "application/grpc"), ("te", "trailers")];

fn messages(changes: Value) -> Value {
    let mut profile = json!({"grpc": "messages"});
    let fields = profile.as_object_mut().unwrap();
    fields.extend(changes.as_object().unwrap().clone());
    profile
}

fn framed(flag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap();
    [&[flag][..], &length.to_be_bytes(), content].concat()
}

fn call(body: Body) -> hyper::Request<Body> {
    request_with(hyper::Method::POST, "/test.Test/Call", &FIELDS, body)
}

fn grpc_status(answer: &HttpResponse) -> Option<&str> {
    answer.header("grpc-status")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_message_is_shown_without_its_prefix_and_arrives_with_it() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let scene = Scene::new(server.address(), messages(json!({"multipart_parallel": 1}))).await;
    let contents = [
        pattern(3 * PREVIEW),
        pattern(10),
        Bytes::new(),
        pattern(PREVIEW),
    ];
    let body: Vec<u8> = contents.iter().flat_map(|it| framed(0, it)).collect();
    let mut n = 0;
    for version in VERSIONS {
        for (of, send) in [
            ("length", sized as fn(Vec<u8>) -> Body),
            ("chunks", unsized_body),
        ] {
            let mut client = scene.client(version).await;
            let answer = client.send(call(send(body.clone()))).await;
            assert_eq!(answer.status, 200, "{version:?} {of}");
            let received = scene.application.next().await;
            assert_same_bytes(of, &received.body, &body);
            for content in contents.iter().filter(|it| !it.is_empty()) {
                let shown = server.next_request().await;
                assert_same_bytes("a message", &shown.body, content);
                let length = content.len().to_string();
                assert_eq!(shown.http().get("content-length"), Some(length.as_str()));
                assert_eq!(
                    shown.http().get("content-type"),
                    Some("application/octet-stream")
                );
            }
            let log = scene.icap_log(n).await;
            assert_eq!(log["action"], "ICAP_PASSED", "{log}");
            let names: Vec<&str> = log["request_logs"]
                .as_array()
                .unwrap()
                .iter()
                .map(|it| it["part"]["name"].as_str().unwrap())
                .collect();
            assert_eq!(names, ["0", "1", "3"], "{log}");
            n += 1;
        }
    }
    let parts = "wasmcustom.icap_filter.parts";
    scene.envoy.until_stat(parts, 3 * n as u64).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_sequence_of_messages_is_refused_and_never_opens() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let open = json!({"fail_action": "fail_open", "large_upload_fail_action": "fail_open"});
    let scene = Scene::new(server.address(), messages(open)).await;
    let whole = framed(0, b"whole");
    let bodies = [
        [whole.clone(), framed(2, b"x")].concat(),
        [whole.clone(), framed(0, b"cut off")[..8].to_vec()].concat(),
        [whole.clone(), vec![0, 0]].concat(),
        b"no message at all".to_vec(),
    ];
    let mut n = 0;
    for version in VERSIONS {
        for body in &bodies {
            let mut client = scene.client(version).await;
            let answer = client.send(call(unsized_body(body.clone()))).await;
            assert_eq!(grpc_status(&answer), Some("3"), "{version:?} {body:?}");
            let log = scene.icap_log(n).await;
            assert_eq!(log["action"], "ICAP_FAILED", "{log}");
            assert_eq!(
                log["significance"],
                json!(["ADF_ICAP_BAD_REQUEST"]),
                "{log}"
            );
            n += 1;
        }
    }
    scene.assert_application_untouched(n).await;

    let monitored = messages(json!({"enforcement": "monitor"}));
    let scene = Scene::new(server.address(), monitored).await;
    for version in VERSIONS {
        for body in &bodies {
            let mut client = scene.client(version).await;
            let answer = client.send(call(unsized_body(body.clone()))).await;
            assert_eq!(answer.status, 200, "{version:?} {body:?}");
            let received = scene.application.next().await;
            assert_same_bytes("as it came", &received.body, body);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_call_is_shown_as_any_request() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::new(server.address(), messages(json!({}))).await;
    let mut client = scene.client(Version::Http2).await;
    let (feed, body) = fed();
    drop(feed);
    assert_eq!(client.send(call(body)).await.status, 200);
    assert_eq!(scene.application.next().await.body, b"");
    let log = scene.icap_log(0).await;
    assert_eq!(log["action"], "ICAP_PASSED", "{log}");
    assert_eq!(log["request_logs"].as_array().unwrap().len(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_follow_the_last_message() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let scene = Scene::new(server.address(), messages(json!({}))).await;
    let mut client = scene.client(Version::Http2).await;
    let (mut feed, body) = fed();
    let pending = tokio::spawn(async move { client.send(call(body)).await });
    let content = framed(0, &pattern(20_000));
    feed.send_data(content.clone().into()).await.unwrap();
    let mut trailers = hyper::HeaderMap::new();
    trailers.insert("x-checksum", "7".parse().unwrap());
    feed.send_trailers(trailers).await.unwrap();
    drop(feed);
    assert_eq!(pending.await.unwrap().status, 200);
    let received = scene.application.next().await;
    assert_same_bytes("before trailers", &received.body, &content);
    let names: Vec<&str> = received
        .trailers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["x-checksum"]);
}

/// The server is late with one message: that one goes on, and the others get their verdicts.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_verdict_fails_its_own_message() {
    let server = IcapServer::listen().await;
    let changes = messages(json!({
        "response_timeout_ms": 300,
        "multipart_parallel": 1,
        "fail_action_by_cause": {"timeout": "fail_open"},
    }));
    let scene = Scene::new(server.address(), changes).await;
    let body: Vec<u8> = [&b"one"[..], b"late", b"three"]
        .iter()
        .flat_map(|it| framed(0, it))
        .collect();
    let client = scene.client(Version::Http2).await;
    let pending = client.send_in_background(call(unsized_body(body.clone())));
    let mut connection = server.accept().await;
    assert_eq!(connection.request().await.body, b"one");
    connection.send(NO_CONTENT).await;
    assert_eq!(connection.request().await.body, b"late");
    // The next message comes on another connection.
    let mut another = server.accept().await;
    assert_eq!(another.request().await.body, b"three");
    another.send(NO_CONTENT).await;
    assert_eq!(pending.response().await.status, 200);
    assert_same_bytes("all", &scene.application.next().await.body, &body);
    let log = scene.icap_log(0).await;
    assert_eq!(log["action"], "ICAP_FAILED", "{log}");
    let actions: Vec<&str> = log["request_logs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        ["ICAP_PASSED", "ICAP_FAILED", "ICAP_PASSED"],
        "{log}"
    );
}

/// Messages go on while the client says nothing, each as soon as all before it have their verdicts.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_its_verdict_goes_on_while_the_client_waits() {
    let server = IcapServer::listen().await;
    let changes = messages(json!({"multipart_parallel": 1}));
    let scene = Scene::new(server.address(), changes).await;
    for version in VERSIONS {
        let before = scene.application.bytes_received();
        let (mut feed, body) = fed();
        let pending = scene.client(version).await.send_in_background(call(body));
        let contents = [vec![b'1'; 70_000], vec![b'2'; 9], vec![b'3'; 50_000]];
        let all: Vec<u8> = contents.iter().flat_map(|it| framed(0, it)).collect();
        feed.send_data(all.clone().into()).await.unwrap();
        let mut connection = server.accept().await;
        let mut gone = 0;
        for content in &contents {
            let mut request = connection.request().await;
            if !request.complete {
                connection.send(CONTINUE).await;
                while !request.complete {
                    connection.chunk(&mut request).await;
                }
            }
            assert!(request.body == *content, "{version:?}");
            connection.send(NO_CONTENT).await;
            gone += content.len() as u64 + 5;
            scene.application.until_received(before + gone).await;
        }
        drop(feed);
        assert_eq!(pending.response().await.status, 200, "{version:?}");
        assert_same_bytes("all", &scene.application.next().await.body, &all);
        drop(connection);
    }
}

/// Whatever keeps what has gone on: a call that ends at once passes, one that waits is refused.
#[tokio::test(flavor = "multi_thread")]
async fn beside_a_buffer_filter_a_call_that_waits_is_refused() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let behind = |setup: &mut Setup| {
        setup.patch(|bootstrap| {
            let listener = &mut bootstrap["static_resources"]["listeners"][0];
            let manager = &mut listener["filter_chains"][0]["filters"][0]["typed_config"];
            let filters = manager["http_filters"].as_array_mut().unwrap();
            let buffer = json!({
                "name": "envoy.filters.http.buffer",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer",
                    "max_request_bytes": 1_000_000,
                },
            });
            filters.insert(filters.len() - 1, buffer);
        });
    };
    let scene = Scene::with(server.address(), messages(json!({})), behind).await;
    for (n, version) in VERSIONS.into_iter().enumerate() {
        let body = framed(0, &pattern(30_000));
        let mut client = scene.client(version).await;
        assert_eq!(
            client.send(call(unsized_body(body.clone()))).await.status,
            200
        );
        assert_same_bytes("at once", &scene.application.next().await.body, &body);

        let (mut feed, waiting) = fed();
        let pending = scene
            .client(version)
            .await
            .send_in_background(call(waiting));
        feed.send_data(body.clone().into()).await.unwrap();
        let answer = pending.response().await;
        assert_eq!(grpc_status(&answer), Some("13"), "{version:?}");
        let log = scene.icap_log(2 * n + 1).await;
        assert!(log.to_string().contains("keeps a copy"), "{log}");
    }
    assert_eq!(scene.application.requests_received(), 2);
}

/// The messages that pass meanwhile give it no more time.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_hangs_is_late_while_others_pass() {
    let server = IcapServer::listen().await;
    let changes = messages(json!({"response_timeout_ms": 500, "multipart_parallel": 2}));
    let scene = Scene::new(server.address(), changes).await;
    let (mut feed, body) = fed();
    let client = scene.client(Version::Http2).await;
    let pending = client.send_in_background(call(body));
    feed.send_data(framed(0, b"hangs").into()).await.unwrap();
    let mut hanging = server.accept().await;
    assert_eq!(hanging.request().await.body, b"hangs");
    feed.send_data(framed(0, b"passes").into()).await.unwrap();
    let mut other = server.accept().await;
    let passing = async {
        while let Ok(Some(request)) = other.next().await {
            assert_eq!(request.body, b"passes");
            let _ = other.try_send(NO_CONTENT).await;
            let _ = feed.send_data(framed(0, b"passes").into()).await;
        }
        std::future::pending().await
    };
    let answer = tokio::select! { answer = pending.response() => answer, never = passing => never };
    assert!(grpc_status(&answer).is_some_and(|it| it != "0"));
    let log = scene.icap_log(0).await;
    assert_eq!(log["action"], "ICAP_FAILED", "{log}");
    assert!(
        log.to_string().contains("no verdict within 500 ms"),
        "{log}"
    );
    scene.assert_application_untouched(1).await;
}

/// A message behind another that has no verdict yet.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_blocked_counts_though_the_client_leaves_first() {
    let server = IcapServer::listen().await;
    let changes = messages(json!({"multipart_parallel": 2}));
    let scene = Scene::new(server.address(), changes).await;
    let (mut feed, body) = fed();
    let client = scene.client(Version::Http2).await;
    let pending = client.send_in_background(call(body));
    feed.send_data(framed(0, b"first").into()).await.unwrap();
    let mut one = server.accept().await;
    one.request().await;
    one.send(NO_CONTENT).await;
    scene.application.until_received(10).await;
    feed.send_data(framed(0, b"hangs").into()).await.unwrap();
    assert_eq!(one.request().await.body, b"hangs");
    feed.send_data(framed(0, b"bad").into()).await.unwrap();
    let mut two = server.accept().await;
    assert_eq!(two.request().await.body, b"bad");
    let infected = "X-Infection-Found: Type=0; Resolution=2; Threat=Bad;\r\n";
    two.send(block_page(infected, "no")).await;
    let active = "wasmcustom.icap_filter.connections_active";
    scene.envoy.until_stat(active, 1).await;
    pending.abandon();
    let log = scene.icap_log(0).await;
    assert_eq!(log["action"], "ICAP_BLOCKED", "{log}");
    let blocked = "wasmcustom.icap_filter.blocked";
    scene.envoy.until_stat(blocked, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_messages_are_shown_once_and_so_many_wait_at_most() {
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), messages(json!({}))).await;
    let client = scene.client(Version::Http2).await;
    let body = framed(0, b"").repeat(2);
    let pending = client.send_in_background(call(unsized_body(body.clone())));
    let mut connection = server.accept().await;
    assert_eq!(connection.request().await.body, b"");
    connection.send(NO_CONTENT).await;
    assert_eq!(pending.response().await.status, 200);
    assert_eq!(scene.application.next().await.body, body);
    let log = scene.icap_log(0).await;
    assert_eq!(log["request_logs"].as_array().unwrap().len(), 1, "{log}");

    let flood = framed(0, b"").repeat(150_000);
    for (n, waits) in [(1, true), (2, false)] {
        let before = scene.application.bytes_received();
        let (mut feed, body) = fed();
        let client = scene.client(Version::Http2).await;
        let pending = client.send_in_background(call(body));
        feed.send_data(framed(0, b"").into()).await.unwrap();
        if !waits {
            // The other was in use when its call ended.
            connection = server.accept().await;
        }
        assert_eq!(connection.request().await.body, b"");
        if waits {
            feed.send_data(flood.clone().into()).await.unwrap();
            assert_eq!(grpc_status(&pending.response().await), Some("8"));
            let log = scene.icap_log(n).await.to_string();
            assert!(log.contains("10000 messages wait"), "{log}");
        } else {
            connection.send(NO_CONTENT).await;
            scene.application.until_received(before + 5).await;
            feed.send_data(flood.clone().into()).await.unwrap();
            drop(feed);
            assert_eq!(pending.response().await.status, 200);
            let received = scene.application.next().await.body;
            assert_same_bytes(
                "a flood",
                &received,
                &[framed(0, b""), flood.clone()].concat(),
            );
        }
    }
}
