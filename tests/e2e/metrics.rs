//! `docs/metrics.md` against `/stats/prometheus` of a running Envoy, and the counts of a known mix of requests.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::client::{post, sized};
use crate::support::envoy::Envoy;
use crate::support::eventually;
use crate::support::icap_answers::{NO_CONTENT, block_page, request as changed};
use crate::support::icap_server::{Behaviour, IcapServer, refused_address};
use crate::support::payload::pattern;
use crate::support::scene::{Scene, profile};

const PAGE: &str = include_str!("../../docs/metrics.md");
const PREFIX: &str = "icap_filter_";

/// Name and kind of every metric that the page lists, as Prometheus writes the name.
fn documented() -> BTreeMap<String, String> {
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `"));
    let metrics: BTreeMap<String, String> = rows
        .map(|row| {
            let mut cells = row.split(" | ");
            let name = cells
                .next()
                .unwrap()
                .trim_end_matches('`')
                .replace('.', "_");
            (name, cells.next().unwrap().to_owned())
        })
        .collect();
    assert!(metrics.len() > 20, "{metrics:?}");
    metrics
}

/// `stats_config` as the page's blocks of YAML have it, together.
fn stats_config() -> Value {
    let mut together = json!({});
    for block in PAGE.split("```yaml\n").skip(1) {
        let yaml = block.split("```").next().unwrap();
        let config: Value = serde_yaml_ng::from_str(yaml).unwrap();
        for (name, value) in config["stats_config"].as_object().unwrap() {
            together[name] = value.clone();
        }
    }
    assert!(together.get("stats_tags").is_some(), "{together}");
    // Histograms are brought together when stats are flushed.
    json!({"stats_config": together, "stats_flush_interval": "0.1s"})
}

/// What `/stats/prometheus` says of the filter.
#[derive(Debug, Default)]
struct Scrape {
    /// Kind of each metric.
    kinds: BTreeMap<String, String>,
    /// Value of each counter and gauge, by name and profile; no profile is the total.
    values: BTreeMap<(String, Option<String>), u64>,
    /// The profiles of each metric, the total among them.
    scopes: BTreeMap<String, BTreeSet<Option<String>>>,
}

impl Scrape {
    async fn of(envoy: &Envoy) -> Self {
        let text = envoy.admin("/stats/prometheus").await;
        let mut scrape = Self::default();
        for line in text.lines() {
            if let Some(kind) = line.strip_prefix(&format!("# TYPE {PREFIX}")) {
                let (name, kind) = kind.split_once(' ').unwrap();
                scrape.kinds.insert(name.to_owned(), kind.to_owned());
            } else if let Some(sample) = line.strip_prefix(PREFIX) {
                let (name, rest) = sample.split_once('{').unwrap();
                let (labels, value) = rest.rsplit_once("} ").unwrap();
                let profile = labels
                    .split(',')
                    .find_map(|label| label.strip_prefix("icap_profile=\""))
                    .map(|profile| profile.trim_end_matches('"').to_owned());
                let scopes = scrape.scopes.entry(family(name).to_owned()).or_default();
                scopes.insert(profile.clone());
                if let Ok(value) = value.parse() {
                    scrape.values.insert((name.to_owned(), profile), value);
                }
            }
        }
        scrape
    }

    fn value(&self, name: &str, profile: Option<&str>) -> Option<u64> {
        let key = (name.to_owned(), profile.map(str::to_owned));
        self.values.get(&key).copied()
    }
}

/// The metric that a sample is of: a histogram has several.
fn family(sample: &str) -> &str {
    ["_bucket", "_sum", "_count"]
        .iter()
        .find_map(|suffix| sample.strip_suffix(suffix))
        .unwrap_or(sample)
}

/// A scene with a profile that `server` serves, and one whose server is not there.
async fn scene(server: &IcapServer) -> Scene {
    let configuration = json!({
        "profiles": [
            profile(json!({
                "preview_size_bytes": 1000,
                "request_buffer_size_kb": 10,
                "response_timeout_ms": 400,
                "fail_action_by_cause": {"timeout": "fail_open"},
            })),
            profile(json!({"name": "away", "cluster": "pool_b", "options": {"enabled": true}})),
        ],
        "rules": [
            {"name": "open", "match": {"path": "/open"}, "action": "bypass"},
            {"name": "away", "match": {"path": "/away"}, "action": "enable_icap", "profile": "away"},
            {"name": "rest", "match": {}, "action": "enable_icap", "profile": "upload-av"},
        ],
    });
    Scene::with(server.address(), json!({}), |setup| {
        setup.plugin = configuration.to_string();
        setup.more_pools = vec![("pool_b", refused_address())];
        setup.bootstrap = stats_config();
    })
    .await
}

