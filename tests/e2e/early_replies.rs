//! Answers that are due before the upload has ended: clients that write all before they read get them.

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::client::{VERSIONS, abort, fed, post};
use crate::support::icap_answers::block_page;
use crate::support::icap_server::{Behaviour, IcapServer, refused_address};
use crate::support::payload::{MIB, pattern};
use crate::support::scene::Scene;
use crate::support::within;

/// More than what the buffers of a connection on this machine hold.
const UPLOAD: usize = 24 * MIB;

async fn blocking() -> IcapServer {
    let page = block_page("X-Virus-ID: Some.Virus\r\n", "found");
    IcapServer::serving(Behaviour::AnswerPreview(page)).await
}

/// A body with its length, and in chunks.
fn framed(body: &[u8]) -> [Vec<u8>; 2] {
    let sized = format!("content-length: {}\r\n\r\n", body.len()).into_bytes();
    let chunk = format!("transfer-encoding: chunked\r\n\r\n{:x}\r\n", body.len()).into_bytes();
    [
        [&sized, body].concat(),
        [&chunk, body, b"\r\n0\r\n\r\n"].concat(),
    ]
}

/// Writes a request to its end, and only then reads the answer. `Err`: the connection broke.
async fn write_then_read(stream: &mut TcpStream, rest: &[u8]) -> std::io::Result<String> {
    let head = b"POST /upload HTTP/1.1\r\nhost: test\r\n";
    stream.write_all(&[head, rest].concat()).await?;
    let mut answer = Vec::new();
    loop {
        let mut part = [0; 4096];
        let n = stream.read(&mut part).await?;
        answer.extend_from_slice(part.get(..n).unwrap());
        let text = String::from_utf8_lossy(&answer);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let length = head
            .split("\r\n")
            .find_map(|line| line.strip_prefix("content-length: "));
        let complete = length.is_some_and(|length| body.len() >= length.parse().unwrap());
        if n == 0 || complete {
            return Ok(text.into_owned());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_writes_before_it_reads_sees_a_block_and_keeps_its_connection() {
    let server = blocking().await;
    let scene = Scene::new(server.address(), json!({})).await;
    let mut stream = TcpStream::connect(scene.envoy.listener()).await.unwrap();
    for rest in framed(&pattern(UPLOAD)) {
        let answer = within("an answer", write_then_read(&mut stream, &rest))
            .await
            .unwrap();
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
        assert!(answer.ends_with("found"), "{answer}");
        assert!(!answer.contains("connection: close"), "{answer}");
    }
    scene.assert_application_untouched(2).await;
    for n in 0..2 {
        let entry = scene.envoy.log_entry(n).await;
        assert_eq!(entry["details"], "icap_blocked", "{entry}");
        assert_eq!(entry["icap_log"]["action"], "ICAP_BLOCKED", "{entry}");
    }
    assert_eq!(scene.envoy.metric("blocked").await, 2);
    assert_eq!(scene.envoy.metric("failed").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn and_that_its_upload_is_too_large_or_was_not_scanned() {
    for (changes, status) in [
        (json!({"request_buffer_size_kb": 1024}), "413"),
        (json!({}), "503"),
    ] {
        let scene = Scene::new(refused_address(), changes).await;
        for rest in framed(&pattern(UPLOAD)) {
            let mut stream = TcpStream::connect(scene.envoy.listener()).await.unwrap();
            let answer = within("an answer", write_then_read(&mut stream, &rest))
                .await
                .unwrap();
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status}")),
                "{answer}"
            );
        }
        scene.assert_application_untouched(2).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_rest_is_not_read_such_a_client_sees_a_broken_connection() {
    let server = blocking().await;
    let changes = json!({"early_reply_discard_kb": 0});
    // Envoy reads no more than this at a time.
    let scene = Scene::with(server.address(), changes, |setup| {
        setup.buffer_limit = 65_536
    })
    .await;
    let [rest, _] = framed(&pattern(UPLOAD));
    let mut stream = TcpStream::connect(scene.envoy.listener()).await.unwrap();
    let answer = within("an end", write_then_read(&mut stream, &rest)).await;
    assert!(answer.is_err(), "{answer:?}");
    scene.assert_application_untouched(1).await;
}

/// Feeds small pieces of a body without end until the answer is there; gives its status.
async fn status_of_an_endless_upload(changes: Value, piece: usize) -> Vec<u16> {
    let server = blocking().await;
    let scene = Scene::new(server.address(), changes).await;
    let mut statuses = Vec::new();
    for version in VERSIONS {
        let client = scene.client(version).await;
        let (mut feed, body) = fed();
        let pending = client.send_in_background(post("/upload", body));
        feed.send_data(pattern(10_000)).await.unwrap();
        let piece: Bytes = pattern(piece);
        within("an answer to an upload that goes on", async {
            while !pending.is_finished() {
                // Nobody takes any more once the answer is there.
                if feed.send_data(piece.clone()).await.is_err() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        })
        .await;
        statuses.push(pending.response().await.status);
    }
    scene.assert_application_untouched(2).await;
    statuses
}

#[tokio::test(flavor = "multi_thread")]
async fn not_more_than_so_much_is_thrown_away() {
    let changes = json!({"early_reply_discard_kb": 256, "early_reply_delay_ms": 600_000});
    assert_eq!(
        status_of_an_endless_upload(changes, 16_384).await,
        [403, 403]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn not_longer_than_so_long_is_an_upload_thrown_away() {
    let changes = json!({"early_reply_discard_kb": 1_048_576, "early_reply_delay_ms": 300});
    assert_eq!(status_of_an_endless_upload(changes, 1).await, [403, 403]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_falls_silent_gets_its_answer() {
    let server = blocking().await;
    let changes = json!({"early_reply_delay_ms": 600_000});
    let scene = Scene::new(server.address(), changes).await;
    for version in VERSIONS {
        let client = scene.client(version).await;
        let (mut feed, body) = fed();
        let pending = client.send_in_background(post("/upload", body));
        feed.send_data(pattern(10_000)).await.unwrap();
        assert_eq!(pending.response().await.status, 403, "{version:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_before_its_answer_was_blocked_all_the_same() {
    let server = blocking().await;
    let changes = json!({"early_reply_delay_ms": 600_000, "early_reply_discard_kb": 1_048_576});
    let scene = Scene::new(server.address(), changes).await;
    for (sent, version) in VERSIONS.into_iter().enumerate() {
        let client = scene.client(version).await;
        let (mut feed, body) = fed();
        let pending = client.send_in_background(post("/upload", body));
        feed.send_data(pattern(10_000)).await.unwrap();
        let blocked = "wasmcustom.icap_filter.blocked";
        scene.envoy.until_stat(blocked, sent as u64 + 1).await;
        abort(feed);
        pending.error().await;
        let log = scene.icap_log(sent).await;
        assert_eq!(log["action"], "ICAP_BLOCKED", "{version:?}: {log}");
        assert_eq!(scene.envoy.metric("aborted").await, 0, "{version:?}");
    }
    scene.assert_application_untouched(2).await;
}
