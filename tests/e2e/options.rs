//! What a service says in its OPTIONS, and how its requests keep to it.

use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::{Value, json};

use crate::support::c_icap;
use crate::support::client::{Version, empty, post, request, sized};
use crate::support::icap_answers::NO_CONTENT;
use crate::support::icap_message::IcapRequest;
use crate::support::icap_server::{Behaviour, IcapServer, OptionsAnswer};
use crate::support::payload::{assert_same_bytes, pattern};
use crate::support::scene::{Scene, profile};
use crate::support::{eventually, within};

/// Instances of the module that ask with one worker: that worker's, and that of Envoy's main thread.
const INSTANCES: usize = 2;
/// The preview that is used where neither profile nor service names one.
const DEFAULT_PREVIEW: usize = 5000;

/// A profile that asks for OPTIONS and says nothing of a preview, with `changes`.
fn asking(changes: &Value) -> Value {
    let mut profile = profile(json!({"options": {"enabled": true}}));
    let fields = profile.as_object_mut().unwrap();
    fields.remove("enable_preview");
    fields.remove("preview_size_bytes");
    for (name, value) in changes.as_object().unwrap() {
        fields.insert(name.clone(), value.clone());
    }
    json!({"profiles": [profile]})
}

async fn scene_with(server: &IcapServer, changes: Value, concurrency: u32) -> Scene {
    Scene::with(server.address(), json!({}), |setup| {
        setup.plugin = asking(&changes).to_string();
        setup.concurrency = concurrency;
    })
    .await
}

/// A scene whose worker knows what `fields` say.
async fn knowing(server: &IcapServer, fields: &str, changes: Value) -> Scene {
    server.answer_options(OptionsAnswer::ok(fields));
    let scene = scene_with(server, changes, 1).await;
    scene.until_learned(1).await;
    scene
}

/// Sends a body, and gives what the server saw of it.
async fn shown(scene: &Scene, server: &IcapServer, path: &str, length: usize) -> IcapRequest {
    let answer = scene.send(post(path, sized(pattern(length)))).await;
    assert_eq!(answer.status, 200);
    let received = scene.application.next().await;
    assert_same_bytes("passed", &received.body, &pattern(length));
    server.next_request().await
}

