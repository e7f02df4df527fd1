//! What a worker holds of answers stays within one budget.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::client::{Version, fed, post, sized};
use crate::support::form::FormBody;
use crate::support::icap_answers;
use crate::support::icap_message::IcapRequest;
use crate::support::icap_server::{Behaviour, Connection, IcapServer};
use crate::support::payload::{MIB, assert_same_bytes, pattern};
use crate::support::scene::{PREVIEW, Scene, plugin};
use crate::support::{POLL, eventually};

/// Requests at once.
const REQUESTS: usize = 24;
/// Bytes of each changed body.
const SIZE: usize = 49 * MIB;
/// How many of those fit the budget, 256 MiB.
const FIT: usize = 5;

/// Reads a request, and begins to answer it with a changed body, of which the last chunk is not sent yet. `None` where the
/// module has enough.
async fn begin(mut connection: Connection, body: Arc<Vec<u8>>) -> Option<Connection> {
    connection.request().await;
    let head = "POST /upload HTTP/1.1\r\nHost: app.test";
    let answer = icap_answers::request("", head, Some(b""));
    connection.send(&answer[..answer.len() - 5]).await;
    for chunk in body.chunks(MIB) {
        let framed = [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat();
        connection.try_send(&framed).await.ok()?;
    }
    Some(connection)
}

/// They stand in Envoy's buffers, and not in the module, be the uploads still on their way or not.
#[tokio::test(flavor = "multi_thread")]
async fn many_large_changed_bodies_at_once_take_their_originals_places() {
    for comes in [false, true] {
        let server = IcapServer::listen().await;
        let scene = scene_with_64_mib(&server, json!({"max_connections": REQUESTS})).await;
        let (mut uploads, mut feeds) = (Vec::new(), Vec::new());
        for _ in 0..REQUESTS {
            let (mut feed, upload) = fed();
            let client = scene.client(Version::Http1).await;
            uploads.push(client.send_in_background(post("/upload", upload)));
            feed.send_data(pattern(2 * PREVIEW)).await.unwrap();
            if comes {
                feeds.push(feed);
            }
        }
        let body = Arc::new(vec![b'c'; SIZE]);
        let mut answers = JoinSet::new();
        for _ in 0..REQUESTS {
            let connection = server.accept().await;
            answers.spawn(begin(connection, body.clone()));
        }
        let mut begun = Vec::new();
        while let Some(answer) = answers.join_next().await {
            begun.extend(answer.unwrap());
        }
        assert_eq!(begun.len(), REQUESTS, "none was told that it is enough");
        for feed in &mut feeds {
            feed.send_data(pattern(PREVIEW)).await.unwrap();
        }
        for connection in &mut begun {
            connection.send(b"0\r\n\r\n").await;
        }
        drop(feeds);
        for upload in uploads {
            assert_eq!(upload.response().await.status, 200, "still coming: {comes}");
            let received = scene.application.next().await;
            assert_eq!(received.body.len(), SIZE);
            assert!(received.body.iter().all(|byte| *byte == b'c'));
        }
        assert_eq!(scene.envoy.metric("modified").await, REQUESTS as u64);
        scene.envoy.assert_vm_alive();
    }
}

/// A server that sends the changed body before the client has sent anything of its own: so long the module holds it.
#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_changed_before_they_come_are_held_within_the_budget() {
    const EACH: usize = 20 * MIB;
    const ROOM_FOR: usize = 3;
    let server = IcapServer::listen().await;
    let changes = json!({
        "enable_preview": false,
        "max_connections": REQUESTS,
        "fail_action": "fail_open",
    });
    let scene = scene_with_64_mib(&server, changes).await;
    let body = Arc::new(vec![b'c'; EACH]);
    // Until the module has read the whole answer, or has had enough: it then closes the connection, on which it owes the body.
    let answered = async || {
        let (feed, upload) = fed();
        let client = scene.client(Version::Http1).await;
        let upload = client.send_in_background(post("/upload", upload));
        if let Some(mut connection) = begin(server.accept().await, body.clone()).await {
            let _ = connection.try_send(b"0\r\n\r\n").await;
            connection.closed().await;
        }
        (feed, upload)
    };
    let mut held = Vec::new();
    for _ in 0..ROOM_FOR {
        held.push(answered().await);
    }
    let (_feed, upload) = answered().await;
    assert_eq!(upload.response().await.status, 503);
    let entry = scene.envoy.log_entry(0).await;
    let significance = &entry["icap_log"]["significance"];
    assert_eq!(*significance, json!(["ADF_ICAP_OVERLOAD"]), "{entry}");
    assert_eq!(scene.application.requests_received(), 0);
    // With the first bytes of the uploads Envoy has a buffer, and the module holds nothing more.
    for (feed, _) in &mut held {
        feed.send_data(pattern(PREVIEW)).await.unwrap();
    }
    eventually("room for another", async || {
        let (mut feed, upload) = answered().await;
        // Where there is no room the client has its response already.
        let _ = feed.send_data(pattern(PREVIEW)).await;
        drop(feed);
        (upload.response().await.status == 200).then_some(())
    })
    .await;
    scene.application.next().await;
    for (mut feed, upload) in held {
        feed.send_data(pattern(2 * MIB)).await.unwrap();
        drop(feed);
        assert_eq!(upload.response().await.status, 200);
        let received = scene.application.next().await;
        assert_same_bytes("changed", &received.body, &body);
    }
    scene.envoy.assert_vm_alive();
}

