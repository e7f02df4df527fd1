//! The alerts of `deploy/observability`: each fires and does not fire, leads to a heading, and exists for the Operator too.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(file(name)).unwrap()
}

/// All alerts.
pub fn alerts() -> Vec<Value> {
    let rules: Value =
        serde_yaml_ng::from_str(&read("deploy/observability/prometheus/alerts.yml")).unwrap();
    rules["groups"][0]["rules"].as_array().unwrap().clone()
}

fn promtool(arguments: &[&str]) {
    let program = std::env::var("PROMTOOL_BIN").unwrap_or_else(|_| "promtool".to_owned());
    let output = Command::new(program)
        .args(arguments)
        .current_dir(file("deploy/observability/prometheus"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
}

#[test]
fn promtool_finds_that_each_alert_fires_and_does_not_fire() {
    promtool(&["check", "rules", "alerts.yml"]);
    promtool(&["test", "rules", "alerts_test.yml", "alerts_days_test.yml"]);
    let tests: Vec<Value> = ["alerts_test.yml", "alerts_days_test.yml"]
        .iter()
        .flat_map(|name| {
            let text = read(&format!("deploy/observability/prometheus/{name}"));
            let file: Value = serde_yaml_ng::from_str(&text).unwrap();
            file["tests"].as_array().unwrap().clone()
        })
        .collect();
    for alert in alerts() {
        let name = alert["alert"].as_str().unwrap();
        let of = |fires: bool| {
            tests.iter().any(|test| {
                let test = &test["alert_rule_test"][0];
                test["alertname"] == name
                    && test["exp_alerts"].as_array().unwrap().is_empty() != fires
            })
        };
        assert!(of(true) && of(false), "{name}");
    }
}

#[test]
fn each_alert_has_a_severity_and_a_runbook() {
    let operations = read("docs/operations.md");
    for alert in alerts() {
        let name = alert["alert"].as_str().unwrap();
        let severity = alert["labels"]["severity"].as_str().unwrap();
        assert!(
            ["critical", "warning", "info"].contains(&severity),
            "{name}"
        );
        let annotations = &alert["annotations"];
        let runbook = format!("docs/operations.md#{}", name.to_lowercase());
        assert_eq!(annotations["runbook_url"], runbook, "{name}");
        assert!(
            operations.contains(&format!("### {name}\n")),
            "no heading for {name}"
        );
    }
    let headings = operations
        .lines()
        .filter(|line| line.starts_with("### Icap"))
        .count();
    assert_eq!(headings, alerts().len());
}

#[test]
fn the_operators_rules_are_the_same() {
    let resource: Value = serde_yaml_ng::from_str(&read(
        "deploy/observability/kubernetes/prometheus-rule.yaml",
    ))
    .unwrap();
    assert_eq!(resource["kind"], "PrometheusRule");
    assert_eq!(
        resource["spec"]["groups"][0]["rules"],
        Value::from(alerts())
    );
}
