//! Whole entries, compared field by field, order included.

use std::borrow::Cow;
use std::rc::Rc;

use super::super::{
    Conclusion, IcapLog, Others, Outcome, PartName, ScanRecord, Significance, TrailerNames,
};
use super::record;
use crate::config::Cause;
use crate::product::{Vendor, names};
use crate::verdict::{Findings, Resolution, Scan, Violation};

fn entry<'a>(
    outcome: Outcome,
    significance: Significance,
    request_logs: &'a [ScanRecord<'a>],
) -> IcapLog<'a> {
    IcapLog {
        conclusion: Conclusion::done(outcome, significance),
        rule_name: Some("scan-uploads"),
        profile: Some("upload-av"),
        reason: None,
        trailers: TrailerNames::default(),
        request_logs,
        others: None,
    }
}

#[test]
fn disabled() {
    assert_eq!(
        IcapLog::disabled(None).to_json(),
        r#"{"action":"ICAP_DISABLED"}"#
    );
    assert_eq!(
        IcapLog::disabled(Some("health-checks")).to_json(),
        r#"{"action":"ICAP_DISABLED","rule_name":"health-checks"}"#
    );
    assert_eq!(
        IcapLog::tunnel().to_json(),
        r#"{"action":"ICAP_DISABLED","reason":"tunnel"}"#
    );
}

#[test]
fn a_monitored_outcome_is_marked_beside_the_action() {
    let log = IcapLog {
        conclusion: Conclusion {
            enforced: false,
            ..Conclusion::done(Outcome::Blocked, Significance::BLOCKED)
        },
        ..entry(Outcome::Blocked, Significance::BLOCKED, &[])
    };
    let expected = concat!(
        r#"{"action":"ICAP_BLOCKED","enforced":false,"rule_name":"scan-uploads","profile":"upload-av","#,
        r#""significance":["ADF_ICAP_BLOCKED"]}"#,
    );
    assert_eq!(log.to_json(), expected);
}

/// A filter reads the entries of other filters and its own, and writes them again.
#[test]
fn entries_of_other_filters_keep_their_place() {
    let of = |profile: &'static str, outcome| ScanRecord {
        profile: Some(profile.into()),
        outcome: Some(outcome),
        ..record()
    };
    let first = [of("av", Outcome::Modified)];
    let first_log = entry(Outcome::Modified, Significance::MODIFIED, &first);
    let second = [of("dlp", Outcome::Passed), of("dlp", Outcome::Blocked)];
    let read = |log: &IcapLog<'_>, own: &str| {
        Others::read(log.to_json().as_bytes(), |name| name == own).unwrap()
    };
    let before = read(&first_log, "dlp");
    let second_log = IcapLog {
        rule_name: Some("dlp-rule"),
        profile: Some("dlp"),
        others: Some(&before),
        ..entry(Outcome::Blocked, Significance::BLOCKED, &second)
    };
    let profiles = |log: &IcapLog<'_>| -> Vec<String> {
        let json: serde_json::Value = serde_json::from_str(&log.to_json()).unwrap();
        let entries = json["request_logs"].as_array().unwrap().iter();
        entries
            .map(|entry| {
                format!(
                    "{}: {}",
                    entry["profile"].as_str().unwrap(),
                    entry["action"]
                )
            })
            .collect()
    };
    let expected = [
        r#"av: "ICAP_MODIFIED""#,
        r#"dlp: "ICAP_PASSED""#,
        r#"dlp: "ICAP_BLOCKED""#,
    ];
    assert_eq!(profiles(&second_log), expected);
    let json: serde_json::Value = serde_json::from_str(&second_log.to_json()).unwrap();
    let significance = serde_json::json!(["ADF_ICAP_MODIFIED", "ADF_ICAP_BLOCKED"]);
    assert_eq!(json["significance"], significance);
    assert_eq!(
        (&json["profile"], &json["rule_name"]),
        (&"dlp".into(), &"dlp-rule".into())
    );

    // The first filter scans the response too: its own entry is not doubled, and the new record comes last.
    let after = read(&second_log, "av");
    let both = [of("av", Outcome::Modified), of("av", Outcome::Passed)];
    let last_log = IcapLog {
        others: Some(&after),
        ..entry(Outcome::Modified, Significance::MODIFIED, &both)
    };
    let mut expected = expected.to_vec();
    expected.push(r#"av: "ICAP_PASSED""#);
    assert_eq!(profiles(&last_log), expected);
    let json: serde_json::Value = serde_json::from_str(&last_log.to_json()).unwrap();
    assert_eq!(json["action"], "ICAP_BLOCKED");
    // Rule and profile are those of the filter whose outcome stands.
    assert_eq!(
        (&json["profile"], &json["rule_name"]),
        (&"dlp".into(), &"dlp-rule".into())
    );
    assert_eq!(last_log.whole_conclusion().outcome, Outcome::Blocked);
    for other in ["", "[]", "{}", r#"{"action":"ICAP_ODD"}"#] {
        assert_eq!(Others::read(other.as_bytes(), |_| true), None, "{other}");
    }
}

