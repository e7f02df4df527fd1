//! Bodies that stream behind a gate: their sender is slowed down to the pace of the ICAP server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::streams::{BUFFER, Ends, PIECE, Upload, begin_to_give, chunk, record, streaming, ways};
use crate::support::client::{VERSIONS, Version, empty, request};
use crate::support::envoy::version;
use crate::support::envoy_config::Setup;
use crate::support::icap_answers::NO_CONTENT;
use crate::support::icap_server::{Behaviour, Connection, IcapServer};
use crate::support::payload::{MIB, assert_same_bytes, pattern};
use crate::support::scene::Scene;
use crate::support::within;

/// How large the bodies are, in bytes.
const LEN: usize = 64 * MIB + 4321;
/// What Envoy reads of a connection at once, in bytes.
const READ: usize = 256 * 1024;
/// What Envoy may hold at a gate, in bytes: more than the window and what is read at once.
const LIMIT: usize = MIB;
/// What the kernel may hold of a connection of this machine, in bytes: the buffers of both ends.
const SOCKETS: usize = 12 * MIB;
/// How far a sender may be ahead of what was given back: the window, the gate's buffer with what one read brings beyond it, the codec,
/// the sockets.
fn most_ahead() -> usize {
    BUFFER + LIMIT + 4 * connection_limit() + SOCKETS
}

/// How much Envoy keeps of a connection, in bytes. In Envoy 1.36 a route's limit does not lift it.
fn connection_limit() -> usize {
    match version() >= vec![1, 37] {
        true => READ,
        false => LIMIT,
    }
}

/// How much more memory Envoy may take than at rest, in bytes: the window and the gate's buffer, here and in the module, and what
/// allocators keep. Far less than a body.
const MEMORY: u64 = 32 * MIB as u64;

/// Where the gate stands.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Side {
    Before,
    Behind,
}

/// Puts a gate beside the filter that scans.
pub(crate) fn put_gate(setup: &mut Setup, side: Side) {
    setup.buffer_limit = match side {
        Side::Before => connection_limit(),
        Side::Behind => LIMIT,
    } as u32;
    setup.patch(move |bootstrap| {
        for cluster in bootstrap["static_resources"]["clusters"]
            .as_array_mut()
            .unwrap()
        {
            cluster["per_connection_buffer_limit_bytes"] = json!(READ);
        }
        let listener = &mut bootstrap["static_resources"]["listeners"][0];
        let manager = &mut listener["filter_chains"][0]["filters"][0]["typed_config"];
        manager["route_config"]["virtual_hosts"][0]["request_body_buffer_limit"] = json!(LIMIT);
        let filters = manager["http_filters"].as_array_mut().unwrap();
        let mut gate = filters[0].clone();
        gate["name"] = json!("icap_gate");
        gate["typed_config"]["config"]["name"] = json!("icap_gate");
        gate["typed_config"]["config"]["configuration"] = json!({
            "@type": "type.googleapis.com/google.protobuf.Struct",
            "value": {"role": "gate"},
        });
        let at = match side {
            Side::Before => 0,
            Side::Behind => 1,
        };
        filters.insert(at, gate);
    });
}

async fn gated(server: &IcapServer, changes: Value) -> Scene {
    Scene::with(server.address(), streaming(changes), |setup| {
        put_gate(setup, Side::Before);
    })
    .await
}

/// How far a sender has come, and how much the server has given back.
#[derive(Debug, Default)]
struct Race {
    sent: AtomicUsize,
    given: AtomicUsize,
    /// How far the sender was ahead at most.
    ahead: AtomicUsize,
}

impl Race {
    fn send(&self, len: usize) {
        let sent = self.sent.fetch_add(len, Ordering::SeqCst) + len;
        let ahead = sent.saturating_sub(self.given.load(Ordering::SeqCst));
        self.ahead.fetch_max(ahead, Ordering::SeqCst);
    }

    /// Sends a body as fast as the upload takes it.
    async fn run(&self, upload: &mut Upload, bytes: &Bytes) {
        for from in (0..bytes.len()).step_by(PIECE) {
            let piece = bytes.slice(from..bytes.len().min(from + PIECE));
            let len = piece.len();
            upload.send(piece).await;
            self.send(len);
        }
    }

