//! What vendors really answer, and the whole icap_log of it; credentials never, valid JSON always.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::client::{post, sized};
use crate::support::icap_answers::{block_page, request as changed};
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::scene::{Scene, plugin};

const PAGE: &str = "<html><body>Access denied</body></html>";

/// icap_log of an upload of `body` that a server meets with `behaviour`.
async fn logged(behaviour: Behaviour, body: &'static str) -> (IcapServer, Value) {
    let server = IcapServer::serving(behaviour).await;
    let settings = json!({
        "vendor": "opswat",
        "pool_name": "ICAP-POOL-GROUP",
        "pool_uuid": "poolgroup-c7dd3b93-60c1-4190-b6d6-26c22d55dc30",
    });
    let mut configuration = plugin(settings);
    configuration["rules"] = json!([{"name": "scan-uploads", "match": {"method": "POST"},
                                     "action": "enable_icap", "profile": "upload-av"}]);
    let scene = Scene::with(server.address(), json!({}), |setup| {
        setup.plugin = configuration.to_string();
    })
    .await;
    scene.send(post("/upload", sized(body))).await;
    let log = scene.icap_log(0).await;
    (server, log)
}

/// Takes out and checks what differs from run to run.
fn settled(mut log: Value) -> (Value, String) {
    let entry = log["request_logs"][0].as_object_mut().unwrap();
    let latency = entry.remove("latency").unwrap();
    assert!(
        latency.as_str().unwrap().parse::<u64>().is_ok(),
        "{latency}"
    );
    let sent = entry.remove("icap_headers_sent_to_server").unwrap();
    (log, sent.as_str().unwrap().to_owned())
}

/// Compares icap_log, field by field, with the entry that is common to all cases and the fields given here.
#[track_caller]
fn assert_logged(server: &IcapServer, log: Value, top: Value, fields: Value) {
    let (log, sent) = settled(log);
    let mut entry = json!({
        "icap_method": "ICAP_METHOD_REQMOD",
        "http_method": "HTTP_METHOD_POST",
        "icap_absolute_uri": "icap://icap.test:1344/scan",
        "complete_body_sent": true,
        "pool_name": {"val": "ICAP-POOL-GROUP", "crc32": 1_799_851_903},
        "pool_uuid": "poolgroup-c7dd3b93-60c1-4190-b6d6-26c22d55dc30",
        "icap_server_ip": "127.0.0.1",
        "icap_server_port": server.address().port(),
        "vendor": "opswat",
    });
    for (name, value) in fields.as_object().unwrap() {
        entry[name] = value.clone();
    }
    let mut expected =
        json!({"rule_name": "scan-uploads", "profile": "upload-av", "request_logs": [entry]});
    for (name, value) in top.as_object().unwrap() {
        expected[name] = value.clone();
    }
    assert_eq!(log, expected);
    for line in [
        "Host: icap.test:1344",
        "Allow: 204",
        "Preview: 8",
        "X-Client-IP: 127.0.0.1",
    ] {
        assert!(sent.contains(&format!("{line}\r\n")), "{line} in {sent:?}");
    }
}

