//! What ClamAV finds ends in a 403, and not one byte of the request reaches the application.

use serde_json::{Value, json};

use crate::support::c_icap;
use crate::support::client::{VERSIONS, post, sized, unsized_body};
use crate::support::payload::{MIB, infected, pattern};
use crate::support::scene::{PREVIEW, Scene};

async fn assert_blocked(offset: usize, length: usize) {
    let service = json!({"service_url": "icap://icap.test/avscan"});
    let scene = Scene::new(c_icap::address().await, service).await;
    let signature = match offset {
        0 => c_icap::SIGNATURE,
        _ => c_icap::MARK_SIGNATURE,
    };
    let mut sent = 0;
    for version in VERSIONS {
        let virus = infected(offset, length);
        for body in [sized(virus.clone()), unsized_body(virus)] {
            let mut client = scene.client(version).await;
            let answer = client.send(post("/upload", body)).await;
            assert_eq!(answer.status, 403, "{version:?}");
            assert_eq!(answer.header("x-application"), None, "{version:?}");
            assert_infected(&scene.icap_log(sent).await, signature);
            sent += 1;
        }
    }
    scene.assert_application_untouched(sent).await;
    // What is clean still passes.
    let answer = scene.send(post("/upload", sized(pattern(length)))).await;
    assert_eq!(answer.status, 200);
    assert_eq!(scene.application.next().await.body, pattern(length));
}

fn assert_infected(log: &Value, signature: &str) {
    assert_eq!(log["action"], "ICAP_BLOCKED", "{log}");
    assert_eq!(log["significance"], json!(["ADF_ICAP_BLOCKED"]), "{log}");
    let entry = &log["request_logs"][0];
    assert_eq!(entry["action"], "ICAP_BLOCKED", "{log}");
    assert_eq!(entry["http_response_code"], 403, "{log}");
    let threat = entry["threat_id"].as_str().unwrap_or_default();
    assert!(threat.contains(signature), "{log}");
    let reason = entry["reason"].as_str().unwrap_or_default();
    assert!(!reason.is_empty(), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn eicar_alone_is_blocked() {
    assert_blocked(0, 68).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eicar_at_the_start_of_a_longer_body_is_blocked() {
    assert_blocked(0, 100_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_virus_across_the_edge_of_the_preview_is_blocked() {
    assert_blocked(PREVIEW - 30, 3 * PREVIEW).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_virus_after_one_mebibyte_is_blocked() {
    assert_blocked(MIB + 1, MIB + 4096).await;
}
