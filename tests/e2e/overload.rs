//! Servers that have too much to do, bounds on connections, and pools that several users share.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::client::{Client, Version, post, request_with, sized};
use crate::support::icap_answers::{NO_CONTENT, block_page};
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::payload::{assert_same_bytes, pattern};
use crate::support::scene::{PREVIEW, Scene, plugin, profile};
use crate::support::within;

/// The answer of a server that has too much to do.
const OVERLOADED: &str = "ICAP/1.0 503 Service Overloaded\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn an_overloaded_servers_request_goes_out_on_another_connection() {
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), json!({})).await;
    let bytes = pattern(3 * PREVIEW);
    let pending = scene
        .send_in_background(post("/upload", sized(bytes.clone())))
        .await;
    let mut overloaded = server.accept().await;
    overloaded.request().await;
    overloaded.send(OVERLOADED).await;
    let mut other = server.accept().await;
    let mut request = other.request().await;
    other.take_whole(&mut request).await;
    assert_same_bytes("replayed", &request.body, &bytes);
    other.send(NO_CONTENT).await;
    assert_eq!(pending.response().await.status, 200);
    assert_same_bytes("passed", &scene.application.next().await.body, &bytes);
    // Nothing more is asked of the connection that was refused.
    overloaded.closed().await;
    let log = scene.icap_log(0).await;
    assert_eq!(log["action"], "ICAP_PASSED", "{log}");
    let entries = log["request_logs"].as_array().unwrap();
    assert_eq!(entries.len(), 2, "{log}");
    assert_eq!(entries[0]["icap_response_code"], 503, "{log}");
    assert_eq!(entries[0]["action"], "ICAP_FAILED", "{log}");
    assert_eq!(entries[1]["icap_response_code"], 204, "{log}");
    let retries = "wasmcustom.icap_filter.retries";
    scene.envoy.until_stat(retries, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_one_server_is_overloaded_another_answers() {
    let busy = IcapServer::serving(Behaviour::Answer(OVERLOADED.into())).await;
    let free = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let one_each = json!({"max_requests_per_connection": 1});
    let scene = Scene::with(busy.address(), one_each, |setup| {
        setup.icap = vec![busy.address(), free.address()];
    })
    .await;
    for n in 0..20 {
        let answer = scene.send(post("/upload", sized("x"))).await;
        assert_eq!(answer.status, 200, "request {n}");
    }
    assert!(busy.accepted() > 0, "it was tried");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stays_overloaded_ends_in_the_failure_action() {
    let server = IcapServer::serving(Behaviour::Answer(OVERLOADED.into())).await;
    let scene = Scene::new(server.address(), json!({})).await;
    let begun = Instant::now();
    let answer = scene.send(post("/upload", sized("x"))).await;
    assert_eq!(answer.status, 503);
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
    let log = scene.icap_log(0).await;
    assert_eq!(log["action"], "ICAP_FAILED", "{log}");
    assert_eq!(log["request_logs"].as_array().unwrap().len(), 2, "{log}");
    scene.assert_application_untouched(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_503_that_carries_a_verdict_is_a_verdict() {
    let page = "infected";
    let answer = format!(
        "ICAP/1.0 503 Blocked\r\nX-Infection-Found: Type=0; Resolution=2; Threat={page};\r\n\r\n"
    );
    let server = IcapServer::serving(Behaviour::Answer(answer.into())).await;
    let scene = Scene::new(server.address(), json!({})).await;
    let answer = scene.send(post("/upload", sized("x"))).await;
    assert_eq!(answer.status, 403);
    assert_eq!(server.accepted(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_on_few_connections_are_all_served_and_bounded() {
    const BOUND: usize = 3;
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let scene = Scene::new(server.address(), json!({"max_connections": BOUND})).await;
    let mut all = Vec::new();
    for _ in 0..100 {
        let body = sized(pattern(2 * PREVIEW));
        all.push(scene.send_in_background(post("/upload", body)).await);
    }
    for pending in all {
        assert_eq!(pending.response().await.status, 200);
    }
    assert!(server.most_open() <= BOUND, "{}", server.most_open());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_past_the_queue_fails_as_overload_and_the_rest_is_served() {
    let server = IcapServer::serving(Behaviour::Silence).await;
    let changes = json!({
        "max_connections": 2,
        "max_pending": 6,
        "fail_action_by_cause": {"overload": "fail_open"},
    });
    let scene = Scene::new(server.address(), changes).await;
    let mut all = Vec::new();
    for _ in 0..20 {
        all.push(scene.send_in_background(post("/upload", sized("x"))).await);
    }
    let overload = "wasmcustom.icap_filter.failed.overload";
    scene.envoy.until_stat(overload, 12).await;
    assert_eq!(scene.envoy.metric("failed_open").await, 12);
    // How the connections stand is told at the next tick.
    for (gauge, value) in [("pending", 6), ("connections_active", 2)] {
        let name = format!("wasmcustom.icap_filter.{gauge}");
        scene.envoy.until_stat(&name, value).await;
        assert_eq!(scene.envoy.metric(gauge).await, value);
    }
    assert_eq!(scene.application.requests_received(), 12);
    // The server wakes up: it goes away with what it had, and the others get their answers.
    server.stop().await;
    server.restart().await;
    server.serve(Behaviour::Allow).await;
    for pending in all {
        assert_eq!(pending.response().await.status, 200);
    }
    scene.envoy.until_stat(overload, 12).await;
    assert_eq!(scene.envoy.metric("failed.overload").await, 12);
}

/// Two profiles on one cluster, told apart by a header.
fn two_profiles() -> Value {
    let named = |name: &str, max_connections: u32| {
        profile(json!({
            "name": name,
            "service_url": format!("/{name}"),
            "max_connections": max_connections,
        }))
    };
    json!({
        "profiles": [named("one", 8), named("two", 2)],
        "rules": [
            {
                "name": "to-two",
                "match": {"header": [{"name": "x-profile", "exact": "two"}]},
                "action": "enable_icap",
                "profile": "two",
            },
            {"name": "to-one", "match": {}, "action": "enable_icap", "profile": "one"},
        ],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn profiles_of_one_cluster_share_its_connections_and_the_stricter_bound() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let scene = Scene::with(server.address(), json!({}), |setup| {
        setup.plugin = two_profiles().to_string();
    })
    .await;
    for name in ["one", "two", "one", "two"] {
        let fields = [("x-profile", name)];
        let request = request_with(hyper::Method::POST, "/", &fields, sized("x"));
        assert_eq!(scene.send(request).await.status, 200);
        let seen = server.next_request().await;
        let line = format!("REQMOD icap://icap_pool/{name} ICAP/1.0");
        assert_eq!(seen.icap.first_line, line);
    }
    assert_eq!(server.accepted(), 1, "one connection for both");
    let mut all = Vec::new();
    for n in 0..40 {
        let fields = [("x-profile", if n % 2 == 0 { "one" } else { "two" })];
        let body = sized(pattern(2 * PREVIEW));
        let request = request_with(hyper::Method::POST, "/", &fields, body);
        all.push(scene.send_in_background(request).await);
    }
    for pending in all {
        assert_eq!(pending.response().await.status, 200);
    }
    assert!(server.most_open() <= 2, "{}", server.most_open());
}

/// Adds a listener `second`, equal to the first but for the plugin configuration where that is given.
fn add_listener(bootstrap: &mut Value, plugin: Option<Value>) {
    const FILTER: &str =
        "/filter_chains/0/filters/0/typed_config/http_filters/0/typed_config/config";
    let listeners = &mut bootstrap["static_resources"]["listeners"];
    let mut second = listeners[0].clone();
    second["name"] = json!("second");
    if let Some(plugin) = plugin {
        let filter = second.pointer_mut(FILTER).unwrap();
        filter["configuration"]["value"] = plugin;
    }
    listeners.as_array_mut().unwrap().push(second);
}

/// Sends requests to both listeners at the same time, and expects these statuses of them.
async fn use_both(scene: &Scene, first: u16, second: u16) {
    let mut all = Vec::new();
    for n in 0..40 {
        let (name, expected) = [("ingress", first), ("second", second)][n % 2];
        let address = scene.envoy.listener_named(name);
        let client = Client::connect(address, Version::Http1).await;
        let body = sized(pattern(2 * PREVIEW));
        let pending = client.send_in_background(post("/upload", body));
        all.push((name, expected, pending));
    }
    for (name, expected, pending) in all {
        let answer = within("an answer", pending.response()).await;
        assert_eq!(answer.status, expected, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_listeners_with_the_same_configuration_work_side_by_side() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let changes = json!({"max_connections": 2});
    let scene = Scene::with(server.address(), changes, |setup| {
        setup.patch(|bootstrap| add_listener(bootstrap, None));
    })
    .await;
    use_both(&scene, 200, 200).await;
    assert_eq!(scene.application.requests_received(), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_listeners_with_their_own_configurations_share_one_vm() {
    let allows = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let blocks = IcapServer::serving(Behaviour::Answer(block_page("", "blocked"))).await;
    let other = blocks.address();
    let scene = Scene::with(allows.address(), json!({}), |setup| {
        setup.patch(move |bootstrap| {
            let clusters = bootstrap["static_resources"]["clusters"]
                .as_array_mut()
                .unwrap();
            let mut cluster = clusters[0].clone();
            cluster["name"] = json!("other_pool");
            cluster["load_assignment"] =
                crate::support::envoy_config::cluster("other_pool", &[other])["load_assignment"]
                    .clone();
            clusters.push(cluster);
            let configuration = plugin(json!({"cluster": "other_pool", "name": "strict"}));
            add_listener(bootstrap, Some(configuration));
        });
    })
    .await;
    use_both(&scene, 200, 403).await;
    assert_eq!(scene.application.requests_received(), 20);
    assert!(allows.accepted() > 0 && blocks.accepted() > 0);
}
