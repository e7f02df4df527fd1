//! The preview, `100 Continue`, `ieof`, early answers, and an upload to the ICAP server that overlaps the client's.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use crate::support::client::{VERSIONS, fed, post, sized, unsized_body};
use crate::support::icap_answers::{CONTINUE, NO_CONTENT, NO_CONTENT_CLOSE, block_page};
use crate::support::icap_server::{IcapServer, echo};
use crate::support::payload::{MIB, assert_same_bytes, pattern};
use crate::support::scene::{PREVIEW, Scene};

/// How long a server watches that nothing comes.
const QUIET: Duration = Duration::from_millis(300);

#[tokio::test(flavor = "multi_thread")]
async fn only_the_preview_is_sent_until_the_server_says_100() {
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), json!({})).await;
    let bytes = pattern(4 * PREVIEW);
    for version in VERSIONS {
        for body in [sized(bytes.clone()), unsized_body(bytes.clone())] {
            let client = scene.client(version).await;
            let untouched = scene.application.bytes_received();
            let pending = client.send_in_background(post("/upload", body));
            let mut connection = server.accept().await;
            let mut request = connection.request().await;
            assert_eq!(request.icap.get("preview"), Some("5000"));
            assert_same_bytes("preview", &request.preview().bytes, &bytes[..PREVIEW]);
            assert!(!request.preview().ieof);
            connection.stays_quiet(QUIET).await;
            connection.send(CONTINUE).await;
            connection.rest(&mut request).await;
            assert_same_bytes("whole", &request.body, &bytes);
            assert_eq!(
                scene.application.bytes_received(),
                untouched,
                "no verdict yet"
            );
            connection.send(NO_CONTENT_CLOSE).await;
            assert_eq!(pending.response().await.status, 200);
            assert_same_bytes("passed", &scene.application.next().await.body, &bytes);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_fits_the_preview_ends_with_ieof() {
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), json!({})).await;
    for version in VERSIONS {
        for size in [1, PREVIEW - 1, PREVIEW] {
            let bytes = pattern(size);
            for body in [sized(bytes.clone()), unsized_body(bytes.clone())] {
                let client = scene.client(version).await;
                let pending = client.send_in_background(post("/upload", body));
                let mut connection = server.accept().await;
                let request = connection.request().await;
                assert!(request.preview().ieof, "{version:?} {size}");
                assert_same_bytes("preview", &request.preview().bytes, &bytes);
                connection.send(NO_CONTENT_CLOSE).await;
                assert_eq!(pending.response().await.status, 200);
                assert_same_bytes("passed", &scene.application.next().await.body, &bytes);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_of_zero_shows_the_heads_alone() {
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), json!({"preview_size_bytes": 0})).await;
    let bytes = pattern(1024);
    let pending = scene
        .send_in_background(post("/upload", sized(bytes.clone())))
        .await;
    let mut connection = server.accept().await;
    let mut request = connection.request().await;
    assert_eq!(request.icap.get("preview"), Some("0"));
    assert_eq!(request.preview().bytes, b"");
    assert!(!request.preview().ieof);
    connection.stays_quiet(QUIET).await;
    connection.send(CONTINUE).await;
    connection.rest(&mut request).await;
    assert_same_bytes("whole", &request.body, &bytes);
    connection.send(NO_CONTENT).await;
    assert_eq!(pending.response().await.status, 200);
    assert_same_bytes("passed", &scene.application.next().await.body, &bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_preview_the_whole_body_is_sent_at_once() {
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), json!({"enable_preview": false})).await;
    let bytes = pattern(4 * PREVIEW);
    let pending = scene
        .send_in_background(post("/upload", sized(bytes.clone())))
        .await;
    let mut connection = server.accept().await;
    let mut request = connection.request().await;
    assert_eq!(request.icap.get("preview"), None);
    connection.rest(&mut request).await;
    assert_same_bytes("whole", &request.body, &bytes);
    connection.send(NO_CONTENT).await;
    assert_eq!(pending.response().await.status, 200);
    assert_same_bytes("passed", &scene.application.next().await.body, &bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_204_passes_an_upload_that_is_still_coming() {
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), json!({})).await;
    let bytes = pattern(MIB);
    for version in VERSIONS {
        let client = scene.client(version).await;
        let (mut feed, body) = fed();
        let pending = client.send_in_background(post("/upload", body));
        feed.send_data(bytes.slice(..2 * PREVIEW)).await.unwrap();
        let mut connection = server.accept().await;
        let request = connection.request().await;
        assert!(!request.preview().ieof);
        connection.send(NO_CONTENT_CLOSE).await;
        // The message goes on in its own next callback, with what comes next.
        feed.send_data(bytes.slice(2 * PREVIEW..)).await.unwrap();
        drop(feed);
        assert_eq!(pending.response().await.status, 200, "{version:?}");
        assert_same_bytes("passed", &scene.application.next().await.body, &bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_block_answers_a_client_that_is_still_sending() {
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), json!({})).await;
    for (sent, version) in VERSIONS.into_iter().enumerate() {
        let client = scene.client(version).await;
        let (mut feed, body) = fed();
        let pending = client.send_in_background(post("/upload", body));
        feed.send_data(pattern(2 * PREVIEW)).await.unwrap();
        let mut connection = server.accept().await;
        connection.request().await;
        connection
            .send(block_page("X-Virus-ID: Test\r\n", "<p>no</p>"))
            .await;
        let answer = pending.response().await;
        assert_eq!(answer.status, 403, "{version:?}");
        assert_eq!(answer.text(), "<p>no</p>");
        drop(feed);
        let log = scene.icap_log(sent).await;
        assert_eq!(log["action"], "ICAP_BLOCKED", "{log}");
        assert_eq!(log["request_logs"][0]["complete_body_sent"], false, "{log}");
        connection.close().await;
    }
    scene.assert_application_untouched(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_200_with_another_body_replaces_the_upload() {
    // A server that has seen enough may answer with a whole new request while the client is still sending.
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), json!({})).await;
    let (mut feed, body) = fed();
    let pending = scene.send_in_background(post("/upload", body)).await;
    feed.send_data(pattern(2 * PREVIEW)).await.unwrap();
    let mut connection = server.accept().await;
    let mut request = connection.request().await;
    request.body = vec![b'x'; PREVIEW];
    connection.send(echo(&request)).await;
    feed.send_data(pattern(PREVIEW)).await.unwrap();
    drop(feed);
    assert_eq!(pending.response().await.status, 200);
    let received = scene.application.next().await;
    assert_same_bytes("replaced", &received.body, &request.body);
    let log = scene.icap_log(0).await;
    assert_eq!(log["action"], "ICAP_MODIFIED", "{log}");
}

/// The part of the upload that the server has seen, sent back under the same head, is no whole message.
#[tokio::test(flavor = "multi_thread")]
async fn an_early_200_with_the_body_so_far_is_a_message_cut_short() {
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), json!({"fail_action": "fail_open"})).await;
    let (mut feed, body) = fed();
    let pending = scene.send_in_background(post("/upload", body)).await;
    feed.send_data(pattern(2 * PREVIEW)).await.unwrap();
    let mut connection = server.accept().await;
    let request = connection.request().await;
    connection.send(echo(&request)).await;
    feed.send_data(pattern(PREVIEW)).await.unwrap();
    drop(feed);
    assert_eq!(pending.response().await.status, 403);
    assert_eq!(scene.icap_log(0).await["action"], "ICAP_BLOCKED");
    scene.assert_application_untouched(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_100_the_upload_reaches_the_server_while_the_client_is_still_sending() {
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), json!({})).await;
    let piece = 64 * 1024;
    let bytes = pattern(8 * piece);
    for version in VERSIONS {
        let client = scene.client(version).await;
        let (mut feed, body) = fed();
        let pending = client.send_in_background(post("/upload", body));
        feed.send_data(bytes.slice(..piece)).await.unwrap();
        let mut connection = server.accept().await;
        let mut request = connection.request().await;
        connection.send(CONTINUE).await;
        let mut given = piece;
        loop {
            // Everything the client has sent so far must come through before it sends more.
            while request.body.len() < given {
                connection.chunk(&mut request).await;
                assert!(!request.complete, "the client has not finished");
            }
            if given == bytes.len() {
                break;
            }
            let next = bytes.slice(given..given + piece);
            given += piece;
            feed.send_data(next).await.unwrap();
        }
        drop(feed);
        connection.rest(&mut request).await;
        assert_same_bytes("at the server", &request.body, &bytes);
        connection.send(NO_CONTENT_CLOSE).await;
        assert_eq!(pending.response().await.status, 200, "{version:?}");
        assert_same_bytes("passed", &scene.application.next().await.body, &bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_preview_the_upload_overlaps_too() {
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), json!({"enable_preview": false})).await;
    let (mut feed, body) = fed();
    let pending = scene.send_in_background(post("/upload", body)).await;
    let mut connection = None;
    let mut seen = Vec::new();
    for piece in [&b"first"[..], b"second", b"third"] {
        feed.send_data(Bytes::from_static(piece)).await.unwrap();
        seen.extend_from_slice(piece);
        let (connection, request) = match &mut connection {
            Some(known) => known,
            empty => {
                let mut accepted = server.accept().await;
                let request = accepted.request().await;
                empty.insert((accepted, request))
            }
        };
        while request.body.len() < seen.len() {
            connection.chunk(request).await;
        }
        assert_same_bytes("so far", &request.body, &seen);
    }
    drop(feed);
    let (mut connection, mut request) = connection.unwrap();
    connection.rest(&mut request).await;
    connection.send(NO_CONTENT).await;
    assert_eq!(pending.response().await.status, 200);
    assert_same_bytes("passed", &scene.application.next().await.body, &seen);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_that_comes_in_pieces_is_sent_once_it_is_whole() {
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), json!({})).await;
    let bytes = pattern(PREVIEW + 1);
    let (mut feed, body) = fed();
    let pending = scene.send_in_background(post("/upload", body)).await;
    for piece in [0..1, 1..PREVIEW - 1, PREVIEW - 1..PREVIEW] {
        feed.send_data(bytes.slice(piece)).await.unwrap();
    }
    // Whether the body ends with the preview is not known before it goes on.
    feed.send_data(bytes.slice(PREVIEW..)).await.unwrap();
    drop(feed);
    let mut connection = server.accept().await;
    let mut request = connection.request().await;
    assert_same_bytes("preview", &request.preview().bytes, &bytes[..PREVIEW]);
    assert!(!request.preview().ieof);
    connection.take_whole(&mut request).await;
    assert_same_bytes("whole", &request.body, &bytes);
    connection.send(NO_CONTENT).await;
    assert_eq!(pending.response().await.status, 200);
    assert_same_bytes("passed", &scene.application.next().await.body, &bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_byte_by_byte_is_understood() {
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), json!({})).await;
    let bytes = pattern(2 * PREVIEW);
    let pending = scene
        .send_in_background(post("/upload", sized(bytes.clone())))
        .await;
    let mut connection = server.accept().await;
    let mut request = connection.request().await;
    connection.send_bytewise(CONTINUE).await;
    connection.rest(&mut request).await;
    connection
        .send_bytewise(block_page("X-Virus-ID: Test\r\n", "<p>no</p>"))
        .await;
    let answer = pending.response().await;
    assert_eq!(
        (answer.status, answer.text()),
        (403, "<p>no</p>".to_owned())
    );
    scene.assert_application_untouched(1).await;
}
