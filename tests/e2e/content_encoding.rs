//! Bodies with a `Content-Encoding`: decoded for the server, and the original goes on; or marked in icap_log.

use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use hyper::{Method, Request};
use serde_json::{Value, json};

use crate::support::aws::Payload;
use crate::support::client::{
    Body, VERSIONS, Version, empty, request, request_with, sized, unsized_body,
};
use crate::support::form::FormBody;
use crate::support::icap_answers::{NO_CONTENT, block_page, request as changed, response};
use crate::support::icap_message::IcapRequest;
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::payload::{MIB, assert_same_bytes, eicar, pattern};
use crate::support::scene::{PREVIEW, Scene};

const CODINGS: [&str; 3] = ["gzip", "deflate", "zstd"];

fn encode(coding: &str, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match coding {
        "gzip" => GzEncoder::new(&mut out, Compression::default())
            .write_all(content)
            .unwrap(),
        "deflate" => ZlibEncoder::new(&mut out, Compression::default())
            .write_all(content)
            .unwrap(),
        "zstd" => out = zstd::bulk::compress(content, 3).unwrap(),
        other => panic!("{other}"),
    }
    out
}

fn put(coding: &str, body: Body) -> Request<Body> {
    let fields = [("content-encoding", coding), ("content-type", "text/plain")];
    request_with(Method::PUT, "/file.txt", &fields, body)
}

