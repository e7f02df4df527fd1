//! Forms: each file is shown on its own, and what comes of all of them decides about the request.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::support::client::{Version, fed, sized, unsized_body};
use crate::support::form::{FormBody, upload};
use crate::support::icap_answers::{self, NO_CONTENT, block_page};
use crate::support::icap_message::IcapRequest;
use crate::support::icap_server::{Behaviour, Connection, IcapServer};
use crate::support::payload::{assert_same_bytes, eicar, pattern};
use crate::support::scene::{PREVIEW, Scene};

/// Every header and the body of what a server was shown, by the name of the file; the fields by an empty name.
fn file_of(request: &IcapRequest) -> String {
    let disposition = request.http().get("content-disposition");
    let name = disposition.and_then(|value| value.split("filename=\"").nth(1));
    name.and_then(|rest| rest.split('"').next())
        .unwrap_or_default()
        .to_owned()
}

/// Blocks what has EICAR in it, and lets all else pass.
fn scan(request: &IcapRequest) -> Option<Vec<u8>> {
    let infected = request.body.windows(eicar().len()).any(|w| w == eicar());
    match (infected, request.complete) {
        (true, _) => Some(block_page(
            "X-Infection-Found: Type=0; Resolution=2; Threat=EICAR;\r\n",
            "infected",
        )),
        (false, true) => Some(NO_CONTENT.into()),
        (false, false) => None,
    }
}

/// Reads the next request of a connection to its end.
async fn whole(connection: &mut Connection) -> IcapRequest {
    let mut request = connection.request().await;
    connection.take_whole(&mut request).await;
    request
}

