//! Uploads larger than the buffer, scanned while they pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::client::{
    Body, Feed, HttpResponse, Pending, VERSIONS, Version, empty, fed, post, request, sized,
};
use crate::support::icap_answers::{CONTINUE, NO_CONTENT, chunked};
use crate::support::icap_server::{Behaviour, Connection, IcapServer};
use crate::support::payload::{MIB, assert_same_bytes, pattern};
use crate::support::scene::{PREVIEW, Scene};
use crate::support::{envoy, eventually, within};

/// The request buffer, in bytes.
pub(crate) const BUFFER: usize = 256 * 1024;
/// How much a client sends at once.
pub(crate) const PIECE: usize = 64 * 1024;
/// What a client sends first of a body of which nobody knows how long it is: more than fits the buffer.
const FIRST: usize = BUFFER + 1;
const STREAMED: &str = "wasmcustom.icap_filter.streamed";

pub(crate) fn streaming(changes: Value) -> Value {
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
pub(crate) enum Ends {
    ByLength,
    BySaying,
}

/// The ways in which an upload comes.
pub(crate) fn ways() -> impl Iterator<Item = (Version, Ends)> + Clone {
    let ends = [Ends::ByLength, Ends::BySaying];
    VERSIONS
        .into_iter()
        .flat_map(move |version| ends.map(|ends| (version, ends)))
}

/// A client that sends a body piece by piece.
pub(crate) struct Upload {
    pub(crate) feed: Option<Feed>,
    pub(crate) pending: Pending,
}

impl Upload {
    /// Begins to send a body, of so many bytes where it says so.
    pub(crate) async fn begin(scene: &Scene, (version, ends): (Version, Ends), len: usize) -> Self {
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

    /// Begins to send a body that announces such a trailer.
    pub(crate) async fn begin_with_trailer(scene: &Scene, version: Version, name: &str) -> Self {
        let (feed, body) = fed();
        let mut request = post("/upload", body);
        let headers = request.headers_mut();
        headers.insert("trailer", name.parse().unwrap());
        let pending = scene.client(version).await.send_in_background(request);
        Self {
            feed: Some(feed),
            pending,
        }
    }

    pub(crate) async fn send(&mut self, bytes: impl Into<Bytes>) {
        let feed = self.feed.as_mut().unwrap();
        // Whoever is answered early reads no more.
        let _ = feed.send_data(bytes.into()).await;
    }

    pub(crate) async fn end(mut self) -> HttpResponse {
        self.feed = None;
        self.pending.response().await
    }

    /// Ends the body. Envoy may break the connection off instead of an answer.
    pub(crate) async fn outcome(mut self) -> Result<HttpResponse, hyper::Error> {
        self.feed = None;
        self.pending.outcome().await
    }

    /// Ends the body of a message that the server blocks after its beginning went on. `n`: the place of its icap_log.
    pub(crate) async fn ends_blocked(self, scene: &Scene, n: usize, way: (Version, Ends)) {
        if let Ok(response) = self.outcome().await {
            assert_eq!(response.status, 403, "{way:?}");
        }
        let log = scene.icap_log(n).await;
        assert_eq!(log["action"], "ICAP_BLOCKED", "{way:?} {log}");
        assert_eq!(record(&log)["streamed"], true, "{way:?} {log}");
    }
}

/// Reads a request, and gives its head back. `None`: the connection ends.
pub(crate) async fn begin_to_give(
    connection: &mut Connection,
) -> Option<crate::support::icap_message::IcapRequest> {
    let request = connection.next().await.ok().flatten()?;
    if request.preview.is_some() && !request.complete {
        connection.send(CONTINUE).await;
    }
    let (kind, head) = match &request.http_response {
        Some(head) => ("res", head.raw.clone()),
        None => ("req", request.http().raw.clone()),
    };
    let icap = format!(
        "ICAP/1.0 200 OK\r\nISTag: \"e2e-1\"\r\nEncapsulated: {kind}-hdr=0, {kind}-body={}\r\n\r\n{head}",
        head.len()
    );
    connection.send(icap).await;
    Some(request)
}

/// A chunk.
pub(crate) fn chunk(bytes: &[u8]) -> Vec<u8> {
    let mut all = chunked(bytes);
    all.truncate(all.len() - b"0\r\n\r\n".len());
    all
}

/// Gives each body back while it comes, and counts what it has given.
async fn give_back(mut connection: Connection, given: Arc<AtomicUsize>) {
    while let Some(mut request) = begin_to_give(&mut connection).await {
        loop {
            let bytes = std::mem::take(&mut request.body);
            if !bytes.is_empty() && connection.try_send(chunk(&bytes)).await.is_err() {
                return;
            }
            given.fetch_add(bytes.len(), Ordering::SeqCst);
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

/// A server that gives bodies back, and how many bytes it has given.
async fn giving_server() -> (IcapServer, Arc<AtomicUsize>) {
    let server = IcapServer::listen().await;
    let given = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&given);
    server
        .play(move |connection| give_back(connection, Arc::clone(&counted)))
        .await;
    (server, given)
}

/// Sends all of a body, never far ahead of what the server has given back.
async fn send_through(given: &AtomicUsize, upload: &mut Upload, bytes: &Bytes) {
    let before = given.load(Ordering::SeqCst);
    for from in (0..bytes.len()).step_by(PIECE) {
        upload
            .send(bytes.slice(from..bytes.len().min(from + PIECE)))
            .await;
        eventually("bytes that the server gives back", async || {
            let behind = from.saturating_sub(given.load(Ordering::SeqCst) - before);
            let is_over = upload.pending.is_finished();
            (is_over || behind <= 2 * PIECE).then_some(())
        })
        .await;
    }
}

pub(crate) fn record(log: &Value) -> &Value {
    log["request_logs"].as_array().unwrap().last().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_gives_back_goes_on_byte_for_byte_while_the_rest_comes() {
    let (server, given) = giving_server().await;
    let changes = json!({"request_buffer_size_kb": 1024});
    let scene = Scene::new(server.address(), streaming(changes)).await;
    let bytes = pattern(64 * MIB + 12_345);
    for (n, way) in ways().enumerate() {
        let mut upload = Upload::begin(&scene, way, bytes.len()).await;
        send_through(&given, &mut upload, &bytes).await;
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
        .until_stat(STREAMED, ways().count() as u64)
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
        upload.send(bytes.slice(..FIRST)).await;
        let mut connection = server.accept().await;
        let mut request = begin_to_give(&mut connection).await.unwrap();
        while request.body.len() < FIRST {
            connection.chunk(&mut request).await;
        }
        connection.send(chunk(&request.body)).await;
        scene.envoy.until_stat(STREAMED, n as u64 + 1).await;
        upload.send(bytes.slice(FIRST..FIRST + PIECE)).await;
        scene
            .application
            .until_received(before + PIECE as u64 / 2)
            .await;
        connection.send("0\r\nX-Virus-ID: late\r\n\r\n").await;
        for from in (FIRST + PIECE..bytes.len()).step_by(PIECE) {
            upload
                .send(bytes.slice(from..bytes.len().min(from + PIECE)))
                .await;
        }
        upload.ends_blocked(&scene, n, way).await;
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
        assert_eq!(request.icap.get("allow"), None, "{way:?}");
        // It goes on from the next part on.
        let passed = "wasmcustom.icap_filter.passed";
        scene.envoy.until_stat(passed, n as u64 + 1).await;
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
    assert_eq!(request.icap.get("allow"), Some("204"));
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
        upload.send(pattern(FIRST)).await;
        let mut connection = server.accept().await;
        let mut request = begin_to_give(&mut connection).await.unwrap();
        while request.body.len() < FIRST {
            connection.chunk(&mut request).await;
        }
        connection.send(chunk(&request.body)).await;
        scene.envoy.until_stat(STREAMED, n as u64 + 1).await;
        upload.send(pattern(PIECE)).await;
        scene
            .application
            .until_received(before + PIECE as u64 / 2)
            .await;
        connection.close().await;
        if let Ok(answer) = upload.outcome().await {
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
    let (server, given) = giving_server().await;
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
        let changes = streaming(json!({"request_buffer_size_kb": 1024}));
        let scene = Scene::with(server.address(), changes, |setup| {
            setup.more_routes = routes;
        })
        .await;
        let bytes = pattern(3 * MIB);
        for (n, way) in ways().enumerate() {
            let mut upload = Upload::begin(&scene, way, bytes.len()).await;
            send_through(&given, &mut upload, &bytes).await;
            let found = upload.end().await.status;
            let log = scene.icap_log(n).await;
            // Beside the copy it depends on the last part: whether that waits for the server.
            if found == 200 {
                let received = scene.application.next().await;
                assert_same_bytes(&format!("{way:?}"), &received.body, &bytes);
            } else {
                assert_eq!(found, status, "{way:?} {log}");
                let reason = record(&log)["reason"].as_str().unwrap();
                assert!(reason.contains("per_request_buffer_limit_bytes"), "{log}");
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
    upload.send(pattern(FIRST)).await;
    let mut connection = server.accept().await;
    let mut request = begin_to_give(&mut connection).await.unwrap();
    while request.body.len() < FIRST {
        connection.chunk(&mut request).await;
    }
    connection.send(chunk(&request.body)).await;
    scene.envoy.until_stat(STREAMED, 1).await;
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

/// An application whose answer the test sends piece by piece.
async fn slow_application() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// Takes a request, and begins to answer it.
async fn begin_to_answer(application: &TcpListener, fields: &str) -> TcpStream {
    let (mut stream, _) = application.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let answer = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n");
    stream.write_all(answer.as_bytes()).await.unwrap();
    stream
}

async fn download_scene(server: &IcapServer, application: &TcpListener) -> Scene {
    let changes = json!({
        "response_service_url": "/respond",
        "response_buffer_size_kb": BUFFER / 1024,
        "large_download_fail_action": "stream",
    });
    let address = application.local_addr().unwrap();
    Scene::with(server.address(), changes, |setup| {
        setup.application = address
    })
    .await
}

fn get() -> hyper::Request<Body> {
    request(hyper::Method::GET, "/download", empty())
}

/// Lets requests pass, and gives responses back while they come.
async fn give_responses_back(mut connection: Connection, given: Arc<AtomicUsize>) {
    let request = connection.next().await.ok().flatten();
    let Some(request) = request else { return };
    assert!(!request.has_body, "the request is a GET");
    if connection.try_send(NO_CONTENT).await.is_ok() {
        give_back(connection, given).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_back_of_a_download_goes_on_while_the_rest_comes() {
    let server = IcapServer::listen().await;
    let given = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&given);
    server
        .play(move |connection| give_responses_back(connection, Arc::clone(&counted)))
        .await;
    let application = slow_application().await;
    let scene = download_scene(&server, &application).await;
    let bytes = pattern(8 * MIB + 77);
    for (n, version) in VERSIONS.into_iter().enumerate() {
        let before = given.load(Ordering::SeqCst);
        let pending = scene.client(version).await.send_in_background(get());
        let length = format!("connection: close\r\ncontent-length: {}", bytes.len());
        let mut stream = begin_to_answer(&application, &length).await;
        for from in (0..bytes.len()).step_by(PIECE) {
            let piece = bytes.slice(from..bytes.len().min(from + PIECE));
            stream.write_all(&piece).await.unwrap();
            eventually("bytes that the server gives back", async || {
                let behind = from.saturating_sub(given.load(Ordering::SeqCst) - before);
                (behind <= PIECE).then_some(())
            })
            .await;
        }
        let answer = pending.response().await;
        assert_eq!(answer.status, 200, "{version:?}");
        assert_same_bytes(&format!("{version:?}"), &answer.body, &bytes);
        let log = scene.icap_log(n).await;
        assert_eq!(log["action"], "ICAP_PASSED", "{log}");
        assert_eq!(record(&log)["streamed_bytes"], bytes.len(), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_is_blocked_late_breaks_off() {
    let server = IcapServer::listen().await;
    let application = slow_application().await;
    let scene = download_scene(&server, &application).await;
    for (n, version) in VERSIONS.into_iter().enumerate() {
        let pending = scene.client(version).await.send_in_background(get());
        let mut connection = server.accept().await;
        connection.request().await;
        connection.send(NO_CONTENT).await;
        let fields = format!("content-length: {}", 4 * MIB);
        let mut stream = begin_to_answer(&application, &fields).await;
        stream.write_all(&pattern(FIRST)).await.unwrap();
        let mut request = begin_to_give(&mut connection).await.unwrap();
        while request.body.len() < FIRST {
            connection.chunk(&mut request).await;
        }
        connection.send(chunk(&request.body)).await;
        scene.envoy.until_stat(STREAMED, n as u64 + 1).await;
        stream.write_all(&pattern(PIECE)).await.unwrap();
        while request.body.len() < FIRST + PIECE {
            connection.chunk(&mut request).await;
        }
        connection.send("0\r\nX-Virus-ID: late\r\n\r\n").await;
        // Envoy 1.36 resets an HTTP/2 stream with NO_ERROR, which h2 takes for an end.
        if let Ok(response) = within("the end of the download", pending.outcome()).await {
            assert!(version == Version::Http2 && envoy::version() < vec![1, 37]);
            assert!(response.body.len() <= FIRST + PIECE);
        }
        let log = scene.icap_log(n).await;
        assert_eq!(log["action"], "ICAP_BLOCKED", "{version:?} {log}");
        let streamed = record(&log)["streamed_bytes"].as_u64().unwrap();
        assert!((1..=(FIRST + PIECE) as u64).contains(&streamed), "{log}");
        connection.closed().await;
    }
}
