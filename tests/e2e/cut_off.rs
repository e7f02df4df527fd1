//! Messages that a server sends back in part: an incomplete one must not become a complete one, nor the original go on.

use hyper::Method;
use serde_json::{Value, json};

use crate::support::c_icap;
use crate::support::client::{HttpResponse, VERSIONS, empty, post, request, sized, unsized_body};
use crate::support::icap_answers;
use crate::support::icap_message::IcapRequest;
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::payload::{MIB, assert_same_bytes, infected, pattern};
use crate::support::scene::Scene;

/// Bytes of the originals.
const LENGTH: usize = 20_000;
const REASON: &str = "the server ended the message early";

/// What a server answers; `None` where it wants the rest of the body first.
type Reply = fn(&IcapRequest) -> Option<Vec<u8>>;

/// The message sent back with `body`, and with `length` in the place of its `content-length`.
fn echo_of(message: &IcapRequest, body: Option<&[u8]>, length: Option<&str>) -> Vec<u8> {
    let head = message
        .http_response
        .as_ref()
        .unwrap_or_else(|| message.http());
    let mut lines: Vec<String> = head
        .raw
        .trim_end_matches("\r\n")
        .split("\r\n")
        .map(str::to_owned)
        .collect();
    if let Some(length) = length {
        lines.retain(|line| !line.to_ascii_lowercase().starts_with("content-length:"));
        if !length.is_empty() {
            lines.push(format!("Content-Length: {length}"));
        }
    }
    let head = lines.join("\r\n");
    match message.http_response {
        Some(_) => icap_answers::response("", &head, body),
        None => icap_answers::request("", &head, body),
    }
}

fn whole(message: &IcapRequest, answer: impl FnOnce(&[u8]) -> Vec<u8>) -> Option<Vec<u8>> {
    message.complete.then(|| answer(&message.body))
}

fn half(message: &IcapRequest) -> Option<Vec<u8>> {
    whole(message, |body| {
        echo_of(message, Some(&body[..body.len() / 2]), None)
    })
}

fn all_but_one(message: &IcapRequest) -> Option<Vec<u8>> {
    whole(message, |body| {
        echo_of(message, Some(&body[..body.len() - 1]), None)
    })
}

fn nothing(message: &IcapRequest) -> Option<Vec<u8>> {
    whole(message, |_| echo_of(message, Some(b""), None))
}

fn half_without_a_length(message: &IcapRequest) -> Option<Vec<u8>> {
    whole(message, |body| {
        echo_of(message, Some(&body[..body.len() / 2]), Some(""))
    })
}

/// The head is another, and says itself that more was to come.
fn half_of_what_it_says(message: &IcapRequest) -> Option<Vec<u8>> {
    let length = format!("{LENGTH}\r\nX-Added: yes");
    whole(message, |body| {
        echo_of(message, Some(&body[..body.len() / 2]), Some(&length))
    })
}

/// `use-original-body` has no meaning outside of a 206.
fn half_and_a_place_in_a_200(message: &IcapRequest) -> Option<Vec<u8>> {
    let mut answer = half(message)?;
    answer.truncate(answer.len() - b"0\r\n\r\n".len());
    answer.extend_from_slice(b"0; use-original-body=10000\r\n\r\n");
    Some(answer)
}

/// The half, and of the original what is behind its end.
fn half_and_a_place_at_the_end(message: &IcapRequest) -> Option<Vec<u8>> {
    let answer = String::from_utf8_lossy(&half(message)?).into_owned();
    let mut answer = half(message)?.split_off(answer.find(" 200 ")? + 4);
    answer.truncate(answer.len() - b"0\r\n\r\n".len());
    let end = format!("0; use-original-body={LENGTH}\r\n\r\n");
    Some([b"ICAP/1.0 206", &answer[..], end.as_bytes()].concat())
}

/// The body is taken away, by a head that is another and still announces it.
fn nothing_by_null_body(message: &IcapRequest) -> Option<Vec<u8>> {
    let length = format!("{LENGTH}\r\nX-Added: yes");
    whole(message, |_| echo_of(message, None, Some(&length)))
}

const CUT: [Reply; 8] = [
    nothing_by_null_body,
    half,
    all_but_one,
    nothing,
    half_without_a_length,
    half_of_what_it_says,
    half_and_a_place_in_a_200,
    half_and_a_place_at_the_end,
];

fn open(more: Value) -> Value {
    let mut settings = json!({"fail_action": "fail_open", "large_upload_fail_action": "fail_open"});
    for (name, value) in more.as_object().unwrap() {
        settings[name] = value.clone();
    }
    settings
}