#[test]
fn passed_leaves_out_absent_fields() {
    let records = [record()];
    let log = entry(Outcome::Passed, Significance::NONE, &records);
    let expected = concat!(
        r#"{"action":"ICAP_PASSED","rule_name":"scan-uploads","profile":"upload-av","request_logs":[{"#,
        r#""icap_response_code":204,"icap_method":"ICAP_METHOD_REQMOD","http_method":"HTTP_METHOD_POST","#,
        r#""icap_absolute_uri":"icap://icap.example.net:1344/avscan","complete_body_sent":true,"#,
        r#""pool_name":{"val":"ICAP-POOL-GROUP","crc32":1799851903},"#,
        r#""pool_uuid":"poolgroup-c7dd3b93-60c1-4190-b6d6-26c22d55dc30","#,
        r#""icap_server_ip":"10.0.0.9","icap_server_port":1344,"latency":"1275","#,
        r#""icap_headers_sent_to_server":"Host: icap.example.net:1344\r\nPreview: 653\r\n","#,
        r#""icap_headers_received_from_server":"ISTag: \"x\"\r\n","#,
        r#""vendor":"opswat","action":"ICAP_PASSED"}]}"#,
    );
    assert_eq!(log.to_json(), expected);
}

#[test]
fn blocked_with_everything_found() {
    let mut blocked = record();
    blocked.icap_response_code = Some(200);
    blocked.http_response_code = Some(403);
    blocked.outcome = Some(Outcome::Blocked);
    blocked.findings = Cow::Owned(Findings {
        reason: Some("Infected".to_owned()),
        threat_id: Some("EICAR-Test-File (not a virus)".to_owned()),
        violations: vec![Violation {
            file_name: "a.zip/x.com".to_owned(),
            threat_name: "EICAR".to_owned(),
            resolution: Resolution::NotRepaired,
        }],
    });
    let records = [blocked];
    let significance = Significance::of(Outcome::Blocked, None, false);
    let log = entry(Outcome::Blocked, significance, &records);
    let got: serde_json::Value = serde_json::from_str(&log.to_json()).unwrap();
    let expected = serde_json::json!({
        "action": "ICAP_BLOCKED",
        "rule_name": "scan-uploads",
        "profile": "upload-av",
        "significance": ["ADF_ICAP_BLOCKED"],
        "request_logs": [{
            "icap_response_code": 200,
            "icap_method": "ICAP_METHOD_REQMOD",
            "http_method": "HTTP_METHOD_POST",
            "http_response_code": 403,
            "icap_absolute_uri": "icap://icap.example.net:1344/avscan",
            "complete_body_sent": true,
            "pool_name": {"val": "ICAP-POOL-GROUP", "crc32": 1_799_851_903_u32},
            "pool_uuid": "poolgroup-c7dd3b93-60c1-4190-b6d6-26c22d55dc30",
            "icap_server_ip": "10.0.0.9",
            "icap_server_port": 1344,
            "latency": "1275",
            "icap_headers_sent_to_server": "Host: icap.example.net:1344\r\nPreview: 653\r\n",
            "icap_headers_received_from_server": "ISTag: \"x\"\r\n",
            "vendor": "opswat",
            "action": "ICAP_BLOCKED",
            "reason": "Infected",
            "threat_id": "EICAR-Test-File (not a virus)",
            "violations": [{
                "file_name": "a.zip/x.com",
                "threat_name": "EICAR",
                "resolution": "ICAP_FILE_NOT_REPAIRED",
            }],
        }],
    });
    assert_eq!(got, expected);
}

