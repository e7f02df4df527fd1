//! RESPMOD: the application's response is held, shown to the server, and passed, changed or kept back.

use hyper::Method;
use serde_json::{Value, json};

use crate::support::client::{HttpResponse, VERSIONS, empty, post, request, sized};
use crate::support::icap_answers::{CONTINUE, NO_CONTENT, block_page, response};
use crate::support::icap_message::IcapRequest;
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::payload::{MIB, assert_same_bytes, pattern};
use crate::support::scene::{PREVIEW, Scene};

/// Settings of a profile that scans responses.
fn settings(more: Value) -> Value {
    let mut settings = json!({"response_service_url": "icap://icap.test:1344/respmod"});
    for (name, value) in more.as_object().unwrap() {
        settings[name] = value.clone();
    }
    settings
}

/// An application's response, with `content-length`.
fn page(fields: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nx-application: yes\r\n{fields}content-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// The scene, and a server that lets requests pass on their preview and plays `behaviour` for responses.
struct Responses {
    server: IcapServer,
    scene: Scene,
}

impl Responses {
    async fn new(behaviour: Behaviour, more: Value) -> Self {
        let server = IcapServer::listen().await;
        server.serve_responses(behaviour).await;
        let scene = Scene::new(server.address(), settings(more)).await;
        Self { server, scene }
    }

    async fn get(&self) -> HttpResponse {
        self.scene
            .send(request(Method::GET, "/page?x=1", empty()))
            .await
    }

    /// The RESPMOD request that the server answered, after the REQMOD one.
    async fn respmod(&self) -> IcapRequest {
        assert_eq!(self.server.next_request().await.method(), "REQMOD");
        let seen = self.server.next_request().await;
        assert_eq!(seen.method(), "RESPMOD");
        seen
    }
}

/// Demands the two entries of the `n`-th request, and returns the second.
async fn second_entry(scene: &Scene, n: usize, action: &str) -> Value {
    let log = scene.icap_log(n).await;
    assert_eq!(log["action"], action, "{log}");
    let entries = log["request_logs"].as_array().unwrap();
    let methods: Vec<&Value> = entries.iter().map(|entry| &entry["icap_method"]).collect();
    assert_eq!(
        methods,
        ["ICAP_METHOD_REQMOD", "ICAP_METHOD_RESPMOD"],
        "{log}"
    );
    assert_eq!(entries[0]["action"], "ICAP_PASSED", "{log}");
    assert_eq!(entries[1]["action"], action, "{log}");
    entries[1].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_sees_request_and_response() {
    let body = pattern(20_000);
    let responses = Responses::new(Behaviour::ContinueThenAllow, json!({})).await;
    let answer = page("content-type: text/plain\r\n", &body);
    responses.scene.application.answer_with(answer);
    for (n, version) in VERSIONS.into_iter().enumerate() {
        let mut client = responses.scene.client(version).await;
        let got = client
            .send(request(Method::GET, "/page?x=1", empty()))
            .await;
        assert_eq!(got.status, 200, "{version:?}");
        assert_same_bytes("answer", &got.body, &body);
        assert_eq!(got.header("content-length"), Some("20000"));
        assert_eq!(got.header("x-application"), Some("yes"));
        let seen = responses.respmod().await;
        assert_eq!(
            seen.icap.first_line,
            "RESPMOD icap://icap.test:1344/respmod ICAP/1.0"
        );
        // The offsets themselves are checked while it is read: each head ends where the next part begins.
        let parts = seen.encapsulated();
        let names: Vec<&str> = parts.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["req-hdr", "res-hdr", "res-body"]);
        assert_eq!(parts[0].1, 0);
        assert!(seen.http().first_line.starts_with("GET "), "{seen:?}");
        assert!(seen.http().first_line.contains("/page?x=1"), "{seen:?}");
        let head = seen.http_response.as_ref().unwrap();
        assert!(head.first_line.starts_with("HTTP/1.1 200"), "{head:?}");
        assert_eq!(head.get("content-type"), Some("text/plain"));
        assert_eq!(seen.preview().bytes.len(), PREVIEW);
        assert!(!seen.preview().ieof);
        assert_same_bytes("scanned", &seen.body, &body);
        let entry = second_entry(&responses.scene, n, "ICAP_PASSED").await;
        assert_eq!(entry["icap_absolute_uri"], "icap://icap.test:1344/respmod");
        assert_eq!(entry["http_method"], "HTTP_METHOD_GET");
        assert_eq!(entry["complete_body_sent"], true);
        assert_eq!(entry.get("http_response_code"), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_reaches_the_client_before_the_verdict() {
    let body = pattern(20_000);
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), settings(json!({}))).await;
    scene.application.answer_with(page("", &body));
    let pending = scene
        .send_in_background(request(Method::GET, "/", empty()))
        .await;
    let mut connection = server.accept().await;
    connection.request().await;
    connection.send(NO_CONTENT).await;
    let mut seen = connection.request().await;
    assert_eq!(seen.method(), "RESPMOD");
    assert!(!pending.is_finished());
    connection.send(CONTINUE).await;
    connection.rest(&mut seen).await;
    assert!(!pending.is_finished());
    connection.send(NO_CONTENT).await;
    assert_same_bytes("answer", &pending.response().await.body, &body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_on_the_preview_passes_the_whole_response() {
    let body = pattern(5 * MIB);
    let responses = Responses::new(Behaviour::Allow, json!({})).await;
    responses.scene.application.answer_with(page("", &body));
    for version in VERSIONS {
        let mut client = responses.scene.client(version).await;
        let got = client.send(request(Method::GET, "/", empty())).await;
        assert_same_bytes("answer", &got.body, &body);
        let seen = responses.respmod().await;
        assert_eq!(seen.body.len(), PREVIEW);
    }
    let entry = second_entry(&responses.scene, 1, "ICAP_PASSED").await;
    assert_eq!(entry["complete_body_sent"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_response_is_scanned_whole() {
    let body = pattern(5 * MIB);
    let responses = Responses::new(Behaviour::ContinueThenAllow, json!({})).await;
    responses.scene.application.answer_with(page("", &body));
    assert_same_bytes("answer", &responses.get().await.body, &body);
    assert_same_bytes("scanned", &responses.respmod().await.body, &body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_in_chunks_is_scanned_and_passed() {
    let responses = Responses::new(Behaviour::ContinueThenAllow, json!({})).await;
    responses.scene.application.answer_with(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
    );
    assert_eq!(responses.get().await.text(), "hello world");
    let seen = responses.respmod().await;
    assert_eq!(seen.body, b"hello world");
    assert!(seen.preview().ieof);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_response_reaches_the_client_with_its_own_length() {
    let original = pattern(20_000);
    for size in [0, 1, 19_999, 20_001, MIB] {
        let changed: Vec<u8> = pattern(size).iter().map(|b| !b).collect();
        // A length that is wrong is counted anew, but where fewer bytes came than it says.
        let length = size.min(7);
        let head = format!(
            "HTTP/1.1 200 OK\r\nX-Added: yes\r\nContent-Length: {length}\r\nConnection: close\r\n\
             Content-Type: text/changed"
        );
        let behaviour = Behaviour::Answer(response("", &head, Some(&changed)));
        let responses = Responses::new(behaviour, json!({})).await;
        let fields = "content-type: text/plain\r\nx-removed: was here\r\n";
        responses
            .scene
            .application
            .answer_with(page(fields, &original));
        for (n, version) in VERSIONS.into_iter().enumerate() {
            let mut client = responses.scene.client(version).await;
            let got = client.send(request(Method::GET, "/", empty())).await;
            assert_eq!(got.status, 200, "{version:?} {size}");
            assert_same_bytes("changed", &got.body, &changed);
            assert_eq!(got.header("content-length"), Some(&*size.to_string()));
            assert_eq!(got.header("content-type"), Some("text/changed"));
            assert_eq!(got.header("x-added"), Some("yes"));
            assert_eq!(got.header("x-removed"), None);
            let entry = second_entry(&responses.scene, n, "ICAP_MODIFIED").await;
            assert_eq!(entry["modified_content_length"], size);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_status_reaches_the_client() {
    let head = "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain";
    let behaviour = Behaviour::Answer(response("", head, Some(b"gone")));
    let responses = Responses::new(behaviour, json!({})).await;
    let got = responses.get().await;
    assert_eq!((got.status, got.text().as_str()), (404, "gone"));
    second_entry(&responses.scene, 0, "ICAP_MODIFIED").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_echo_is_passed() {
    let body = pattern(20_000);
    let echo = page("content-type: text/plain\r\n", &body);
    let head_end = echo.len() - body.len() - 4;
    let head = String::from_utf8(echo[..head_end].to_vec()).unwrap();
    let behaviour = Behaviour::Answer(response("", &head, Some(&body)));
    let responses = Responses::new(behaviour, json!({})).await;
    responses.scene.application.answer_with(echo);
    // What Envoy adds to a response comes after the scan: the two heads are the same but for that.
    assert_same_bytes("answer", &responses.get().await.body, &body);
    let log = responses.scene.icap_log(0).await;
    let added = log["action"] == "ICAP_MODIFIED";
    let seen = responses.respmod().await;
    let shown = seen.http_response.unwrap();
    let differs = ["date", "server", "x-envoy-upstream-service-time"]
        .iter()
        .any(|name| shown.get(name).is_some_and(|_| *name != "date"));
    assert_eq!(added, differs, "{log} {shown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_header_keeps_the_response_back() {
    let own = json!({"block_response": {"use_server_response": false, "status": 451,
                     "content_type": "text/plain", "body": "our page"}});
    let infected = "ICAP/1.0 204 No Content\r\nX-Virus-ID: Some.Virus\r\n\r\n";
    let with_page = block_page("X-Virus-ID: Some.Virus\r\n", "the server's page");
    for (answer, more, expected) in [
        (infected.as_bytes().to_vec(), json!({}), (403, None)),
        (
            infected.as_bytes().to_vec(),
            own.clone(),
            (451, Some("our page")),
        ),
        (
            with_page.clone(),
            json!({}),
            (403, Some("the server's page")),
        ),
        (with_page, own, (451, Some("our page"))),
    ] {
        let responses = Responses::new(Behaviour::Answer(answer), more).await;
        responses
            .scene
            .application
            .answer_with(page("", &pattern(20_000)));
        for (n, version) in VERSIONS.into_iter().enumerate() {
            let mut client = responses.scene.client(version).await;
            let got = client.send(request(Method::GET, "/", empty())).await;
            assert_eq!(got.status, expected.0, "{version:?}");
            assert_eq!(got.header("x-application"), None, "{version:?}");
            match expected.1 {
                Some(page) => assert_eq!(got.text(), page),
                None => assert!(got.text().contains("blocked"), "{}", got.text()),
            }
            let entry = second_entry(&responses.scene, n, "ICAP_BLOCKED").await;
            assert_eq!(entry["threat_id"], "Some.Virus");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_scan_ends_as_the_profile_says() {
    let body = pattern(20_000);
    for (fail_action, status) in [("fail_closed", 503), ("fail_open", 200)] {
        for behaviour in [
            Behaviour::Answer(b"ICAP/1.0 500 Oops\r\n\r\n".to_vec()),
            Behaviour::AnswerThenClose(Vec::new()),
            Behaviour::Silence,
        ] {
            let more = json!({"fail_action": fail_action, "response_timeout_ms": 500});
            let responses = Responses::new(behaviour.clone(), more).await;
            responses.scene.application.answer_with(page("", &body));
            let got = responses.get().await;
            assert_eq!(got.status, status, "{behaviour:?}");
            if status == 200 {
                assert_same_bytes("answer", &got.body, &body);
            } else {
                assert_eq!(got.header("x-application"), None, "{behaviour:?}");
                assert_ne!(got.body, body);
            }
            let log = responses.scene.icap_log(0).await;
            assert_eq!(log["action"], "ICAP_FAILED", "{log}");
            let first = &log["request_logs"][0];
            assert_eq!(first["icap_method"], "ICAP_METHOD_REQMOD", "{log}");
            assert_eq!(first["action"], "ICAP_PASSED", "{log}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_larger_than_the_buffer_ends_as_the_profile_says() {
    let body = pattern(20_000);
    let sized_page = page("", &body);
    let chunked_page = [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4e20\r\n",
        &body[..],
        b"\r\n0\r\n\r\n",
    ]
    .concat();
    for (action, status) in [("fail_closed", 503), ("fail_open", 200)] {
        for answer in [&sized_page, &chunked_page] {
            let more = json!({"response_buffer_size_kb": 10, "large_upload_fail_action": action});
            let responses = Responses::new(Behaviour::ContinueThenAllow, more).await;
            responses.scene.application.answer_with(answer.clone());
            let got = responses.get().await;
            assert_eq!(got.status, status, "{action}");
            if status == 200 {
                assert_same_bytes("answer", &got.body, &body);
            }
            let log = responses.scene.icap_log(0).await;
            assert_eq!(log["action"], "ICAP_FAILED", "{log}");
            let expected = json!(["ADF_ICAP_BODY_SIZE_BIGGER_THAN_CONFIGURED"]);
            assert_eq!(log["significance"], expected, "{log}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_without_a_body_is_shown_without_one() {
    let responses = Responses::new(Behaviour::Allow, json!({})).await;
    for (n, (method, answer, status)) in [
        (
            Method::HEAD,
            "HTTP/1.1 200 OK\r\ncontent-length: 4711\r\n\r\n",
            200,
        ),
        (
            Method::GET,
            "HTTP/1.1 304 Not Modified\r\netag: \"1\"\r\n\r\n",
            304,
        ),
        (Method::GET, "HTTP/1.1 204 No Content\r\n\r\n", 204),
        (
            Method::GET,
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            200,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        responses.scene.application.answer_with(answer);
        let got = responses
            .scene
            .send(request(method.clone(), "/", empty()))
            .await;
        assert_eq!((got.status, got.body.len()), (status, 0), "{answer:?}");
        let seen = responses.respmod().await;
        assert!(!seen.has_body, "{seen:?}");
        assert_eq!(seen.encapsulated()[2].0, "null-body");
        if method == Method::HEAD {
            assert_eq!(got.header("content-length"), Some("4711"));
        }
        second_entry(&responses.scene, n, "ICAP_PASSED").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_without_a_body_is_kept_back_too() {
    let answer = block_page("X-Virus-ID: v\r\n", "no");
    let responses = Responses::new(Behaviour::Answer(answer), json!({})).await;
    responses
        .scene
        .application
        .answer_with("HTTP/1.1 304 Not Modified\r\n\r\n");
    let got = responses.get().await;
    assert_eq!((got.status, got.text().as_str()), (403, "no"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_request_has_no_response_to_scan() {
    let server = IcapServer::serving(Behaviour::Answer(block_page("", "no"))).await;
    let scene = Scene::new(server.address(), settings(json!({}))).await;
    assert_eq!(scene.send(post("/", sized("x"))).await.text(), "no");
    let log = scene.icap_log(0).await;
    assert_eq!(log["request_logs"].as_array().unwrap().len(), 1, "{log}");
    scene.assert_application_untouched(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_graver_outcome_of_the_two_stands() {
    let head = "POST /changed HTTP/1.1\r\nHost: app.test";
    let changed = crate::support::icap_answers::request("", head, Some(b"changed"));
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), settings(json!({}))).await;
    let pending = scene.send_in_background(post("/", sized("x"))).await;
    let mut connection = server.accept().await;
    connection.request().await;
    connection.send(changed).await;
    assert_eq!(connection.request().await.method(), "RESPMOD");
    connection.send(NO_CONTENT).await;
    assert_eq!(pending.response().await.status, 200);
    let log = scene.icap_log(0).await;
    assert_eq!(log["action"], "ICAP_MODIFIED", "{log}");
    assert_eq!(log["significance"], json!(["ADF_ICAP_MODIFIED"]), "{log}");
    assert_eq!(log["request_logs"][1]["action"], "ICAP_PASSED", "{log}");
}
