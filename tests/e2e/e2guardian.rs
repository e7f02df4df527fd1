//! e2guardian, a filtering proxy, as an ICAP server.

use hyper::Method;
use serde_json::json;

use crate::support::client::{VERSIONS, request_with, sized};
use crate::support::e2guardian::{BLOCKED_HOST, E2guardian};
use crate::support::payload::{MIB, assert_same_bytes, pattern};
use crate::support::scene::Scene;

/// The scene, where there is an e2guardian.
async fn scene() -> Option<(E2guardian, Scene)> {
    let Some(server) = E2guardian::start().await else {
        eprintln!("left out: no e2guardian here; make packages installs it");
        return None;
    };
    let settings = json!({
        "service_url": "icap://icap.test/request",
        "options": {"enabled": true},
        // Its OPTIONS name none: it would take the preview for the whole body.
        "enable_preview": false,
    });
    let scene = Scene::new(server.address(), settings).await;
    scene.until_learned(1).await;
    Some((server, scene))
}

#[tokio::test(flavor = "multi_thread")]
async fn e2guardian_sends_the_request_back_in_absolute_form_which_is_no_change() {
    let Some((_server, scene)) = scene().await else {
        return;
    };
    let mut n = 0;
    for version in VERSIONS {
        for size in [0, 1000, MIB + 1] {
            let bytes = pattern(size);
            let mut upload = request_with(Method::POST, "/upload?x=1", &[], sized(bytes.clone()));
            *upload.uri_mut() = "http://app.test/upload?x=1".parse().unwrap();
            let answer = scene.client(version).await.send(upload).await;
            let log = scene.icap_log(n).await;
            n += 1;
            assert_eq!(answer.status, 200, "{log}");
            assert_eq!(log["action"], "ICAP_PASSED", "{log}");
            assert_eq!(log["request_logs"][0]["icap_response_code"], 200, "{log}");
            let received = scene.application.next().await;
            assert_eq!(received.target(), "/upload?x=1");
            assert_same_bytes("upload", &received.body, &bytes);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e2guardian_blocks_a_site() {
    let Some((_server, scene)) = scene().await else {
        return;
    };
    for (n, version) in VERSIONS.into_iter().enumerate() {
        let mut upload = request_with(Method::POST, "/", &[], sized(pattern(1000)));
        *upload.uri_mut() = format!("http://{BLOCKED_HOST}/").parse().unwrap();
        let answer = scene.client(version).await.send(upload).await;
        let log = scene.icap_log(n).await;
        assert_eq!(log["action"], "ICAP_BLOCKED", "{log}");
        assert_eq!(
            log["request_logs"][0]["http_response_code"], answer.status,
            "{log}"
        );
    }
    scene.assert_application_untouched(2).await;
}