/// Lines of Envoy's log that contain `text`.
fn lines(scene: &Scene, text: &str) -> usize {
    let log = scene.envoy.log();
    log.lines().filter(|line| line.contains(text)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_instance_asks_once_at_start() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = knowing(&server, "Options-TTL: 3600\r\n", json!({})).await;
    shown(&scene, &server, "/upload", 10).await;
    let asked = server.options_asked();
    assert_eq!(asked.len(), INSTANCES);
    for head in asked {
        assert_eq!(
            head.first_line,
            "OPTIONS icap://icap.test:1344/scan ICAP/1.0"
        );
        assert_eq!(head.get("host"), Some("icap.test:1344"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn options_is_asked_again_when_its_ttl_is_over_and_there_are_requests() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let fields = "Options-TTL: 1\r\nPreview: 30\r\n";
    let scene = knowing(&server, fields, json!({})).await;
    let begun = Instant::now();
    assert_eq!(
        shown(&scene, &server, "/", 99).await.preview().bytes.len(),
        30
    );
    server.answer_options(OptionsAnswer::ok("Options-TTL: 3600\r\nPreview: 20\r\n"));
    server.until_options_asked(INSTANCES + 1).await;
    let took = begun.elapsed();
    assert!(took <= Duration::from_secs(4), "asked after {took:?}");
    eventually("the new preview", async || {
        let request = shown(&scene, &server, "/", 99).await;
        (request.preview().bytes.len() == 20).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_smaller_preview_of_both_is_sent() {
    for (fields, changes, expected) in [
        ("Preview: 1024\r\n", json!({}), 1024),
        ("Preview: 1024\r\n", json!({"preview_size_bytes": 100}), 100),
        ("Preview: 65536\r\n", json!({}), DEFAULT_PREVIEW),
        ("Preview: 0\r\n", json!({}), 0),
        ("Preview: 0\r\n", json!({"preview_size_bytes": 100}), 0),
        ("Preview: 1024\r\nTransfer-Preview: *\r\n", json!({}), 1024),
    ] {
        let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
        let scene = knowing(&server, fields, changes.clone()).await;
        let seen = shown(&scene, &server, "/upload", 20_000).await;
        let case = format!("{fields:?} {changes}");
        assert_eq!(
            seen.icap.get("preview"),
            Some(expected.to_string().as_str()),
            "{case}"
        );
        assert_eq!(seen.preview().bytes.len(), expected, "{case}");
        assert_same_bytes(&case, &seen.body, &pattern(20_000));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_names_no_preview_gets_one_only_where_it_is_configured() {
    for (changes, expected) in [
        (json!({}), None),
        (json!({"preview_size_bytes": 100}), Some("100")),
        (json!({"enable_preview": false}), None),
    ] {
        let server = IcapServer::serving(Behaviour::Allow).await;
        let scene = knowing(&server, "Allow: 204\r\n", changes.clone()).await;
        let seen = shown(&scene, &server, "/upload", 20_000).await;
        assert_eq!(seen.icap.get("preview"), expected, "{changes}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_transfer_lists_go_by_the_extension_of_the_path() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let fields = "Preview: 10\r\nTransfer-Preview: *\r\nTransfer-Ignore: png, jpg\r\n\
                  Transfer-Complete: exe\r\n";
    let scene = knowing(&server, fields, json!({"honor_transfer_ignore": "always"})).await;
    let seen = shown(&scene, &server, "/setup.EXE?a=b.png", 20_000).await;
    assert_eq!(seen.icap.get("preview"), None, "all of it at once");
    assert_same_bytes("complete", &seen.body, &pattern(20_000));
    let seen = shown(&scene, &server, "/a.png/upload", 20_000).await;
    assert_eq!(seen.preview().bytes.len(), 10);
    let answer = scene.send(post("/a.png", sized("picture"))).await;
    assert_eq!(answer.status, 200);
    assert_eq!(scene.icap_log(2).await["action"], "ICAP_DISABLED");
    scene.application.next().await;
    // The next request that the server sees is one after it.
    let seen = shown(&scene, &server, "/last", 5).await;
    assert!(seen.http().first_line.contains("/last"));
}

#[tokio::test(flavor = "multi_thread")]
async fn transfer_ignore_is_no_way_around_the_scan_of_an_upload() {
    for (value, request, response) in [
        (json!("responses"), "ICAP_METHOD_REQMOD", None),
        (
            json!("never"),
            "ICAP_METHOD_REQMOD",
            Some("ICAP_METHOD_RESPMOD"),
        ),
        (Value::Null, "ICAP_METHOD_REQMOD", None),
    ] {
        let server = IcapServer::serving(Behaviour::Allow).await;
        let fields = "Methods: REQMOD, RESPMOD\r\nPreview: 10\r\nTransfer-Ignore: png\r\n";
        server.answer_options(OptionsAnswer::ok(fields));
        let mut changes = json!({"response_service_url": "/respmod"});
        if !value.is_null() {
            changes["honor_transfer_ignore"] = value.clone();
        }
        let scene = scene_with(&server, changes, 1).await;
        scene.until_learned(2).await;
        for (n, path, scanned) in [
            (0, "/a.png", response),
            (1, "/a.zip", Some("ICAP_METHOD_RESPMOD")),
        ] {
            assert_eq!(scene.send(post(path, sized("x"))).await.status, 200);
            let log = scene.icap_log(n).await;
            let records = &log["request_logs"];
            assert_eq!(records[0]["icap_method"], request, "{value} {path}: {log}");
            assert_eq!(
                records[1]["icap_method"].as_str(),
                scanned,
                "{value} {path}: {log}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_the_service_allows_is_offered() {
    for (fields, expected) in [
        ("Allow: 204\r\n", "204"),
        ("Allow: 204, 206\r\n", "204, 206"),
        ("", "204"),
    ] {
        let server = IcapServer::serving(Behaviour::Allow).await;
        let scene = knowing(&server, fields, json!({})).await;
        let seen = shown(&scene, &server, "/upload", 10).await;
        assert_eq!(seen.icap.get("allow"), Some(expected), "{fields:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_set_to_auto_are_sent_where_x_include_names_them() {
    let auto = json!({"send_client_ip": "auto", "send_server_ip": "auto"});
    for (fields, client, server_ip) in [
        ("X-Include: X-Client-IP\r\n", Some("127.0.0.1"), None),
        (
            "X-Include: x-server-ip, X-Client-IP\r\n",
            Some("127.0.0.1"),
            Some("127.0.0.1"),
        ),
        ("", None, None),
    ] {
        let server = IcapServer::serving(Behaviour::Allow).await;
        let scene = knowing(&server, fields, auto.clone()).await;
        let seen = shown(&scene, &server, "/upload", 10).await;
        assert_eq!(seen.icap.get("x-client-ip"), client, "{fields:?}");
        assert_eq!(seen.icap.get("x-server-ip"), server_ip, "{fields:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_the_service_does_not_name_is_warned_of() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = knowing(&server, "Methods: RESPMOD\r\n", json!({})).await;
    let warning = "does not name REQMOD among its methods (RESPMOD)";
    assert_eq!(lines(&scene, warning), INSTANCES);
    shown(&scene, &server, "/upload", 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn max_connections_is_divided_among_the_workers() {
    const ALLOWED: usize = 4;
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let fields = format!("Max-Connections: {ALLOWED}\r\nPreview: 10\r\n");
    server.answer_options(OptionsAnswer::ok(&fields));
    let scene = scene_with(&server, json!({}), 2).await;
    scene.until_learned(2).await;
    server.until_open(0).await;
    let bytes = pattern(1000);
    let mut all = Vec::new();
    for _ in 0..64 {
        let body = sized(bytes.clone());
        all.push(scene.send_in_background(post("/upload", body)).await);
    }
    for pending in all {
        assert_eq!(pending.response().await.status, 200);
    }
    let most = server.most_open();
    assert!(most <= ALLOWED, "{most} connections");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_services_on_one_cluster_the_stricter_limit_holds() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    server.answer_options(OptionsAnswer::ok("Max-Connections: 2\r\n"));
    let mut plugin = asking(&json!({}));
    let mut second = plugin["profiles"][0].clone();
    second["name"] = json!("second");
    // This one is never asked, and so never says anything.
    second["options"] = json!({"enabled": false});
    plugin["profiles"].as_array_mut().unwrap().push(second);
    plugin["rules"] = json!([{
        "name": "all", "match": {}, "action": "enable_icap", "profile": "second",
    }]);
    let scene = Scene::with(server.address(), json!({}), |setup| {
        setup.plugin = plugin.to_string();
    })
    .await;
    scene.until_learned(1).await;
    let mut all = Vec::new();
    for _ in 0..32 {
        let body = sized(pattern(100));
        all.push(scene.send_in_background(post("/upload", body)).await);
    }
    for pending in all {
        assert_eq!(pending.response().await.status, 200);
    }
    assert!(server.most_open() <= 2, "{}", server.most_open());
}

#[tokio::test(flavor = "multi_thread")]
async fn options_that_fail_are_counted_logged_once_and_disturb_nothing() {
    for (case, answer) in [
        (
            "404",
            OptionsAnswer::Bytes(b"ICAP/1.0 404 Not Found\r\n\r\n".into()),
        ),
        (
            "garbage",
            OptionsAnswer::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n".into()),
        ),
        ("close", OptionsAnswer::Close),
    ] {
        let server = IcapServer::serving(Behaviour::Allow).await;
        server.answer_options(answer);
        let scene = scene_with(&server, json!({}), 1).await;
        let failed = "wasmcustom.icap_filter.options_failed";
        scene.envoy.until_stat(failed, INSTANCES as u64).await;
        let begun = Instant::now();
        shown(&scene, &server, "/upload", 9000).await;
        // Each instance backs off: one second, then two.
        scene.envoy.until_stat(failed, 3 * INSTANCES as u64).await;
        assert!(begun.elapsed() >= Duration::from_millis(2500), "{case}");
        assert_eq!(lines(&scene, "did not answer OPTIONS"), INSTANCES, "{case}");
        // What works at last is used.
        server.answer_options(OptionsAnswer::ok("Preview: 7\r\n"));
        eventually("the preview that the service names", async || {
            let seen = shown(&scene, &server, "/upload", 9000).await;
            (seen.preview().bytes.len() == 7).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_when_asked_serves_once_it_is_up() {
    let server = IcapServer::listen().await;
    server.stop().await;
    let scene = scene_with(&server, json!({}), 1).await;
    let failed = "wasmcustom.icap_filter.options_failed";
    scene.envoy.until_stat(failed, INSTANCES as u64).await;
    server.restart().await;
    server.serve(Behaviour::Allow).await;
    shown(&scene, &server, "/upload", 9000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn options_that_hang_hold_no_request_up() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    server.answer_options(OptionsAnswer::Silence);
    let scene = scene_with(&server, json!({"max_connections": 1}), 1).await;
    server.until_options_asked(INSTANCES).await;
    let begun = Instant::now();
    shown(&scene, &server, "/upload", 9000).await;
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(2), "the request took {took:?}");
    let failed = "wasmcustom.icap_filter.options_failed";
    scene.envoy.until_stat(failed, INSTANCES as u64).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn options_that_are_disabled_are_never_asked() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let disabled = json!({"options": {"enabled": false}});
    let scene = scene_with(&server, disabled, 1).await;
    for _ in 0..10 {
        shown(&scene, &server, "/upload", 9000).await;
    }
    assert!(server.options_asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_istag_is_noticed_and_options_asked_again() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let fields = "ISTag: \"e2e-1\"\r\nOptions-TTL: 3600\r\nPreview: 30\r\n";
    let scene = knowing(&server, fields, json!({})).await;
    shown(&scene, &server, "/same", 99).await;
    let asked = server.options_asked().len();
    server.answer_options(OptionsAnswer::ok(
        "ISTag: \"e2e-2\"\r\nOptions-TTL: 3600\r\nPreview: 20\r\n",
    ));
    let changed = NO_CONTENT.replace("\"e2e-1\"", "e2e-2");
    server.now(Behaviour::AnswerPreview(changed.into()));
    shown(&scene, &server, "/changed", 99).await;
    server.until_options_asked(asked + 1).await;
    assert_eq!(scene.envoy.metric("istag_changed").await, 1);
    assert_eq!(lines(&scene, "its ISTag is \"e2e-2\" now"), 1);
    eventually("the new preview", async || {
        let seen = shown(&scene, &server, "/", 99).await;
        (seen.preview().bytes.len() == 20).then_some(())
    })
    .await;
    assert_eq!(server.options_asked().len(), asked + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_without_an_istag_change_nothing() {
    let server = IcapServer::serving(Behaviour::AnswerPreview(
        b"ICAP/1.0 204 No Content\r\n\r\n".into(),
    ))
    .await;
    let scene = knowing(&server, "ISTag: \"e2e-1\"\r\n", json!({})).await;
    for _ in 0..3 {
        shown(&scene, &server, "/", 99).await;
    }
    assert_eq!(scene.envoy.metric("istag_changed").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn c_icap_echo_returns_every_byte_because_it_gets_the_preview_it_names() {
    // With a preview of more than 4096 bytes this service loses what is beyond them.
    let icap = c_icap::address().await;
    let plugin =
        asking(&json!({"service_url": "icap://icap.test/echo", "preview_size_bytes": 8000}));
    let scene = Scene::with(icap, json!({}), |setup| setup.plugin = plugin.to_string()).await;
    scene.until_learned(1).await;
    let bytes = pattern(20_000);
    let mut client = scene.client(Version::Http1).await;
    for _ in 0..20 {
        let answer = client.send(post("/upload", sized(bytes.clone()))).await;
        assert_eq!(answer.status, 200);
        let received = within("the echo", scene.application.next()).await;
        assert_same_bytes("echo", &received.body, &bytes);
    }
    let answer = scene.send(request(Method::GET, "/", empty())).await;
    assert_eq!(answer.status, 200);
    let sent = scene.icap_log(0).await["request_logs"][0]["icap_headers_sent_to_server"].clone();
    let sent = sent.as_str().unwrap_or_default();
    assert!(sent.contains("Preview: 1024\r\n"), "{sent}");
}
