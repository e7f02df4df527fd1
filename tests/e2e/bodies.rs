//! Clean requests of every size arrive at the application byte-identical and once, whatever the HTTP version, with and
//! without `content-length`.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Method, Request};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::support::c_icap;
use crate::support::client::{
    Body, VERSIONS, Version, empty, fed, post, request, sized, unsized_body,
};
use crate::support::envoy_config::Setup;
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::payload::{MIB, assert_same_bytes, pattern};
use crate::support::scene::{PREVIEW, Scene};
use crate::support::within;

/// Sizes around every edge that the protocol has.
const SIZES: [usize; 6] = [0, 1, 1024, PREVIEW, PREVIEW + 1, MIB];

/// The same bytes with and without `content-length`.
fn both_framings(bytes: &Bytes) -> [(&'static str, Body); 2] {
    [
        ("sized", sized(bytes.clone())),
        ("unsized", unsized_body(bytes.clone())),
    ]
}

/// Sends bodies of `sizes`, with both HTTP versions and both framings, and demands each of them back from the
/// application's record.
async fn assert_arrive(scene: &Scene, sizes: &[usize]) {
    let mut sent = 0;
    for version in VERSIONS {
        let mut client = scene.client(version).await;
        for size in sizes {
            let bytes = pattern(*size);
            for (framing, body) in both_framings(&bytes) {
                let case = format!("{version:?} {framing} {size}");
                let path = format!("/{size}/{framing}");
                let answer = client.send(post(&path, body)).await;
                assert_eq!(answer.status, 200, "{case}");
                assert_eq!(answer.header("x-application"), Some("yes"), "{case}");
                let received = scene.application.next().await;
                assert_eq!(received.target(), path);
                assert_same_bytes(&case, &received.body, &bytes);
                let log = scene.icap_log(sent).await;
                assert_eq!(log["action"], "ICAP_PASSED", "{case}: {log}");
                sent += 1;
            }
        }
    }
    assert_eq!(scene.application.requests_received(), sent as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_allowed_after_the_preview_arrive_once_and_unchanged() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::new(server.address(), json!({})).await;
    assert_arrive(&scene, &SIZES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_allowed_after_100_continue_reach_server_and_application_once_and_unchanged() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let scene = Scene::new(server.address(), json!({})).await;
    assert_arrive(&scene, &SIZES).await;
    for _ in VERSIONS {
        for size in SIZES {
            for framing in ["sized", "unsized"] {
                let case = format!("{framing} {size} at the ICAP server");
                let request = server.next_request().await;
                assert_same_bytes(&case, &request.body, &pattern(size));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_sent_back_unchanged_arrive_once_and_unchanged() {
    let server = IcapServer::serving(Behaviour::Echo).await;
    let scene = Scene::new(server.address(), json!({})).await;
    assert_arrive(&scene, &SIZES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_scanned_without_a_preview_arrive_once_and_unchanged() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::new(server.address(), json!({"enable_preview": false})).await;
    assert_arrive(&scene, &SIZES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clean_bodies_pass_a_real_virus_scanner_once_and_unchanged() {
    let scene = Scene::new(c_icap::address().await, virus_scan()).await;
    assert_arrive(&scene, &SIZES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_40_mib_pass_a_real_virus_scanner_once_and_unchanged() {
    let scene = Scene::new(c_icap::address().await, virus_scan()).await;
    assert_arrive(&scene, &[40 * MIB]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_40_mib_allowed_after_100_continue_arrive_once_and_unchanged() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let scene = Scene::new(server.address(), json!({})).await;
    assert_arrive(&scene, &[40 * MIB]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_random_echo_of_c_icap_changes_nothing() {
    // This service answers 204 or a full 200 at random. It asks for 1024 bytes of preview, and loses what exceeds 4096.
    let service = json!({"service_url": "icap://icap.test/echo", "preview_size_bytes": 1024});
    let scene = Scene::new(c_icap::address().await, service).await;
    assert_arrive(&scene, &SIZES).await;
}

fn virus_scan() -> serde_json::Value {
    json!({"service_url": "icap://icap.test/avscan"})
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_without_a_body_are_scanned_as_null_body() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::new(server.address(), json!({})).await;
    for version in VERSIONS {
        let mut client = scene.client(version).await;
        for method in [Method::GET, Method::HEAD, Method::DELETE] {
            let case = format!("{version:?} {method}");
            let answer = client.send(request(method.clone(), "/null", empty())).await;
            assert_eq!(answer.status, 200, "{case}");
            let received = scene.application.next().await;
            assert_eq!(received.method(), method.as_str(), "{case}");
            assert_eq!(received.body, b"", "{case}");
            let scanned = server.next_request().await;
            assert!(!scanned.has_body, "{case}: {scanned:?}");
            assert_eq!(scanned.encapsulated()[1].0, "null-body", "{case}");
            assert_eq!(
                scanned.http().first_line.split(' ').next(),
                Some(method.as_str()),
                "{case}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http2_body_that_trailers_end_is_scanned_and_arrives() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let scene = Scene::new(server.address(), json!({})).await;
    let mut client = scene.client(Version::Http2).await;
    for (sent, size) in [1, PREVIEW, PREVIEW + 1, MIB].into_iter().enumerate() {
        let bytes = pattern(size);
        let (mut feed, body) = fed();
        let feeding = bytes.clone();
        let feeder = tokio::spawn(async move {
            feed.send_data(feeding).await.unwrap();
            let mut trailers = HeaderMap::new();
            trailers.insert("x-checksum", HeaderValue::from_static("42"));
            feed.send_trailers(trailers).await.unwrap();
        });
        let answer = client.send(post("/trailers", body)).await;
        feeder.await.unwrap();
        assert_eq!(answer.status, 200, "{size}");
        let received = scene.application.next().await;
        assert_same_bytes("at the application", &received.body, &bytes);
        let checksum = ("x-checksum".to_owned(), "42".to_owned());
        assert!(received.trailers.contains(&checksum), "{received:?}");
        let scanned = server.next_request().await;
        assert_same_bytes("at the ICAP server", &scanned.body, &bytes);
        let log = scene.icap_log(sent).await;
        assert_eq!(log["action"], "ICAP_PASSED", "{size}: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_comes_in_pieces_arrives_unchanged() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let scene = Scene::new(server.address(), json!({})).await;
    let whole = pattern(3 * PREVIEW);
    for (version, piece) in [(Version::Http1, 1000), (Version::Http2, 777)] {
        let client = scene.client(version).await;
        let (mut feed, body) = fed();
        let pending = client.send_in_background(post("/pieces", body));
        let before = scene.envoy.stat(RX_BYTES).await;
        let mut given = 0;
        for bytes in whole.chunks(piece) {
            feed.send_data(Bytes::copy_from_slice(bytes)).await.unwrap();
            given += bytes.len() as u64;
            // The next piece follows only when Envoy has this one: they never arrive together.
            scene.envoy.until_stat(RX_BYTES, before + given).await;
        }
        drop(feed);
        assert_eq!(pending.response().await.status, 200, "{version:?}");
        let received = scene.application.next().await;
        assert_same_bytes("at the application", &received.body, &whole);
        let scanned = server.next_request().await;
        assert_same_bytes("at the ICAP server", &scanned.body, &whole);
    }
}

/// Bytes that Envoy has read from its clients.
const RX_BYTES: &str = "http.ingress.downstream_cx_rx_bytes_total";

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_on_one_http2_connection_are_kept_apart() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let scene = Scene::new(server.address(), json!({})).await;
    let body_of = |n: usize| pattern(n * 1000 + 1);
    let mut pending = Vec::new();
    let crate::support::client::Client::Http2(sender) = scene.client(Version::Http2).await else {
        panic!("asked for HTTP/2");
    };
    for n in 0..32 {
        let client = crate::support::client::Client::Http2(sender.clone());
        let request: Request<Body> = post(&format!("/{n}"), sized(body_of(n)));
        pending.push(client.send_in_background(request));
    }
    for pending in pending {
        assert_eq!(pending.response().await.status, 200);
    }
    let mut seen = [false; 32];
    for _ in 0..32 {
        let received = scene.application.next().await;
        let n: usize = received.target()[1..].parse().unwrap();
        assert!(!seen[n], "{n} came twice");
        seen[n] = true;
        assert_same_bytes(&format!("body {n}"), &received.body, &body_of(n));
    }
}

/// A Lua script at that place of the filters: a request meets the first one first, a response the last.
fn with_script(setup: &mut Setup, place: usize, script: &'static str) {
    setup.patch(move |bootstrap| {
        let chain = &mut bootstrap["static_resources"]["listeners"][0]["filter_chains"][0];
        let filters = &mut chain["filters"][0]["typed_config"]["http_filters"];
        let lua = json!({"name": "lua", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
            "default_source_code": {"inline_string": script},
        }});
        filters.as_array_mut().unwrap().insert(place, lua);
    });
}

/// Answers every request with `first`, and with `second` once the test says so.
async fn slow_application(first: Vec<u8>, second: &'static [u8], go: Arc<Notify>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            stream.write_all(&first).await.unwrap();
            go.notified().await;
            // Envoy may have given the connection up.
            let _ = stream.write_all(second).await;
        }
    });
    address
}

/// Lua's `setBytes` has the first chunk be as long as the whole was to be. What follows nobody would have scanned, and the client
/// would take it for another response.
#[tokio::test(flavor = "multi_thread")]
async fn a_response_that_an_earlier_filter_makes_longer_than_its_content_length_is_not_given() {
    const SCRIPT: &str = "function envoy_on_response(h) local n = 0 for chunk in h:bodyChunks() do n = n + 1 \
                          if n == 1 then chunk:setBytes('twenty bytes of text') end end end";
    for fail_action in ["fail_closed", "fail_open"] {
        let server = IcapServer::listen().await;
        server.serve_responses(Behaviour::ContinueThenAllow).await;
        let go = Arc::new(Notify::new());
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nfirst half".to_vec();
        let application = slow_application(head, b"EVIL EVIL!", go.clone()).await;
        let settings = json!({"response_service_url": "/respmod", "fail_action": fail_action});
        let scene = Scene::with(server.address(), settings, |setup| {
            setup.application = application;
            with_script(setup, 1, SCRIPT);
        })
        .await;
        let mut client = TcpStream::connect(scene.envoy.listener()).await.unwrap();
        let request = b"GET / HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n";
        client.write_all(request).await.unwrap();
        assert_eq!(server.next_request().await.method(), "REQMOD");
        assert_eq!(server.next_request().await.method(), "RESPMOD");
        go.notify_one();
        let mut answer = Vec::new();
        let read = client.read_to_end(&mut answer);
        within("the end of the answer", read).await.unwrap();
        let answer = String::from_utf8_lossy(&answer);
        let log = scene.icap_log(0).await;
        assert!(!answer.contains("EVIL"), "{answer}\n{log}");
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}\n{log}");
        assert_eq!(log["action"], "ICAP_FAILED", "{log}");
    }
}

/// The same of a request, of which the rest comes while the response that the application began early is under scan.
#[tokio::test(flavor = "multi_thread")]
async fn the_rest_of_a_request_is_no_longer_than_announced_while_its_response_is_scanned() {
    const SCRIPT: &str = "function envoy_on_request(h) for chunk in h:bodyChunks() do local n = chunk:length() \
                          if n > 0 then chunk:setBytes(chunk:getBytes(0, n) .. 'EVIL') end end end";
    let server = IcapServer::listen().await;
    server.serve_responses(Behaviour::Silence).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let application = listener.local_addr().unwrap();
    let scene = Scene::with(
        server.address(),
        json!({"response_service_url": "/respmod"}),
        |setup| {
            setup.application = application;
            with_script(setup, 0, SCRIPT);
        },
    )
    .await;
    let mut client = TcpStream::connect(scene.envoy.listener()).await.unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: {}\r\n\r\n",
        3 * PREVIEW
    );
    client.write_all(head.as_bytes()).await.unwrap();
    client.write_all(&pattern(PREVIEW + 1)).await.unwrap();
    server.next_request().await;
    // The verdict is in: the next piece of the body lets the request go.
    scene
        .envoy
        .until_stat("wasmcustom.icap_filter.preview_decided", 1)
        .await;
    client.write_all(&pattern(PREVIEW)).await.unwrap();
    let (mut upstream, _) = within("a connection to the application", listener.accept())
        .await
        .unwrap();
    let mut received = Vec::new();
    let read = upstream.read_buf(&mut received);
    assert!(within("the request", read).await.unwrap() > 0);
    let early = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n123456789";
    upstream.write_all(&early[..early.len() - 1]).await.unwrap();
    scene
        .envoy
        .until_stat("wasmcustom.icap_filter.requests", 2)
        .await;
    client.write_all(&pattern(PREVIEW - 1)).await.unwrap();
    let log = scene.icap_log(0).await;
    assert_eq!(
        log["significance"],
        json!(["ADF_ICAP_BAD_REQUEST"]),
        "{log}"
    );
    // Envoy closes, or resets.
    let rest = upstream.read_to_end(&mut received);
    let _ = within("the end of the request", rest).await;
    assert!(received.len() < 3 * PREVIEW, "{} bytes", received.len());
}
