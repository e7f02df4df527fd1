//! Uploads to S3 in `aws-chunked`: a server is shown the content without its framing, and the original goes on as it was.

use serde_json::json;

use crate::support::aws::Payload;
use crate::support::c_icap;
use crate::support::client::{VERSIONS, Version, fed, sized, unsized_body};
use crate::support::form::FormBody;
use crate::support::icap_answers::{NO_CONTENT, request};
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::payload::{assert_same_bytes, eicar, pattern};
use crate::support::scene::{PREVIEW, Scene};

const PAYLOADS: [Payload; 2] = [Payload::Unsigned, Payload::Signed];

#[tokio::test(flavor = "multi_thread")]
async fn the_content_is_shown_and_the_original_goes_on() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let scene = Scene::new(server.address(), json!({"multipart": "whole"})).await;
    for payload in PAYLOADS {
        for (size, chunk) in [(0, 1), (300, 7), (PREVIEW, 999), (3 * PREVIEW, 8192)] {
            let content = pattern(size);
            let body = payload.frame(&content, chunk);
            for version in VERSIONS {
                for upload in [sized(body.clone()), unsized_body(body.clone())] {
                    let upload = payload.put(size, &[], upload);
                    let answer = scene.client(version).await.send(upload).await;
                    assert_eq!(answer.status, 200, "{payload:?} {size}");

                    let received = scene.application.next().await;
                    assert_same_bytes("the original", &received.body, &body);
                    assert_eq!(received.head.get("content-encoding"), Some("aws-chunked"));
                    let length = body.len().to_string();
                    let announced = received.head.get("content-length");
                    assert!(announced.is_none_or(|announced| announced == length));

                    let scanned = server.next_request().await;
                    assert_same_bytes("the content", &scanned.body, &content);
                    let http = scanned.http();
                    assert_eq!(http.first_line, "PUT /bucket/report.pdf HTTP/1.1");
                    assert_eq!(http.get("content-encoding"), None);
                    assert_eq!(http.get("content-type"), Some("application/pdf"));
                    let length = size.to_string();
                    assert_eq!(http.get("content-length"), Some(length.as_str()));
                    if let Some(preview) = &scanned.preview {
                        assert_eq!(preview.bytes, content[..size.min(PREVIEW)]);
                    }
                }
            }
        }
    }
    let log = scene.icap_log(0).await;
    assert_eq!(log["action"], "ICAP_PASSED", "{log}");
    assert_eq!(log["request_logs"].as_array().unwrap().len(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_encodings_of_the_content_are_told() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::new(server.address(), json!({})).await;
    let payload = Payload::Unsigned;
    for (encoding, told) in [
        ("aws-chunked,gzip", Some("gzip")),
        ("gzip, AWS-Chunked", Some("gzip")),
        // Some clients name no encoding.
        ("", None),
    ] {
        let body = payload.frame(b"content", 3);
        let upload = payload.put(7, &[("content-encoding", encoding)], sized(body));
        assert_eq!(scene.send(upload).await.status, 200);
        let scanned = server.next_request().await;
        assert_eq!(scanned.body, b"content");
        assert_eq!(scanned.http().get("content-encoding"), told, "{encoding}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_content_is_shown_while_it_comes_and_goes_on_at_its_end() {
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), json!({})).await;
    let payload = Payload::Unsigned;
    let content = pattern(2 * PREVIEW);
    let body = payload.frame(&content, PREVIEW + 1);
    let half = PREVIEW + 40;
    for end in ["\r\n", "\r\nmore"] {
        let (mut feed, upload) = fed();
        let upload = payload.put(content.len(), &[], upload);
        let pending = scene.send_in_background(upload).await;
        feed.send_data(body[..half].to_vec().into()).await.unwrap();
        let mut connection = server.accept().await;
        let scanned = connection.request().await;
        assert_same_bytes("the preview", &scanned.preview().bytes, &content[..PREVIEW]);
        // What follows may still make it another upload: a verdict does not let it go.
        connection.send(NO_CONTENT).await;
        let untouched = scene.application.bytes_received();
        feed.send_data(body[half..body.len() - 2].to_vec().into())
            .await
            .unwrap();
        assert_eq!(scene.application.bytes_received(), untouched);
        feed.send_data(end.into()).await.unwrap();
        drop(feed);
        let answer = pending.response().await;
        match end {
            "\r\n" => {
                assert_eq!(answer.status, 200);
                assert_same_bytes("all", &scene.application.next().await.body, &body);
            }
            _ => {
                assert_eq!(answer.status, 400);
                assert_eq!(scene.application.bytes_received(), untouched);
            }
        }
        drop(connection);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_read_in_two_ways_is_refused() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let open = json!({"fail_action": "fail_open", "multipart": "whole"});
    let scene = Scene::new(server.address(), open).await;
    let payload = Payload::Unsigned;
    let good = payload.frame(b"hello", 2);
    let text = String::from_utf8(good.clone()).unwrap();
    let cases = [
        (
            &[("x-amz-content-sha256", "UNSIGNED-PAYLOAD")][..],
            text.clone(),
        ),
        (&[("x-amz-content-sha256", "")], text.clone()),
        (&[("x-amz-content-sha256", "STREAMING-OTHER")], text.clone()),
        (
            &[("content-encoding", "aws-chunked,aws-chunked")],
            text.clone(),
        ),
        (&[("x-amz-decoded-content-length", "")], text.clone()),
        (&[("x-amz-decoded-content-length", "4")], text.clone()),
        (&[("x-amz-decoded-content-length", "6")], text.clone()),
        (&[], text.replace("2\r\nhe", "02\r\nhe")),
        (&[], text.replace("2\r\nhe", "2;x=y\r\nhe")),
        (&[], text.replace("2\r\nhe\r\n", "2\r\nhe")),
        (&[], text.replace("\r\n\r\n", "\r\n")),
        (&[], text.replace("x-amz-", "other-")),
        (&[], format!("{text}2\r\nhe\r\n0\r\n\r\n")),
        (&[], "hello".to_owned()),
    ];
    let count = cases.len();
    for (n, (fields, body)) in cases.into_iter().enumerate() {
        let answer = scene.send(payload.put(5, fields, sized(body))).await;
        assert_eq!(answer.status, 400, "case {n}");
        let log = scene.icap_log(n).await;
        let significance = json!(["ADF_ICAP_BAD_REQUEST"]);
        assert_eq!(log["significance"], significance, "case {n}: {log}");
        let reason = &log["request_logs"][0]["reason"].as_str().unwrap();
        let expected = "the aws-chunked upload can be read in two ways";
        assert!(reason.contains(expected), "case {n}: {log}");
    }
    scene.assert_application_untouched(count).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_upload_is_refused_and_one_sent_back_is_not() {
    let payload = Payload::Signed;
    let content = pattern(2 * PREVIEW);
    let body = payload.frame(&content, 777);
    let server = IcapServer::serving(Behaviour::Echo).await;
    let open = json!({"fail_action": "fail_open"});
    let scene = Scene::new(server.address(), open).await;
    let upload = || payload.put(content.len(), &[], sized(body.clone()));
    assert_eq!(scene.send(upload()).await.status, 200);
    assert_same_bytes("echo", &scene.application.next().await.body, &body);
    let untouched = scene.application.bytes_received();
    let head = "PUT /bucket/report.pdf HTTP/1.1\r\nHost: app.test\r\nContent-Length: 7";
    server.now(Behaviour::Answer(request("", head, Some(b"changed"))));
    assert_eq!(scene.send(upload()).await.status, 503);
    let log = scene.icap_log(1).await;
    assert_eq!(log["action"], "ICAP_FAILED", "{log}");
    let reason = log["request_logs"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("the server changed an upload"), "{log}");
    assert_eq!(scene.application.bytes_received(), untouched);
    assert_eq!(scene.envoy.metric("failed_open").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_of_a_framed_form_are_shown_one_by_one() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let scene = Scene::new(server.address(), json!({"multipart_parallel": 1})).await;
    let large = pattern(3 * PREVIEW);
    let form = FormBody::new().file("f", "a.pdf", &large).field("g", "y");
    for chunk in [3, 1000] {
        for payload in PAYLOADS {
            let body = payload.frame(&form.bytes(), chunk);
            let content_type = form.content_type();
            let fields = [("content-type", content_type.as_str())];
            let upload = payload.put(form.bytes().len(), &fields, sized(body.clone()));
            assert_eq!(scene.send(upload).await.status, 200);
            assert_same_bytes("all", &scene.application.next().await.body, &body);
            let file = server.next_request().await;
            assert_same_bytes("the file", &file.body, &large);
            let fields = FormBody::new().field("g", "y");
            assert_same_bytes(
                "the fields",
                &server.next_request().await.body,
                &fields.bytes(),
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scanner_finds_what_is_split_at_every_offset() {
    let service = json!({"service_url": "icap://icap.test/avscan"});
    let scene = Scene::new(c_icap::address().await, service).await;
    let virus = eicar();
    let mut client = scene.client(Version::Http1).await;
    for payload in PAYLOADS {
        for chunk in 1..=virus.len() {
            let body = payload.frame(&virus, chunk);
            let upload = payload.put(virus.len(), &[], sized(body));
            let answer = client.send(upload).await;
            assert_eq!(answer.status, 403, "{payload:?} in chunks of {chunk}");
        }
    }
    assert_eq!(scene.application.bytes_received(), 0);
    let clean = pattern(300);
    let body = Payload::Signed.frame(&clean, 64);
    let upload = Payload::Signed.put(clean.len(), &[], sized(body.clone()));
    assert_eq!(client.send(upload).await.status, 200);
    assert_same_bytes("clean", &scene.application.next().await.body, &body);
}
