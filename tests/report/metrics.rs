//! Every metric of the alerts and of the dashboard exists in a running Envoy.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::alerts::alerts;
use crate::support::client::{post, sized};
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::scene::Scene;

const DASHBOARD: &str = include_str!("../../deploy/observability/grafana/icap-filter.json");
const METRICS: &str = include_str!("../../docs/metrics.md");
/// Names that the filter is to have. Once docs/metrics.md lists one, Envoy must have it like all others.
const ANNOUNCED: [&str; 5] = [
    "would_block",
    "would_modify",
    "would_fail",
    "failed.bad_request",
    "failed.unscannable",
];

/// The names of metrics in an expression.
fn names(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words
        .filter(|word| word.starts_with("icap_filter_") || word.starts_with("envoy_"))
        .filter(|word| *word != "envoy_cluster_name")
        .map(str::to_owned)
        .collect()
}

fn expressions(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(text) if name == "expr" || name == "query" => found.extend(names(text)),
                    _ => expressions(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| expressions(item, found)),
        _ => {}
    }
}

fn is_only_announced(name: &str) -> bool {
    ANNOUNCED.iter().any(|announced| {
        name == format!("icap_filter_{}", announced.replace('.', "_"))
            && !METRICS.contains(&format!("| `{announced}` |"))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_of_the_alerts_and_of_the_dashboard_exists() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    // Profiles are a label, as the dashboard needs it.
    let scene = Scene::with(server.address(), json!({}), |setup| {
        setup.bootstrap = json!({"stats_config": {"stats_tags": [
            {"tag_name": "icap_profile", "regex": r"^wasmcustom\.icap_filter\.(profile\.([A-Za-z0-9_-]+)\.)"},
        ]}});
    })
    .await;
    scene.send(post("/upload", sized("x"))).await;
    scene
        .envoy
        .until_stat("wasmcustom.icap_filter.passed", 1)
        .await;
    let text = scene.envoy.admin("/stats/prometheus").await;
    let there: BTreeSet<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();

    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut wanted = BTreeSet::new();
    expressions(&dashboard, &mut wanted);
    for alert in alerts() {
        wanted.extend(names(alert["expr"].as_str().unwrap()));
    }
    assert!(wanted.len() > 30, "{wanted:?}");
    let missing: Vec<&String> = wanted
        .iter()
        .filter(|name| !there.contains(name.as_str()) && !is_only_announced(name))
        .collect();
    assert!(missing.is_empty(), "{missing:?} of {there:?}");
}

#[test]
fn the_dashboard_is_one_that_grafana_reads() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        assert!(
            panel["gridPos"]["w"].as_u64().unwrap() + panel["gridPos"]["x"].as_u64().unwrap() <= 24,
            "{panel}"
        );
        assert!(!panel["targets"].as_array().unwrap().is_empty(), "{panel}");
    }
    let titles: BTreeSet<&str> = panels
        .iter()
        .filter_map(|panel| panel["title"].as_str())
        .collect();
    for title in [
        "Outcomes",
        "Latency",
        "Failures by cause",
        "Queue",
        "Connections",
        "VM health",
        "By profile",
    ] {
        assert!(titles.contains(title), "{title}");
    }
    assert!(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("deploy/observability/grafana/icap-filter.json")
            .exists()
    );
}
