//! `multipart/related` and `multipart/mixed`: taken apart like forms, and a server is shown what their encoded parts say.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::support::c_icap;
use crate::support::client::{Version, sized, unsized_body};
use crate::support::form::{FormBody, upload};
use crate::support::icap_answers::request;
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::payload::{assert_same_bytes, eicar, pattern};
use crate::support::scene::{PREVIEW, Scene};

/// The types of both kinds.
fn types() -> [String; 2] {
    let form = FormBody::with_boundary("=_b").content_type();
    ["related", "mixed"].map(|kind| form.replace("form-data", kind).replace("=_b", "\"=_b\""))
}

fn body() -> FormBody {
    FormBody::with_boundary("=_b")
}

/// In lines of so many characters.
fn base64(bytes: &[u8], line: usize) -> Vec<u8> {
    let text = STANDARD.encode(bytes);
    let lines: Vec<&[u8]> = text.as_bytes().chunks(line).collect();
    lines.join(&b"\r\n"[..])
}

/// Each byte escaped, in lines.
fn quoted(bytes: &[u8]) -> Vec<u8> {
    let lines: Vec<String> = bytes
        .chunks(20)
        .map(|line| line.iter().map(|byte| format!("={byte:02X}")).collect())
        .collect();
    lines.join("=\r\n").into_bytes()
}

const BASE64: &str = "Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\
                      Content-Disposition: attachment; filename=\"a.pdf\"\r\n";
