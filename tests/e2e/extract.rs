//! Values within bodies: a server is shown what they hold, beside the whole body.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::Request;
use serde_json::{Value, json};

use crate::support::c_icap;
use crate::support::client::{Body, Version, sized};
use crate::support::form::upload;
use crate::support::icap_answers::request;
use crate::support::icap_message::IcapRequest;
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::payload::{assert_same_bytes, eicar, pattern};
use crate::support::scene::{PREVIEW, Scene};

fn all() -> Value {
    json!(["json_base64", "data_url", "urlencoded", "grpc_bytes"])
}

const JSON: &str = "application/json";
const URLENCODED: &str = "application/x-www-form-urlencoded";
const GRPC: &str = "application/grpc";

/// A message of gRPC with one field of bytes, the first.
fn grpc(bytes: &[u8]) -> Vec<u8> {
    let mut message = vec![0x0a];
    let mut length = bytes.len();
    while length > 127 {
        message.push((length % 128) as u8 + 128);
        length /= 128;
    }
    message.push(length as u8);
    message.extend_from_slice(bytes);
    let mut body = vec![0];
    body.extend_from_slice(&(message.len() as u32).to_be_bytes());
    body.extend_from_slice(&message);
    body
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("%{byte:02X}")).collect()
}

/// A file in all wrappings: the type of the body, the body, and the name of the value.
fn wrapped(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let base64 = STANDARD.encode(bytes);
    let json = format!("{{\"title\": \"a\", \"files\": [{{\"data\": \"{base64}\"}}]}}");
    let in_json = format!("{{\"icon\": \"data:image/png;base64,{base64}\"}}");
    let page = format!("<img src=\"data:image/png;base64,{base64}\">");
    let fields = format!("title=a&file={}", escaped(base64.as_bytes()));
    vec![
        (JSON, json.clone().into_bytes(), "$.files[0].data"),
        (
            JSON,
            json.replace('/', "\\/").into_bytes(),
            "$.files[0].data",
        ),
        (JSON, in_json.into_bytes(), "$.icon"),
        ("text/html", page.into_bytes(), "data:0"),
        (URLENCODED, fields.into_bytes(), "file"),
        (
            URLENCODED,
            format!("file={}", escaped(bytes)).into_bytes(),
            "file",
        ),
        (GRPC, grpc(bytes), "0:1"),
    ]
}