#[test]
fn modified_tells_the_new_length_even_if_it_is_zero() {
    let mut modified = record();
    modified.outcome = Some(Outcome::Modified);
    modified.icap_method = Scan::Response;
    modified.modified_content_length = Some(0);
    let records = [modified];
    let significance = Significance::of(Outcome::Modified, None, true);
    let log = entry(Outcome::Modified, significance, &records);
    let got: serde_json::Value = serde_json::from_str(&log.to_json()).unwrap();
    assert_eq!(
        got["significance"],
        serde_json::json!(["ADF_ICAP_MODIFIED", "ADF_ICAP_SERVER_HIGH_RESPONSE_TIME"])
    );
    assert_eq!(got["request_logs"][0]["modified_content_length"], 0);
    assert_eq!(got["request_logs"][0]["icap_method"], "ICAP_METHOD_RESPMOD");
}

#[test]
fn a_retry_is_a_record_of_its_own() {
    let mut lost = record();
    lost.icap_response_code = None;
    lost.icap_headers_received_from_server = "".into();
    lost.latency_ms = None;
    lost.outcome = Some(Outcome::Failed);
    lost.findings = Cow::Owned(Findings {
        reason: Some("Connection lost".to_owned()),
        ..Findings::default()
    });
    let records = [lost, record()];
    let significance = Significance::of(Outcome::Failed, Some(Cause::Connection), false);
    let log = entry(Outcome::Passed, significance, &records);
    let got: serde_json::Value = serde_json::from_str(&log.to_json()).unwrap();
    assert_eq!(
        got["significance"],
        serde_json::json!(["ADF_ICAP_CONNECTION_ERROR"])
    );
    let first = got["request_logs"][0].as_object().unwrap();
    assert_eq!(first["reason"], "Connection lost");
    for absent in [
        "icap_response_code",
        "icap_headers_received_from_server",
        "latency",
    ] {
        assert!(!first.contains_key(absent), "{absent}");
    }
    assert_eq!(got["request_logs"][1]["action"], "ICAP_PASSED");
}

#[test]
fn a_part_is_told_by_names_that_are_fit_for_a_log() {
    let mut file = record();
    let name = format!("a\r\n\u{202e}b{}", "x".repeat(9_000));
    file.part = Some(Rc::new(PartName::new(&name, Some("report.pdf"))));
    let mut blob = record();
    blob.part = Some(Rc::new(PartName::new("blob", None)));
    blob.outcome = None;
    let records = [file, blob];
    let log = entry(Outcome::Blocked, Significance::NONE, &records);
    let got: serde_json::Value = serde_json::from_str(&log.to_json()).unwrap();
    let [file, blob] = [0, 1].map(|n| got["request_logs"][n].as_object().unwrap());
    let name = file["part"]["name"].as_str().unwrap();
    assert!(name.starts_with("a  bxxx") && name.len() < 600, "{name}");
    assert_eq!(file["part"]["file_name"], "report.pdf");
    assert_eq!(blob["part"], serde_json::json!({"name": "blob"}));
    assert!(!blob.contains_key("action"));
}

#[test]
fn methods_and_vendors_have_their_names() {
    for (method, name) in [
        ("GET", "HTTP_METHOD_GET"),
        ("patch", "HTTP_METHOD_PATCH"),
        ("M-SEARCH", "HTTP_METHOD_M_SEARCH"),
        ("A\"\n", "HTTP_METHOD_A__"),
        (&"X".repeat(40), &format!("HTTP_METHOD_{}", "X".repeat(32))),
    ] {
        let mut record = record();
        record.http_method = method.into();
        let records = [record];
        let json = entry(Outcome::Passed, Significance::NONE, &records).to_json();
        let got: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(got["request_logs"][0]["http_method"], name);
    }
    for name in names() {
        let mut record = record();
        record.vendor = Vendor::named(name).unwrap();
        let records = [record];
        let json = entry(Outcome::Passed, Significance::NONE, &records).to_json();
        let got: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(got["request_logs"][0]["vendor"], name);
    }
}