/// The mix: path, length of the upload, what the server does, status for the client.
fn mix() -> Vec<(&'static str, usize, Behaviour, u16)> {
    let head = "POST / HTTP/1.1\r\nHost: app.test";
    let changed = changed("", head, Some(b"changed"));
    let block = block_page("X-Virus-ID: v\r\n", "no");
    vec![
        ("/", 5000, Behaviour::Allow, 200),
        ("/", 5000, Behaviour::ContinueThenAllow, 200),
        ("/", 5000, Behaviour::Answer(changed), 200),
        ("/", 5000, Behaviour::Answer(block), 403),
        ("/", 5000, Behaviour::Silence, 200),
        ("/", 20_000, Behaviour::Allow, 413),
        (
            "/",
            5000,
            Behaviour::Answer(b"ICAP/1.0 500 Oops\r\n\r\n".to_vec()),
            503,
        ),
        (
            "/",
            5000,
            Behaviour::Answer(b"HTTP/1.1 400 What?\r\n\r\n".to_vec()),
            503,
        ),
        ("/open", 5000, Behaviour::Allow, 200),
        ("/away", 5000, Behaviour::Allow, 503),
        // A kept connection that is closed without an answer, and the fresh one after it too.
        ("/", 5000, Behaviour::Answer(NO_CONTENT.into()), 200),
        ("/", 5000, Behaviour::AnswerThenClose(Vec::new()), 503),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_mix_gives_known_counts_under_the_documented_names() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = scene(&server).await;
    scene
        .envoy
        .until_stat("wasmcustom.icap_filter.options_failed", 1)
        .await;
    for (n, (path, length, behaviour, status)) in mix().into_iter().enumerate() {
        let what = format!("{n}: {path} {behaviour:?}");
        server.now(behaviour);
        let answer = scene.send(post(path, sized(pattern(length)))).await;
        assert_eq!(answer.status, status, "{what}");
        scene.envoy.log_entry(n).await;
    }
    let (all, mine, away) = (None, Some("upload-av"), Some("away"));
    let expected = [
        ("requests", all, 11),
        ("requests", mine, 10),
        ("requests", away, 1),
        ("passed", all, 3),
        ("passed", mine, 3),
        ("modified", mine, 1),
        ("blocked", mine, 1),
        ("failed", all, 6),
        ("failed", mine, 5),
        ("failed", away, 1),
        ("failed_open", mine, 1),
        ("failed_timeout", mine, 1),
        ("failed_oversize", mine, 1),
        ("failed_server_error", mine, 1),
        ("failed_protocol", mine, 1),
        ("failed_connection", all, 2),
        ("failed_connection", mine, 1),
        ("failed_connection", away, 1),
        ("failed_overload", all, 0),
        ("failed_internal", all, 0),
        ("disabled", all, 1),
        ("disabled", mine, 0),
        ("oversize", mine, 1),
        ("retries", mine, 1),
        ("preview_decided", mine, 1),
        ("aborted", all, 0),
        // All but the one that was too large to be sent.
        ("body_bytes_count", mine, 9),
        ("latency_ms_count", mine, 9),
    ];
    let mut scrape = eventually("every request in the histograms", async || {
        let scrape = Scrape::of(&scene.envoy).await;
        let scanned = scrape
            .value("latency_ms_count", mine)
            .min(scrape.value("body_bytes_count", mine));
        let is_told = scrape.value("disabled", all) == Some(1)
            && scrape.value("connections_active", all) == Some(0);
        (scanned >= Some(9) && is_told).then_some(scrape)
    })
    .await;
    for (name, profile, value) in expected {
        let found = scrape.value(name, profile);
        assert_eq!(found, Some(value), "{name} of {profile:?} in {scrape:?}");
    }
    // As often as it was tried.
    assert!(
        scrape.value("options_failed", away) >= Some(1),
        "{scrape:?}"
    );
    assert!(
        scrape.value("connections_opened", all) >= Some(5),
        "{scrape:?}"
    );
    assert!(
        scrape.value("connections_reused", all) >= Some(3),
        "{scrape:?}"
    );

    // Each rule has one counter of its own.
    for rule in ["away", "open", "rest"] {
        let counter = format!("rule_{rule}_matched");
        assert_eq!(scrape.kinds.remove(&counter).as_deref(), Some("counter"));
    }
    assert_eq!(scrape.kinds, documented());
    let every: BTreeSet<Option<String>> = [all, mine, away]
        .into_iter()
        .map(|profile| profile.map(str::to_owned))
        .collect();
    for (name, kind) in &scrape.kinds {
        let mut scopes = every.clone();
        // Each value costs Envoy a call: they are of profiles alone.
        if kind == "histogram" {
            scopes.remove(&None);
        }
        assert_eq!(scrape.scopes[name], scopes, "{name}");
    }
}