/// A server that gives an upload back, changed, while it reads it.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_changed_while_it_comes_arrives_whole() {
    let server = IcapServer::listen().await;
    let scene = scene_with_64_mib(&server, json!({"enable_preview": false})).await;
    let bytes = pattern(MIB);
    let turned: Vec<u8> = bytes.iter().map(|byte| !byte).collect();
    for same in [0, 5] {
        let (mut feed, body) = fed();
        let client = scene.client(Version::Http1).await;
        let upload = client.send_in_background(post("/upload", body));
        feed.send_data(bytes.clone()).await.unwrap();
        let mut connection = server.accept().await;
        let mut request = connection.request().await;
        let head = "POST /upload HTTP/1.1\r\nHost: app.test";
        let answer = icap_answers::request("", head, Some(b""));
        connection.send(&answer[..answer.len() - 5]).await;
        let mut expected = Vec::new();
        // The first parts come back as they were.
        for part in 0..30 {
            while request.body.len() < (part + 1) * MIB {
                connection.chunk(&mut request).await;
            }
            let sent = if part < same { &bytes[..] } else { &turned };
            let framed = [format!("{:x}\r\n", sent.len()).as_bytes(), sent, b"\r\n"].concat();
            connection.send(&framed).await;
            expected.extend_from_slice(sent);
            if part < 29 {
                feed.send_data(bytes.clone()).await.unwrap();
            }
        }
        drop(feed);
        connection.rest(&mut request).await;
        assert_same_bytes("shown", &request.body, &bytes.repeat(30));
        connection.send(b"0\r\n\r\n").await;
        assert_eq!(
            upload.response().await.status,
            200,
            "{same} MiB as they were"
        );
        let received = scene.application.next().await;
        assert_same_bytes("changed", &received.body, &expected);
    }
}

/// A scene whose worker may hold 64 MiB of answers.
async fn scene_with_64_mib(server: &IcapServer, mut changes: Value) -> Scene {
    changes["response_timeout_ms"] = json!(300_000);
    let mut configuration = plugin(changes);
    configuration["memory_budget_mb"] = json!(64);
    Scene::with(server.address(), json!({}), |setup| {
        setup.plugin = configuration.to_string();
        setup.buffer_limit = 1_200_000_000;
    })
    .await
}

/// What a sanitising server makes of an upload: another first byte, or another last one and some more.
fn sanitised(body: &[u8]) -> Vec<u8> {
    let mut clean = body.to_vec();
    match body.first() {
        Some(b'f') => clean[0] = b'F',
        _ => {
            clean.pop();
            clean.extend_from_slice(b"clean");
        }
    }
    clean
}

