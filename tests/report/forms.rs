//! The forms that a line may have: JSON with icap_log nested, as text, as a `Struct`; text; wrapped by a container's log.

use serde_json::{Value, json};

use crate::lines::line_with;
use crate::program::{count, json as report};

fn log() -> Value {
    json!({
        "action": "ICAP_BLOCKED", "rule_name": "scan-uploads", "profile": "upload-av", "significance": ["ADF_ICAP_BLOCKED"],
        "request_logs": [{
            "icap_response_code": 200, "icap_method": "ICAP_METHOD_REQMOD", "http_method": "HTTP_METHOD_POST",
            "complete_body_sent": false, "pool_name": {"val": "ICAP-POOL-GROUP", "crc32": 1_799_851_903},
            "icap_server_ip": "10.0.0.9", "icap_server_port": 1344, "latency": "1275", "vendor": "opswat",
            "icap_headers_sent_to_server": "Host: x\r\nPreview: 653\r\n", "action": "ICAP_BLOCKED", "reason": "Infected",
            "threat_id": "EICAR", "violations": [{"file_name": "a.zip/x.com", "threat_name": "EICAR-2", "resolution": "ICAP_FILE_NOT_REPAIRED"}],
        }],
    })
}

/// As a `Struct` has it: no integers.
fn with_doubles(value: &Value) -> Value {
    match value {
        Value::Number(n) => json!(n.as_f64()),
        Value::Array(items) => items.iter().map(with_doubles).collect(),
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, value)| (name.clone(), with_doubles(value)))
                .collect(),
        ),
        other => other.clone(),
    }
}

fn typed() -> Value {
    json!({"@type": "type.googleapis.com/google.protobuf.Struct", "value": with_doubles(&log())})
}

#[track_caller]
fn assert_read(line: &str, has_request: bool) {
    let report = report(&[], line.as_bytes());
    assert_eq!(report["bad"], 0, "{line}\n{report}");
    assert_eq!(report["entries"], 1, "{line}");
    assert_eq!(report["latency_ms"]["max"], 1275, "{line}");
    for (field, value) in [
        ("action", "ICAP_BLOCKED"),
        ("significance", "ADF_ICAP_BLOCKED"),
        ("rule", "scan-uploads"),
        ("profile", "upload-av"),
        ("threat", "EICAR"),
        ("threat", "EICAR-2"),
        ("reason", "Infected"),
        ("pool", "ICAP-POOL-GROUP"),
        ("server", "10.0.0.9:1344"),
        ("icap_status", "200"),
        ("method", "POST"),
        ("scan", "REQMOD"),
        ("vendor", "opswat"),
        ("preview", "decided on the preview"),
        ("enforcement", "enforced"),
    ] {
        assert_eq!(
            count(&report, field, value),
            1,
            "{field} of {line}\n{report}"
        );
    }
    if has_request {
        assert_eq!(count(&report, "path", "/upload"), 1, "{line}\n{report}");
        assert_eq!(count(&report, "status", "200"), 1, "{line}\n{report}");
        assert_eq!(report["first"], "2026-09-21T14:13:20.000Z", "{line}");
    }
}

#[test]
fn icap_log_nested_in_json_is_read() {
    assert_read(&line_with(&log()).to_string(), true);
}

#[test]
fn icap_log_as_escaped_text_in_json_is_read() {
    assert_read(&line_with(&json!(log().to_string())).to_string(), true);
    assert_read(&line_with(&json!(typed().to_string())).to_string(), true);
}

#[test]
fn icap_log_as_a_struct_is_read() {
    assert_read(&line_with(&typed()).to_string(), true);
}

#[test]
fn icap_log_under_another_name_is_read() {
    let line = json!({"start_time": "2026-09-21T14:13:20.000Z", "uri": "/upload", "response_code": "200", "scan": typed()});
    assert_read(&line.to_string(), true);
}

#[test]
fn icap_log_alone_is_read() {
    assert_read(&log().to_string(), false);
    assert_read(&typed()["value"].to_string(), false);
}

