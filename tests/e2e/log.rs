//! icap_log in Envoy's access log: its whole shape, as text and typed, for each outcome; and the counters beside it.

use serde_json::{Value, json};

use crate::support::client::{empty, post, request, sized};
use crate::support::icap_answers::{block_page, request as changed};
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::payload::pattern;
use crate::support::scene::{PREVIEW, Scene, plugin, profile};

/// Settings that show in the log.
fn named() -> Value {
    json!({
        "pool_name": "ICAP-POOL-GROUP",
        "pool_uuid": "poolgroup-c7dd3b93-60c1-4190-b6d6-26c22d55dc30",
        "vendor": "opswat",
        "response_timeout_ms": 1000,
    })
}

/// icap_log of a POST over the preview that the server meets with `behaviour`, once as text; typed it must say the same.
async fn logged(behaviour: Behaviour) -> (Scene, IcapServer, Value) {
    let server = IcapServer::serving(behaviour).await;
    let scene = Scene::new(server.address(), named()).await;
    scene
        .send(post("/upload?x=1", sized(pattern(2 * PREVIEW))))
        .await;
    let log = scene.icap_log(0).await;
    assert_typed_agrees(&scene, 0, &log).await;
    assert_eq!(log["profile"], "upload-av", "{log}");
    assert_eq!(
        log["request_logs"].as_array().map(Vec::len),
        Some(1),
        "{log}"
    );
    assert_common_fields(&server, &log["request_logs"][0]);
    (scene, server, log)
}

async fn assert_typed_agrees(scene: &Scene, n: usize, plain: &Value) {
    let typed = scene.envoy.typed_icap_log(n).await;
    assert_eq!(typed["@type"], "type.googleapis.com/google.protobuf.Struct");
    assert_eq!(with_doubles(&typed["value"]), with_doubles(plain));
}

/// A protobuf Struct knows no integers.
pub fn with_doubles(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.iter().map(with_doubles).collect(),
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, value)| (name.clone(), with_doubles(value)))
                .collect(),
        ),
        other => other.clone(),
    }
}