fn sanitise(request: &IcapRequest) -> Option<Vec<u8>> {
    let head = "POST /upload HTTP/1.1\r\nHost: app.test";
    let clean = || icap_answers::request("", head, Some(&sanitised(&request.body)));
    request.complete.then(clean)
}

/// Has that many uploads of that size sanitised at once, and looks at what the application gets.
async fn sanitise_uploads(scene: &Scene, count: usize, size: usize) {
    let original = pattern(size);
    let [first, last] = [b'f', b'l'].map(|begins| {
        let mut upload = original.to_vec();
        upload[0] = begins;
        bytes::Bytes::from(upload)
    });
    let expected = [&first, &last].map(|upload| sanitised(upload));
    let ended = async || scene.envoy.metric("modified").await + scene.envoy.metric("failed").await;
    let before = ended().await;
    let mut uploads = Vec::new();
    for n in 0..count {
        let upload = if n % 2 == 0 { &first } else { &last };
        let upload = post("/upload", sized(upload.clone()));
        uploads.push(scene.send_in_background(upload).await);
    }
    // So much takes its time, on a busy machine more than a test may: each ends by the filter's own clock at the latest.
    while ended().await < before + count as u64 {
        tokio::time::sleep(POLL).await;
    }
    for upload in uploads {
        assert_eq!(upload.response().await.status, 200);
        let received = scene.application.next().await.body;
        let as_it_should = expected.contains(&received);
        assert!(as_it_should, "{} bytes of {size}", received.len());
    }
    scene.envoy.assert_vm_alive();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_large_uploads_at_once_are_sanitised() {
    let server = IcapServer::serving(Behaviour::Decide(sanitise)).await;
    let scene = scene_with_64_mib(&server, json!({})).await;
    sanitise_uploads(&scene, 20, 45 * MIB).await;
    assert_eq!(scene.envoy.metric("modified").await, 20);
    sanitise_uploads(&scene, 1, 1000).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes some gigabytes"]
async fn an_upload_of_a_gibibyte_is_sanitised() {
    let server = IcapServer::serving(Behaviour::Decide(sanitise)).await;
    let changes = json!({"request_buffer_size_kb": 1_048_576});
    let scene = scene_with_64_mib(&server, changes).await;
    sanitise_uploads(&scene, 2, 1024 * MIB - 16).await;
    sanitise_uploads(&scene, 2, 1000).await;
}

/// What is held in the module has its bounds.
#[tokio::test(flavor = "multi_thread")]
async fn many_large_changed_bodies_at_once_end_as_overload_and_no_worker_dies() {
    let server = IcapServer::listen().await;
    let mut configuration = plugin(json!({
        "max_connections": REQUESTS,
        "fail_action": "fail_open",
        // A busy machine takes its time for a gibibyte.
        "response_timeout_ms": 300_000,
    }));
    configuration["memory_budget_mb"] = json!(256);
    let scene = Scene::with(server.address(), json!({}), |setup| {
        setup.plugin = configuration.to_string();
    })
    .await;
    let before = scene.envoy.resident_bytes();
    // Of a form the changed files are held.
    let form = FormBody::new().file("f", "a.bin", "small");
    let around = form.bytes().len() - "small".len();
    let mut uploads = Vec::new();
    for _ in 0..REQUESTS {
        uploads.push(scene.send_in_background(form.upload()).await);
    }
    let body = Arc::new(vec![b'c'; SIZE]);
    let mut answers = JoinSet::new();
    for _ in 0..REQUESTS {
        let connection = server.accept().await;
        answers.spawn(begin(connection, body.clone()));
    }
    // All begin, some are told that it is enough; the others have sent all but the end.
    let mut begun = Vec::new();
    while let Some(answer) = answers.join_next().await {
        begun.extend(answer.unwrap());
    }
    eventually("those past the budget to be answered", async || {
        let over = scene.envoy.metric("failed.overload").await;
        (over as usize + FIT >= REQUESTS).then_some(())
    })
    .await;
    let grown = |now: u64| now.saturating_sub(before) / MIB as u64;
    let held = grown(scene.envoy.resident_bytes());
    for connection in &mut begun {
        let _ = connection.try_send(b"0\r\n\r\n").await;
    }
    let mut statuses = Vec::new();
    for upload in uploads {
        statuses.push(upload.response().await.status);
    }
    let right = statuses.iter().filter(|status| **status == 200).count();
    let over = statuses.iter().filter(|status| **status == 503).count();
    assert!((1..=FIT).contains(&right), "{statuses:?}");
    assert_eq!(right + over, REQUESTS, "{statuses:?}");
    for _ in 0..right {
        let received = scene.application.next().await;
        assert_eq!(received.body.len(), SIZE + around);
        assert!(received.body.windows(SIZE).any(|file| file == &body[..]));
    }
    assert_eq!(scene.application.requests_received(), right as u64);
    for n in 0..REQUESTS {
        let entry = scene.envoy.log_entry(n).await;
        let log = &entry["icap_log"];
        if entry["code"] == 503 {
            assert_eq!(log["significance"], json!(["ADF_ICAP_OVERLOAD"]), "{log}");
        } else {
            assert_eq!(log["action"], "ICAP_MODIFIED", "{log}");
        }
    }
    assert_eq!(scene.envoy.metric("failed_open").await, 0);
    scene.envoy.assert_vm_alive();
    // Besides the budget: Envoy's own copies of the bodies that are let go, and what is on its way to the module.
    let peak = grown(scene.envoy.peak_resident_bytes());
    assert!(peak < 900, "{held} MiB held, {peak} MiB at the peak");
    drop(begun);
    // What was held is given back.
    for _ in 0..2 * FIT {
        let pending = scene.send_in_background(form.upload()).await;
        let connection = begin(server.accept().await, body.clone()).await;
        connection.unwrap().send(b"0\r\n\r\n").await;
        assert_eq!(pending.response().await.status, 200);
        let received = scene.application.next().await;
        assert_eq!(received.body.len(), SIZE + around);
    }
}

/// By how many MiB Envoy grows where twenty forms with ten files come at once, and a server sends all back as it was.
async fn growth_by_forms(multipart: &str) -> u64 {
    let server = IcapServer::serving(Behaviour::Echo).await;
    let scene = Scene::new(server.address(), json!({"multipart": multipart})).await;
    let form = (0..10).fold(FormBody::new().field("a", "b"), |form, n| {
        form.file("f", &format!("{n}.bin"), pattern(MIB))
    });
    let before = scene.envoy.resident_bytes();
    let mut uploads = Vec::new();
    for _ in 0..20 {
        uploads.push(scene.send_in_background(form.upload()).await);
    }
    for upload in uploads {
        assert_eq!(upload.response().await.status, 200, "{multipart}");
        let received = scene.application.next().await.body;
        assert_same_bytes(multipart, &received, &form.bytes());
    }
    scene.envoy.peak_resident_bytes().saturating_sub(before) / MIB as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_forms_of_ten_files_at_once_take_no_more_than_whole_bodies() {
    let whole = growth_by_forms("whole").await;
    let parts = growth_by_forms("parts").await;
    assert!(parts < whole + 100, "{parts} MiB instead of {whole} MiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_body_in_chunks_of_one_byte_arrives_whole() {
    let changed: Vec<u8> = (0..MIB).map(|n| (n % 251) as u8).collect();
    let head = "POST /upload HTTP/1.1\r\nHost: app.test";
    let mut answer = icap_answers::request("", head, Some(b""));
    answer.truncate(answer.len() - 5);
    for byte in &changed {
        answer.extend_from_slice(&[b'1', b'\r', b'\n', *byte, b'\r', b'\n']);
    }
    answer.extend_from_slice(b"0\r\n\r\n");
    let server = IcapServer::serving(Behaviour::Answer(answer)).await;
    let scene = Scene::new(server.address(), json!({})).await;
    // The same for half of it, so that both the comparison and the copy have chunks to go through.
    let mut original = changed.clone();
    original[MIB / 2] ^= 1;
    assert_eq!(
        scene.send(post("/upload", sized(original))).await.status,
        200
    );
    assert!(scene.application.next().await.body == changed);
}
