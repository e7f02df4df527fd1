//! `scan_requests_as: respmod`: an upload is shown as the response to a GET of its URL.

use hyper::Method;
use serde_json::{Value, json};

use crate::support::c_icap;
use crate::support::client::{
    VERSIONS, empty, fed, post, request, request_with, sized, unsized_body,
};
use crate::support::icap_answers::{CONTINUE, NO_CONTENT, block_page, response};
use crate::support::icap_server::{Behaviour, IcapServer, OptionsAnswer};
use crate::support::payload::{assert_same_bytes, infected, pattern};
use crate::support::scene::{PREVIEW, Scene};

fn settings(more: Value) -> Value {
    let mut settings = json!({"scan_requests_as": "respmod"});
    for (name, value) in more.as_object().unwrap() {
        settings[name] = value.clone();
    }
    settings
}

async fn scene(behaviour: Behaviour, more: Value) -> (IcapServer, Scene) {
    let server = IcapServer::serving(behaviour).await;
    let scene = Scene::new(server.address(), settings(more)).await;
    (server, scene)
}

/// A changed body under a head of its own.
fn changed(fields: &str, body: &[u8]) -> Vec<u8> {
    response(
        "",
        &format!("HTTP/1.1 200 OK\r\n{fields}x-added: yes"),
        Some(body),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_is_shown_a_download_and_the_application_gets_the_upload() {
    let (server, scene) = scene(Behaviour::ContinueThenAllow, json!({})).await;
    let bytes = pattern(3 * PREVIEW);
    let fields = [
        ("content-type", "application/pdf"),
        ("content-disposition", "attachment; filename=r.pdf"),
        ("x-user", "alice"),
    ];
    for (n, version) in VERSIONS.into_iter().enumerate() {
        for (m, body) in [sized(bytes.clone()), unsized_body(bytes.clone())]
            .into_iter()
            .enumerate()
        {
            let mut client = scene.client(version).await;
            let upload = request_with(Method::PUT, "/files/r.pdf?x=1", &fields, body);
            assert_eq!(client.send(upload).await.status, 200, "{version:?}");
            let seen = server.next_request().await;
            assert_eq!(
                seen.icap.first_line,
                "RESPMOD icap://icap.test:1344/scan ICAP/1.0"
            );
            let names: Vec<String> = seen
                .encapsulated()
                .into_iter()
                .map(|(name, _)| name)
                .collect();
            assert_eq!(names, ["req-hdr", "res-hdr", "res-body"]);
            let asked = seen.http();
            assert_eq!(asked.first_line, "GET /files/r.pdf?x=1 HTTP/1.1");
            assert_eq!(asked.get("x-user"), Some("alice"));
            assert_eq!(asked.get("content-type"), None);
            assert_eq!(asked.get("content-length"), None);
            let shown = seen.http_response.as_ref().unwrap();
            assert_eq!(shown.first_line, "HTTP/1.1 200 OK");
            assert_eq!(shown.get("content-type"), Some("application/pdf"));
            assert_eq!(
                shown.get("content-disposition"),
                Some("attachment; filename=r.pdf")
            );
            assert_eq!(shown.get("x-user"), None);
            let length = bytes.len().to_string();
            assert_eq!(shown.get("content-length"), (m == 0).then_some(&*length));
            assert_same_bytes("scanned", &seen.body, &bytes);
            let received = scene.application.next().await;
            assert_eq!(received.method(), "PUT");
            assert_eq!(received.head.get("content-type"), Some("application/pdf"));
            assert_same_bytes("forwarded", &received.body, &bytes);
            let log = scene.icap_log(2 * n + m).await;
            assert_eq!(log["action"], "ICAP_PASSED", "{log}");
            let entry = &log["request_logs"][0];
            assert_eq!(entry["icap_method"], "ICAP_METHOD_RESPMOD", "{log}");
            assert_eq!(entry["http_method"], "HTTP_METHOD_PUT", "{log}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_body_passes_whatever_the_head_of_its_download() {
    let bytes = pattern(2 * PREVIEW);
    let (_server, scene) = scene(Behaviour::Answer(changed("", &bytes)), json!({})).await;
    let answer = scene.send(post("/upload", sized(bytes.clone()))).await;
    assert_eq!(answer.status, 200);
    let received = scene.application.next().await;
    assert_same_bytes("forwarded", &received.body, &bytes);
    assert_eq!(received.head.get("x-added"), None);
    assert_eq!(scene.icap_log(0).await["action"], "ICAP_PASSED");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_body_takes_the_place_of_the_uploads_and_no_head() {
    for size in [0, 1, 3 * PREVIEW - 1, 3 * PREVIEW + 1] {
        let bytes: Vec<u8> = pattern(size).iter().map(|b| !b).collect();
        // Without a length the beginning of the original, and nothing is one, would be a message that ends early.
        let fields = format!("content-type: text/changed\r\ncontent-length: {size}\r\n");
        let answer = changed(&fields, &bytes);
        let (_server, scene) = scene(Behaviour::Answer(answer), json!({})).await;
        let mut sent = 0;
        for version in VERSIONS {
            for body in [
                sized(pattern(3 * PREVIEW)),
                unsized_body(pattern(3 * PREVIEW)),
            ] {
                let mut client = scene.client(version).await;
                let fields = [("content-type", "application/pdf")];
                let upload = request_with(Method::POST, "/upload", &fields, body);
                assert_eq!(client.send(upload).await.status, 200, "{version:?}");
                let received = scene.application.next().await;
                assert_same_bytes("forwarded", &received.body, &bytes);
                assert_eq!(received.method(), "POST");
                assert_eq!(received.target(), "/upload");
                assert_eq!(received.head.get("content-type"), Some("application/pdf"));
                assert_eq!(
                    received.head.get("content-length"),
                    Some(&*size.to_string())
                );
                assert_eq!(received.head.get("x-added"), None);
                let log = scene.icap_log(sent).await;
                assert_eq!(log["action"], "ICAP_MODIFIED", "{log}");
                assert_eq!(
                    log["request_logs"][0]["modified_content_length"], size,
                    "{log}"
                );
                sent += 1;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_and_a_verdict_header_block() {
    let page = |line: &str, media_type: &str| {
        response(
            "",
            &format!("HTTP/1.1 {line}\r\ncontent-type: {media_type}"),
            Some(b"no"),
        )
    };
    let infected = NO_CONTENT.replace("ISTag", "X-Virus-ID: Some.Virus\r\nISTag");
    for (answer, status, text) in [
        (block_page("", "no"), 403, "no"),
        (page("404 Not Found", "text/plain"), 404, "no"),
        (page("500 Internal Server Error", "text/plain"), 500, "no"),
        // It would tell the client that all went well.
        (page("200 OK", "text/html"), 403, "no"),
        (infected.into_bytes(), 403, ""),
    ] {
        for behaviour in [
            Behaviour::Answer(answer.clone()),
            Behaviour::AnswerPreview(answer),
        ] {
            let (_server, scene) = scene(behaviour, json!({})).await;
            for (sent, version) in VERSIONS.into_iter().enumerate() {
                let mut client = scene.client(version).await;
                let got = client
                    .send(post("/upload", sized(pattern(3 * PREVIEW))))
                    .await;
                assert_eq!(got.status, status, "{text}");
                assert!(got.text().contains(text), "{}", got.text());
                assert_eq!(scene.icap_log(sent).await["action"], "ICAP_BLOCKED");
            }
            scene.assert_application_untouched(2).await;
        }
    }
}

/// Larger than what Envoy holds: were it put in the upload's place while it comes, Envoy would answer 413.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_page_blocks_as_well() {
    let page = "n".repeat(50 * 1024);
    let server = IcapServer::serving(Behaviour::Answer(block_page("", &page))).await;
    let changes = json!({"request_buffer_size_kb": 64, "response_buffer_size_kb": 64});
    let scene = Scene::with(server.address(), settings(changes), |setup| {
        setup.buffer_limit = 32 * 1024;
    })
    .await;
    for (sent, version) in VERSIONS.into_iter().enumerate() {
        let mut client = scene.client(version).await;
        let got = client
            .send(post("/upload", sized(pattern(3 * PREVIEW))))
            .await;
        assert_eq!(got.status, 403, "{version:?}");
        assert_eq!(got.text(), page);
        assert_eq!(scene.icap_log(sent).await["action"], "ICAP_BLOCKED");
    }
    scene.assert_application_untouched(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_gives_no_verdict_fails_as_the_profile_says() {
    for (fail_action, status) in [("fail_closed", 503), ("fail_open", 200)] {
        for (answer, may_open) in [
            (b"ICAP/1.0 500 Oops\r\n\r\n".to_vec(), true),
            (b"nonsense\r\n\r\n".to_vec(), true),
            // Begun to say something else: the original is no substitute.
            (changed("content-encoding: gzip\r\n", b"zipped"), false),
        ] {
            let more = json!({"fail_action": fail_action});
            let (_server, scene) = scene(Behaviour::Answer(answer), more).await;
            let got = scene.send(post("/upload", sized("content"))).await;
            let expected = if may_open { status } else { 503 };
            let log = scene.icap_log(0).await;
            assert_eq!(got.status, expected, "{log}");
            assert_eq!(log["action"], "ICAP_FAILED", "{log}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_body_is_not_scanned() {
    let (server, scene) = scene(Behaviour::Allow, json!({})).await;
    let mut sent = 0;
    for version in VERSIONS {
        for message in [
            request(Method::GET, "/", empty()),
            post("/upload", sized("")),
            post("/upload", unsized_body("")),
        ] {
            let mut client = scene.client(version).await;
            assert_eq!(client.send(message).await.status, 200, "{version:?}");
            let log = scene.icap_log(sent).await;
            assert_eq!(log["action"], "ICAP_DISABLED", "{log}");
            assert_eq!(log.get("request_logs"), None, "{log}");
            sent += 1;
        }
    }
    assert_eq!(server.accepted(), 0);
}

/// A body whose length nobody knows is waited for, without a preview too.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_of_unknown_length_is_shown_from_its_first_byte_on() {
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), settings(json!({"enable_preview": false}))).await;
    let (mut feed, body) = fed();
    let client = scene.client(VERSIONS[0]).await;
    let pending = client.send_in_background(post("/upload", body));
    feed.send_data(pattern(10)).await.unwrap();
    let mut connection = server.accept().await;
    let mut seen = connection.request().await;
    assert_eq!(seen.method(), "RESPMOD");
    connection.send(CONTINUE).await;
    feed.send_data(pattern(5)).await.unwrap();
    drop(feed);
    connection.rest(&mut seen).await;
    assert_eq!(seen.body.len(), 15);
    connection.send(NO_CONTENT).await;
    assert_eq!(pending.response().await.status, 200);
}

/// A file of a form is a download of its own, and what the server makes of it takes its place.
#[tokio::test(flavor = "multi_thread")]
async fn each_file_of_a_form_is_shown_as_a_download() {
    const FORM: &str = "--b\r\ncontent-disposition: form-data; name=\"f\"; filename=\"a.pdf\"\r\n\
                        content-type: application/pdf\r\n\r\nCONTENT\r\n--b--\r\n";
    let clean = changed("content-length: 4\r\n", b"SAFE");
    let (server, scene) = scene(Behaviour::Answer(clean), json!({})).await;
    let fields = [("content-type", "multipart/form-data; boundary=b")];
    let upload = request_with(Method::POST, "/upload", &fields, sized(FORM));
    assert_eq!(scene.send(upload).await.status, 200);
    let seen = server.next_request().await;
    assert_eq!(seen.method(), "RESPMOD");
    assert_eq!(seen.http().first_line, "GET /upload HTTP/1.1");
    let shown = seen.http_response.unwrap();
    assert_eq!(shown.get("content-type"), Some("application/pdf"));
    assert_eq!(shown.get("content-length"), Some("7"));
    assert_eq!(seen.body, b"CONTENT");
    let received = scene.application.next().await;
    assert_eq!(received.body, FORM.replace("CONTENT", "SAFE").as_bytes());
    let log = scene.icap_log(0).await;
    let entry = &log["request_logs"][0];
    assert_eq!(entry["icap_method"], "ICAP_METHOD_RESPMOD", "{log}");
    assert_eq!(entry["part"]["file_name"], "a.pdf", "{log}");
}

/// Downloads are scanned as ever, where the request that asked for them had nothing to show.
#[tokio::test(flavor = "multi_thread")]
async fn responses_are_scanned_as_responses() {
    let more = json!({"response_service_url": "/respmod"});
    let (server, scene) = scene(Behaviour::Allow, more).await;
    let download =
        "HTTP/1.1 201 Created\r\ncontent-type: text/plain\r\ncontent-length: 4\r\n\r\nback";
    scene.application.answer_with(download);
    let answer = scene.send(request(Method::GET, "/page", empty())).await;
    assert_eq!((answer.status, answer.text().as_str()), (201, "back"));
    let seen = server.next_request().await;
    assert_eq!(seen.http().first_line, "GET /page HTTP/1.1");
    assert_eq!(
        seen.http_response.unwrap().first_line,
        "HTTP/1.1 201 Created"
    );
    let log = scene.icap_log(0).await;
    assert_eq!(log["action"], "ICAP_PASSED", "{log}");
    assert_eq!(log["request_logs"].as_array().unwrap().len(), 1, "{log}");

    scene.application.answer_with(download);
    assert_eq!(scene.send(post("/up", sized("body"))).await.status, 201);
    let upload = server.next_request().await;
    assert_eq!(upload.http_response.unwrap().first_line, "HTTP/1.1 200 OK");
    assert_eq!(upload.body, b"body");
    let response = server.next_request().await;
    assert_eq!(response.body, b"back");
    let log = scene.icap_log(1).await;
    assert_eq!(log["request_logs"].as_array().unwrap().len(), 2, "{log}");
}

/// The product says how it wants uploads, unless the profile does.
#[tokio::test(flavor = "multi_thread")]
async fn a_product_without_reqmod_gets_respmod() {
    for (more, method) in [
        (json!({}), "RESPMOD"),
        (json!({"scan_requests_as": "reqmod"}), "REQMOD"),
    ] {
        let server = IcapServer::serving(Behaviour::Allow).await;
        server.answer_options(OptionsAnswer::ok("Methods: RESPMOD\r\n"));
        let mut changes =
            json!({"vendor": "trend_vision_one_container", "options": {"enabled": true}});
        for (name, value) in more.as_object().unwrap() {
            changes[name] = value.clone();
        }
        let scene = Scene::new(server.address(), changes).await;
        scene.until_learned(1).await;
        assert_eq!(scene.send(post("/upload", sized("x"))).await.status, 200);
        assert_eq!(server.next_request().await.method(), method);
        let warned = scene
            .envoy
            .log()
            .contains("does not name REQMOD among its methods");
        assert_eq!(warned, method == "REQMOD");
    }
}

/// A real server's RESPMOD: ClamAV by way of c-icap, and c-icap's own content filter, which changes what it is shown.
#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_blocks_passes_and_changes_uploads_as_downloads() {
    let address = c_icap::address().await;
    let scanning = json!({"service_url": "icap://icap.test/avscan"});
    let scene = Scene::new(address, settings(scanning)).await;
    for (sent, version) in VERSIONS.into_iter().enumerate() {
        let mut client = scene.client(version).await;
        let answer = client
            .send(post(&format!("/bad-{sent}"), sized(infected(0, 100_000))))
            .await;
        assert_eq!(answer.status, 403, "{version:?}");
        let log = scene.icap_log(sent).await;
        assert_eq!(log["action"], "ICAP_BLOCKED", "{log}");
        let threat = log["request_logs"][0]["threat_id"].as_str().unwrap();
        assert!(threat.contains(c_icap::SIGNATURE), "{log}");
    }
    scene.assert_application_untouched(2).await;
    let bytes = pattern(100_000);
    assert_eq!(
        scene
            .send(post("/clean", sized(bytes.clone())))
            .await
            .status,
        200
    );
    assert_same_bytes("forwarded", &scene.application.next().await.body, &bytes);
}
