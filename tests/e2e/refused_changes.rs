//! Changes that a server may not make: they would put client, Envoy and application out of step.

use hyper::Method;
use serde_json::json;

use crate::support::client::{VERSIONS, empty, post, request, request_with, sized};
use crate::support::icap_answers;
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::scene::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn a_method_changed_from_or_to_head_or_connect_is_refused() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::new(server.address(), json!({"fail_action": "fail_open"})).await;
    let mut sent = 0;
    for (before, after) in [
        ("HEAD", "GET"),
        ("GET", "HEAD"),
        ("GET", "CONNECT"),
        ("GET", "head"),
    ] {
        let head = format!("{after} / HTTP/1.1\r\nHost: app.test");
        server.now(Behaviour::Answer(icap_answers::request("", &head, None)));
        for version in VERSIONS {
            let mut client = scene.client(version).await;
            let method: Method = before.parse().unwrap();
            let answer = client.send(request(method, "/", empty())).await;
            assert_eq!(answer.status, 503, "{before} to {after}");
            let log = scene.icap_log(sent).await;
            assert_eq!(log["action"], "ICAP_FAILED", "{log}");
            assert_eq!(
                log["significance"],
                json!(["ADF_ICAP_SERVER_ERROR"]),
                "{log}"
            );
            sent += 1;
        }
    }
    assert_eq!(scene.envoy.metric("failed_open").await, 0);
    scene.assert_application_untouched(sent).await;
    // Others may change.
    let head = "PUT / HTTP/1.1\r\nHost: app.test";
    server.now(Behaviour::Answer(icap_answers::request("", head, None)));
    assert_eq!(
        scene.send(request(Method::GET, "/", empty())).await.status,
        200
    );
    assert_eq!(scene.application.next().await.method(), "PUT");
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_by_which_envoy_is_told_what_to_do_stay_as_they_were() {
    let head = "POST /upload HTTP/1.1\r\nHost: app.test\r\nX-Request-Id: forged\r\n\
                X-Envoy-Original-Path: /forged\r\nX-Envoy-Upstream-Alt-Stat-Name: forged\r\n\
                X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: forged\r\nX-Forwarded-Host: forged\r\n\
                X-Forwarded-Client-Cert: By=forged\r\nX-Client-Trace-Id: forged\r\nX-Added: yes";
    let answer = icap_answers::request("", head, Some(b"changed"));
    let server = IcapServer::serving(Behaviour::Answer(answer)).await;
    let scene = Scene::new(server.address(), json!({})).await;
    let fields = [
        ("x-forwarded-host", "true.test"),
        ("x-client-trace-id", "true"),
    ];
    for version in VERSIONS {
        let mut client = scene.client(version).await;
        let upload = request_with(Method::POST, "/upload", &fields, sized("original"));
        assert_eq!(client.send(upload).await.status, 200);
        let received = scene.application.next().await;
        assert_eq!(received.body, b"changed");
        assert_eq!(received.head.get("x-added"), Some("yes"));
        assert_eq!(received.head.all("x-forwarded-host"), ["true.test"]);
        assert_eq!(received.head.all("x-client-trace-id"), ["true"]);
        assert_eq!(received.head.all("x-forwarded-proto"), ["http"]);
        let forged = |text: &str| text.contains("forged") || text.contains("192.0.2.1");
        assert!(!forged(&received.head.raw), "{}", received.head.raw);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_envoy_can_t_send_is_refused_and_not_logged_as_modified() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::new(server.address(), json!({"fail_action": "fail_open"})).await;
    let mut sent = 0;
    for (target, host) in [
        ("/upload", "user@other.test"),
        ("/upload", "other.test:abc"),
        ("/upload", "other.test:80:80"),
        ("/upload", "other.test/path"),
        ("/upload", "other test"),
        ("/upload", "[::1"),
        ("/upload", "\u{e4}.test"),
        ("/upload", ""),
        ("http://user@other.test/", "app.test"),
        ("upload", "app.test"),
        ("ftp://other.test/", "app.test"),
        ("*", "app.test"),
        ("/a#b", "app.test"),
    ] {
        let head = format!("POST {target} HTTP/1.1\r\nHost: {host}");
        let answer = icap_answers::request("", &head, Some(b"changed"));
        server.now(Behaviour::Answer(answer));
        let answer = scene.send(post("/upload", sized("original"))).await;
        assert_eq!(answer.status, 503, "{target} {host}");
        let log = scene.icap_log(sent).await;
        assert_eq!(log["action"], "ICAP_FAILED", "{target} {host}: {log}");
        sent += 1;
    }
    assert_eq!(scene.envoy.metric("modified").await, 0);
    assert_eq!(scene.envoy.metric("failed_open").await, 0);
    scene.assert_application_untouched(sent).await;
}