/// The parts that icap_log names, with the action of each.
fn parts_of(log: &Value) -> Vec<(String, String)> {
    let entries = log["request_logs"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    entries
        .iter()
        .map(|entry| (text(&entry["part"]["file_name"]), text(&entry["action"])))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_file_is_shown_on_its_own_and_all_fields_as_one_form() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let changes = json!({
        "multipart_parallel": 1,
        "icap_headers": {"X-Filename": "%FILE_NAME%", "X-Path": "%PATH%", "X-User": "%REQ(x-user)%"},
    });
    let scene = Scene::new(server.address(), changes).await;
    let large = pattern(3 * PREVIEW);
    let form = FormBody::new()
        .field("title", "Summer")
        .file("scan", "a b.pdf", &large)
        .field("note", "of last year")
        .part(
            "Content-Disposition: form-data; name=\"blob\"\r\nContent-Type: image/png\r\n",
            "png",
        )
        .field("end", "");
    for (n, version) in [Version::Http1, Version::Http2].into_iter().enumerate() {
        let request = match version {
            Version::Http1 => form.upload_with(&[("x-user", "alice")], sized(form.bytes())),
            Version::Http2 => form.upload_with(&[("x-user", "alice")], unsized_body(form.bytes())),
        };
        let answer = scene.client(version).await.send(request).await;
        assert_eq!(answer.status, 200);
        let received = scene.application.next().await;
        assert_same_bytes("the form", &received.body, &form.bytes());
        assert_eq!(
            received.head.get("content-type"),
            Some(form.content_type().as_str())
        );

        let scanned = server.next_request().await;
        assert_same_bytes("the first file", &scanned.body, &large);
        let http = scanned.http();
        assert_eq!(http.first_line, "POST /upload?album=7 HTTP/1.1");
        assert_eq!(http.get("x-user"), Some("alice"));
        assert_eq!(http.get("content-type"), Some("application/pdf"));
        assert_eq!(http.get("content-length"), Some("15000"));
        let disposition = "form-data; name=\"scan\"; filename=\"a b.pdf\"";
        assert_eq!(http.get("content-disposition"), Some(disposition));
        assert_eq!(scanned.preview().bytes, large[..PREVIEW]);
        assert_eq!(scanned.icap.get("x-filename"), Some("a b.pdf"));
        assert_eq!(scanned.icap.get("x-path"), Some("/upload?album=7"));
        assert_eq!(scanned.icap.get("x-user"), Some("alice"));

        let scanned = server.next_request().await;
        assert_eq!(scanned.body, b"png");
        assert_eq!(scanned.http().get("content-type"), Some("image/png"));
        assert_eq!(scanned.icap.get("x-filename"), None);
        assert!(scanned.preview().ieof);

        let scanned = server.next_request().await;
        let fields = FormBody::new()
            .field("title", "Summer")
            .field("note", "of last year")
            .field("end", "");
        assert_same_bytes("the fields", &scanned.body, &fields.bytes());
        assert_eq!(
            scanned.http().get("content-type"),
            Some(fields.content_type().as_str())
        );
        let length = fields.bytes().len().to_string();
        assert_eq!(scanned.http().get("content-length"), Some(length.as_str()));

        let log = scene.icap_log(n).await;
        assert_eq!(log["action"], "ICAP_PASSED", "{log}");
        let entries = &log["request_logs"];
        assert_eq!(
            entries[0]["part"],
            json!({"name": "scan", "file_name": "a b.pdf"}),
            "{log}"
        );
        assert_eq!(entries[1]["part"], json!({"name": "blob"}), "{log}");
        assert_eq!(entries[2]["part"], Value::Null, "{log}");
        assert_eq!(entries.as_array().unwrap().len(), 3, "{log}");
    }
    assert_eq!(scene.envoy.metric("parts").await, 4);
    assert_eq!(scene.envoy.metric("passed").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_shown_while_later_ones_arrive() {
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), json!({})).await;
    let form = FormBody::new()
        .file("f", "first.pdf", "first")
        .file("f", "second.pdf", "second");
    let bytes = form.bytes();
    // Behind the delimiter that ends the first file.
    let half = bytes.windows(6).position(|w| w == b"second").unwrap();
    let (mut feed, body) = fed();
    let pending = scene.send_in_background(form.upload_with(&[], body)).await;
    feed.send_data(bytes[..half].to_vec().into()).await.unwrap();
    let mut connection = server.accept().await;
    let scanned = whole(&mut connection).await;
    assert_eq!(
        (file_of(&scanned).as_str(), &scanned.body[..]),
        ("first.pdf", &b"first"[..])
    );
    connection.send(NO_CONTENT).await;
    feed.send_data(bytes[half..].to_vec().into()).await.unwrap();
    drop(feed);
    let scanned = whole(&mut connection).await;
    assert_eq!(
        (file_of(&scanned).as_str(), &scanned.body[..]),
        ("second.pdf", &b"second"[..])
    );
    connection.send(NO_CONTENT).await;
    assert_eq!(pending.response().await.status, 200);
    assert_same_bytes("the form", &scene.application.next().await.body, &bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_parts_than_allowed_are_under_scan_at_a_time() {
    let server = IcapServer::listen().await;
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (at_work, at_most) = (running.clone(), most.clone());
    server
        .play(move |mut connection| {
            let (running, most) = (at_work.clone(), at_most.clone());
            async move {
                while let Ok(Some(mut request)) = connection.next().await {
                    connection.take_whole(&mut request).await;
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    // So that the others come meanwhile.
                    tokio::time::sleep(Duration::from_millis(30)).await;
                    running.fetch_sub(1, Ordering::SeqCst);
                    connection.send(NO_CONTENT).await;
                }
            }
        })
        .await;
    let scene = Scene::new(server.address(), json!({"multipart_parallel": 3})).await;
    let form = (0..20).fold(FormBody::new().field("a", "b"), |form, n| {
        form.file("f", &format!("{n}.pdf"), pattern(100 * n))
    });
    assert_eq!(scene.send(form.upload()).await.status, 200);
    assert_same_bytes(
        "the form",
        &scene.application.next().await.body,
        &form.bytes(),
    );
    assert_eq!(most.load(Ordering::SeqCst), 3);
    assert_eq!(scene.envoy.metric("parts").await, 20);
    let log = scene.icap_log(0).await;
    assert_eq!(log["request_logs"].as_array().unwrap().len(), 21, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_does_not_overload_the_pool_by_its_own_parts() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let changes = json!({"max_connections": 1, "max_pending": 0, "multipart_parallel": 4});
    let scene = Scene::new(server.address(), changes).await;
    let form = (0..8).fold(FormBody::new().field("a", "b"), |form, n| {
        form.file("f", &format!("{n}.pdf"), pattern(PREVIEW * n))
    });
    assert_eq!(scene.send(form.upload()).await.status, 200);
    assert_eq!(scene.envoy.metric("parts").await, 8);
    assert_eq!(server.most_open(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_block_decides_and_the_others_are_given_up() {
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), json!({"multipart_parallel": 3})).await;
    let form = ["a.pdf", "b.pdf", "c.pdf", "d.pdf"]
        .iter()
        .fold(FormBody::new(), |form, name| form.file("f", name, name));
    let pending = scene.send_in_background(form.upload()).await;
    let mut connections = Vec::new();
    for _ in 0..3 {
        let mut connection = server.accept().await;
        let name = file_of(&whole(&mut connection).await);
        connections.push((name, connection));
    }
    connections.sort_by(|a, b| a.0.cmp(&b.0));
    connections[1].1.send(block_page("", "no")).await;
    let answer = pending.response().await;
    assert_eq!((answer.status, answer.text().as_str()), (403, "no"));
    for n in [0, 2] {
        connections[n].1.closed().await;
    }
    let log = scene.icap_log(0).await;
    assert_eq!(log["action"], "ICAP_BLOCKED", "{log}");
    let named = |name: &str, action: &str| (name.to_owned(), action.to_owned());
    assert_eq!(
        parts_of(&log),
        [
            named("a.pdf", ""),
            named("c.pdf", ""),
            named("b.pdf", "ICAP_BLOCKED")
        ],
        "{log}"
    );
    assert_eq!(
        log["request_logs"][0]["reason"],
        "given up: another part of the message has decided"
    );
    scene.assert_application_untouched(1).await;
    assert_eq!(scene.envoy.metric("blocked").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_connection_is_lost_is_sent_anew() {
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), json!({"multipart_parallel": 1})).await;
    let form = FormBody::new()
        .file("f", "a.pdf", pattern(50))
        .file("g", "b.pdf", pattern(60));
    let pending = scene.send_in_background(form.upload()).await;
    let mut connection = server.accept().await;
    whole(&mut connection).await;
    connection.send(NO_CONTENT).await;
    assert_eq!(file_of(&connection.request().await), "b.pdf");
    connection.close().await;
    let mut connection = server.accept().await;
    let scanned = whole(&mut connection).await;
    assert_eq!(
        (file_of(&scanned).as_str(), scanned.body),
        ("b.pdf", pattern(60).to_vec())
    );
    connection.send(NO_CONTENT).await;
    assert_eq!(pending.response().await.status, 200);
    let named = |name: &str, action: &str| (name.to_owned(), action.to_owned());
    assert_eq!(
        parts_of(&scene.icap_log(0).await),
        [
            named("a.pdf", "ICAP_PASSED"),
            named("b.pdf", "ICAP_FAILED"),
            named("b.pdf", "ICAP_PASSED")
        ]
    );
    assert_eq!(scene.envoy.metric("retries").await, 1);
    assert_eq!(scene.envoy.metric("parts").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_virus_is_found_wherever_chunks_break() {
    let server = IcapServer::serving(Behaviour::Decide(scan)).await;
    let scene = Scene::new(server.address(), json!({})).await;
    let form = FormBody::with_boundary("b1")
        .field("a", "b")
        .file("f", "a.txt", "clean")
        .file("f", "b.txt", eicar());
    let bytes = form.bytes();
    let mut client = scene.client(Version::Http1).await;
    for split in 1..bytes.len() {
        let (mut feed, body) = fed();
        let head = bytes[..split].to_vec();
        let tail = bytes[split..].to_vec();
        let fed = tokio::spawn(async move {
            let _ = feed.send_data(head.into()).await;
            let _ = feed.send_data(tail.into()).await;
        });
        let answer = client.send(form.upload_with(&[], body)).await;
        assert_eq!(answer.status, 403, "split at {split}");
        fed.await.unwrap();
        client = scene.client(Version::Http1).await;
    }
    assert_eq!(scene.application.bytes_received(), 0);
}

/// Bodies as other clients write them, with their `Content-Type`.
fn shapes() -> Vec<(String, Vec<u8>)> {
    let go = "a6b4f1d2c3e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f";
    let java = "Boundary_4_1189241243_1700000000000";
    let of = |form: FormBody| (form.content_type(), form.bytes());
    let quoted = FormBody::with_boundary("=_quoted");
    vec![
        of(FormBody::with_boundary(go).part(
            "Content-Disposition: form-data; name=\"file\"; filename=\"a.zip\"\r\n\
             Content-Type: application/octet-stream\r\n",
            pattern(20_000),
        )),
        of(FormBody::with_boundary(java).part(
            "Content-Type: application/octet-stream\r\nContent-Disposition: form-data; \
             filename=\"a.bin\"; modification-date=\"Tue, 14 Nov 2023 22:13:20 GMT\"; size=5; name=\"file\"\r\n",
            "12345",
        )),
        (
            "multipart/form-data; charset=utf-8; boundary=\"=_quoted\"".to_owned(),
            quoted.clone().file("f", "a", "x").bytes(),
        ),
        (
            quoted.content_type().replace("=_quoted", "\"=_quoted\""),
            [b"a preamble\r\n".to_vec(), quoted.clone().file("f", "a", "x").bytes(), b"an epilogue".to_vec()]
                .concat(),
        ),
        // No line end behind the last delimiter, padding, an empty file, and none chosen.
        (
            "multipart/form-data; boundary=b".to_owned(),
            b"--b \t\r\nContent-Disposition: form-data; name=\"e\"; filename=\"empty.txt\"\r\n\r\n\r\n\
              --b\r\nContent-Disposition: form-data; name=\"n\"; filename=\"\"\r\n\
              Content-Type: application/octet-stream\r\n\r\n\r\n--b--"
                .to_vec(),
        ),
        of(FormBody::new().part(
            "Content-Disposition: form-data; name=\"f\"; filename=\"e.txt\"; filename*=UTF-8''e.txt\r\n",
            "\r\n\r\n--\r\n-",
        )),
        of(FormBody::new().file("f", "\u{444}\u{430}\u{439}\u{43b}.pdf", "x").field("g", "y")),
        of(FormBody::new()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn clean_forms_arrive_as_they_were() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let scene = Scene::new(server.address(), json!({})).await;
    for (n, (content_type, bytes)) in shapes().into_iter().enumerate() {
        for body in [sized(bytes.clone()), unsized_body(bytes.clone())] {
            let answer = scene.send(upload(&content_type, &[], body)).await;
            assert_eq!(answer.status, 200, "shape {n}");
            let received = scene.application.next().await;
            assert_same_bytes(&format!("shape {n}"), &received.body, &bytes);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_can_be_read_in_two_ways_is_refused() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let changes = json!({"fail_action": "fail_open", "large_upload_fail_action": "fail_open"});
    let scene = Scene::new(server.address(), changes).await;
    let form = FormBody::with_boundary("b").file("f", "a.txt", "x");
    let good = form.bytes();
    let text = String::from_utf8(good.clone()).unwrap();
    let typed = |value: &str| (value.to_owned(), good.clone());
    let with = |body: String| (form.content_type(), body.into_bytes());
    let cases = [
        typed("multipart/form-data"),
        typed("multipart/form-data; boundary=b; boundary=c"),
        typed("text/plain, multipart/form-data; boundary=b"),
        with(text.replace("--b--", "")),
        with(text.replace("\r\n", "\n")),
        with(format!(
            "{text}--b\r\nContent-Disposition: form-data; name=\"g\"\r\n\r\ny\r\n--b--\r\n"
        )),
        with(text.replace("Content-Type", "Content-Disposition")),
        with(text.replace("application/pdf", "multipart/mixed; boundary=c")),
        with(text.replace("name=\"f\"", "")),
    ];
    for (n, (content_type, bytes)) in cases.into_iter().enumerate() {
        let answer = scene.send(upload(&content_type, &[], sized(bytes))).await;
        assert_eq!(answer.status, 400, "case {n}");
        let log = scene.icap_log(n).await;
        assert_eq!(
            log["significance"],
            json!(["ADF_ICAP_BAD_REQUEST"]),
            "{log}"
        );
        let entries = log["request_logs"].as_array().unwrap();
        let reason = entries.last().unwrap()["reason"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(reason.contains("the form can be read in two ways"), "{log}");
    }
    assert_eq!(scene.envoy.metric("failed.bad_request").await, 9);
    scene.assert_application_untouched(9).await;
}

const GZIP: (&str, &str) = ("content-encoding", "gzip");

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_to_be_encoded_and_is_not_is_a_form_like_any_other() {
    let server = IcapServer::serving(Behaviour::Decide(scan)).await;
    let scene = Scene::new(server.address(), json!({})).await;
    let form = FormBody::new().file("f", "a.pdf", "x");
    let infected = form.clone().file("f", "b.pdf", eicar());
    let open = String::from_utf8(form.bytes())
        .unwrap()
        .replace("--\r\n", "\r\n");
    for (n, (bytes, status)) in [
        (form.bytes(), 200),
        (infected.bytes(), 403),
        (open.into_bytes(), 400),
    ]
    .into_iter()
    .enumerate()
    {
        let request = form.upload_with(&[GZIP], sized(bytes));
        assert_eq!(scene.send(request).await.status, status, "case {n}");
    }
    assert_eq!(scene.envoy.metric("parts").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_of_one_part_is_that_of_the_form() {
    let server = IcapServer::serving(Behaviour::Decide(|request| {
        match (request.complete, file_of(request).as_str()) {
            (false, _) => None,
            (true, "broken.pdf") => Some(b"ICAP/1.0 500 Oops\r\n\r\n".to_vec()),
            (true, "locked.zip") => {
                Some(b"ICAP/1.0 500 Oops\r\nX-ICAP-Error: password_protected\r\n\r\n".to_vec())
            }
            (true, _) => scan(request),
        }
    }))
    .await;
    let form = FormBody::new().file("f", "a.pdf", "x");
    let clean = form
        .clone()
        .file("f", "broken.pdf", "x")
        .file("f", "z.pdf", "y");
    let closed = Scene::new(server.address(), json!({})).await;
    assert_eq!(closed.send(clean.upload()).await.status, 503);
    closed.assert_application_untouched(1).await;

    let changes = json!({
        "multipart_parallel": 1,
        "fail_action": "fail_open",
        "fail_action_by_cause": {"unscannable": "fail_open"},
    });
    let open = Scene::new(server.address(), changes).await;
    for broken in ["broken.pdf", "locked.zip"] {
        let clean = form.clone().file("f", broken, "x").file("f", "z.pdf", "y");
        assert_eq!(open.send(clean.upload()).await.status, 200, "{broken}");
        assert_same_bytes(broken, &open.application.next().await.body, &clean.bytes());
        // What can't be scanned must not open the way to what is infected.
        let infected = form
            .clone()
            .file("f", broken, "x")
            .file("f", "z.pdf", eicar());
        assert_eq!(open.send(infected.upload()).await.status, 403, "{broken}");
    }
    assert_eq!(open.envoy.metric("failed_open").await, 2);
    assert_eq!(open.envoy.metric("blocked").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_form_of_files_is_shown_as_it_is() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let form = FormBody::new().file("f", "a.pdf", "x").field("g", "y");
    let fields = FormBody::new().field("g", "y").field("h", "z");
    let of = |form: &FormBody| form.upload();
    let packed = gzip(&form.bytes());
    let compressed = form.upload_with(&[GZIP], sized(packed.clone()));
    let cases = [
        (json!({"multipart": "whole"}), of(&form), form.bytes()),
        (json!({"vendor": "opswat"}), of(&form), form.bytes()),
        (json!({}), of(&fields), fields.bytes()),
        (json!({}), FormBody::new().upload(), FormBody::new().bytes()),
        (json!({}), compressed, packed),
        (
            json!({}),
            upload("multipart/mixed; boundary=b", &[], sized("--b--")),
            b"--b--".to_vec(),
        ),
    ];
    for (n, (changes, request, bytes)) in cases.into_iter().enumerate() {
        let scene = Scene::new(server.address(), changes).await;
        assert_eq!(scene.send(request).await.status, 200, "case {n}");
        assert_eq!(server.next_request().await.body, bytes, "case {n}");
        let log = scene.icap_log(0).await;
        assert_eq!(log["request_logs"].as_array().unwrap().len(), 1, "{log}");
        assert_eq!(log["request_logs"][0]["part"], Value::Null, "{log}");
        assert_eq!(scene.envoy.metric("parts").await, 0);
    }
    let scene = Scene::new(
        server.address(),
        json!({"vendor": "opswat", "multipart": "parts"}),
    )
    .await;
    assert_eq!(scene.send(form.upload()).await.status, 200);
    assert_eq!(scene.envoy.metric("parts").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monitored_form_goes_on_as_it_is_whatever_comes_of_its_files() {
    let server = IcapServer::serving(Behaviour::Decide(|request| {
        match (request.complete, file_of(request).as_str()) {
            (false, _) => None,
            (true, "broken.pdf") => Some(b"ICAP/1.0 500 Oops\r\n\r\n".to_vec()),
            (true, "changed.pdf") => {
                let head = request.http().raw.trim_end_matches("\r\n").to_owned();
                let head = head.replace("content-length: 3", "content-length: 5");
                Some(icap_answers::request("", &head, Some(b"other")))
            }
            (true, _) => scan(request),
        }
    }))
    .await;
    let changes = json!({"enforcement": "monitor", "multipart_parallel": 1});
    let scene = Scene::new(server.address(), changes).await;
    let form = |names: &[&str]| {
        names
            .iter()
            .fold(FormBody::with_boundary("b"), |form, name| {
                let bytes = if *name == "eicar.com" {
                    eicar()
                } else {
                    b"one".to_vec()
                };
                form.file("f", name, bytes)
            })
    };
    let cases = [
        (form(&["a.pdf"]).bytes(), "ICAP_PASSED"),
        (form(&["a.pdf", "eicar.com"]).bytes(), "ICAP_BLOCKED"),
        (form(&["changed.pdf", "a.pdf"]).bytes(), "ICAP_MODIFIED"),
        (form(&["broken.pdf", "a.pdf"]).bytes(), "ICAP_FAILED"),
        (form(&["broken.pdf", "eicar.com"]).bytes(), "ICAP_BLOCKED"),
        (b"--b".to_vec(), "ICAP_FAILED"),
    ];
    for (n, (bytes, action)) in cases.into_iter().enumerate() {
        let request = form(&[]).upload_with(&[], sized(bytes.clone()));
        assert_eq!(scene.send(request).await.status, 200, "case {n}");
        assert_same_bytes("the form", &scene.application.next().await.body, &bytes);
        let log = scene.icap_log(n).await;
        assert_eq!(log["action"], action, "{log}");
        assert_eq!(log["enforced"], false, "{log}");
    }
    for (counter, count) in [("would_block", 2), ("would_modify", 1), ("would_fail", 2)] {
        assert_eq!(scene.envoy.metric(counter).await, count, "{counter}");
    }
}