/// What every transaction's entry says.
#[track_caller]
fn assert_common_fields(server: &IcapServer, entry: &Value) {
    for (name, expected) in [
        ("icap_method", json!("ICAP_METHOD_REQMOD")),
        ("http_method", json!("HTTP_METHOD_POST")),
        ("icap_absolute_uri", json!("icap://icap.test:1344/scan")),
        (
            "pool_name",
            json!({"val": "ICAP-POOL-GROUP", "crc32": 1_799_851_903}),
        ),
        (
            "pool_uuid",
            json!("poolgroup-c7dd3b93-60c1-4190-b6d6-26c22d55dc30"),
        ),
        ("icap_server_ip", json!("127.0.0.1")),
        ("icap_server_port", json!(server.address().port())),
        ("vendor", json!("opswat")),
    ] {
        assert_eq!(entry[name], expected, "{name} in {entry}");
    }
    let latency = entry["latency"].as_str().unwrap();
    assert!(latency.parse::<u64>().is_ok(), "{latency}");
    let sent = entry["icap_headers_sent_to_server"].as_str().unwrap();
    assert!(sent.contains("Host: icap.test:1344\r\n"), "{sent}");
    assert!(sent.contains("Preview: 5000\r\n"), "{sent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passed_request_is_logged() {
    let (scene, _server, log) = logged(Behaviour::ContinueThenAllow).await;
    assert_eq!(log["action"], "ICAP_PASSED", "{log}");
    assert_eq!(log.get("significance"), None, "{log}");
    let entry = &log["request_logs"][0];
    assert_eq!(entry["action"], "ICAP_PASSED", "{log}");
    assert_eq!(entry["icap_response_code"], 204, "{log}");
    assert_eq!(entry["complete_body_sent"], true, "{log}");
    let received = entry["icap_headers_received_from_server"].as_str();
    assert!(received.unwrap().contains("ISTag: \"e2e-1\"\r\n"), "{log}");
    for absent in ["http_response_code", "modified_content_length", "threat_id"] {
        assert_eq!(entry.get(absent), None, "{absent} in {log}");
    }
    scene
        .envoy
        .until_stat("wasmcustom.icap_filter.passed", 1)
        .await;
    assert_eq!(scene.envoy.metric("requests").await, 1);
    assert_eq!(scene.envoy.metric("failed").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_after_the_preview_is_logged_as_an_incomplete_body() {
    let (_scene, _server, log) = logged(Behaviour::Allow).await;
    assert_eq!(log["action"], "ICAP_PASSED", "{log}");
    assert_eq!(log["request_logs"][0]["complete_body_sent"], false, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_request_is_logged_with_its_threat_and_violations() {
    let fields = "X-Infection-Found: Type=0; Resolution=2; Threat=EICAR-Test-File (not a virus);\r\n\
                  X-Blocked-Reason: Infected\r\n\
                  X-Violations-Found: 1\r\n\ta.zip/x.com\r\n\tEICAR\r\n\t0\r\n\t0\r\n";
    let (scene, _server, log) = logged(Behaviour::Answer(block_page(fields, "no"))).await;
    assert_eq!(log["action"], "ICAP_BLOCKED", "{log}");
    assert_eq!(log["significance"], json!(["ADF_ICAP_BLOCKED"]), "{log}");
    let entry = &log["request_logs"][0];
    for (name, expected) in [
        ("action", json!("ICAP_BLOCKED")),
        ("icap_response_code", json!(200)),
        ("http_response_code", json!(403)),
        ("reason", json!("Infected")),
        ("threat_id", json!("EICAR-Test-File (not a virus)")),
        (
            "violations",
            json!([{"file_name": "a.zip/x.com", "threat_name": "EICAR",
                    "resolution": "ICAP_FILE_NOT_REPAIRED"}]),
        ),
    ] {
        assert_eq!(entry[name], expected, "{name} in {log}");
    }
    scene
        .envoy
        .until_stat("wasmcustom.icap_filter.blocked", 1)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_modified_request_is_logged_with_its_new_length() {
    let answer = changed(
        "",
        "POST /upload HTTP/1.1\r\nHost: app.test",
        Some(b"short"),
    );
    let (scene, _server, log) = logged(Behaviour::Answer(answer)).await;
    assert_eq!(log["action"], "ICAP_MODIFIED", "{log}");
    assert_eq!(log["significance"], json!(["ADF_ICAP_MODIFIED"]), "{log}");
    let entry = &log["request_logs"][0];
    assert_eq!(entry["action"], "ICAP_MODIFIED", "{log}");
    assert_eq!(entry["modified_content_length"], 5, "{log}");
    scene
        .envoy
        .until_stat("wasmcustom.icap_filter.modified", 1)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_scan_is_logged_with_its_reason() {
    let (scene, _server, log) = logged(Behaviour::Silence).await;
    assert_eq!(log["action"], "ICAP_FAILED", "{log}");
    assert_eq!(log["significance"], json!(["ADF_ICAP_TIMEDOUT"]), "{log}");
    let entry = &log["request_logs"][0];
    assert_eq!(entry["action"], "ICAP_FAILED", "{log}");
    assert!(
        !entry["reason"].as_str().unwrap_or_default().is_empty(),
        "{log}"
    );
    assert_eq!(entry.get("http_response_code"), None, "{log}");
    scene
        .envoy
        .until_stat("wasmcustom.icap_filter.failed", 1)
        .await;
    assert_eq!(scene.envoy.metric("failed.timeout").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn control_characters_of_a_server_do_not_break_the_log() {
    let fields = "X-Virus-ID: a\"b\\c\u{1}\td\u{e9}\r\n";
    let (_scene, _server, log) = logged(Behaviour::Answer(block_page(fields, "no"))).await;
    assert_eq!(log["action"], "ICAP_BLOCKED", "{log}");
    let threat = log["request_logs"][0]["threat_id"].as_str().unwrap();
    assert!(threat.starts_with("a\"b\\c"), "{threat:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_no_rule_wants_scanned_is_logged_as_such() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let mut configuration = plugin(json!({}));
    configuration["rules"] = json!([
        {"name": "no-probes", "enabled": true, "match": {"path": {"exact": "/probe"}}, "action": "bypass"},
        {"name": "scan-uploads", "enabled": true, "match": {"method": ["POST"]},
         "action": "enable_icap", "profile": "upload-av"},
    ]);
    let scene = Scene::with(server.address(), json!({}), |setup| {
        setup.plugin = configuration.to_string();
    })
    .await;
    scene.send(post("/probe", sized("x"))).await;
    scene.send(request(hyper::Method::GET, "/", empty())).await;
    scene.send(post("/", sized("x"))).await;
    for n in [0, 1] {
        let log = scene.icap_log(n).await;
        assert_eq!(log["action"], "ICAP_DISABLED", "{n}: {log}");
        assert_eq!(log.get("request_logs"), None, "{n}: {log}");
        assert_typed_agrees(&scene, n, &log).await;
    }
    let log = scene.icap_log(2).await;
    assert_eq!(log["action"], "ICAP_PASSED", "{log}");
    assert_eq!(log["rule_name"], "scan-uploads", "{log}");
    assert_eq!(scene.application.requests_received(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn icap_log_is_set_in_the_forms_that_are_asked_for() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    for (forms, text, structure) in [
        (json!({}), true, false),
        (json!({"struct": true}), true, true),
        (json!({"text": false, "struct": true}), false, true),
        (json!({"text": false}), false, false),
    ] {
        let mut configuration = plugin(json!({}));
        configuration["icap_log"] = forms.clone();
        configuration["rules"] = json!([{"name": "scan", "match": {"path": "/scan"},
                                         "action": "enable_icap", "profile": "upload-av"}]);
        let scene = Scene::with(server.address(), json!({}), |setup| {
            setup.plugin = configuration.to_string();
        })
        .await;
        scene.send(post("/scan", sized("x"))).await;
        scene.send(post("/other", sized("x"))).await;
        for (n, action) in ["ICAP_PASSED", "ICAP_DISABLED"].into_iter().enumerate() {
            let expected = |is_there: bool| match is_there {
                true => json!(action),
                false => Value::Null,
            };
            let plain = scene.icap_log(n).await;
            let typed = scene.envoy.typed_icap_log(n).await;
            assert_eq!(plain["action"], expected(text), "{forms}");
            assert_eq!(typed["value"]["action"], expected(structure), "{forms}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_can_switch_the_scan_off_or_choose_a_profile() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let configuration = json!({"profiles": [
        profile(json!({})),
        profile(json!({"name": "other", "service_url": "icap://other.test/scan"})),
    ]});
    for (metadata, action, uri) in [
        (json!({"disabled": true}), "ICAP_DISABLED", None),
        (
            json!({"profile": "other"}),
            "ICAP_PASSED",
            Some("icap://other.test/scan"),
        ),
    ] {
        let scene = Scene::with(server.address(), json!({}), |setup| {
            setup.plugin = configuration.to_string();
            setup.route_metadata = Some(metadata);
        })
        .await;
        assert_eq!(scene.send(post("/", sized("x"))).await.status, 200);
        let log = scene.icap_log(0).await;
        assert_eq!(log["action"], action, "{log}");
        assert_eq!(
            log["request_logs"][0]["icap_absolute_uri"].as_str(),
            uri,
            "{log}"
        );
    }
}
