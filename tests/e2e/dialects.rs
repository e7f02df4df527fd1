//! What a scanner is told, and how it has to be treated: previews, lengths, names, users, connections.

use hyper::Method;
use serde_json::{Value, json};

use crate::support::client::{
    VERSIONS, Version, empty, fed, post, request, request_with, sized, unsized_body,
};
use crate::support::eventually;
use crate::support::icap_answers::{NO_CONTENT, block_page, response};
use crate::support::icap_server::{Behaviour, IcapServer, OptionsAnswer};
use crate::support::pyicap::{BLOCKED_MARK, Pyicap};
use crate::support::scene::{PREVIEW, Scene};

const PAGE: &str = "<html><body>not allowed</body></html>";

/// A server that answers every scan so, and Envoy before it.
async fn answered(answer: impl Into<Vec<u8>>, changes: Value) -> (IcapServer, Scene) {
    let server = IcapServer::serving(Behaviour::Answer(answer.into())).await;
    let scene = Scene::new(server.address(), changes).await;
    (server, scene)
}

#[tokio::test(flavor = "multi_thread")]
async fn fortisandbox_gets_no_preview_whatever_options_and_profile_say() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    server.answer_options(OptionsAnswer::ok(
        "Methods: REQMOD, RESPMOD\r\nISTag: \"f\"\r\nPreview: 1024\r\nTransfer-Preview: *\r\nAllow: 204\r\n",
    ));
    let changes = json!({
        "vendor": "fortinet",
        "enable_preview": true,
        "preview_size_bytes": 100,
        "options": {"enabled": true},
    });
    let scene = Scene::new(server.address(), changes).await;
    scene.until_learned(1).await;
    for size in [10, 100, 5000] {
        let answer = scene.send(post("/", sized(vec![b'x'; size]))).await;
        assert_eq!(answer.status, 200);
        let seen = server.next_request().await;
        assert_eq!(seen.icap.get("preview"), None, "{}", seen.icap.raw);
        assert_eq!(seen.body.len(), size);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_its_own_cause_opens_what_the_server_cant_look_into() {
    let answer = "ICAP/1.0 500 Error\r\nX-ICAP-Error: password_protected\r\n\r\n";
    for (more, status, action) in [
        (json!({"fail_action": "fail_open"}), 403, "ICAP_BLOCKED"),
        (
            json!({"fail_action_by_cause": {"unscannable": "fail_open"}}),
            200,
            "ICAP_FAILED",
        ),
    ] {
        let (_server, scene) = answered(answer, more).await;
        let got = scene.send(post("/", sized("x"))).await;
        let log = scene.icap_log(0).await;
        assert_eq!(
            (got.status, &log["action"]),
            (status, &json!(action)),
            "{log}"
        );
        assert_eq!(
            log["significance"],
            json!(["ADF_ICAP_UNSCANNABLE"]),
            "{log}"
        );
        assert_eq!(log["request_logs"][0]["reason"], "password_protected");
        let open = u64::from(status == 200);
        for (metric, value) in [
            ("failed.unscannable", 1),
            ("failed_open", open),
            ("failed", open),
            ("blocked", 1 - open),
        ] {
            assert_eq!(scene.envoy.metric(metric).await, value, "{metric}");
        }
        if status == 403 {
            assert!(got.text().contains("content scanner"), "{}", got.text());
            scene.assert_application_untouched(1).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn verdict_headers_go_by_value_and_a_pass_needs_what_it_requires() {
    let settings = json!({
        "verdict_headers": ["X-Found", {"name": "X-Scan-Result", "exact": ["infected"]}],
        "pass_requires": [{"name": "X-ICAP-Profile"}],
        "fail_action": "fail_closed",
    });
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::new(server.address(), settings).await;
    for (n, (fields, status, action)) in [
        (
            "X-ICAP-Profile: p\r\nX-Scan-Result: infected\r\n",
            403,
            "ICAP_BLOCKED",
        ),
        (
            "X-ICAP-Profile: p\r\nX-Scan-Result: clean\r\n",
            200,
            "ICAP_PASSED",
        ),
        ("X-ICAP-Profile: p\r\nX-Found: none\r\n", 200, "ICAP_PASSED"),
        (
            "X-ICAP-Profile: p\r\nX-Found: eicar\r\n",
            403,
            "ICAP_BLOCKED",
        ),
        ("X-Scan-Result: clean\r\n", 503, "ICAP_FAILED"),
        ("X-ICAP-Profile: \r\n", 503, "ICAP_FAILED"),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = format!("ICAP/1.0 204 No Content\r\n{fields}\r\n");
        server.now(Behaviour::Answer(answer.into_bytes()));
        let got = scene.send(post("/", sized("x"))).await;
        let log = scene.icap_log(n).await;
        assert_eq!(got.status, status, "{fields}: {log}");
        assert_eq!(log["action"], action, "{fields}: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn icap_headers_take_values_of_the_request() {
    let settings = json!({
        "response_service_url": "icap://icap.test:1344/respmod",
        "icap_headers": {
            "X-Filename": "%FILE_NAME%",
            "X-Client-Username": "%REQ(x-user)%",
            "X-Short": "user=%REQ(x-user):3%",
            "X-Target": "%PATH%",
            "X-Peer": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
            "X-Subject": "%DOWNSTREAM_PEER_SUBJECT%",
            "X-Server-Name": "%REQUESTED_SERVER_NAME%",
            "X-Absent": "%REQ(x-absent)%",
            "X-Latin": "%REQ(x-latin)%",
            "X-Fixed": "100%%",
        },
        "options": {"enabled": true},
    });
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::new(server.address(), settings).await;
    scene.until_learned(1).await;
    for asked in server.options_asked() {
        assert_eq!(asked.get("x-fixed"), Some("100%"), "{}", asked.raw);
        assert_eq!(asked.get("x-filename"), None, "{}", asked.raw);
    }
    scene.application.answer_with(
        "HTTP/1.1 200 OK\r\nx-user: mallory\r\ncontent-disposition: attachment; filename=\"down.pdf\"\r\ncontent-length: 2\r\n\r\nok",
    );
    let mut upload = post("/dir/up%20load.zip?a=b", sized("x"));
    let fields = upload.headers_mut();
    fields.insert("x-user", "alice".parse().unwrap());
    fields.insert(
        "x-latin",
        hyper::header::HeaderValue::from_bytes(b"gel\xf6scht").unwrap(),
    );
    assert_eq!(scene.send(upload).await.status, 200);
    for name in ["up load.zip", "down.pdf"] {
        let seen = server.next_request().await;
        for (field, value) in [
            ("x-filename", Some(name)),
            ("x-client-username", Some("alice")),
            ("x-short", Some("user=ali")),
            ("x-target", Some("/dir/up%20load.zip?a=b")),
            ("x-peer", Some("127.0.0.1")),
            ("x-subject", None),
            ("x-server-name", None),
            ("x-absent", None),
            ("x-latin", None),
            ("x-fixed", Some("100%")),
        ] {
            assert_eq!(seen.icap.get(field), value, "{field}: {}", seen.icap.raw);
        }
    }
    let log = scene.icap_log(0).await.to_string();
    for secret in ["alice", "up load.zip", "down.pdf"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_user_is_written_as_the_server_wants_it() {
    for (settings, field, value) in [
        (json!({}), "x-authenticated-user", "TG9jYWw6Ly9hbGljZQ=="),
        (
            json!({"authenticated_user_encoding": "plain", "authenticated_user_icap_header": "X-Client-Username"}),
            "x-client-username",
            "alice",
        ),
        (
            json!({"authenticated_user_encoding": "plain", "authenticated_user_scheme": "WinNT"}),
            "x-authenticated-user",
            "WinNT://alice",
        ),
        (
            json!({"authenticated_user_scheme": "", "authenticated_user_icap_header": "X-Client-Username"}),
            "x-client-username",
            "YWxpY2U=",
        ),
    ] {
        let mut settings = settings;
        settings["authenticated_user_header"] = json!("x-user");
        let (server, scene) = answered(NO_CONTENT, settings).await;
        let fields = [("x-user", "alice")];
        scene
            .send(request_with(Method::POST, "/", &fields, sized("x")))
            .await;
        let seen = server.next_request().await;
        assert_eq!(seen.icap.get(field), Some(value), "{}", seen.icap.raw);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_there_in_whole_has_its_length() {
    let (server, scene) = answered(NO_CONTENT, json!({"enable_preview": true})).await;
    for version in VERSIONS {
        let (length, body) = ("12", unsized_body("twelve bytes"));
        scene.client(version).await.send(post("/", body)).await;
        let seen = server.next_request().await;
        assert_eq!(
            seen.http().get("content-length"),
            Some(length),
            "{version:?}"
        );
        assert_eq!(seen.body, b"twelve bytes");
        // What the application gets is not touched.
        let received = scene.application.next().await;
        if version == Version::Http1 {
            assert_eq!(received.head.get("content-length"), None);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn require_content_length_waits_for_the_whole_body() {
    let settings = json!({"vendor": "kaspersky_scan_engine", "require_content_length": true});
    let (server, scene) = answered(NO_CONTENT, settings).await;
    let (mut feed, body) = fed();
    let pending = scene.send_in_background(post("/", body)).await;
    let piece = vec![b'x'; 2 * PREVIEW];
    for _ in 0..2 {
        let frame = hyper::body::Frame::data(piece.clone().into());
        feed.send(frame).await.unwrap();
    }
    // A second request, which is there in whole, overtakes the first.
    scene.send(post("/second", sized("short"))).await;
    assert_eq!(server.next_request().await.body, b"short");
    drop(feed);
    assert_eq!(pending.response().await.status, 200);
    let seen = server.next_request().await;
    let length = (2 * piece.len()).to_string();
    assert_eq!(seen.http().get("content-length"), Some(length.as_str()));
    assert_eq!(seen.body.len(), 2 * piece.len());
    // An announced length needs no waiting.
    scene.send(post("/", sized(piece))).await;
    assert!(server.next_request().await.preview.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_past_the_buffer_is_not_waited_for() {
    let settings = json!({"require_content_length": true, "request_buffer_size_kb": 16});
    let (_server, scene) = answered(NO_CONTENT, settings).await;
    let answer = scene
        .send(post("/", unsized_body(vec![b'x'; 64 * 1024])))
        .await;
    assert_eq!(answer.status, 413);
    scene.assert_application_untouched(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_a_dlp_server_gets_the_profiles_status() {
    let answer = response(
        "",
        "HTTP/1.1 200 OK\r\nContent-Type: text/html",
        Some(PAGE.as_bytes()),
    );
    for (block, status) in [
        (json!({}), 200),
        (json!({"keep_server_status": false}), 403),
        (json!({"keep_server_status": false, "status": 451}), 451),
    ] {
        let settings = json!({"vendor": "symantec_dlp", "block_response": block});
        let (_server, scene) = answered(answer.clone(), settings).await;
        let got = scene.send(post("/", sized("x"))).await;
        assert_eq!(got.status, status);
        assert_eq!(got.text(), PAGE);
        let log = scene.icap_log(0).await;
        assert_eq!(log["action"], "ICAP_BLOCKED", "{log}");
        assert_eq!(
            log["request_logs"][0]["http_response_code"], status,
            "{log}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_comes_back_in_absolute_form_is_no_change() {
    let server = IcapServer::serving(Behaviour::Decide(|request| {
        request.complete.then(|| {
            let head = request.http().raw.trim_end_matches("\r\n");
            let absolute = head.replacen(" /", " http://app.test/", 1);
            crate::support::icap_answers::request("", &absolute, Some(&request.body))
        })
    }))
    .await;
    let scene = Scene::new(server.address(), json!({"allow_204": false})).await;
    let fields = [("host", "app.test")];
    let upload = request_with(Method::POST, "/upload?x=1", &fields, sized("unchanged"));
    assert_eq!(scene.send(upload).await.status, 200);
    assert_eq!(scene.application.next().await.target(), "/upload?x=1");
    let log = scene.icap_log(0).await;
    assert_eq!(log["action"], "ICAP_PASSED", "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_scan_is_told_of_while_it_runs_and_counted_once() {
    let server = IcapServer::listen().await;
    let settings = json!({"slow_response_warning_threshold_ms": 100});
    let scene = Scene::new(server.address(), settings).await;
    let pending = scene.send_in_background(post("/", sized("x"))).await;
    let mut connection = server.accept().await;
    connection.request().await;
    let slow = "wasmcustom.icap_filter.slow";
    scene.envoy.until_stat(slow, 1).await;
    let said = eventually("the warning", async || {
        let log = scene.envoy.log();
        let line = log.lines().find(|line| line.contains("has taken"))?;
        Some(line.to_owned())
    })
    .await;
    let address = server.address().to_string();
    assert!(
        said.contains(&address) && said.contains(" ms so far"),
        "{said}"
    );
    assert!(!pending.is_finished());
    connection.send(block_page("X-Virus-ID: v\r\n", PAGE)).await;
    assert_eq!(pending.response().await.status, 403);
    let log = scene.icap_log(0).await;
    let expected = json!(["ADF_ICAP_BLOCKED", "ADF_ICAP_SERVER_HIGH_RESPONSE_TIME"]);
    assert_eq!(log["significance"], expected, "{log}");
    let blocked = "wasmcustom.icap_filter.blocked";
    scene.envoy.until_stat(blocked, 1).await;
    assert_eq!(scene.envoy.stat(slow).await, 1);
    let warnings = scene.envoy.log().matches("has taken").count();
    assert_eq!(warnings, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_without_requests_keeps_no_connection() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::new(server.address(), json!({"options": {"enabled": true}})).await;
    // The main thread and the worker.
    server.until_options_asked(2).await;
    server.until_open(0).await;
    scene.send(post("/", sized("x"))).await;
    server.until_open(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_one_connection_at_a_time_scans_from_the_first_upload_on() {
    let server = Pyicap::start_with(&["--single"]).await;
    let settings = json!({
        "service_url": "icap://icap.test/marks",
        "options": {"enabled": true},
        "max_connections": 1,
        "response_timeout_ms": 5000,
    });
    let scene = Scene::new(server.address(), settings).await;
    for n in 0..4 {
        let marked = n % 2 == 1;
        let body = if marked { BLOCKED_MARK } else { "clean" };
        let answer = scene.send(post("/", sized(body))).await;
        let log = scene.icap_log(n).await;
        assert_eq!(answer.status, if marked { 403 } else { 200 }, "{log}");
    }
    assert_eq!(scene.envoy.metric("failed").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_without_a_body_go_by_the_same_headers() {
    let settings = json!({"icap_headers": {"X-Filename": "%FILE_NAME%"}});
    let (server, scene) = answered(NO_CONTENT, settings).await;
    scene.send(request(Method::GET, "/", empty())).await;
    assert_eq!(server.next_request().await.icap.get("x-filename"), None);
    scene
        .send(request(Method::GET, "/a/report.pdf", empty()))
        .await;
    let seen = server.next_request().await;
    assert_eq!(seen.icap.get("x-filename"), Some("report.pdf"));
}