const QUOTED: &str = "Content-ID: <root@a>\r\nContent-Transfer-Encoding: Quoted-Printable\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn parts_are_shown_on_their_own_and_decoded() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let changes = json!({
        "multipart_parallel": 1,
        "icap_headers": {"X-Filename": "%FILE_NAME%"},
    });
    let scene = Scene::new(server.address(), changes).await;
    let large = pattern(300_000);
    let media = pattern(2 * PREVIEW);
    let body = body()
        .part(
            "Content-Type: application/json; charset=UTF-8\r\n",
            "{\"name\": \"a\"}",
        )
        .part("Content-Type: image/png\r\n", &media)
        .part(BASE64, base64(&large, 76))
        .part(QUOTED, quoted(&media))
        .part("Content-ID: <note>\r\n", "a text");
    let shown: [(&[u8], Option<&str>, Option<&str>); 4] = [
        (
            b"{\"name\": \"a\"}",
            Some("application/json; charset=UTF-8"),
            None,
        ),
        (&media, Some("image/png"), None),
        (&large, Some("application/pdf"), Some("a.pdf")),
        (&media, Some("application/octet-stream"), None),
    ];
    for (n, content_type) in types().iter().enumerate() {
        let bytes = match n {
            0 => sized(body.bytes()),
            _ => unsized_body(body.bytes()),
        };
        let answer = scene.send(upload(content_type, &[], bytes)).await;
        assert_eq!(answer.status, 200);
        let received = scene.application.next().await;
        assert_same_bytes("the original", &received.body, &body.bytes());
        for (bytes, media_type, file_name) in shown {
            let scanned = server.next_request().await;
            assert_same_bytes("a part", &scanned.body, bytes);
            let http = scanned.http();
            assert_eq!(http.get("content-type"), media_type);
            let length = bytes.len().to_string();
            assert_eq!(http.get("content-length"), Some(length.as_str()));
            assert_eq!(scanned.icap.get("x-filename"), file_name);
            let disposition = file_name.map(|name| format!("attachment; filename=\"{name}\""));
            assert_eq!(http.get("content-disposition"), disposition.as_deref());
            assert_eq!(http.get("content-transfer-encoding"), None);
        }
        let scanned = server.next_request().await;
        let rest = self::body().part("Content-ID: <note>\r\n", "a text");
        assert_same_bytes("the rest", &scanned.body, &rest.bytes());
        assert_eq!(
            scanned.http().get("content-type"),
            Some(content_type.as_str())
        );
        let log = scene.icap_log(n).await;
        let entries = log["request_logs"].as_array().unwrap();
        assert_eq!(entries.len(), 5, "{log}");
        assert_eq!(entries[2]["part"]["file_name"], "a.pdf", "{log}");
        assert_eq!(entries[3]["part"]["name"], "root@a", "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decoded_part_that_is_sent_back_passes_and_a_changed_one_is_refused() {
    let content = pattern(200_000);
    let encoded = body().part(BASE64, base64(&content, 76));
    let plain = |bytes: &[u8]| body().part("Content-Type: image/png\r\n", bytes);
    let server = IcapServer::serving(Behaviour::Echo).await;
    let open = json!({"fail_action": "fail_open"});
    let scene = Scene::new(server.address(), open).await;
    let [content_type, _] = types();
    let send = |body: FormBody| upload(&content_type, &[], sized(body.bytes()));
    assert_eq!(scene.send(send(encoded.clone())).await.status, 200);
    let received = scene.application.next().await;
    assert_same_bytes("echo", &received.body, &encoded.bytes());
    let untouched = scene.application.bytes_received();

    let head = "POST /upload?album=7 HTTP/1.1\r\nHost: app.test\r\nContent-Length: 7";
    server.now(Behaviour::Answer(request("", head, Some(b"changed"))));
    assert_eq!(scene.send(send(encoded)).await.status, 503);
    let log = scene.icap_log(1).await;
    assert_eq!(log["action"], "ICAP_FAILED", "{log}");
    let reason = log["request_logs"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("a part that was decoded"), "{log}");
    assert_eq!(scene.application.bytes_received(), untouched);
    assert_eq!(scene.envoy.metric("failed_open").await, 0);

    // One that is not encoded has a place.
    assert_eq!(scene.send(send(plain(b"original"))).await.status, 200);
    let received = scene.application.next().await;
    assert_same_bytes("changed", &received.body, &plain(b"changed").bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_read_or_decoded_in_two_ways_is_refused() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let open = json!({"fail_action": "fail_open"});
    let scene = Scene::new(server.address(), open).await;
    let good = body().part(BASE64, "YWJj");
    let text = String::from_utf8(good.bytes()).unwrap();
    let [content_type, _] = types();
    let cases = [
        ("multipart/related".to_owned(), text.clone()),
        (content_type.clone(), text.replace("--=_b--", "")),
        (content_type.clone(), text.replace("YWJj", "YW-j")),
        (content_type.clone(), text.replace("YWJj", "YWI")),
        (content_type.clone(), text.replace("base64", "x-uuencode")),
        (
            content_type.clone(),
            text.replace("base64", "quoted-printable")
                .replace("YWJj", "=3d"),
        ),
        (
            content_type.clone(),
            text.replace("application/pdf", "multipart/mixed; boundary=c"),
        ),
    ];
    let count = cases.len();
    for (n, (content_type, body)) in cases.into_iter().enumerate() {
        let answer = scene.send(upload(&content_type, &[], sized(body))).await;
        assert_eq!(answer.status, 400, "case {n}");
        let log = scene.icap_log(n).await;
        let significance = json!(["ADF_ICAP_BAD_REQUEST"]);
        assert_eq!(log["significance"], significance, "case {n}: {log}");
    }
    scene.assert_application_untouched(count).await;

    let whole = Scene::new(server.address(), json!({"multipart": "whole"})).await;
    let odd = text.replace("YWJj", "YW-j");
    let answer = whole
        .send(upload(&content_type, &[], sized(odd.clone())))
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(server.next_request().await.body, odd.as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scanner_finds_what_stands_in_a_part() {
    let service = json!({"service_url": "icap://icap.test/avscan"});
    let scene = Scene::new(c_icap::address().await, service).await;
    let mut client = scene.client(Version::Http1).await;
    let first = body().part("Content-Type: application/json\r\n", "{}");
    let of = |bytes: &[u8]| {
        let lines = [1, 4, 7, 76, 1000].map(|line| (BASE64, base64(bytes, line)));
        let others = [
            (QUOTED, quoted(bytes)),
            ("Content-Type: application/octet-stream\r\n", bytes.to_vec()),
        ];
        lines.into_iter().chain(others).collect::<Vec<_>>()
    };
    for content_type in types() {
        for (headers, part) in of(&eicar()) {
            for body in [
                first.clone().part(headers, &part),
                body().part(headers, &part).part("", "last"),
            ] {
                let answer = client
                    .send(upload(&content_type, &[], sized(body.bytes())))
                    .await;
                assert_eq!(answer.status, 403, "{headers}");
            }
        }
        assert_eq!(scene.application.bytes_received(), 0);
    }
    for (headers, part) in of(&pattern(999)) {
        let [content_type, _] = types();
        let body = first.clone().part(headers, &part);
        let upload = upload(&content_type, &[], sized(body.bytes()));
        assert_eq!(client.send(upload).await.status, 200, "{headers}");
        let received = scene.application.next().await;
        assert_same_bytes(headers, &received.body, &body.bytes());
    }
}
