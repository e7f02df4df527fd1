//! The configuration as a whole: roles, lists, names, references, duplicates, and all errors at once.

use crate::{accept, base, refuse, refuse_at, set, with};
use icap_filter::config::reference::EXAMPLE;
use icap_filter::config::{ConfigError, PluginConfig, parse, summary};
use proptest::prelude::*;
use serde_json::{Value, json};

fn errors_of(text: &str) -> Vec<String> {
    parse(text.as_bytes())
        .expect_err(text)
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn nothing_is_no_configuration() {
    for text in ["", "  \n"] {
        let errors = errors_of(text);
        assert_eq!(errors.len(), 1);
        assert!(errors[0].starts_with("configuration: found nothing, allowed: a JSON object"));
    }
    assert_eq!(errors_of("{}").len(), 1);
    assert!(errors_of("{}")[0].starts_with("profiles: found nothing"));
}

#[test]
fn what_is_no_json_object_is_refused() {
    for text in ["{", "profiles: []", "{\"profiles\": [}", "\u{feff}{}"] {
        let errors = errors_of(text);
        assert!(
            errors[0].starts_with("configuration: found no valid JSON: "),
            "{errors:?}"
        );
    }
    for text in ["[]", "1", "\"x\"", "null", "true"] {
        assert!(errors_of(text)[0].starts_with("configuration: found "));
    }
    assert!(parse(b"{\"profiles\": \"\xff\"}").is_err());
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(parse(deep.as_bytes()).is_err());
}

#[test]
fn roles() {
    let transport = parse(br#"{"role": "transport"}"#);
    assert!(matches!(transport, Ok(PluginConfig::Transport)));
    let gate = parse(br#"{"role": "gate"}"#);
    assert!(matches!(gate, Ok(PluginConfig::Gate)));
    accept(&with("role", json!("filter")));
    for wrong in [json!("Transport"), json!(1), json!(null), json!("")] {
        refuse_at(&with("role", wrong), "role");
    }
    for field in [
        "profiles",
        "rules",
        "expose",
        "redact_headers",
        "icap_log",
        "memory_budget_mb",
    ] {
        refuse_at(&json!({"role": "transport", field: []}), field);
        refuse_at(&json!({"role": "gate", field: []}), field);
    }
    refuse_at(&json!({"role": "transport", "rolex": 1}), "rolex");
}

#[test]
fn lists_of_profiles_and_rules() {
    for wrong in [json!([]), json!({}), json!(null), json!("av")] {
        let mut config = with("profiles", wrong);
        set(&mut config, "rules", json!([]));
        refuse_at(&config, "profiles");
    }
    let mut config = with("profiles", json!([base()["profiles"][0], 1]));
    refuse_at(&config, "profiles[1]");
    let many: Vec<Value> = (0..101)
        .map(|i| json!({"name": format!("p{i}"), "cluster": "c", "service_url": "/"}))
        .collect();
    config = json!({"profiles": many[..100]});
    assert_eq!(accept(&config).profiles.len(), 100);
    refuse_at(&json!({ "profiles": many }), "profiles");
    for wrong in [json!({}), json!(null), json!("x")] {
        refuse_at(&with("rules", wrong), "rules");
    }
    assert!(accept(&with("rules", json!([]))).rules.unwrap().is_empty());
    let rules: Vec<Value> = (0..1001)
        .map(|i| json!({"name": format!("r{i}"), "match": {"port": 80}, "action": "bypass"}))
        .collect();
    accept(&with("rules", json!(rules[..1000])));
    refuse_at(&with("rules", json!(rules)), "rules");
}

#[test]
fn names_are_unique_and_references_lead_somewhere() {
    let mut config = base();
    let twin = config["profiles"][0].clone();
    config["profiles"].as_array_mut().unwrap().push(twin);
    refuse_at(&config, "profiles[1].name");

    config = base();
    let twin = config["rules"][0].clone();
    config["rules"].as_array_mut().unwrap().push(twin);
    refuse_at(&config, "rules[1].name");

    refuse_at(&with("rules[0].profile", json!("ab")), "rules[0].profile");
    config = with("rules[0].action", json!("bypass"));
    set(&mut config, "rules[0].profile", json!("ab"));
    refuse_at(&config, "rules[0].profile");
    config = base();
    config["rules"][0]
        .as_object_mut()
        .unwrap()
        .remove("profile");
    refuse_at(&config, "rules[0].profile");
}

#[test]
fn a_reference_to_a_faulty_profile_does_not_dangle() {
    let path = "profiles[0].max_pending";
    refuse_at(&with(path, json!(-1)), path);
    let mut config = base();
    config["profiles"][0]
        .as_object_mut()
        .unwrap()
        .remove("cluster");
    refuse_at(&config, "profiles[0].cluster");
}

#[test]
fn the_fields_of_a_rule() {
    for (field, wrong) in [
        ("name", json!("")),
        ("name", json!("x".repeat(129))),
        ("name", json!("a\nb")),
        ("name", json!(1)),
        ("enabled", json!("yes")),
        ("enabled", json!(null)),
        ("match", json!([])),
        ("match", json!(null)),
        ("action", json!("scan")),
        ("action", json!(null)),
        ("profile", json!(1)),
        ("profile", json!("")),
        ("profiles", json!("av")),
    ] {
        let path = format!("rules[0].{field}");
        refuse_at(&with(&path, wrong), &path);
    }
    for required in ["name", "action"] {
        let mut config = base();
        config["rules"][0].as_object_mut().unwrap().remove(required);
        refuse_at(&config, &format!("rules[0].{required}"));
    }
    let mut config = base();
    config["rules"][0].as_object_mut().unwrap().remove("match");
    let rules = accept(&config).rules.unwrap();
    assert!(rules[0].enabled && rules[0].criteria.is_empty());
    accept(&with("rules[0].name", json!("x".repeat(128))));
}

#[test]
fn who_is_told() {
    let expose = accept(&base()).expose;
    assert!(!expose.client && !expose.application);
    let expose = accept(&with("expose", json!({"client": true}))).expose;
    assert!(expose.client && !expose.application);
    let expose = accept(&with("expose.application", json!(true))).expose;
    assert!(!expose.client && expose.application);
    for (path, wrong) in [
        ("expose", json!(true)),
        ("expose.client", json!(1)),
        ("expose.application", json!("true")),
        ("expose.clients", json!(true)),
    ] {
        refuse_at(&with(path, wrong), path);
    }
}

#[test]
fn icap_log_is_set_in_the_forms_that_are_asked_for() {
    let forms = |config| {
        let config = accept(&config);
        (config.icap_log.text, config.icap_log.structure)
    };
    assert_eq!(forms(base()), (true, false));
    for (given, expected) in [
        (json!({}), (true, false)),
        (json!({"struct": true}), (true, true)),
        (json!({"text": false, "struct": true}), (false, true)),
        (json!({"text": false}), (false, false)),
    ] {
        assert_eq!(forms(with("icap_log", given)), expected);
    }
    for (path, wrong) in [
        ("icap_log", json!("struct")),
        ("icap_log", json!([])),
        ("icap_log.text", json!("true")),
        ("icap_log.struct", json!(1)),
        ("icap_log.structure", json!(true)),
    ] {
        refuse_at(&with(path, wrong), path);
    }
    let text = summary(&accept(&with("icap_log.struct", json!(true))));
    assert!(
        text.ends_with("; icap_log as text and as a structure"),
        "{text}"
    );
}

#[test]
fn what_is_redacted() {
    assert!(accept(&base()).redact_headers.is_empty());
    let config = accept(&with("redact_headers", json!(["X-Api-Key"])));
    assert_eq!(config.redact_headers, ["x-api-key"]);
    refuse_at(&with("redact_headers", json!("x")), "redact_headers");
    refuse_at(
        &with("redact_headers", json!(["x", "X"])),
        "redact_headers[1]",
    );
    refuse_at(&with("redact_headers", json!(["x:y"])), "redact_headers[0]");
    refuse_at(&with("redact_header", json!([])), "redact_header");
}

#[test]
fn the_memory_budget_is_below_what_a_virtual_machine_has() {
    assert_eq!(accept(&base()).memory_budget_bytes, 256 << 20);
    for mib in [16, 512] {
        let config = accept(&with("memory_budget_mb", json!(mib)));
        assert_eq!(config.memory_budget_bytes, mib << 20);
    }
    for wrong in [json!(15), json!(513), json!("256"), json!(1.5)] {
        refuse_at(&with("memory_budget_mb", wrong), "memory_budget_mb");
    }
}

#[test]
fn a_field_that_comes_twice_is_refused() {
    for (text, path) in [
        (r#"{"role": "transport", "role": "transport"}"#, "role"),
        (
            r#"{"profiles": [{"name": "a", "cluster": "c", "service_url": "/", "allow_204": true, "allow_204": false}]}"#,
            "profiles[0].allow_204",
        ),
        (
            r#"{"profiles": [{"name": "a", "cluster": "c", "service_url": "/", "icap_headers": {"x-a": "1", "x-a": "2"}}]}"#,
            "profiles[0].icap_headers.x-a",
        ),
    ] {
        let errors = errors_of(text);
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(
            errors[0].starts_with(&format!("{path}: found ")),
            "{errors:?}"
        );
    }
}

#[test]
fn every_error_is_reported_at_once() {
    let mut config = base();
    let paths = [
        "colour",
        "profiles[0].retries",
        "profiles[0].service_url",
        "profiles[0].response_timeout_ms",
        "profiles[0].authorization.bearer",
        "profiles[0].options.default_ttl_s",
        "rules[0].match.client_ip[1]",
        "rules[0].match.path[0].regex",
        "rules[0].match.metod",
    ];
    set(
        &mut config,
        "rules[0].match.client_ip",
        json!(["::/0", null]),
    );
    set(&mut config, "rules[0].match.path", json!([{}]));
    for path in paths {
        set(&mut config, path, json!(null));
    }
    let mut found: Vec<String> = refuse(&config).into_iter().map(|e| e.path).collect();
    let mut expected: Vec<String> = paths.map(str::to_owned).to_vec();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn an_error_is_one_short_line_whatever_is_found() {
    let name = "a\r\nb\u{1b}";
    let mut config = with("profiles[0].vendor", json!("\u{7}\n".repeat(10_000)));
    config["profiles"][0][name] = json!(1);
    for error in refuse(&config) {
        let line = error.to_string();
        assert!(!line.contains(|c: char| c.is_control()), "{line:?}");
        assert!(line.len() < 1500, "{line:?}");
    }
}

#[test]
fn the_summary_names_what_is_in_force_and_no_secret() {
    let mut config = base();
    set(
        &mut config,
        "profiles[0].authorization",
        json!({"basic": {"username": "hunter1", "password": "hunter2"}}),
    );
    set(
        &mut config,
        "profiles[0].icap_headers",
        json!({"X-Key": "hunter3"}),
    );
    set(
        &mut config,
        "profiles[0].service_url",
        json!("icap://h/av?key=hunter4"),
    );
    set(&mut config, "profiles[0].fail_action", json!("fail_open"));
    set(&mut config, "profiles[0].enforcement", json!("monitor"));
    set(&mut config, "rules[0].enforcement", json!("enforce"));
    let config = accept(&config);
    let text = summary(&config);
    assert!(
        !text.contains("hunter") && !text.contains("aHVudGVy"),
        "{text}"
    );
    for part in [
        "av",
        "pool",
        "icap://h/av",
        "X-Key",
        "fails open on timeout, connection",
        "monitors only: nothing is blocked",
        "all: every request → scanned by av and enforced",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!format!("{config:?}").contains("aHVudGVy"));
}

/// Puts `value` in place of the value of number `at` in `json`, counted depth first.
fn replace(json: &mut Value, at: &mut usize, value: &Value) {
    if *at == 0 {
        *json = value.clone();
    }
    *at = at.wrapping_sub(1);
    match json {
        Value::Array(entries) => entries.iter_mut().for_each(|e| replace(e, at, value)),
        Value::Object(fields) => fields.values_mut().for_each(|f| replace(f, at, value)),
        _ => {}
    }
}

fn lines_are_clean(errors: &[ConfigError]) -> bool {
    let clean = |error: &ConfigError| !error.to_string().contains(|c: char| c.is_control());
    !errors.is_empty() && errors.iter().all(clean)
}

proptest! {
    #[test]
    fn whatever_a_field_holds_it_is_accepted_or_refused_in_clean_lines(
        at in 0_usize..90,
        text in "\\PC*|[\\x00-\\x1f\"\\\\a-z(){}|*?:/@]*",
        kind in 0_u8..6,
    ) {
        let value = match kind {
            0 => json!(text),
            1 => json!(text.len() as f64 * 1e17),
            2 => json!([text]),
            3 => json!({text: true}),
            4 => json!([[], null]),
            _ => json!(-1),
        };
        let mut config: Value = serde_json::from_str(EXAMPLE).unwrap();
        replace(&mut config, &mut at.clone(), &value);
        if let Err(errors) = parse(config.to_string().as_bytes()) {
            prop_assert!(lines_are_clean(&errors), "{errors:?}");
        }
    }

    #[test]
    fn whatever_bytes_come_they_are_refused_in_clean_lines(
        bytes in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        if let Err(errors) = parse(&bytes) {
            prop_assert!(lines_are_clean(&errors), "{errors:?}");
        }
    }
}
