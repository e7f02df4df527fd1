//! The access loggers of `envoy/access-log.md`, each taken out of that page and run.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::application::Application;
use crate::support::client::{Version, post, sized};
use crate::support::envoy::Envoy;
use crate::support::envoy_config::Setup;
use crate::support::eventually;
use crate::support::icap_answers::{NO_CONTENT, block_page};
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::scene::plugin;

const PAGE: &str = include_str!("../../envoy/access-log.md");
/// Where the page's loggers write.
const DIRECTORY: &str = "/var/log/envoy/";

/// Every block of YAML on the page, its log moved into `directory`.
fn loggers(directory: &Path) -> Vec<Value> {
    let blocks: Vec<&str> = PAGE
        .split("```yaml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert_eq!(blocks.len(), 4);
    let here = format!("{}/", directory.display());
    blocks
        .into_iter()
        .map(|block| {
            assert!(block.contains(DIRECTORY), "{block}");
            serde_yaml_ng::from_str(&block.replace(DIRECTORY, &here)).unwrap()
        })
        .collect()
}

/// The lines of a log, once there are so many.
async fn lines(path: &Path, n: usize) -> Vec<Value> {
    eventually(&format!("{n} lines in {}", path.display()), async || {
        let text = std::fs::read_to_string(path).ok()?;
        let lines: Vec<&str> = text.lines().collect();
        (lines.len() >= n && text.ends_with('\n')).then(|| {
            lines
                .iter()
                .map(|l| serde_json::from_str(l).unwrap())
                .collect()
        })
    })
    .await
}

fn paths(lines: &[Value]) -> Vec<&str> {
    lines
        .iter()
        .map(|line| line["path"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_loggers_of_the_page_do_what_it_says() {
    let directory = TempDir::new().unwrap();
    let server = IcapServer::serving(Behaviour::Allow).await;
    let application = Application::start().await;
    let mut configuration = plugin(json!({"fail_action": "fail_open"}));
    configuration["rules"] = json!([{"name": "scan", "match": {"path_not": "/disabled"},
                                     "action": "enable_icap", "profile": "upload-av"}]);
    let mut setup = Setup::new(&configuration, server.address(), application.address());
    setup.more_access_logs = loggers(directory.path());
    let envoy = Envoy::start(&setup).await;
    let requests = [
        ("/passed", NO_CONTENT.into()),
        ("/blocked", block_page("X-Virus-ID: v\r\n", "no")),
        ("/disabled", Vec::new()),
        ("/failed", b"ICAP/1.0 500 Oops\r\n\r\n".to_vec()),
        ("/passed-again", NO_CONTENT.into()),
        // The last one is in every log: with it, each is complete.
        ("/last", block_page("X-Virus-ID: v\r\n", "no")),
    ];
    for (n, (path, answer)) in requests.into_iter().enumerate() {
        server.now(Behaviour::Answer(answer));
        let mut client = envoy.connect(Version::Http1).await;
        client.send(post(path, sized("x"))).await;
        envoy.log_entry(n).await;
    }
    let expected = [
        "ICAP_PASSED",
        "ICAP_BLOCKED",
        "ICAP_DISABLED",
        "ICAP_FAILED",
        "ICAP_PASSED",
        "ICAP_BLOCKED",
    ];
    let all = [
        "/passed",
        "/blocked",
        "/disabled",
        "/failed",
        "/passed-again",
        "/last",
    ];

    let json = lines(&directory.path().join("icap-json.log"), 6).await;
    assert_eq!(paths(&json), all);
    let text = lines(&directory.path().join("icap-text.log"), 6).await;
    for ((json, text), action) in json.iter().zip(&text).zip(expected) {
        assert_eq!(json["action"], action, "{json}");
        assert_eq!(text["action"], action, "{text}");
        assert_eq!(json["icap_log"]["value"]["action"], action, "{json}");
        assert_eq!(text["icap_log"]["action"], action, "{text}");
        assert_eq!(json["status"], text["status"]);
    }

    let significant = lines(&directory.path().join("icap-significant.log"), 3).await;
    assert_eq!(paths(&significant), ["/blocked", "/failed", "/last"]);
    for line in &significant {
        let reasons = &line["icap_log"]["value"]["significance"];
        assert_eq!(reasons.as_array().map(Vec::len), Some(1), "{line}");
    }
    let blocked = lines(&directory.path().join("icap-blocked.log"), 2).await;
    assert_eq!(paths(&blocked), ["/blocked", "/last"]);
}