async fn scene(server: &IcapServer, changes: Value) -> Scene {
    let mut settings = json!({"decode_content_encoding": true});
    for (name, value) in changes.as_object().unwrap() {
        settings[name] = value.clone();
    }
    Scene::new(server.address(), settings).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_content_is_shown_and_the_original_goes_on() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let scene = scene(&server, json!({})).await;
    for coding in CODINGS {
        for size in [1, 300, PREVIEW, 3 * PREVIEW, MIB + 7] {
            let content = pattern(size);
            let body = encode(coding, &content);
            for (version, upload) in [
                (Version::Http1, sized(body.clone())),
                (Version::Http2, unsized_body(body.clone())),
            ] {
                let answer = scene.client(version).await.send(put(coding, upload)).await;
                assert_eq!(answer.status, 200, "{coding} {size}");
                let received = scene.application.next().await;
                assert_same_bytes("the original", &received.body, &body);
                assert_eq!(received.head.get("content-encoding"), Some(coding));
                let scanned = server.next_request().await;
                assert_same_bytes("the content", &scanned.body, &content);
                assert_eq!(scanned.http().get("content-encoding"), None);
                assert_eq!(scanned.http().get("content-type"), Some("text/plain"));
                let length = scanned.http().get("content-length");
                let size = size.to_string();
                assert!(length.is_none_or(|length| length == size), "{length:?}");
            }
        }
    }
    let log = scene.icap_log(0).await;
    assert_eq!(log["action"], "ICAP_PASSED", "{log}");
    assert_eq!(log["request_logs"][0]["encoded"], Value::Null, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_decoded_is_told() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    for (changes, encoding, told) in [
        (
            json!({"decode_content_encoding": false}),
            "gzip",
            json!("gzip"),
        ),
        (json!({}), "br", json!("br")),
        (json!({}), "gzip, gzip", json!("gzip, gzip")),
        (json!({}), "identity", Value::Null),
    ] {
        let scene = scene(&server, changes).await;
        let body = encode("gzip", b"some content");
        let answer = scene.send(put(encoding, sized(body.clone()))).await;
        assert_eq!(answer.status, 200, "{encoding}");
        let scanned = server.next_request().await;
        assert_same_bytes("as it came", &scanned.body, &body);
        assert_eq!(scanned.http().get("content-encoding"), Some(encoding));
        let log = scene.icap_log(0).await;
        assert_eq!(log["request_logs"][0]["encoded"], told, "{log}");
    }
}

/// Blocks what has EICAR in it.
fn by_content(seen: &IcapRequest) -> Option<Vec<u8>> {
    let eicar = eicar();
    let found = seen.body.windows(eicar.len()).any(|part| part == eicar);
    match (found, seen.complete) {
        (true, _) => Some(block_page("X-Virus-ID: EICAR\r\n", "no")),
        (false, true) => Some(NO_CONTENT.as_bytes().to_vec()),
        (false, false) => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_found_in_it_is_blocked() {
    let server = IcapServer::serving(Behaviour::Decide(by_content)).await;
    let scene = scene(&server, json!({})).await;
    let bad = [&pattern(9000)[..], &eicar(), &pattern(9000)].concat();
    for (n, coding) in CODINGS.into_iter().enumerate() {
        let answer = scene.send(put(coding, sized(encode(coding, &bad)))).await;
        assert_eq!(answer.status, 403, "{coding}");
        let log = scene.icap_log(n).await;
        assert_eq!(log["action"], "ICAP_BLOCKED", "{log}");
    }
    scene.assert_application_untouched(CODINGS.len()).await;
    // A form, and the framing of S3, around or within the coding.
    let form = FormBody::new().field("a", "1").file("f", "x.bin", &bad);
    let fields = [
        ("content-type", form.content_type()),
        ("content-encoding", "gzip".to_owned()),
    ];
    let fields = fields
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let body = sized(encode("gzip", &form.bytes()));
    let answer = scene
        .send(request_with(Method::POST, "/", &fields, body))
        .await;
    assert_eq!(answer.status, 403);
    let log = scene.icap_log(CODINGS.len()).await;
    let entries = log["request_logs"].as_array().unwrap();
    let blocked = entries
        .iter()
        .find(|entry| entry["action"] == "ICAP_BLOCKED")
        .unwrap();
    assert_eq!(blocked["part"]["file_name"], "x.bin", "{log}");
    let coded = encode("gzip", &bad);
    let framed = Payload::Unsigned.frame(&coded, 999);
    let fields = [("content-encoding", "aws-chunked,gzip")];
    let upload = Payload::Unsigned.put(coded.len(), &fields, sized(framed));
    assert_eq!(scene.send(upload).await.status, 403);
    scene.assert_application_untouched(CODINGS.len() + 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_changed_goes_on_without_its_coding() {
    let reqmod = "PUT /file.txt HTTP/1.1\r\nHost: app.test\r\nContent-Type: text/plain\r\nContent-Length: 11";
    let respmod = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 11";
    for (changes, answer) in [
        (json!({}), changed("", reqmod, Some(b"other bytes"))),
        (
            json!({"scan_requests_as": "respmod"}),
            response("", respmod, Some(b"other bytes")),
        ),
    ] {
        let server = IcapServer::serving(Behaviour::Answer(answer)).await;
        let scene = scene(&server, changes.clone()).await;
        for (n, version) in VERSIONS.into_iter().enumerate() {
            let body = encode("gzip", &pattern(20_000));
            let answer = scene
                .client(version)
                .await
                .send(put("gzip", sized(body)))
                .await;
            assert_eq!(answer.status, 200, "{changes}");
            let received = scene.application.next().await;
            assert_eq!(received.body, b"other bytes", "{changes}");
            assert_eq!(received.head.get("content-encoding"), None, "{changes}");
            assert_eq!(received.head.get("content-length"), Some("11"), "{changes}");
            let log = scene.icap_log(n).await;
            assert_eq!(log["action"], "ICAP_MODIFIED", "{log}");
        }
    }
    // The same content sent back changes nothing.
    let server = IcapServer::serving(Behaviour::Echo).await;
    let scene = scene(&server, json!({})).await;
    let body = encode("gzip", &pattern(20_000));
    scene.send(put("gzip", sized(body.clone()))).await;
    let received = scene.application.next().await;
    assert_same_bytes("the original", &received.body, &body);
    assert_eq!(received.head.get("content-encoding"), Some("gzip"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_decoded_or_grows_too_large_is_refused() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let scene = scene(&server, json!({"request_buffer_size_kb": 4096})).await;
    let gzip = encode("gzip", &pattern(20_000));
    let cut = gzip[..gzip.len() - 3].to_vec();
    let followed = [&gzip[..], b"MZ"].concat();
    let bomb = encode("gzip", &vec![0; 2 * MIB]);
    // Less than 200 times as large as it comes, and past the buffer.
    let lines: Vec<u8> = (0..600_000_u32)
        .flat_map(|n| format!("line {n}\n").into_bytes())
        .collect();
    let large = encode("gzip", &lines);
    assert!(large.len() < 4 * MIB && lines.len() > 4 * MIB);
    let zstd = encode("zstd", &pattern(20_000));
    let zstd_cut = zstd[..zstd.len() - 1].to_vec();
    let zstd_bomb = encode("zstd", &vec![0; 2 * MIB]);
    // A frame that asks for a window of 9 MiB.
    let window = [&b"\x28\xb5\x2f\xfd\0\x69"[..], &pattern(100)].concat();
    let mut n = 0;
    for (coding, body, status, significance) in [
        ("gzip", b"plain text".to_vec(), 403, "ADF_ICAP_UNSCANNABLE"),
        ("gzip", cut, 403, "ADF_ICAP_UNSCANNABLE"),
        ("gzip", followed, 403, "ADF_ICAP_UNSCANNABLE"),
        ("zstd", b"plain text".to_vec(), 403, "ADF_ICAP_UNSCANNABLE"),
        ("zstd", zstd_cut, 403, "ADF_ICAP_UNSCANNABLE"),
        (
            "zstd",
            zstd_bomb,
            413,
            "ADF_ICAP_BODY_SIZE_BIGGER_THAN_CONFIGURED",
        ),
        (
            "zstd",
            window,
            413,
            "ADF_ICAP_BODY_SIZE_BIGGER_THAN_CONFIGURED",
        ),
        (
            "gzip",
            bomb,
            413,
            "ADF_ICAP_BODY_SIZE_BIGGER_THAN_CONFIGURED",
        ),
        (
            "gzip",
            large,
            413,
            "ADF_ICAP_BODY_SIZE_BIGGER_THAN_CONFIGURED",
        ),
    ] {
        let answer = scene.send(put(coding, sized(body))).await;
        assert_eq!(answer.status, status, "{n}");
        let log = scene.icap_log(n).await;
        assert_eq!(log["significance"], json!([significance]), "{log}");
        n += 1;
    }
    scene.assert_application_untouched(n).await;
}

/// An application's answer in gzip.
fn coded_page(status: &str, content: &[u8]) -> Vec<u8> {
    let body = encode("gzip", content);
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), &body].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn responses_are_decoded_too() {
    let server = IcapServer::listen().await;
    server.serve_responses(Behaviour::ContinueThenAllow).await;
    let scene = scene(&server, json!({"response_service_url": "/respmod"})).await;
    let content = pattern(20_000);
    let get = |method| request(method, "/", empty());
    scene
        .application
        .answer_with(coded_page("200 OK", &content));
    let answer = scene.send(get(Method::GET)).await;
    assert_same_bytes("the original", &answer.body, &encode("gzip", &content));
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    server.next_request().await;
    let scanned = server.next_request().await;
    assert_same_bytes("the content", &scanned.body, &content);
    let head = scanned.http_response.unwrap();
    assert_eq!(head.get("content-encoding"), None);
    // A range of a coded response begins in its midst.
    scene
        .application
        .answer_with(coded_page("206 Partial Content", &content));
    assert_eq!(scene.send(get(Method::GET)).await.status, 206);
    let log = scene.icap_log(1).await;
    assert_eq!(log["request_logs"][1]["encoded"], "gzip", "{log}");
    // Without a body there is nothing to be decoded.
    scene
        .application
        .answer_with("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 99\r\n\r\n");
    assert_eq!(scene.send(get(Method::HEAD)).await.status, 200);
    assert_eq!(scene.icap_log(2).await["action"], "ICAP_PASSED");

    let head = "HTTP/1.1 200 OK\r\nContent-Length: 5";
    server.now(Behaviour::Responses(Box::new(Behaviour::Answer(response(
        "",
        head,
        Some(b"other"),
    )))));
    scene
        .application
        .answer_with(coded_page("200 OK", &content));
    let answer = scene.send(get(Method::GET)).await;
    assert_eq!((answer.status, answer.text()), (200, "other".to_owned()));
    assert_eq!(answer.header("content-encoding"), None);
}
