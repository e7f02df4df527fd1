//! Applications that say something before they answer, answer early, or leave: what the client gets, and that nothing stays behind.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::client::{Client, VERSIONS, Version, fed, post, sized};
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::payload::{assert_same_bytes, pattern};
use crate::support::scene::{PREVIEW, Scene};
use crate::support::{eventually, within};

/// The body of answers.
const BODY: &str = "the whole answer";

/// How an application treats a request whose head it has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Sends these bytes, and reads on.
    Say(&'static str),
    /// The same, and closes.
    SayAndLeave(&'static str),
}

/// An application that does so with every request.
async fn application(way: Way) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(treat(stream, way));
        }
    });
    address
}

async fn treat(mut stream: TcpStream, way: Way) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let (Way::Say(text) | Way::SayAndLeave(text)) = way;
    // Envoy may have given the connection up.
    let _ = stream.write_all(text.as_bytes()).await;
    if let Way::Say(_) = way {
        let mut rest = vec![0; 64 * 1024];
        while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
    }
}

/// The scene with such an application; `scanned`: its responses, too.
async fn scene(server: &IcapServer, way: Way, scanned: bool) -> Scene {
    let settings = match scanned {
        true => json!({"response_service_url": "/respmod"}),
        false => json!({}),
    };
    let application = application(way).await;
    Scene::with(server.address(), settings, |setup| {
        setup.application = application
    })
    .await
}

/// Nothing is held, and no connection is in use.
async fn assert_at_rest(scene: &Scene) {
    eventually("all to be at rest", async || {
        let active = scene.envoy.metric("connections_active").await;
        let pending = scene.envoy.metric("pending").await;
        (active == 0 && pending == 0).then_some(())
    })
    .await;
}

