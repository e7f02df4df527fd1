//! Every hold has a clock: what does not get on ends, and the log says who was waited for.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::client::{VERSIONS, abort, empty, fed, post, request, sized};
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::payload::pattern;
use crate::support::scene::{PREVIEW, Scene};
use crate::support::within;

const STALL_MS: u64 = 300;

fn reason(log: &Value) -> &str {
    log["request_logs"][0]["reason"]
        .as_str()
        .unwrap_or_default()
}

#[track_caller]
fn assert_stalled(log: &Value) {
    assert_eq!(log["action"], "ICAP_FAILED", "{log}");
    assert_eq!(log["significance"], json!(["ADF_ICAP_TIMEDOUT"]), "{log}");
    assert!(
        reason(log).contains("no byte of the body came for 300 ms"),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_makes_no_progress_ends_as_a_timeout() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let changes = json!({"body_progress_timeout_ms": STALL_MS});
    let scene = Scene::new(server.address(), changes).await;
    let mut sent = 0;
    for bytes in [0, 100, 2 * PREVIEW] {
        for version in VERSIONS {
            let client = scene.client(version).await;
            let (mut feed, body) = fed();
            let pending = client.send_in_background(post("/upload", body));
            if bytes > 0 {
                feed.send_data(pattern(bytes)).await.unwrap();
            }
            assert_eq!(
                pending.response().await.status,
                503,
                "{version:?}, {bytes} bytes"
            );
            assert_stalled(&scene.icap_log(sent).await);
            sent += 1;
        }
    }
    scene.assert_application_untouched(sent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_comes_slowly_is_waited_for() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let changes = json!({"body_progress_timeout_ms": 2 * STALL_MS});
    let scene = Scene::new(server.address(), changes).await;
    let client = scene.client(VERSIONS[0]).await;
    let (mut feed, body) = fed();
    let pending = client.send_in_background(post("/upload", body));
    for _ in 0..6 {
        tokio::time::sleep(std::time::Duration::from_millis(STALL_MS)).await;
        feed.send_data(pattern(10)).await.unwrap();
    }
    drop(feed);
    assert_eq!(pending.response().await.status, 200);
}

/// With fail_open a part of a body can't go on before the next one comes: where none does, the message ends closed.
#[tokio::test(flavor = "multi_thread")]
async fn with_fail_open_a_body_that_makes_no_progress_ends_too() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let changes = json!({"body_progress_timeout_ms": STALL_MS, "fail_action": "fail_open"});
    let scene = Scene::new(server.address(), changes).await;
    for version in VERSIONS {
        let client = scene.client(version).await;
        let (mut feed, body) = fed();
        let pending = client.send_in_background(post("/upload", body));
        feed.send_data(pattern(100)).await.unwrap();
        assert_eq!(pending.response().await.status, 503, "{version:?}");
        assert_eq!(scene.application.bytes_received(), 0);
    }
}

async fn read_status(client: &mut TcpStream) -> String {
    let mut status = Vec::new();
    while !status.ends_with(b"\r\n") {
        status.push(within("a status line", client.read_u8()).await.unwrap());
    }
    String::from_utf8(status).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_waits_for_100_continue_is_told_417_where_envoy_leaves_it_to_the_application()
{
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let scene = Scene::with(
        server.address(),
        json!({"fail_action": "fail_open"}),
        |setup| {
            setup.manager = json!({"proxy_100_continue": true});
        },
    )
    .await;
    let mut client = TcpStream::connect(scene.envoy.listener()).await.unwrap();
    client
        .write_all(
            b"POST /upload HTTP/1.1\r\nHost: app.test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n",
        )
        .await
        .unwrap();
    let status = read_status(&mut client).await;
    assert!(status.starts_with("HTTP/1.1 417 "), "{status}");
    let log = scene.icap_log(0).await;
    assert_eq!(
        log["significance"],
        json!(["ADF_ICAP_BAD_REQUEST"]),
        "{log}"
    );
    scene.assert_application_untouched(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_waits_for_100_continue_gets_it_from_envoy() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let scene = Scene::new(server.address(), json!({})).await;
    let mut client = TcpStream::connect(scene.envoy.listener()).await.unwrap();
    client
        .write_all(
            b"POST /upload HTTP/1.1\r\nHost: app.test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n",
        )
        .await
        .unwrap();
    let status = read_status(&mut client).await;
    assert!(status.starts_with("HTTP/1.1 100 "), "{status}");
    client.write_all(b"body").await.unwrap();
    assert_eq!(&scene.application.next().await.body[..], b"body");
}

/// Envoy takes such a request for a tunnel, whose body has no end.
#[tokio::test(flavor = "multi_thread")]
async fn a_post_with_an_upgrade_to_websocket_ends() {
    for fail_action in ["fail_closed", "fail_open"] {
        let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
        let changes = json!({"body_progress_timeout_ms": STALL_MS, "fail_action": fail_action});
        let scene = Scene::with(server.address(), changes, |setup| {
            setup.manager = json!({"upgrade_configs": [{"upgrade_type": "websocket"}]});
        })
        .await;
        let mut client = TcpStream::connect(scene.envoy.listener()).await.unwrap();
        client
            .write_all(
                b"POST /chat HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nabc",
            )
            .await
            .unwrap();
        let status = read_status(&mut client).await;
        assert!(
            status.starts_with("HTTP/1.1 503 "),
            "{fail_action}: {status}"
        );
        scene.assert_application_untouched(1).await;
    }
}

/// The decompressor comes between the application and this filter, and keeps the end of the body to itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_response_that_envoys_decompressor_never_ends_is_no_hang() {
    for fail_action in ["fail_closed", "fail_open"] {
        let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
        let changes = json!({
            "body_progress_timeout_ms": STALL_MS,
            "response_service_url": "/respmod",
            "fail_action": fail_action,
        });
        let scene = Scene::with(server.address(), changes, |setup| {
            setup.patch(|bootstrap| {
                const FILTERS: &str =
                    "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
                let filters = bootstrap.pointer_mut(FILTERS).unwrap().as_array_mut().unwrap();
                filters.insert(1, decompressor());
            });
        })
        .await;
        scene.application.answer_with(gzipped_answer());
        let answer = scene
            .send(request(hyper::Method::GET, "/file", empty()))
            .await;
        assert!(
            matches!(answer.status, 200 | 503),
            "{fail_action}: {answer:?}"
        );
    }
}

fn decompressor() -> Value {
    const NAME: &str = "type.googleapis.com/envoy.extensions";
    json!({
        "name": "envoy.filters.http.decompressor",
        "typed_config": {
            "@type": format!("{NAME}.filters.http.decompressor.v3.Decompressor"),
            "decompressor_library": {
                "name": "gzip",
                "typed_config": {"@type": format!("{NAME}.compression.gzip.decompressor.v3.Gzip")},
            },
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_out_of_envoys_own_is_named_in_the_log_with_who_was_waited_for() {
    for (behaviour, bytes, awaited) in [
        (
            Behaviour::Silence,
            10,
            "for the response of the ICAP server",
        ),
        (Behaviour::Allow, 0, "for the rest of the client's body"),
    ] {
        let server = IcapServer::serving(behaviour).await;
        let scene = Scene::with(server.address(), json!({}), |setup| {
            setup.manager = json!({"stream_idle_timeout": "0.5s"});
        })
        .await;
        let client = scene.client(VERSIONS[1]).await;
        let (mut feed, body) = fed();
        let pending = client.send_in_background(post("/upload", body));
        if bytes > 0 {
            feed.send_data(pattern(bytes)).await.unwrap();
            drop(feed);
            assert!(matches!(pending.response().await.status, 408 | 504));
        } else {
            assert!(matches!(pending.response().await.status, 408 | 504));
            drop(feed);
        }
        let log = scene.icap_log(0).await;
        assert_eq!(log["action"], "ICAP_FAILED", "{log}");
        assert_eq!(log["significance"], json!(["ADF_ICAP_TIMEDOUT"]), "{log}");
        assert!(reason(&log).contains("time-out of Envoy's own"), "{log}");
        assert!(reason(&log).contains(awaited), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_past_envoys_own_limit_is_named_in_the_log() {
    let server = IcapServer::serving(Behaviour::Silence).await;
    let scene = Scene::with(server.address(), json!({}), |setup| {
        setup.buffer_limit = 64 * 1024;
    })
    .await;
    let answer = scene.send(post("/upload", sized(pattern(1_000_000)))).await;
    assert_eq!(answer.status, 413);
    let log = scene.icap_log(0).await;
    let significance = json!(["ADF_ICAP_BODY_SIZE_BIGGER_THAN_CONFIGURED"]);
    assert_eq!(log["significance"], significance, "{log}");
    assert!(
        reason(&log).contains("per_connection_buffer_limit_bytes"),
        "{log}"
    );
    assert_eq!(
        scene
            .envoy
            .stat("wasmcustom.icap_filter.failed.oversize")
            .await,
        1
    );
}

/// An HTTP answer whose body is "clean", gzipped (RFC 1952) as one stored block (RFC 1951 section 3.2.4).
fn gzipped_answer() -> Vec<u8> {
    let text = b"clean";
    let len = text.len() as u16;
    let mut body = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1];
    body.extend_from_slice(&len.to_le_bytes());
    body.extend_from_slice(&(!len).to_le_bytes());
    body.extend_from_slice(text);
    body.extend_from_slice(&crc32fast::hash(text).to_le_bytes());
    body.extend_from_slice(&u32::from(len).to_le_bytes());
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body].concat()
}

/// What was let go in mid-body waits for its next part, and comes to another end where there is none: it counts once, as that.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_let_go_and_ends_otherwise_is_counted_once() {
    let failure = b"ICAP/1.0 500 Oops\r\nEncapsulated: null-body=0\r\n\r\n".to_vec();
    for behaviour in [Behaviour::Allow, Behaviour::AnswerPreview(failure)] {
        let server = IcapServer::serving(behaviour.clone()).await;
        let changes = json!({"body_progress_timeout_ms": STALL_MS, "fail_action": "fail_open"});
        let scene = Scene::new(server.address(), changes).await;
        for leaves in [false, true] {
            let client = scene.client(VERSIONS[0]).await;
            let (mut feed, body) = fed();
            let pending = client.send_in_background(post("/upload", body));
            feed.send_data(pattern(2 * PREVIEW)).await.unwrap();
            server.next_request().await;
            if leaves {
                abort(feed);
                pending.error().await;
            } else {
                assert_eq!(pending.response().await.status, 503);
            }
        }
        scene.envoy.log_entry(1).await;
        let mut sum = 0;
        for counter in ["passed", "modified", "blocked", "failed", "aborted"] {
            sum += scene.envoy.metric(counter).await;
        }
        assert_eq!(sum, 2, "{behaviour:?}");
        assert_eq!(scene.envoy.metric("requests").await, 2, "{behaviour:?}");
    }
}
