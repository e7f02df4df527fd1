//! What is secret stays out of icap_log and of Envoy's log, and what a server says fits into them.

use hyper::Method;
use serde_json::{Value, json};

use crate::support::client::{post, request_with, sized};
use crate::support::eventually;
use crate::support::icap_answers::{NO_CONTENT, block_page};
use crate::support::icap_server::{Behaviour, IcapServer, OptionsAnswer};
use crate::support::scene::{Scene, plugin};

/// The words that nobody may see.
const WORDS: [&str; 5] = [
    "pass-word-1",
    "aWNhcDpwYXNzLXdvcmQtMQ==",
    "header-value-2",
    "query-value-3",
    "key=query-value-3&mode=x",
];

fn secretive(changes: &Value) -> Value {
    let mut fields = json!({
        "service_url": "icap://icap.test:1344/scan?key=query-value-3&mode=x",
        "authorization": {"basic": {"username": "icap", "password": "pass-word-1"}},
        "icap_headers": {"X-Secret": "header-value-2", "X-Short": "on"},
        "options": {"enabled": true},
    });
    for (name, value) in changes.as_object().unwrap() {
        fields[name] = value.clone();
    }
    fields
}

#[track_caller]
fn assert_none_in(what: &str, text: &str) {
    for word in WORDS {
        let lower = text.to_lowercase();
        assert!(
            !lower.contains(&word.to_lowercase()),
            "{word} in {what}: {text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn query_headers_and_credentials_appear_nowhere() {
    let echoed = "X-Echo: Basic aWNhcDpwYXNzLXdvcmQtMQ== icap:pass-word-1 header-value-2\r\n\
                  X-Virus-ID: pass-word-1\r\n\
                  X-Blocked-Reason: /scan?key=query-value-3&mode=x was asked with header-value-2\r\n\
                  X-Violations-Found: 1\r\n\tquery-value-3.zip\r\n\tpass-word-1\r\n\t0\r\n\t0\r\n";
    let server = IcapServer::serving(Behaviour::Answer(block_page(echoed, "no"))).await;
    server.answer_options(OptionsAnswer::ok(
        "Methods: pass-word-1, header-value-2, key=query-value-3&mode=x\r\nISTag: \"pass-word-1\"\r\n",
    ));
    let scene = Scene::new(
        server.address(),
        secretive(&json!({"enable_preview": false})),
    )
    .await;
    eventually("a warning about the methods", async || {
        scene
            .envoy
            .log()
            .contains("does not name REQMOD")
            .then_some(())
    })
    .await;
    assert_eq!(scene.send(post("/", sized("x"))).await.status, 403);
    let asked = server.next_request().await;
    assert!(asked.icap.first_line.contains("key=query-value-3&mode=x"));
    assert_eq!(asked.icap.get("x-secret"), Some("header-value-2"));
    let entry = scene.envoy.log_entry(0).await;
    let record = &entry["icap_log"]["request_logs"][0];
    assert_eq!(record["icap_absolute_uri"], "icap://icap.test:1344/scan");
    let sent = record["icap_headers_sent_to_server"].as_str().unwrap();
    assert!(
        sent.contains("X-Secret: ***\r\n") && sent.contains("X-Short: ***\r\n"),
        "{sent}"
    );
    assert_eq!(record["threat_id"], "***");
    assert_none_in("icap_log", &entry.to_string());
    assert_none_in(
        "icap_log_struct",
        &scene.envoy.typed_icap_log(0).await.to_string(),
    );
    assert_none_in("Envoy's log", &scene.envoy.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_off_within_a_secret_is_hidden_too() {
    let reason = format!(
        "X-Blocked-Reason: {}pass-word-1 and more\r\n",
        "x".repeat(506)
    );
    let server = IcapServer::serving(Behaviour::Answer(block_page(&reason, "no"))).await;
    let scene = Scene::new(server.address(), secretive(&json!({}))).await;
    scene.send(post("/", sized("x"))).await;
    let log = scene.icap_log(0).await;
    let shown = log["request_logs"][0]["reason"].as_str().unwrap();
    assert!(!shown.contains("pass"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_of_a_server_reach_the_log_neither_raw_nor_unbounded() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let methods = format!("Methods: \x1b[31mEVIL{}\r\n", "A".repeat(48 * 1024));
    server.answer_options(OptionsAnswer::ok(&methods));
    let scene = Scene::new(server.address(), json!({"options": {"enabled": true}})).await;
    eventually("a warning about the methods", async || {
        scene
            .envoy
            .log()
            .contains("does not name REQMOD")
            .then_some(())
    })
    .await;
    let log = scene.envoy.log();
    assert!(
        !log.contains('\x1b') && log.contains("\\u{1b}[31MEVIL"),
        "{log}"
    );
    let longest = log.lines().map(str::len).max().unwrap();
    assert!(longest < 4096, "a line of {longest} bytes");
}

fn tagged(tag: &str) -> Vec<u8> {
    NO_CONTENT.replace("e2e-1", tag).into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_with_different_istags_do_not_flap() {
    let servers = [
        IcapServer::serving(Behaviour::AnswerPreview(tagged("one"))).await,
        IcapServer::serving(Behaviour::AnswerPreview(tagged("two"))).await,
    ];
    for (server, tag) in servers.iter().zip(["one", "two"]) {
        server.answer_options(OptionsAnswer::ok(&format!(
            "Methods: REQMOD\r\nPreview: 65536\r\nISTag: \"{tag}\"\r\n"
        )));
    }
    let addresses = servers.each_ref().map(IcapServer::address);
    // One request a connection, so that the servers take turns.
    let changes = json!({"options": {"enabled": true}, "max_requests_per_connection": 1});
    let scene = Scene::with(addresses[0], changes, |setup| {
        setup.icap = addresses.to_vec()
    })
    .await;
    for _ in 0..40 {
        assert_eq!(scene.send(post("/", sized("x"))).await.status, 200);
    }
    let asked: usize = servers
        .iter()
        .map(|server| server.options_asked().len())
        .sum();
    assert!(asked <= 2, "asked {asked} times");
    assert_eq!(scene.envoy.metric("istag_changed").await, 0);
    assert!(!scene.envoy.log().contains("changed, its ISTag"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_istag_that_changes_without_end_is_one_line_and_one_more_question() {
    fn changing(_: &crate::support::icap_message::IcapRequest) -> Option<Vec<u8>> {
        use std::sync::atomic::{AtomicUsize, Ordering};
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        Some(tagged(&format!(
            "t{}",
            COUNT.fetch_add(1, Ordering::SeqCst)
        )))
    }
    let server = IcapServer::serving(Behaviour::Decide(changing)).await;
    let scene = Scene::new(server.address(), json!({"options": {"enabled": true}})).await;
    for _ in 0..50 {
        assert_eq!(scene.send(post("/", sized("x"))).await.status, 200);
    }
    eventually("the changes to be counted", async || {
        (scene.envoy.metric("istag_changed").await >= 49).then_some(())
    })
    .await;
    let log = scene.envoy.log();
    assert_eq!(log.matches("changed, its ISTag").count(), 1, "{log}");
    // The worker's and the main thread's at the start, and one for the change.
    assert!(server.options_asked().len() <= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rules_matches_are_counted() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let mut config = plugin(json!({}));
    config["rules"] = json!([
        {"name": "scan.uploads", "match": {"method": "POST"}, "action": "enable_icap", "profile": "upload-av"},
        {"name": "open", "match": {"method": "PUT"}, "action": "bypass"},
        {"name": "never", "match": {"host": "nobody.example"}, "action": "bypass"},
    ]);
    let scene = Scene::with(server.address(), json!({}), |setup| {
        setup.plugin = config.to_string();
    })
    .await;
    for method in [Method::POST, Method::POST, Method::PUT, Method::GET] {
        scene.send(request_with(method, "/", &[], sized("x"))).await;
    }
    for (name, matched) in [("scan_uploads", 2), ("open", 1), ("never", 0)] {
        let stat = format!("wasmcustom.icap_filter.rule.{name}.matched");
        assert!(scene.envoy.admin("/stats").await.contains(&stat), "{stat}");
        // A worker tells at its next tick what no scan's end told before.
        scene.envoy.until_stat(&stat, matched).await;
        assert_eq!(scene.envoy.stat(&stat).await, matched, "{name}");
    }
    let log = scene.envoy.log();
    let words = "scan.uploads: method POST → scanned by upload-av";
    assert!(log.contains(words), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_server_is_told_in_words_for_operators() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::new(server.address(), json!({"cluster": "icap-pool"})).await;
    assert_eq!(scene.send(post("/", sized("x"))).await.status, 503);
    let log = scene.icap_log(0).await;
    let reason = log["request_logs"][0]["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("no server in the cluster icap-pool: its health checks fail"),
        "{reason}"
    );
    assert!(!reason.contains("status 10"), "{reason}");
}