    /// Waits until the sender is ahead by more than the window, or has sent everything: the server always lags.
    async fn until_ahead(&self) {
        let is_ahead = || {
            let sent = self.sent.load(Ordering::SeqCst);
            let given = self.given.load(Ordering::SeqCst);
            sent >= LEN || sent >= given + BUFFER
        };
        within("a sender that is ahead", async {
            while !is_ahead() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    fn assert_slowed_down(&self, what: &str) {
        let ahead = self.ahead.load(Ordering::SeqCst);
        assert!(ahead <= most_ahead(), "{what}: {ahead} bytes ahead");
        assert!(ahead >= BUFFER, "{what}: the server did not lag");
    }
}

/// Gives each body back, always behind its sender by more than the window.
async fn give_back_late(mut connection: Connection, race: Arc<Race>) {
    while let Some(mut request) = begin_to_give(&mut connection).await {
        loop {
            race.until_ahead().await;
            let bytes = std::mem::take(&mut request.body);
            if !bytes.is_empty() && connection.try_send(chunk(&bytes)).await.is_err() {
                return;
            }
            race.given.fetch_add(bytes.len(), Ordering::SeqCst);
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

/// A server that always lags, for one body after the other.
async fn late_server() -> (IcapServer, Arc<std::sync::Mutex<Arc<Race>>>) {
    let server = IcapServer::listen().await;
    let race: Arc<std::sync::Mutex<Arc<Race>>> = Arc::default();
    let races = Arc::clone(&race);
    server
        .play(move |connection| {
            let race = Arc::clone(&races.lock().unwrap());
            give_back_late(connection, race)
        })
        .await;
    (server, race)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_slowed_down_to_the_pace_of_the_scan() {
    let (server, races) = late_server().await;
    // Each upload has a connection of its own, and with that a race.
    let changes = json!({"max_requests_per_connection": 1});
    let scene = gated(&server, changes).await;
    let bytes = pattern(LEN);
    let before = scene.envoy.resident_bytes();
    for (n, way) in ways().enumerate() {
        let race = Arc::new(Race::default());
        *races.lock().unwrap() = Arc::clone(&race);
        let mut upload = Upload::begin(&scene, way, bytes.len()).await;
        race.run(&mut upload, &bytes).await;
        let response = upload.end().await;
        let log = scene.icap_log(n).await;
        assert_eq!(response.status, 200, "{way:?} {log}");
        let received = scene.application.next().await;
        assert_same_bytes(&format!("{way:?}"), &received.body, &bytes);
        race.assert_slowed_down(&format!("{way:?}"));
        assert_eq!(log["action"], "ICAP_PASSED", "{log}");
        assert_eq!(record(&log)["streamed_bytes"], LEN, "{log}");
    }
    let taken = scene.envoy.peak_resident_bytes() - before;
    assert!(taken < MEMORY, "{taken} bytes more than at rest");
}

/// Gives each body back by parts as large as the window: so its gate shuts again and again.
async fn give_back_by_windows(mut connection: Connection) {
    while let Some(mut request) = begin_to_give(&mut connection).await {
        loop {
            let is_window = request.body.len() >= BUFFER || request.complete;
            if is_window && !request.body.is_empty() {
                let part = chunk(&std::mem::take(&mut request.body));
                if connection.try_send(part).await.is_err() {
                    return;
                }
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

#[tokio::test(flavor = "multi_thread")]
async fn many_uploads_pass_the_gates_of_several_workers_at_once() {
    const WORKERS: u32 = 4;
    const UPLOADS: usize = 16;
    let server = IcapServer::listen().await;
    server.play(give_back_by_windows).await;
    let scene = Scene::with(server.address(), streaming(json!({})), |setup| {
        put_gate(setup, Side::Before);
        setup.concurrency = WORKERS;
    })
    .await;
    // No two of them have the same length, nor the same beginning.
    let bytes = pattern(5 * MIB);
    let body = move |n: usize| bytes.slice(n * 1003..4 * MIB + n * 2011);
    let mut uploads = tokio::task::JoinSet::new();
    for (n, way) in ways().cycle().take(UPLOADS).enumerate() {
        let body = body(n);
        let mut upload = Upload::begin(&scene, way, body.len()).await;
        uploads.spawn(async move {
            for from in (0..body.len()).step_by(PIECE) {
                let end = body.len().min(from + PIECE);
                upload.send(body.slice(from..end)).await;
            }
            (n, way, upload.end().await.status)
        });
    }
    for (n, way, status) in uploads.join_all().await {
        assert_eq!(status, 200, "{n} {way:?}");
    }
    let mut received = Vec::new();
    for n in 0..UPLOADS {
        received.push(scene.application.next().await.body);
        let log = scene.icap_log(n).await;
        assert_eq!(log["action"], "ICAP_PASSED", "{log}");
        assert_eq!(record(&log)["streamed"], true, "{log}");
    }
    received.sort_by_key(Vec::len);
    for (n, received) in received.iter().enumerate() {
        assert_same_bytes(&format!("upload {n}"), received, &body(n));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_gate_too_an_upload_that_is_blocked_late_never_comes_to_its_end() {
    let server = IcapServer::listen().await;
    let scene = gated(&server, json!({})).await;
    let bytes = pattern(4 * MIB);
    for (n, way) in ways().enumerate() {
        let mut upload = Upload::begin(&scene, way, bytes.len()).await;
        let (mut feed, rest) = (upload.feed.take().unwrap(), bytes.clone());
        let feeding = tokio::spawn(async move {
            for from in (0..rest.len()).step_by(PIECE) {
                if feed
                    .send_data(rest.slice(from..from + PIECE))
                    .await
                    .is_err()
                {
                    return;
                }
            }
        });
        let mut connection = server.accept().await;
        let mut request = begin_to_give(&mut connection).await.unwrap();
        let mut given = 0;
        while !request.complete && given < 3 * MIB {
            let piece = std::mem::take(&mut request.body);
            given += piece.len();
            if !piece.is_empty() {
                connection.send(chunk(&piece)).await;
            }
            connection.chunk(&mut request).await;
        }
        connection.send("0\r\nX-Virus-ID: late\r\n\r\n").await;
        upload.ends_blocked(&scene, n, way).await;
        feeding.await.unwrap();
        connection.closed().await;
    }
    assert_eq!(scene.application.requests_received(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_gives_nothing_back_ends_an_upload_behind_a_gate() {
    let server = IcapServer::serving(Behaviour::Echo).await;
    let changes = json!({"response_timeout_ms": 500, "slow_response_warning_threshold_ms": 400});
    let scene = gated(&server, changes).await;
    for (n, way) in ways().enumerate() {
        let mut upload = Upload::begin(&scene, way, LEN).await;
        let mut feed = upload.feed.take().unwrap();
        let feeding =
            tokio::spawn(async move { while feed.send_data(pattern(PIECE)).await.is_ok() {} });
        if let Ok(response) = upload.outcome().await {
            assert_eq!(response.status, 413, "{way:?}");
        }
        feeding.abort();
        let log = scene.icap_log(n).await;
        let significance = json!(["ADF_ICAP_BODY_SIZE_BIGGER_THAN_CONFIGURED"]);
        assert_eq!(log["significance"], significance, "{way:?} {log}");
        let reason = record(&log)["reason"].as_str().unwrap();
        assert!(reason.contains("gave none back within 500 ms"), "{log}");
    }
    assert_eq!(scene.application.bytes_received(), 0);
}

/// The end waits at the gate, so what is left of the body goes on before the trailers.
#[tokio::test(flavor = "multi_thread")]
async fn trailers_follow_a_body_that_streams_behind_a_gate() {
    let (server, races) = late_server().await;
    let scene = gated(&server, json!({"max_requests_per_connection": 1})).await;
    let bytes = pattern(LEN);
    for version in VERSIONS {
        let race = Arc::new(Race::default());
        *races.lock().unwrap() = Arc::clone(&race);
        let mut upload = Upload::begin_with_trailer(&scene, version, "x-checksum").await;
        race.run(&mut upload, &bytes).await;
        let mut trailers = HeaderMap::new();
        trailers.insert("x-checksum", "17".parse().unwrap());
        let feed = upload.feed.as_mut().unwrap();
        feed.send(Frame::trailers(trailers)).await.unwrap();
        assert_eq!(upload.end().await.status, 200, "{version:?}");
        let received = scene.application.next().await;
        assert_same_bytes(&format!("{version:?}"), &received.body, &bytes);
        let expected = ("x-checksum".to_owned(), "17".to_owned());
        assert!(received.trailers.contains(&expected), "{version:?}");
    }
}

/// Lets the request pass, and gives the response back.
async fn give_response_back_late(mut connection: Connection, race: Arc<Race>) {
    let request = connection.next().await.ok().flatten();
    let Some(request) = request else { return };
    assert!(!request.has_body, "the request is a GET");
    if connection.try_send(NO_CONTENT).await.is_ok() {
        give_back_late(connection, race).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_the_filter_a_gate_slows_the_application_down() {
    let bytes = pattern(LEN);
    for (version, ends) in ways() {
        let race = Arc::new(Race::default());
        let server = IcapServer::listen().await;
        let of_server = Arc::clone(&race);
        server
            .play(move |connection| give_response_back_late(connection, Arc::clone(&of_server)))
            .await;
        let application = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let changes = json!({
            "response_service_url": "/respond",
            "response_buffer_size_kb": BUFFER / 1024,
            "large_download_fail_action": "stream",
        });
        let address = application.local_addr().unwrap();
        let scene = Scene::with(server.address(), changes, |setup| {
            setup.application = address;
            put_gate(setup, Side::Behind);
        })
        .await;
        let before = scene.envoy.resident_bytes();
        let get = request(hyper::Method::GET, "/download", empty());
        let pending = scene.client(version).await.send_in_background(get);
        answer_fast(&application, ends, &bytes, &race).await;
        let response = pending.response().await;
        assert_eq!(response.status, 200, "{version:?} {ends:?}");
        let what = format!("{version:?} {ends:?}");
        assert_same_bytes(&what, &response.body, &bytes);
        race.assert_slowed_down(&what);
        let log = scene.icap_log(0).await;
        assert_eq!(log["action"], "ICAP_PASSED", "{log}");
        assert_eq!(record(&log)["streamed_bytes"], LEN, "{log}");
        let taken = scene.envoy.peak_resident_bytes() - before;
        assert!(taken < MEMORY, "{what}: {taken} bytes more than at rest");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_gate_on_each_side_both_senders_are_slowed_down() {
    let bytes = pattern(LEN);
    let (server, races) = late_server().await;
    let application = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let changes = json!({
        "max_requests_per_connection": 1,
        "response_service_url": "/respond",
        "response_buffer_size_kb": BUFFER / 1024,
        "large_download_fail_action": "stream",
    });
    let address = application.local_addr().unwrap();
    let scene = Scene::with(server.address(), streaming(changes), |setup| {
        setup.application = address;
        put_gate(setup, Side::Behind);
        put_gate(setup, Side::Before);
        setup.buffer_limit = LIMIT as u32;
    })
    .await;
    let [up, down] = [(), ()].map(|()| Arc::new(Race::default()));
    *races.lock().unwrap() = Arc::clone(&up);
    let before = scene.envoy.resident_bytes();
    let way = (Version::Http1, Ends::ByLength);
    let mut upload = Upload::begin(&scene, way, LEN).await;
    let answers = async {
        let (mut stream, head) = accept_head(&application).await;
        assert!(head.starts_with(b"POST "));
        let mut received = vec![0; LEN];
        stream.read_exact(&mut received).await.unwrap();
        assert_same_bytes("the upload", &received, &bytes);
        *races.lock().unwrap() = Arc::clone(&down);
        answer_on(stream, Ends::ByLength, &bytes, &down).await;
    };
    let sends = async {
        up.run(&mut upload, &bytes).await;
        upload.end().await
    };
    let ((), response) = tokio::join!(answers, sends);
    let log = scene.icap_log(0).await;
    assert_eq!(response.status, 200, "{log}");
    assert_same_bytes("the download", &response.body, &bytes);
    up.assert_slowed_down("the client");
    down.assert_slowed_down("the application");
    assert_eq!(log["action"], "ICAP_PASSED", "{log}");
    for n in 0..2 {
        assert_eq!(log["request_logs"][n]["streamed_bytes"], LEN, "{log}");
    }
    let taken = scene.envoy.peak_resident_bytes() - before;
    assert!(taken < 2 * MEMORY, "{taken} bytes more than at rest");
}

/// The next request's connection and head.
async fn accept_head(application: &TcpListener) -> (TcpStream, Vec<u8>) {
    let (mut stream, _) = application.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    (stream, head)
}

/// Answers one request as fast as it can.
async fn answer_fast(application: &TcpListener, ends: Ends, bytes: &Bytes, race: &Race) {
    let (stream, _) = accept_head(application).await;
    answer_on(stream, ends, bytes, race).await;
}

async fn answer_on(mut stream: TcpStream, ends: Ends, bytes: &Bytes, race: &Race) {
    let length = match ends {
        Ends::ByLength => format!("content-length: {LEN}\r\n"),
        Ends::BySaying => String::new(),
    };
    let answer = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{length}\r\n");
    stream.write_all(answer.as_bytes()).await.unwrap();
    for piece in bytes.chunks(PIECE) {
        stream.write_all(piece).await.unwrap();
        race.send(piece.len());
    }
}
