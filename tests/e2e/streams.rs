//! Uploads larger than the buffer, scanned while they pass.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::support::client::{Answer, Feed, Pending, VERSIONS, Version, fed, post, sized};
use crate::support::icap_answers::{CONTINUE, NO_CONTENT, chunked};
use crate::support::icap_server::{Behaviour, Connection, IcapServer};
use crate::support::payload::{MIB, assert_same_bytes, pattern};
use crate::support::scene::{PREVIEW, Scene};

/// The request buffer, in bytes.
const BUFFER: usize = 256 * 1024;
/// How much a client sends at once.
const PIECE: usize = 64 * 1024;

fn streaming(changes: Value) -> Value {
    let mut profile = json!({
        "request_buffer_size_kb": BUFFER / 1024,
        "large_upload_fail_action": "stream",
    });
    let fields = profile.as_object_mut().unwrap();
    fields.extend(changes.as_object().unwrap().clone());
    profile
}

/// How an upload says where it ends.
#[derive(Clone, Copy, Debug)]
enum Ends {
    ByLength,
    BySaying,
}

/// The ways in which an upload comes.
fn ways() -> impl Iterator<Item = (Version, Ends)> {
    let ends = [Ends::ByLength, Ends::BySaying];
    VERSIONS
        .into_iter()
        .flat_map(move |version| ends.map(|ends| (version, ends)))
}

/// A client that sends a body piece by piece.
struct Upload {
    feed: Option<Feed>,
    pending: Pending,
}

impl Upload {
    /// Begins to send a body, of so many bytes where it says so.
    async fn begin(scene: &Scene, (version, ends): (Version, Ends), len: usize) -> Self {
        let (feed, body) = fed();
        let mut request = post("/upload", body);
        if let Ends::ByLength = ends {
            let headers = request.headers_mut();
            headers.insert("content-length", len.to_string().parse().unwrap());
        }
        let pending = scene.client(version).await.send_in_background(request);
        Self {
            feed: Some(feed),
            pending,
        }
    }

    async fn send(&mut self, bytes: impl Into<Bytes>) {
        let feed = self.feed.as_mut().unwrap();
        // Whoever is answered early reads no more.
        let _ = feed.send_data(bytes.into()).await;
    }

    async fn end(mut self) -> Answer {
        self.feed = None;
        self.pending.answer().await
    }
}

/// Reads a request, and gives its head back. `None`: the connection ends.
async fn begin_to_give(
    connection: &mut Connection,
) -> Option<crate::support::icap_message::IcapRequest> {
    let request = connection.next().await.ok().flatten()?;
    if request.preview.is_some() && !request.complete {
        connection.send(CONTINUE).await;
    }
    let head = request.http().raw.clone();
    let icap = format!(
        "ICAP/1.0 200 OK\r\nISTag: \"e2e-1\"\r\nEncapsulated: req-hdr=0, req-body={}\r\n\r\n{head}",
        head.len()
    );
    connection.send(icap).await;
    Some(request)
}

/// A chunk.
fn chunk(bytes: &[u8]) -> Vec<u8> {
    let mut all = chunked(bytes);
    all.truncate(all.len() - b"0\r\n\r\n".len());
    all
}

/// Gives each body back while it comes.
async fn give_back(mut connection: Connection) {
    while let Some(mut request) = begin_to_give(&mut connection).await {
        loop {
            let bytes = std::mem::take(&mut request.body);
            if !bytes.is_empty() && connection.try_send(chunk(&bytes)).await.is_err() {
                return;
            }
            if request.complete {
                break;
            }
            if connection.try_chunk(&mut request).await.is_err() {
                return;
            }
        }
        connection.send("0\r\n\r\n").await;
    }
}

/// Sends all of a body, as fast as it comes to the application.
async fn send_through(scene: &Scene, upload: &mut Upload, bytes: &Bytes) {
    let before = scene.application.bytes_received();
    for (n, _) in bytes.chunks(PIECE).enumerate() {
        let from = n * PIECE;
        upload
            .send(bytes.slice(from..bytes.len().min(from + PIECE)))
            .await;
        // What is given back goes on with the next piece.
        if let Some(there) = from.checked_sub(PIECE) {
            scene
                .application
                .until_received(before + there as u64)
                .await;
        }
    }
}

