//! `enforcement: monitor`, and a message that is ended by others than the filter: Envoy, or the client. It is logged as not
//! enforced all the same.

use serde_json::{Value, json};

use crate::support::client::{VERSIONS, Version, abort, fed, post, sized, unsized_body};
use crate::support::icap_answers::request as changed;
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::payload::pattern;
use crate::support::scene::{PREVIEW, Scene};

/// More than what Envoy holds in these tests.
const PAST_ENVOYS_BUFFER: usize = 300_000;

fn monitoring(more: Value) -> Value {
    let mut changes = json!({"enforcement": "monitor"});
    for (name, value) in more.as_object().unwrap() {
        changes[name] = value.clone();
    }
    changes
}

/// Logged as a failure that nobody has enforced, and counted as nothing that was done.
async fn assert_noted(scene: &Scene, n: usize, significance: &str) -> Value {
    let log = scene.icap_log(n).await;
    assert_eq!(log["action"], "ICAP_FAILED", "{log}");
    assert_eq!(log["enforced"], false, "{log}");
    assert_eq!(log["significance"], json!([significance]), "{log}");
    for name in ["failed", "failed_open", "blocked", "modified"] {
        assert_eq!(scene.envoy.metric(name).await, 0, "{name}");
    }
    log
}

fn reason(log: &Value) -> &str {
    let last = log["request_logs"].as_array().unwrap().last().unwrap();
    last["reason"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_past_envoys_buffer() {
    let server = IcapServer::serving(Behaviour::Silence).await;
    let scene = Scene::with(server.address(), monitoring(json!({})), |setup| {
        setup.buffer_limit = 64 * 1024;
    })
    .await;
    let bytes = pattern(PAST_ENVOYS_BUFFER);
    for (n, body) in [sized(bytes.clone()), unsized_body(bytes)]
        .into_iter()
        .enumerate()
    {
        assert_eq!(scene.send(post("/upload", body)).await.status, 413);
        let significance = "ADF_ICAP_BODY_SIZE_BIGGER_THAN_CONFIGURED";
        let log = assert_noted(&scene, n, significance).await;
        assert!(
            reason(&log).contains("per_connection_buffer_limit_bytes"),
            "{log}"
        );
    }
    assert_eq!(scene.envoy.metric("would_fail").await, 2);
    assert_eq!(scene.envoy.metric("failed.oversize").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_past_envoys_buffer() {
    let server = IcapServer::listen().await;
    server.serve_responses(Behaviour::Silence).await;
    let changes = monitoring(json!({"response_service_url": "/respmod"}));
    let scene = Scene::with(server.address(), changes, |setup| {
        setup.buffer_limit = 64 * 1024;
    })
    .await;
    let body = pattern(PAST_ENVOYS_BUFFER);
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    scene
        .application
        .answer_with([head.as_bytes(), &body].concat());
    let answer = scene.send(post("/download", sized(""))).await;
    assert_eq!(answer.status, 500);
    let log = scene.icap_log(0).await;
    assert_eq!(log["action"], "ICAP_FAILED", "{log}");
    assert_eq!(log["enforced"], false, "{log}");
    for name in ["failed", "failed_open"] {
        assert_eq!(scene.envoy.metric(name).await, 0, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_out_of_envoys_own() {
    let server = IcapServer::serving(Behaviour::Silence).await;
    let scene = Scene::with(server.address(), monitoring(json!({})), |setup| {
        setup.manager = json!({"stream_idle_timeout": "0.5s"});
    })
    .await;
    for (n, version) in VERSIONS.into_iter().enumerate() {
        let mut client = scene.client(version).await;
        let answer = client.send(post("/upload", sized("content"))).await;
        assert!(matches!(answer.status, 408 | 504), "{version:?}");
        let log = assert_noted(&scene, n, "ADF_ICAP_TIMEDOUT").await;
        assert!(reason(&log).contains("time-out of Envoy's own"), "{log}");
    }
    assert_eq!(scene.envoy.metric("would_fail").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves() {
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), monitoring(json!({}))).await;
    for (n, version) in VERSIONS.into_iter().enumerate() {
        let client = scene.client(version).await;
        let (mut feed, body) = fed();
        let pending = client.send_in_background(post("/upload", body));
        feed.send_data(pattern(100)).await.unwrap();
        scene
            .envoy
            .until_stat("http.ingress.downstream_rq_active", 1)
            .await;
        abort(feed);
        pending.error().await;
        let log = assert_noted(&scene, n, "ADF_ICAP_FAILED").await;
        assert!(reason(&log).contains("the client left"), "{log}");
    }
    assert_eq!(scene.envoy.metric("aborted").await, 2);
    assert_eq!(scene.envoy.metric("would_fail").await, 0);
}

/// What would have been changed has gone on by the time that Envoy refuses it: no change of ours is at fault.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_would_be_changed_and_that_a_later_filter_has_no_room_for() {
    let head = "POST / HTTP/1.1\r\nHost: app.test";
    let answer = changed("", head, Some(b"changed"));
    let server = IcapServer::serving(Behaviour::AnswerPreview(answer)).await;
    let scene = Scene::with(server.address(), monitoring(json!({})), |setup| {
        setup.buffer_limit = 64 * 1024;
        setup.patch(|bootstrap| {
            let chain = &mut bootstrap["static_resources"]["listeners"][0]["filter_chains"][0];
            let filters = &mut chain["filters"][0]["typed_config"]["http_filters"];
            let filters = filters.as_array_mut().unwrap();
            let router = filters.len() - 1;
            let code = "function envoy_on_request(h) h:body() end";
            let lua = json!({"name": "lua", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
                "default_source_code": {"inline_string": code},
            }});
            filters.insert(router, lua);
        });
    })
    .await;
    let client = scene.client(Version::Http1).await;
    let (mut feed, body) = fed();
    let pending = client.send_in_background(post("/upload", body));
    feed.send_data(pattern(PREVIEW + 1)).await.unwrap();
    let counter = "wasmcustom.icap_filter.would_modify";
    scene.envoy.until_stat(counter, 1).await;
    // With this it goes on, as far as the later filter.
    let received = "http.ingress.downstream_cx_rx_bytes_total";
    let before = scene.envoy.stat(received).await;
    feed.send_data(pattern(100)).await.unwrap();
    scene.envoy.until_stat(received, before + 100).await;
    // The client may see the answer before all of this is taken.
    let _ = feed.send_data(pattern(PAST_ENVOYS_BUFFER)).await;
    assert_eq!(pending.response().await.status, 413);
    let log = scene.icap_log(0).await;
    assert_eq!(log["action"], "ICAP_MODIFIED", "{log}");
    assert_eq!(log["enforced"], false, "{log}");
    assert_eq!(scene.envoy.metric("would_modify").await, 1);
    assert_eq!(scene.envoy.metric("would_fail").await, 0);
}