#[track_caller]
fn assert_cut_off(case: &str, answer: &HttpResponse, log: &Value) {
    assert_eq!(answer.status, 403, "{case}: {log}");
    assert_eq!(log["action"], "ICAP_BLOCKED", "{case}: {log}");
    assert_eq!(log["significance"], json!(["ADF_ICAP_BLOCKED"]), "{case}");
    let entry = log["request_logs"].as_array().unwrap().last().unwrap();
    assert_eq!(entry["reason"], REASON, "{case}: {log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_cut_short_by_the_server_is_blocked_and_not_forwarded_in_part() {
    for settings in [json!({}), open(json!({}))] {
        let server = IcapServer::serving(Behaviour::Allow).await;
        let scene = Scene::new(server.address(), settings).await;
        let mut sent = 0;
        for (n, cut) in CUT.into_iter().enumerate() {
            server.now(Behaviour::Decide(cut));
            for version in VERSIONS {
                for body in [sized(pattern(LENGTH)), unsized_body(pattern(LENGTH))] {
                    let mut client = scene.client(version).await;
                    let answer = client.send(post("/upload", body)).await;
                    let log = scene.icap_log(sent).await;
                    assert_cut_off(&format!("{n} {version:?}"), &answer, &log);
                    sent += 1;
                }
            }
        }
        scene.assert_application_untouched(sent).await;
        assert_eq!(server.accepted(), sent, "each connection was closed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_cut_short_by_the_server_is_blocked_and_not_given_in_part() {
    let server = IcapServer::listen().await;
    server.serve_responses(Behaviour::Allow).await;
    let settings = open(json!({"response_service_url": "icap://icap.test:1344/respmod"}));
    let scene = Scene::new(server.address(), settings).await;
    let body = pattern(LENGTH);
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {LENGTH}\r\n\r\n");
    scene
        .application
        .answer_with([head.as_bytes(), &body].concat());
    for (n, cut) in CUT.into_iter().enumerate() {
        server.now(Behaviour::Responses(Box::new(Behaviour::Decide(cut))));
        let answer = scene.send(request(Method::GET, "/", empty())).await;
        assert_cut_off(&format!("{n}"), &answer, &scene.icap_log(n).await);
        assert!(answer.body.len() < LENGTH / 4);
    }
}

fn half_and_its_length(message: &IcapRequest) -> Option<Vec<u8>> {
    whole(message, |body| {
        let half = &body[..body.len() / 2];
        echo_of(message, Some(half), Some(&half.len().to_string()))
    })
}

fn half_under_a_changed_head(message: &IcapRequest) -> Option<Vec<u8>> {
    whole(message, |body| {
        let half = &body[..body.len() / 2];
        let length = format!("{}\r\nX-Added: yes", half.len());
        echo_of(message, Some(half), Some(&length))
    })
}

fn removed_by_null_body(message: &IcapRequest) -> Option<Vec<u8>> {
    whole(message, |_| echo_of(message, None, Some("0")))
}

fn removed_by_an_empty_body(message: &IcapRequest) -> Option<Vec<u8>> {
    whole(message, |_| echo_of(message, Some(b""), Some("0")))
}

/// A 206 that goes on with the original from its start, and says that nothing is all there is to be.
fn removed_by_a_206(message: &IcapRequest) -> Option<Vec<u8>> {
    let answer = String::from_utf8(removed_by_an_empty_body(message)?).unwrap();
    let answer = answer.replacen(" 200 ", " 206 ", 1);
    let start = answer.strip_suffix("0\r\n\r\n").unwrap();
    Some(format!("{start}0; use-original-body=0\r\n\r\n").into_bytes())
}

fn kept_by_its_own_length(message: &IcapRequest) -> Option<Vec<u8>> {
    whole(message, |_| echo_of(message, None, None))
}

fn kept_without_a_length(message: &IcapRequest) -> Option<Vec<u8>> {
    whole(message, |_| echo_of(message, None, Some("")))
}

type Case = (Reply, usize, &'static str);

/// What a server says by a length, and how much of the body that leaves.
const SAID: [Case; 7] = [
    (half_and_its_length, LENGTH / 2, "ICAP_MODIFIED"),
    (half_under_a_changed_head, LENGTH / 2, "ICAP_MODIFIED"),
    (removed_by_null_body, 0, "ICAP_MODIFIED"),
    (removed_by_an_empty_body, 0, "ICAP_MODIFIED"),
    (removed_by_a_206, 0, "ICAP_MODIFIED"),
    (kept_by_its_own_length, LENGTH, "ICAP_PASSED"),
    (kept_without_a_length, LENGTH, "ICAP_PASSED"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_the_server_removed_or_shortened_and_says_so_is_forwarded_so() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::new(server.address(), json!({})).await;
    let mut sent = 0;
    for (n, (answer, length, action)) in SAID.into_iter().enumerate() {
        server.now(Behaviour::Decide(answer));
        for version in VERSIONS {
            let mut client = scene.client(version).await;
            let body = sized(pattern(LENGTH));
            assert_eq!(client.send(post("/upload", body)).await.status, 200, "{n}");
            let received = scene.application.next().await;
            assert_same_bytes(&format!("{n}"), &received.body, &pattern(LENGTH)[..length]);
            let log = scene.icap_log(sent).await;
            assert_eq!(log["action"], action, "{n}: {log}");
            sent += 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_body_that_the_server_removed_or_shortened_and_says_so_is_given_so() {
    let server = IcapServer::listen().await;
    server.serve_responses(Behaviour::Allow).await;
    let settings = json!({"response_service_url": "icap://icap.test:1344/respmod"});
    let scene = Scene::new(server.address(), settings).await;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {LENGTH}\r\n\r\n");
    scene
        .application
        .answer_with([head.as_bytes(), &pattern(LENGTH)].concat());
    for (n, (answer, length, action)) in SAID.into_iter().enumerate() {
        server.now(Behaviour::Responses(Box::new(Behaviour::Decide(answer))));
        let answer = scene.send(request(Method::GET, "/", empty())).await;
        assert_same_bytes(&format!("{n}"), &answer.body, &pattern(LENGTH)[..length]);
        let log = scene.icap_log(n).await;
        assert_eq!(log["action"], action, "{n}: {log}");
    }
}

/// How a server ends an answer in its middle.
#[derive(Clone, Copy, Debug)]
enum End {
    Close,
    Reset,
    Silence,
}

/// Takes the next request and sends the first half of it back.
async fn trickle(server: &IcapServer, end: End) {
    let mut connection = server.accept().await;
    let mut seen = connection.request().await;
    connection.take_whole(&mut seen).await;
    let answer = half(&seen).unwrap();
    connection.send(&answer[..answer.len() - 5]).await;
    match end {
        End::Close => connection.close().await,
        End::Reset => connection.reset(),
        End::Silence => drop(connection.closed().await),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trickled_answer_that_breaks_off_is_tried_once_more_and_never_opens() {
    for (end, significance) in [
        (End::Close, "ADF_ICAP_CONNECTION_ERROR"),
        (End::Reset, "ADF_ICAP_CONNECTION_ERROR"),
        (End::Silence, "ADF_ICAP_TIMEDOUT"),
    ] {
        let server = IcapServer::listen().await;
        let settings = open(json!({"response_timeout_ms": 2000}));
        let scene = Scene::new(server.address(), settings).await;
        let upload = post("/upload", sized(pattern(LENGTH)));
        let pending = scene.send_in_background(upload).await;
        trickle(&server, end).await;
        if !matches!(end, End::Silence) {
            trickle(&server, end).await;
        }
        assert_eq!(pending.response().await.status, 503, "{end:?}");
        let log = scene.icap_log(0).await;
        assert_eq!(log["action"], "ICAP_FAILED", "{end:?}: {log}");
        assert_eq!(log["significance"], json!([significance]), "{end:?}: {log}");
        assert_eq!(scene.envoy.metric("failed_open").await, 0, "{end:?}");
        scene.assert_application_untouched(1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trickled_answer_that_breaks_off_and_is_whole_at_the_next_try_passes() {
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), json!({})).await;
    let upload = post("/upload", sized(pattern(LENGTH)));
    let pending = scene.send_in_background(upload).await;
    trickle(&server, End::Close).await;
    let mut connection = server.accept().await;
    let mut seen = connection.request().await;
    connection.take_whole(&mut seen).await;
    connection.send(icap_answers::NO_CONTENT).await;
    assert_eq!(pending.response().await.status, 200);
    let received = scene.application.next().await;
    assert_same_bytes("passed", &received.body, &pattern(LENGTH));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_broke_off_never_opens_though_no_server_is_left() {
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), open(json!({}))).await;
    let upload = post("/upload", sized(pattern(LENGTH)));
    let pending = scene.send_in_background(upload).await;
    let mut connection = server.accept().await;
    let mut seen = connection.request().await;
    connection.take_whole(&mut seen).await;
    let answer = half(&seen).unwrap();
    connection.send(&answer[..answer.len() - 5]).await;
    server.stop().await;
    connection.close().await;
    assert_eq!(pending.response().await.status, 503);
    scene.assert_application_untouched(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_does_not_fit_is_closed_though_large_uploads_open() {
    let settings = json!({"request_buffer_size_kb": 64, "response_buffer_size_kb": 64});
    let head = "POST /upload HTTP/1.1\r\nHost: app.test";
    let large: Vec<u8> = pattern(100_000).iter().map(|b| !b).collect();
    let answer = icap_answers::request("", head, Some(&large));
    let server = IcapServer::serving(Behaviour::Answer(answer)).await;
    let scene = Scene::new(server.address(), open(settings)).await;
    let answer = scene.send(post("/upload", sized(pattern(LENGTH)))).await;
    assert_eq!(answer.status, 413);
    let log = scene.icap_log(0).await;
    assert_eq!(log["action"], "ICAP_FAILED", "{log}");
    let oversize = json!(["ADF_ICAP_BODY_SIZE_BIGGER_THAN_CONFIGURED"]);
    assert_eq!(log["significance"], oversize, "{log}");
    assert_eq!(scene.envoy.metric("failed_open").await, 0);
    scene.assert_application_untouched(1).await;
}

fn past_the_end(message: &IcapRequest) -> Option<Vec<u8>> {
    let answer = String::from_utf8_lossy(&all_but_one(message)?).into_owned();
    let head = answer.split_once(" 200 ")?.1.split_once("\r\n\r\n")?;
    let http = head.1.split_once("\r\n\r\n")?.0;
    let end = "0; use-original-body=999999\r\n\r\n";
    Some(format!("ICAP/1.0 206 {}\r\n\r\n{http}\r\n\r\n{end}", head.0).into_bytes())
}

fn a_body_for_none(message: &IcapRequest) -> Option<Vec<u8>> {
    Some(echo_of(message, Some(b"a body"), None))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_can_t_be_put_in_place_is_closed_though_told_to_fail_open() {
    let server = IcapServer::serving(Behaviour::Decide(past_the_end)).await;
    let scene = Scene::new(server.address(), open(json!({}))).await;
    let answer = scene.send(post("/upload", sized(pattern(LENGTH)))).await;
    assert_eq!(answer.status, 503);
    server.now(Behaviour::Decide(a_body_for_none));
    let answer = scene.send(request(Method::GET, "/", empty())).await;
    assert_eq!(answer.status, 503);
    assert_eq!(scene.envoy.metric("failed_open").await, 0);
    scene.assert_application_untouched(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_c_icap_gave_back_before_it_found_a_virus_is_not_forwarded() {
    for service in ["virus_scan", "avscan"] {
        let settings = open(json!({"service_url": format!("icap://icap.test/{service}")}));
        let scene = Scene::new(c_icap::address().await, settings).await;
        for (n, version) in VERSIONS.into_iter().enumerate() {
            let mut client = scene.client(version).await;
            let upload = post("/upload", sized(infected(3 * MIB, 4 * MIB)));
            let answer = client.send(upload).await;
            let log = scene.icap_log(n).await;
            assert_eq!(answer.status, 403, "{service} {version:?}: {log}");
            assert_eq!(log["action"], "ICAP_BLOCKED", "{service}: {log}");
        }
        scene.assert_application_untouched(2).await;
    }
}

/// A page that RESPMOD brings in place of the response, and that breaks off after its head, is no reason to ask again: the next
/// answer might let pass what this one had begun to refuse.
#[tokio::test(flavor = "multi_thread")]
async fn another_head_that_broke_off_is_not_asked_for_again() {
    let server = IcapServer::listen().await;
    let changes = json!({"response_service_url": "/respmod", "fail_action": "fail_open"});
    let scene = Scene::new(server.address(), changes).await;
    scene
        .application
        .answer_with("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfile");
    let pending = scene
        .send_in_background(request(Method::GET, "/file", empty()))
        .await;
    let mut connection = server.accept().await;
    connection.request().await;
    connection.send(icap_answers::NO_CONTENT).await;
    connection.request().await;
    let head = "HTTP/1.1 418 Teapot\r\nContent-Length: 4\r\n\r\n";
    let answer = format!(
        "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body={}\r\n\r\n{head}",
        head.len()
    );
    connection.send(answer).await;
    connection.close().await;
    assert_eq!(pending.response().await.status, 503);
    assert_eq!(server.accepted(), 1, "no second try");
}