#[test]
fn envoys_text_format_with_icap_log_behind_it_is_read() {
    let head = r#"[2026-09-21T14:13:20.000Z] "POST /upload HTTP/1.1" 200 - 10 20 31 29 "-" "curl/8" "4f8e" "files.example.com" "10.0.0.1:80""#;
    assert_read(&format!("{head} {}", log()), true);
    assert_read(&format!("{head} icap={} end", log()), true);
    let report = report(&[], format!("{head} {}\n", log()).as_bytes());
    assert_eq!(count(&report, "host", "files.example.com"), 1, "{report}");
}

#[test]
fn the_last_icap_log_of_a_text_line_counts() {
    // What a client chooses is not escaped there, and stands in front.
    let forged = r#"[2026-09-21T14:13:20.000Z] "POST /{"action":"ICAP_PASSED"} HTTP/1.1" 200 - 1 2 3 4 "-" "-" "-" "h" "-" "#;
    let report = report(&[], format!("{forged}{}\n", log()).as_bytes());
    assert_eq!(count(&report, "action", "ICAP_BLOCKED"), 1, "{report}");
}

#[test]
fn lines_in_a_containers_log_are_read() {
    let line = line_with(&typed()).to_string();
    assert_read(
        &json!({"log": format!("{line}\n"), "stream": "stdout", "time": "2026-09-21T14:13:21Z"})
            .to_string(),
        true,
    );
    assert_read(&format!("envoy-1  | {line}"), true);
}

#[test]
fn a_request_that_the_filter_never_saw_is_an_entry() {
    let text = r#"[2026-09-21T14:13:20.000Z] "GET / HTTP/1.1" 404 NR 0 0 0 - "-" "-" "-" "h" "-""#;
    for line in [
        line_with(&Value::Null).to_string(),
        line_with(&json!("-")).to_string(),
        text.to_owned(),
    ] {
        let report = report(&[], line.as_bytes());
        assert_eq!(count(&report, "action", "NO_ICAP_LOG"), 1, "{report}");
        assert_eq!(report["bad"], 0, "{report}");
    }
}

#[test]
fn fields_that_come_later_are_read() {
    let mut log = log();
    log["enforced"] = json!(false);
    log["request_logs"][0]["part"] = json!({"name": "file1", "file_name": "report.pdf"});
    log["request_logs"][0]["profile"] = json!("dlp");
    log["request_logs"][0]["unheard_of"] = json!([1, {"a": null}]);
    let report = report(&[], line_with(&log).to_string().as_bytes());
    assert_eq!(count(&report, "enforcement", "monitor only"), 1, "{report}");
    assert_eq!(count(&report, "profile", "dlp"), 1, "{report}");
    assert_eq!(count(&report, "profile", "upload-av"), 1, "{report}");
}

#[test]
fn failures_have_the_cause_that_the_metrics_name() {
    for (significance, reason, cause) in [
        ("ADF_ICAP_TIMEDOUT", "no verdict within 60 ms", "timeout"),
        (
            "ADF_ICAP_CONNECTION_ERROR",
            "no connection to the server",
            "connection",
        ),
        ("ADF_ICAP_SERVER_ERROR", "ICAP status 500", "server_error"),
        (
            "ADF_ICAP_SERVER_ERROR",
            "unreadable ICAP response: x",
            "protocol",
        ),
        ("ADF_ICAP_OVERLOAD", "too many", "overload"),
        ("ADF_ICAP_FAILED", "x", "internal"),
        (
            "ADF_ICAP_BODY_SIZE_BIGGER_THAN_CONFIGURED",
            "the body is larger",
            "oversize",
        ),
        ("ADF_ICAP_BAD_REQUEST", "x", "bad_request"),
    ] {
        let mut log = log();
        log["action"] = json!("ICAP_FAILED");
        log["significance"] = json!([significance]);
        log["request_logs"][0]["reason"] = json!(reason);
        let report = report(&[], line_with(&log).to_string().as_bytes());
        assert_eq!(count(&report, "cause", cause), 1, "{cause}: {report}");
    }
}