fn send(content_type: &str, body: &[u8]) -> Request<Body> {
    upload(content_type, &[("te", "trailers")], sized(body.to_vec()))
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_shown_beside_the_whole_body() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let changes = json!({"extract": all(), "multipart_parallel": 1});
    let scene = Scene::new(server.address(), changes).await;
    let mut client = scene.client(Version::Http2).await;
    let file = pattern(3 * PREVIEW);
    for (n, (content_type, body, name)) in wrapped(&file).into_iter().enumerate() {
        client.send(send(content_type, &body)).await;
        let received = scene.application.next().await;
        assert_same_bytes("the original", &received.body, &body);
        let whole = server.next_request().await;
        assert_same_bytes("the body", &whole.body, &body);
        assert_eq!(whole.http().get("content-type"), Some(content_type));
        let log = scene.icap_log(n).await;
        assert_eq!(log["action"], "ICAP_PASSED", "{log}");
        let entries = log["request_logs"].as_array().unwrap();
        assert_eq!(entries[0]["part"], Value::Null, "{log}");
        assert_eq!(entries[1]["part"], json!({"name": name}), "{log}");
        // A field of a form is shown as it is, and decoded as well.
        let mut values: Vec<IcapRequest> = Vec::new();
        for _ in entries.iter().skip(1) {
            values.push(server.next_request().await);
        }
        let held = values.iter().find(|value| value.body == file);
        let held =
            held.unwrap_or_else(|| panic!("{content_type}, {name}: {} values", values.len()));
        let http = held.http();
        assert_eq!(http.get("content-type"), Some("application/octet-stream"));
        let length = file.len().to_string();
        assert_eq!(http.get("content-length"), Some(length.as_str()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn by_itself_nothing_is_looked_for() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::new(server.address(), json!({})).await;
    let mut client = scene.client(Version::Http2).await;
    for (n, (content_type, body, _)) in wrapped(&pattern(100)).into_iter().enumerate() {
        client.send(send(content_type, &body)).await;
        assert_same_bytes("all", &scene.application.next().await.body, &body);
        let log = scene.icap_log(n).await;
        assert_eq!(log["request_logs"].as_array().unwrap().len(), 1, "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scanner_finds_what_is_wrapped() {
    let service = json!({"service_url": "icap://icap.test/avscan", "extract": all()});
    let scene = Scene::new(c_icap::address().await, service).await;
    let mut client = scene.client(Version::Http2).await;
    let mut sent = 0;
    for (content_type, body, name) in wrapped(&eicar()) {
        client.send(send(content_type, &body)).await;
        let log = scene.icap_log(sent).await;
        assert_eq!(
            log["action"], "ICAP_BLOCKED",
            "{content_type} {name}: {log}"
        );
        sent += 1;
    }
    assert_eq!(scene.application.bytes_received(), 0);
    for (content_type, body, name) in wrapped(&pattern(500)) {
        client.send(send(content_type, &body)).await;
        let log = scene.icap_log(sent).await;
        assert_eq!(log["action"], "ICAP_PASSED", "{content_type} {name}: {log}");
        assert_same_bytes(name, &scene.application.next().await.body, &body);
        sent += 1;
    }
}

/// Sends back what it was shown, but for the bytes `other`: these become others.
fn change_file(shown: &IcapRequest) -> Option<Vec<u8>> {
    let head = "POST /upload?album=7 HTTP/1.1\r\nHost: app.test\r\nContent-Length: 7";
    shown
        .complete
        .then(|| match shown.http().get("content-type") {
            Some("application/octet-stream") => request("", head, Some(b"changed")),
            _ => b"ICAP/1.0 204 No Content\r\n\r\n".to_vec(),
        })
}

/// The same with the body that the values are in.
fn change_body(shown: &IcapRequest) -> Option<Vec<u8>> {
    let head = "POST /upload?album=7 HTTP/1.1\r\nHost: app.test\r\n\
                Content-Type: application/json\r\nContent-Length: 7";
    shown
        .complete
        .then(|| match shown.http().get("content-type") {
            Some(JSON) => request("", head, Some(b"changed")),
            _ => b"ICAP/1.0 204 No Content\r\n\r\n".to_vec(),
        })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_value_is_refused_and_a_changed_body_is_not() {
    let server = IcapServer::serving(Behaviour::Decide(change_file)).await;
    let changes = json!({"extract": all(), "fail_action": "fail_open"});
    let scene = Scene::new(server.address(), changes).await;
    for (n, (content_type, body, _)) in wrapped(&pattern(500)).into_iter().take(6).enumerate() {
        let answer = scene.send(send(content_type, &body)).await;
        assert_eq!(answer.status, 503, "{content_type}");
        let log = scene.icap_log(n).await;
        assert_eq!(log["action"], "ICAP_FAILED", "{log}");
        assert!(
            log.to_string().contains("the server changed a value"),
            "{log}"
        );
    }
    scene.assert_application_untouched(6).await;
    server.now(Behaviour::Decide(change_body));
    let (content_type, body, _) = wrapped(&pattern(500)).swap_remove(0);
    assert_eq!(scene.send(send(content_type, &body)).await.status, 200);
    let received = scene.application.next().await;
    assert_eq!(received.body, b"changed");
    assert_eq!(scene.icap_log(6).await["action"], "ICAP_MODIFIED");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_t_be_looked_into_is_unscannable() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let closed = json!({"extract": all(), "fail_action": "fail_open"});
    let scene = Scene::new(server.address(), closed).await;
    let deep = format!("{}1{}", "[".repeat(65), "]".repeat(65));
    let long = format!("\"{}\"", STANDARD.encode(pattern(60)));
    let many = format!("[{}]", vec![long; 1001].join(","));
    let bodies = ["{\"a\": ", "{a text}", deep.as_str(), many.as_str()];
    for (n, body) in bodies.into_iter().enumerate() {
        let answer = scene.send(send(JSON, body.as_bytes())).await;
        assert_eq!(answer.status, 403, "case {n}");
        let log = scene.icap_log(n).await;
        let significance = json!(["ADF_ICAP_BLOCKED", "ADF_ICAP_UNSCANNABLE"]);
        assert_eq!(log["action"], "ICAP_BLOCKED", "case {n}: {log}");
        let has = |word: &Value| log["significance"].as_array().unwrap().contains(word);
        assert!(has(&significance[1]), "case {n}: {log}");
    }
    // Which of several types a program goes by nobody knows.
    let answer = scene
        .send(send("application/json, text/plain", b"{}"))
        .await;
    assert_eq!(answer.status, 400);
    scene.assert_application_untouched(5).await;

    let open = json!({"extract": all(), "fail_action_by_cause": {"unscannable": "fail_open"}});
    let scene = Scene::new(server.address(), open).await;
    assert_eq!(scene.send(send(JSON, b"{a text}")).await.status, 200);
    assert_eq!(scene.application.next().await.body, b"{a text}");
    assert_eq!(scene.icap_log(0).await["action"], "ICAP_FAILED");
    // The body is scanned all the same, and so is what was found before.
    server.now(Behaviour::Decide(|shown| {
        let is_value = shown.http().get("content-type") == Some("application/octet-stream");
        let page = crate::support::icap_answers::block_page("X-Virus-ID: EICAR\r\n", "no");
        shown.complete.then(|| match is_value {
            true => page,
            false => b"ICAP/1.0 204 No Content\r\n\r\n".to_vec(),
        })
    }));
    let untouched = scene.application.bytes_received();
    let infected = format!("{} :", many.trim_end_matches(']'));
    assert_eq!(
        scene.send(send(JSON, infected.as_bytes())).await.status,
        403
    );
    assert_eq!(scene.application.bytes_received(), untouched);
}