fn record(log: &Value) -> &Value {
    log["request_logs"].as_array().unwrap().last().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_gives_back_goes_on_byte_for_byte_while_the_rest_comes() {
    let server = IcapServer::listen().await;
    server.play(give_back).await;
    let scene = Scene::new(server.address(), streaming(json!({}))).await;
    let bytes = pattern(8 * MIB + 12_345);
    for (n, way) in ways().enumerate() {
        let mut upload = Upload::begin(&scene, way, bytes.len()).await;
        send_through(&scene, &mut upload, &bytes).await;
        let answer = upload.end().await;
        assert_eq!(answer.status, 200, "{way:?}");
        let received = scene.application.next().await;
        assert_same_bytes(&format!("{way:?}"), &received.body, &bytes);
        let log = scene.icap_log(n).await;
        assert_eq!(log["action"], "ICAP_PASSED", "{log}");
        assert_eq!(record(&log)["streamed"], true, "{log}");
        assert_eq!(record(&log)["streamed_bytes"], bytes.len(), "{log}");
    }
    scene
        .envoy
        .until_stat("wasmcustom.icap_filter.streamed", ways().count() as u64)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_blocked_late_never_comes_to_its_end() {
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), streaming(json!({}))).await;
    let bytes = pattern(MIB);
    for (n, way) in ways().enumerate() {
        let before = scene.application.bytes_received();
        let mut upload = Upload::begin(&scene, way, bytes.len()).await;
        upload.send(bytes.slice(..PIECE)).await;
        let mut connection = server.accept().await;
        let mut request = begin_to_give(&mut connection).await.unwrap();
        while request.body.len() < PIECE {
            connection.chunk(&mut request).await;
        }
        connection.send(chunk(&request.body)).await;
        upload.send(bytes.slice(PIECE..2 * PIECE)).await;
        scene
            .application
            .until_received(before + PIECE as u64 / 2)
            .await;
        connection.send("0\r\nX-Virus-ID: late\r\n\r\n").await;
        for from in (2 * PIECE..bytes.len()).step_by(PIECE) {
            upload.send(bytes.slice(from..from + PIECE)).await;
        }
        let outcome = {
            upload.feed = None;
            upload.pending.outcome().await
        };
        if let Ok(answer) = outcome {
            assert_eq!(answer.status, 403, "{way:?}");
        }
        let log = scene.icap_log(n).await;
        assert_eq!(log["action"], "ICAP_BLOCKED", "{way:?} {log}");
        assert_eq!(record(&log)["streamed"], true, "{way:?} {log}");
        connection.closed().await;
    }
    assert_eq!(scene.application.requests_received(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_gives_nothing_back_ends_a_large_upload() {
    let server = IcapServer::serving(Behaviour::Echo).await;
    let scene = Scene::new(server.address(), streaming(json!({}))).await;
    for (n, way) in ways().enumerate() {
        let mut upload = Upload::begin(&scene, way, 8 * MIB).await;
        for _ in 0..8 * MIB / PIECE {
            upload.send(pattern(PIECE)).await;
        }
        upload.feed = None;
        if let Ok(answer) = upload.pending.outcome().await {
            assert_eq!(answer.status, 413, "{way:?}");
        }
        let log = scene.icap_log(n).await;
        assert_eq!(log["action"], "ICAP_FAILED", "{way:?} {log}");
        let significance = json!(["ADF_ICAP_BODY_SIZE_BIGGER_THAN_CONFIGURED"]);
        assert_eq!(log["significance"], significance, "{way:?} {log}");
    }
    assert_eq!(scene.application.bytes_received(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_preview_a_204_lets_the_whole_upload_pass() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::new(server.address(), streaming(json!({}))).await;
    let bytes = pattern(2 * MIB + 1);
    for (n, way) in ways().enumerate() {
        let mut upload = Upload::begin(&scene, way, bytes.len()).await;
        upload.send(bytes.slice(..PREVIEW + 1)).await;
        let request = server.next_request().await;
        assert_eq!(request.head.get("allow"), None, "{way:?}");
        for from in (PREVIEW + 1..bytes.len()).step_by(PIECE) {
            upload
                .send(bytes.slice(from..bytes.len().min(from + PIECE)))
                .await;
        }
        assert_eq!(upload.end().await.status, 200, "{way:?}");
        let received = scene.application.next().await;
        assert_same_bytes(&format!("{way:?}"), &received.body, &bytes);
        let log = scene.icap_log(n).await;
        assert_eq!(log["action"], "ICAP_PASSED", "{way:?} {log}");
    }
}

/// The answer comes to the whole of what fits the buffer: 204 is none that could be given otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn what_fits_the_buffer_is_scanned_as_a_whole() {
    let server = IcapServer::serving(Behaviour::Echo).await;
    let scene = Scene::new(server.address(), streaming(json!({}))).await;
    let bytes = pattern(BUFFER);
    let answer = scene.send(post("/upload", sized(bytes.clone()))).await;
    assert_eq!(answer.status, 200);
    let request = server.next_request().await;
    assert_eq!(request.head.get("allow"), Some("204"));
    assert_same_bytes("passed", &scene.application.next().await.body, &bytes);
    let log = scene.icap_log(0).await;
    assert_eq!(record(&log)["streamed"], Value::Null, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_begun_to_go_on_never_fails_open() {
    let server = IcapServer::listen().await;
    let open = json!({"fail_action": "fail_open"});
    let scene = Scene::new(server.address(), streaming(open)).await;
    for (n, way) in ways().enumerate() {
        let before = scene.application.bytes_received();
        let mut upload = Upload::begin(&scene, way, MIB).await;
        upload.send(pattern(PIECE)).await;
        let mut connection = server.accept().await;
        let mut request = begin_to_give(&mut connection).await.unwrap();
        while request.body.len() < PIECE {
            connection.chunk(&mut request).await;
        }
        connection.send(chunk(&request.body)).await;
        upload.send(pattern(PIECE)).await;
        scene
            .application
            .until_received(before + PIECE as u64 / 2)
            .await;
        connection.close().await;
        let outcome = {
            upload.feed = None;
            upload.pending.outcome().await
        };
        if let Ok(answer) = outcome {
            assert_eq!(answer.status, 503, "{way:?}");
        }
        let log = scene.icap_log(n).await;
        assert_eq!(log["action"], "ICAP_FAILED", "{way:?} {log}");
    }
    assert_eq!(scene.application.requests_received(), 0);
}

/// The router keeps a copy for the retry: the end can't be put in behind it.
#[tokio::test(flavor = "multi_thread")]
async fn beside_a_retry_policy_a_stream_ends_without_harm() {
    let server = IcapServer::listen().await;
    server.play(give_back).await;
    let route = |prefix: &str, more: Value| {
        let mut action = json!({
            "cluster": "application",
            "timeout": "60s",
            "retry_policy": {"retry_on": "5xx"},
        });
        let fields = action.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        json!({"match": {"prefix": prefix}, "route": action})
    };
    let mut without_copy = route("/upload", json!({}));
    without_copy["per_request_buffer_limit_bytes"] = json!(0);
    for (routes, status) in [
        (vec![route("/upload", json!({}))], 503),
        (vec![without_copy], 200),
    ] {
        let scene = Scene::with(server.address(), streaming(json!({})), |setup| {
            setup.more_routes = routes;
        })
        .await;
        let bytes = pattern(MIB);
        for (n, way) in ways().enumerate() {
            let mut upload = Upload::begin(&scene, way, bytes.len()).await;
            send_through(&scene, &mut upload, &bytes).await;
            assert_eq!(upload.end().await.status, status, "{way:?}");
            let log = scene.icap_log(n).await;
            if status == 200 {
                let received = scene.application.next().await;
                assert_same_bytes(&format!("{way:?}"), &received.body, &bytes);
            } else {
                let reason = record(&log)["reason"].as_str().unwrap();
                assert!(reason.contains("per_request_buffer_limit_bytes"), "{log}");
                assert_eq!(scene.application.requests_received(), 0, "{way:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_of_a_stream_that_its_scan_goes_on() {
    let server = IcapServer::listen().await;
    let scene = Scene::with(server.address(), streaming(json!({})), |setup| {
        setup.manager = json!({"access_log_options": {"access_log_flush_interval": "1s"}});
    })
    .await;
    let mut upload = Upload::begin(&scene, (Version::Http1, Ends::BySaying), 0).await;
    upload.send(pattern(BUFFER + 1)).await;
    let mut connection = server.accept().await;
    let mut request = begin_to_give(&mut connection).await.unwrap();
    while request.body.len() < BUFFER {
        connection.chunk(&mut request).await;
    }
    connection.send(chunk(&request.body)).await;
    upload.send(pattern(PIECE)).await;
    scene.application.until_received(PIECE as u64).await;
    let log = scene.icap_log(0).await;
    assert_eq!(log["action"], "ICAP_FAILED", "{log}");
    let reason = record(&log)["reason"].as_str().unwrap();
    assert!(reason.contains("not finished"), "{log}");
    assert_eq!(record(&log)["streamed"], true, "{log}");
    upload.feed = None;
    connection.reset();
    upload.pending.outcome().await.unwrap();
}