fn headers_of(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    let (_, lines) = head.split_once("\r\n").unwrap();
    format!("{lines}\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_infected_upload_at_opswat() {
    let answer = block_page(
        "X-Response-Info: Blocked\r\nX-Blocked-Reason: Infected\r\n\
         X-Infection-Found: Type=0; Resolution=0; Threat=EICAR-Test-File (not a virus);\r\n",
        PAGE,
    );
    let received = headers_of(&answer);
    let (server, log) = logged(Behaviour::Answer(answer), "infected").await;
    assert_logged(
        &server,
        log,
        json!({"action": "ICAP_BLOCKED", "significance": ["ADF_ICAP_BLOCKED"]}),
        json!({
            "icap_response_code": 200,
            "http_response_code": 403,
            "icap_headers_received_from_server": received,
            "action": "ICAP_BLOCKED",
            "reason": "Infected",
            "threat_id": "EICAR-Test-File (not a virus)",
        }),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_no_security_rule_of_opswat_matched() {
    let answer = block_page(
        "X-Response-Info: Blocked\r\nX-Response-Desc: No security rule matched\r\n",
        PAGE,
    );
    let received = headers_of(&answer);
    let (server, log) = logged(Behaviour::Answer(answer), "whatever").await;
    assert_logged(
        &server,
        log,
        json!({"action": "ICAP_BLOCKED", "significance": ["ADF_ICAP_BLOCKED"]}),
        json!({
            "icap_response_code": 200,
            "http_response_code": 403,
            "icap_headers_received_from_server": received,
            "action": "ICAP_BLOCKED",
            "reason": "No security rule matched",
        }),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_upload() {
    let answer = "ICAP/1.0 204 No Content\r\nISTag: \"1\"\r\nX-Response-Info: Allowed\r\n\r\n";
    let (server, log) = logged(Behaviour::Answer(answer.into()), "harmless").await;
    assert_logged(
        &server,
        log,
        json!({"action": "ICAP_PASSED"}),
        json!({
            "icap_response_code": 204,
            "icap_headers_received_from_server": headers_of(answer.as_bytes()),
            "action": "ICAP_PASSED",
        }),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_modified_upload() {
    let head = "POST /upload HTTP/1.1\r\nHost: app.test";
    let answer = changed("X-Response-Info: Sanitized\r\n", head, Some(b"cleaned up"));
    let received = headers_of(&answer);
    let (server, log) = logged(Behaviour::Answer(answer), "a macro!").await;
    assert_logged(
        &server,
        log,
        json!({"action": "ICAP_MODIFIED", "significance": ["ADF_ICAP_MODIFIED"]}),
        json!({
            "icap_response_code": 200,
            "icap_headers_received_from_server": received,
            "modified_content_length": 10,
            "action": "ICAP_MODIFIED",
        }),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_answer_is_significant() {
    let server = IcapServer::listen().await;
    let settings = json!({"slow_response_warning_threshold_ms": 50});
    let scene = Scene::new(server.address(), settings).await;
    let pending = scene.send_in_background(post("/", sized("x"))).await;
    let mut connection = server.accept().await;
    connection.request().await;
    // The server's own clock says when it is slow enough.
    let asked = Instant::now();
    while asked.elapsed() < Duration::from_millis(80) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    connection.send(block_page("X-Virus-ID: v\r\n", "no")).await;
    assert_eq!(pending.response().await.status, 403);
    let log = scene.icap_log(0).await;
    let expected = json!(["ADF_ICAP_BLOCKED", "ADF_ICAP_SERVER_HIGH_RESPONSE_TIME"]);
    assert_eq!(log["significance"], expected, "{log}");
    let latency = log["request_logs"][0]["latency"].as_str().unwrap();
    assert!(latency.parse::<u64>().unwrap() >= 50, "{log}");
    scene
        .envoy
        .until_stat("wasmcustom.icap_filter.slow", 1)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_in_no_log() {
    // base64 of "scanner:hunter2-hunter2".
    let basic = "c2Nhbm5lcjpodW50ZXIyLWh1bnRlcjI=";
    for (authorization, value, secrets) in [
        (
            json!({"basic": {"username": "scanner", "password": "hunter2-hunter2"}}),
            format!("Basic {basic}"),
            [basic, "hunter2-hunter2"],
        ),
        (
            json!({"bearer": "t0ken-t0ken"}),
            "Bearer t0ken-t0ken".to_owned(),
            ["t0ken-t0ken", "Bearer"],
        ),
    ] {
        let answer =
            "ICAP/1.0 204 No Content\r\nSet-Cookie: crumb-1\r\nX-Session: session-2\r\n\r\n";
        let server = IcapServer::serving(Behaviour::Answer(answer.into())).await;
        let settings = json!({
            "authorization": authorization,
            "icap_headers": {"X-Api-Key": "key-3", "X-Shown": "shown-4"},
        });
        let mut configuration = plugin(settings);
        configuration["redact_headers"] = json!(["x-api-key", "X-SESSION"]);
        let scene = Scene::with(server.address(), json!({}), |setup| {
            setup.plugin = configuration.to_string();
        })
        .await;
        scene.send(post("/", sized("x"))).await;
        let seen = server.next_request().await;
        assert_eq!(seen.icap.get("authorization"), Some(&*value));
        assert_eq!(seen.icap.get("x-api-key"), Some("key-3"));
        let log = scene.icap_log(0).await;
        let sent = log["request_logs"][0]["icap_headers_sent_to_server"].as_str();
        for line in ["Authorization: ***", "X-Api-Key: ***", "X-Shown: ***"] {
            assert!(sent.unwrap().contains(line), "{line} in {log}");
        }
        let all = [
            log.to_string(),
            scene.envoy.typed_icap_log(0).await.to_string(),
            scene.envoy.log(),
        ];
        for secret in secrets
            .iter()
            .chain(&["crumb-1", "session-2", "key-3", "shown-4"])
        {
            for text in &all {
                assert!(!text.contains(secret), "{secret} in {text}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_bytes_a_server_sends_the_log_is_valid() {
    let mut odd: Vec<u8> = (1..=255).filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    odd.extend_from_slice(b"\"}],\\\"\xc3\x28\xed\xa0\x80\xf5");
    let fields: [&[u8]; 3] = [
        &[b"X-Virus-ID: ", &odd[..], b"\r\n"].concat(),
        &[
            b"X-Blocked-Reason: ",
            &odd[..],
            b"\r\nX-Odd: ",
            &odd[..],
            b"\r\n",
        ]
        .concat(),
        &[
            b"X-Violations-Found: 1\r\n\t",
            &odd[..],
            b"\r\n\t",
            &odd[..],
            b"\r\n\t0\r\n\t0\r\n",
        ]
        .concat(),
    ];
    for field in fields {
        let answer = [b"ICAP/1.0 204 No Content\r\n", field, b"\r\n"].concat();
        let server = IcapServer::serving(Behaviour::Answer(answer)).await;
        let scene = Scene::new(server.address(), json!({})).await;
        scene.send(post("/", sized("x"))).await;
        // Reading both as JSON is the point.
        let plain = scene.icap_log(0).await;
        let typed = scene.envoy.typed_icap_log(0).await;
        let action = plain["action"].as_str().unwrap();
        assert!(["ICAP_BLOCKED", "ICAP_FAILED"].contains(&action), "{plain}");
        assert_eq!(typed["value"]["action"], action, "{typed}");
        let entry = &typed["value"]["request_logs"][0];
        assert_eq!(
            entry["reason"], plain["request_logs"][0]["reason"],
            "{plain}"
        );
        for text in strings(&plain) {
            let raw = text
                .chars()
                .find(|c| c.is_control() && !"\r\n\t".contains(*c));
            let from_headers = text.contains("X-");
            assert!(raw.is_none() || from_headers, "{raw:?} in {text:?}");
        }
    }
}

fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(fields) => fields.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}
