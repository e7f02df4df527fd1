//! Envoy without `allow_on_headers_stop_iteration`: no body comes while headers are held.

use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::{Value, json};

use crate::support::client::{VERSIONS, empty, fed, post, request, sized};
use crate::support::envoy_config::Setup;
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::payload::{assert_same_bytes, pattern};
use crate::support::scene::Scene;

const FLAG: &str = "allow_on_headers_stop_iteration";
/// Long before the time-out.
const QUICKLY: Duration = Duration::from_secs(2);

fn without_the_flag(setup: &mut Setup) {
    const FILTER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/0/typed_config/config";
    setup.patch(|bootstrap| {
        let filter = bootstrap.pointer_mut(FILTER).unwrap();
        filter.as_object_mut().unwrap().remove(FLAG).unwrap();
    });
}

async fn broken(changes: Value) -> (IcapServer, Scene) {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let scene = Scene::with(server.address(), changes, without_the_flag).await;
    (server, scene)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_a_body_fails_quickly_and_says_why() {
    let (_server, scene) = broken(json!({})).await;
    for (sent, version) in VERSIONS.into_iter().enumerate() {
        let mut client = scene.client(version).await;
        let begun = Instant::now();
        let answer = client.send(post("/upload", sized(pattern(20_000)))).await;
        assert!(begun.elapsed() < QUICKLY, "{:?}", begun.elapsed());
        assert_eq!(answer.status, 503, "{version:?}");
        let log = scene.icap_log(sent).await;
        assert_eq!(log["action"], "ICAP_FAILED", "{log}");
        assert_eq!(log["significance"], json!(["ADF_ICAP_FAILED"]), "{log}");
        let reason = log["request_logs"][0]["reason"].as_str().unwrap();
        assert!(reason.contains(FLAG), "{reason}");
    }
    scene.assert_application_untouched(2).await;
    let log = scene.envoy.log();
    let lines = log
        .lines()
        .filter(|line| line.contains("[error]") && line.contains(FLAG));
    assert_eq!(lines.count(), 1, "{log}");
}

/// A filter before this one that does not answer at once: Envoy has the whole body by the time this filter sees the headers.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_a_body_fails_quickly_behind_an_asynchronous_filter_too() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let scene = Scene::with(server.address(), json!({}), |setup| {
        without_the_flag(setup);
        setup.patch(|bootstrap| {
            const FILTERS: &str =
                "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
            let filters = bootstrap.pointer_mut(FILTERS).unwrap();
            let delay = json!({
                "name": "envoy.filters.http.fault",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
                    "delay": {"fixed_delay": "0.1s", "percentage": {"numerator": 100}},
                },
            });
            filters.as_array_mut().unwrap().insert(0, delay);
        });
    })
    .await;
    for version in VERSIONS {
        let mut client = scene.client(version).await;
        let begun = Instant::now();
        let answer = client.send(post("/upload", sized(pattern(20_000)))).await;
        assert!(begun.elapsed() < QUICKLY, "{:?}", begun.elapsed());
        assert_eq!(answer.status, 503, "{version:?}");
    }
    let log = scene.icap_log(0).await;
    let reason = log["request_logs"][0]["reason"].as_str().unwrap();
    assert!(reason.contains(FLAG), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_body_is_scanned_all_the_same() {
    let (server, scene) = broken(json!({})).await;
    for version in VERSIONS {
        let mut client = scene.client(version).await;
        let answer = client.send(request(Method::GET, "/", empty())).await;
        assert_eq!(answer.status, 200, "{version:?}");
        server.next_request().await;
    }
    assert_eq!(scene.icap_log(0).await["action"], "ICAP_PASSED");
}

#[tokio::test(flavor = "multi_thread")]
async fn fail_open_forwards_the_whole_body() {
    let (_server, scene) = broken(json!({"fail_action": "fail_open"})).await;
    let bytes = pattern(200_000);
    for version in VERSIONS {
        let mut client = scene.client(version).await;
        let begun = Instant::now();
        let answer = client.send(post("/upload", sized(bytes.clone()))).await;
        assert!(begun.elapsed() < QUICKLY, "{:?}", begun.elapsed());
        assert_eq!(answer.status, 200, "{version:?}");
        assert_same_bytes("forwarded", &scene.application.next().await.body, &bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_flag_a_client_that_sends_nothing_yet_is_waited_for() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let scene = Scene::new(server.address(), json!({})).await;
    for version in VERSIONS {
        let (mut feed, body) = fed();
        let client = scene.client(version).await;
        let pending = client.send_in_background(post("/upload", body));
        // Many ticks of the watch.
        tokio::time::sleep(QUICKLY).await;
        assert!(!pending.is_finished(), "{version:?}");
        feed.send_data(pattern(10)).await.unwrap();
        tokio::time::sleep(QUICKLY / 4).await;
        assert!(!pending.is_finished(), "{version:?}");
        drop(feed);
        assert_eq!(pending.response().await.status, 200, "{version:?}");
        assert_same_bytes("passed", &scene.application.next().await.body, &pattern(10));
    }
    assert!(!scene.envoy.log().contains(FLAG));
}