fn methods(log: &Value) -> Vec<&str> {
    let entries = log["request_logs"].as_array().unwrap().iter();
    entries
        .map(|entry| entry["icap_method"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_application_says_before_it_answers_is_no_answer() {
    const INTERIM: [&str; 3] = [
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 16\r\n\r\nthe whole answer",
        "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 16\r\n\r\nthe whole answer",
        "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 16\r\n\r\nthe whole answer",
    ];
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    for text in INTERIM {
        for scanned in [false, true] {
            let scene = scene(&server, Way::Say(text), scanned).await;
            for (n, version) in VERSIONS.into_iter().enumerate() {
                let mut client = scene.client(version).await;
                let answer = client.send(post("/upload", sized(pattern(20_000)))).await;
                assert_eq!(
                    (answer.status, answer.text().as_str()),
                    (200, BODY),
                    "{text}"
                );
                let log = scene.icap_log(n).await;
                assert_eq!(log["action"], "ICAP_PASSED", "{log}");
                assert_eq!(methods(&log).len(), 1 + usize::from(scanned), "{log}");
            }
            assert_at_rest(&scene).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_before_the_end_of_the_upload_is_given() {
    const EARLY: &str =
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 16\r\n\r\nthe whole answer";
    let server = IcapServer::serving(Behaviour::Allow).await;
    for scanned in [false, true] {
        let scene = scene(&server, Way::Say(EARLY), scanned).await;
        for (n, version) in VERSIONS.into_iter().enumerate() {
            let (mut feed, body) = fed();
            let client = scene.client(version).await;
            let pending = client.send_in_background(post("/upload", body));
            // The verdict comes with the preview; with the next part the upload goes on to the application.
            feed.send_data(pattern(PREVIEW + 1)).await.unwrap();
            let seen = server.next_request().await;
            assert_eq!(seen.method(), "REQMOD");
            if scanned {
                // The part that the application's answer waits for is the first behind the verdict.
                let respmod = server.next_request();
                let parts = async {
                    while feed.send_data(pattern(PREVIEW)).await.is_ok() {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    std::future::pending().await
                };
                let seen = tokio::select! { seen = respmod => seen, never = parts => never };
                assert_eq!(seen.method(), "RESPMOD");
            } else {
                feed.send_data(pattern(PREVIEW)).await.unwrap();
            }
            let entry = async {
                // HTTP/2 gives the answer while the upload is open; HTTP/1.1 needs its end, or a close.
                let _ = feed.send_data(pattern(100)).await;
                drop(feed);
                pending.response().await
            };
            let answer = within("the early answer", entry).await;
            assert_eq!(
                (answer.status, answer.text().as_str()),
                (200, BODY),
                "{version:?}"
            );
            let log = scene.icap_log(n).await;
            assert_eq!(log["action"], "ICAP_PASSED", "{log}");
        }
        assert_at_rest(&scene).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_leaves_in_any_phase_leaves_nothing_behind() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    for (text, status) in [
        // Before its answer, in the midst of its head, behind the head, in the midst of the body.
        ("", Some(503)),
        ("HTTP/1.1 200 OK\r\nx-a: b", Some(502)),
        ("HTTP/1.1 200 OK\r\ncontent-length: 16\r\n\r\n", None),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 16\r\n\r\nthe whole",
            None,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nthe whole\r\n",
            None,
        ),
        ("no HTTP at all\r\n\r\n", Some(502)),
    ] {
        for scanned in [false, true] {
            let scene = scene(&server, Way::SayAndLeave(text), scanned).await;
            for (n, version) in VERSIONS.into_iter().enumerate() {
                let mut client = scene.client(version).await;
                let answer = client.try_send(post("/upload", sized(pattern(20_000))));
                let answer = within("an end", answer).await;
                match (answer, status) {
                    (Ok(answer), Some(status)) => assert_eq!(answer.status, status, "{text}"),
                    // Of a response under scan nothing was given yet.
                    (Ok(answer), None) if scanned => {
                        assert!(answer.status >= 500, "{text}: {answer:?}");
                    }
                    // Envoy 1.36 resets an HTTP/2 stream with NO_ERROR, which h2 takes for an end.
                    (Ok(answer), None) => assert!(answer.body.len() < 16, "{text}: {answer:?}"),
                    (Err(_), _) => assert!(status.is_none(), "{text} {version:?}"),
                }
                let log = scene.icap_log(n).await;
                assert!(log["action"].is_string(), "{log}");
            }
            assert_at_rest(&scene).await;
            // What Envoy answers in its stead is scanned as any response is.
            let messages = 2 + 2 * u64::from(scanned);
            assert_eq!(scene.envoy.metric("requests").await, messages, "{text}");
        }
    }
}

/// What the `n`-th of many streams uploads; `None`: its client leaves.
fn upload(n: usize) -> Option<Vec<u8>> {
    match n % 4 {
        0 => Some(Vec::new()),
        1 => Some(pattern(n * 1000).to_vec()),
        2 => None,
        _ => Some(pattern(700).repeat(n)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_streams_of_one_connection_end_in_their_own_ways() {
    const STREAMS: usize = 60;
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let scene = Scene::new(
        server.address(),
        json!({"response_service_url": "/respmod"}),
    )
    .await;
    let Client::Http2(connection) = scene.client(Version::Http2).await else {
        panic!("the client does not speak HTTP/2");
    };
    let mut streams = tokio::task::JoinSet::new();
    for n in 0..STREAMS {
        let client = Client::Http2(connection.clone());
        streams.spawn(async move {
            let (mut feed, body) = fed();
            let pending = client.send_in_background(post(&format!("/{n}"), body));
            let Some(bytes) = upload(n) else {
                feed.send_data(pattern(PREVIEW + n)).await.unwrap();
                return pending.abandon();
            };
            for piece in bytes.chunks(700) {
                feed.send_data(Bytes::copy_from_slice(piece)).await.unwrap();
            }
            drop(feed);
            assert_eq!(pending.response().await.status, 200, "{n}");
        });
    }
    while let Some(stream) = streams.join_next().await {
        stream.unwrap();
    }
    assert_at_rest(&scene).await;
    let whole = (0..STREAMS).filter(|n| upload(*n).is_some()).count();
    assert_eq!(scene.application.requests_received(), whole as u64);
    for _ in 0..whole {
        let request = scene.application.next().await;
        let n = request.target()[1..].parse().unwrap();
        assert_same_bytes("a body", &request.body, &upload(n).unwrap());
    }
}
