//! `enforcement: monitor`, and forms of which a server can't look into a file: what is logged is what would have been done.

use hyper::Method;
use serde_json::json;

use crate::support::client::{request_with, sized};
use crate::support::form::FormBody;
use crate::support::icap_answers::NO_CONTENT;
use crate::support::icap_message::IcapRequest;
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::payload::assert_same_bytes;
use crate::support::scene::Scene;

/// Can't look into what begins with `locked`, is in trouble with what begins with `broken`, and lets all else pass.
fn scan(shown: &IcapRequest) -> Option<Vec<u8>> {
    let answer = if shown.body.starts_with(b"locked") {
        "ICAP/1.0 500 No\r\nX-Error-Code: password_protected\r\n\r\n"
    } else if shown.body.starts_with(b"broken") {
        "ICAP/1.0 500 Oops\r\n\r\n"
    } else {
        NO_CONTENT
    };
    shown.complete.then(|| answer.into())
}

/// What is logged and counted of a form in which the server can't look into one file, and is in trouble with another.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_can_t_be_looked_into_would_have_been_blocked() {
    let server = IcapServer::serving(Behaviour::Decide(scan)).await;
    for (open, files, action, significance, counter) in [
        (
            json!({}),
            &["clean", "locked"][..],
            "ICAP_BLOCKED",
            "ADF_ICAP_UNSCANNABLE",
            "would_block",
        ),
        // Enforced, the trouble would have let it go on, and what is locked would not.
        (
            json!({"server_error": "fail_open"}),
            &["broken", "locked"],
            "ICAP_BLOCKED",
            "ADF_ICAP_UNSCANNABLE",
            "would_block",
        ),
        (
            json!({"unscannable": "fail_open"}),
            &["clean", "locked"],
            "ICAP_FAILED",
            "ADF_ICAP_UNSCANNABLE",
            "would_fail",
        ),
        (
            json!({"unscannable": "fail_open"}),
            &["locked", "broken"],
            "ICAP_FAILED",
            "ADF_ICAP_SERVER_ERROR",
            "would_fail",
        ),
    ] {
        let changes = json!({
            "enforcement": "monitor", "vendor": "opswat", "multipart": "parts", "multipart_parallel": 1,
            "fail_action_by_cause": open,
        });
        let scene = Scene::new(server.address(), changes).await;
        let form = files.iter().fold(FormBody::new(), |form, content| {
            form.file("f", &format!("{content}.zip"), content)
        });
        assert_eq!(scene.send(form.upload()).await.status, 200, "{files:?}");
        let received = scene.application.next().await.body;
        assert_same_bytes("the form", &received, &form.bytes());
        let log = scene.icap_log(0).await;
        assert_eq!(log["action"], action, "{log}");
        assert_eq!(log["enforced"], false, "{log}");
        assert_eq!(log["significance"], json!([significance]), "{log}");
        for name in ["would_block", "would_fail"] {
            let expected = u64::from(name == counter);
            assert_eq!(scene.envoy.metric(name).await, expected, "{name}: {log}");
        }
        let causes = scene.envoy.metric("failed.unscannable").await
            + scene.envoy.metric("failed.server_error").await;
        assert_eq!(causes, 1, "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_can_t_be_looked_for_would_have_been_blocked() {
    let server = IcapServer::serving(Behaviour::Decide(scan)).await;
    for (open, action, counter) in [
        (json!({}), "ICAP_BLOCKED", "would_block"),
        (
            json!({"unscannable": "fail_open"}),
            "ICAP_FAILED",
            "would_fail",
        ),
    ] {
        let changes = json!({
            "enforcement": "monitor", "extract": ["json_base64"], "fail_action_by_cause": open,
        });
        let scene = Scene::new(server.address(), changes).await;
        let fields = [("content-type", "application/json")];
        let upload = request_with(Method::POST, "/api", &fields, sized("{no JSON}"));
        assert_eq!(scene.send(upload).await.status, 200);
        assert_eq!(scene.application.next().await.body, b"{no JSON}");
        let log = scene.icap_log(0).await;
        assert_eq!(log["action"], action, "{log}");
        assert_eq!(log["enforced"], false, "{log}");
        assert_eq!(scene.envoy.metric(counter).await, 1, "{log}");
        assert_eq!(scene.envoy.metric("failed.unscannable").await, 1, "{log}");
    }
}
