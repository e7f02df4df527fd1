//! What it costs to write icap_log, as text and as a structure.

#![allow(missing_docs, reason = "criterion's macros write functions without")]
#![allow(clippy::unwrap_used, reason = "a benchmark may fail")]

use std::borrow::Cow;

use criterion::{Criterion, black_box, criterion_group, criterion_main};
use icap_filter::config::{LogForms, Secrets};
use icap_filter::product::Vendor;
use icap_filter::report::{
    Conclusion, IcapLog, Outcome, ScanRecord, Significance, TrailerNames, redact_headers,
};
use icap_filter::verdict::{Findings, Scan};

const SENT: &[u8] =
    b"Host: icap.example.net:1344\r\nAllow: 204\r\nPreview: 5000\r\nX-Client-IP: 192.0.2.1\r\n\
    Authorization: Basic dTpw\r\nEncapsulated: req-hdr=0, req-body=412\r\n";
const RECEIVED: &[u8] = b"ISTag: \"bench-1\"\r\nX-Response-Info: Blocked\r\nX-Blocked-Reason: Infected\r\n\
    X-Infection-Found: Type=0; Resolution=2; Threat=EICAR-Test-File;\r\nEncapsulated: res-hdr=0, res-body=92\r\n";

fn record(findings: Findings, outcome: Outcome) -> ScanRecord<'static> {
    ScanRecord {
        profile: None,
        icap_response_code: Some(200),
        icap_method: Scan::Request,
        http_method: Cow::Borrowed("POST"),
        http_response_code: None,
        icap_absolute_uri: Cow::Borrowed("icap://icap.example.net:1344/avscan"),
        complete_body_sent: true,
        pool_name: Cow::Borrowed("ICAP-POOL-GROUP"),
        pool_uuid: None,
        icap_server_ip: Some(Cow::Borrowed("10.0.0.9")),
        icap_server_port: Some(1344),
        latency_ms: Some(12),
        icap_headers_sent_to_server: Cow::Owned(redact_headers(SENT, [], &Secrets::default())),
        icap_headers_received_from_server: Cow::Owned(redact_headers(
            RECEIVED,
            [],
            &Secrets::default(),
        )),
        modified_content_length: None,
        vendor: Vendor::named("opswat").unwrap(),
        encoded: None,
        part: None,
        streamed: None,
        outcome: Some(outcome),
        findings: Cow::Owned(findings),
    }
}

fn entries(c: &mut Criterion) {
    let mut group = c.benchmark_group("icap_log");
    let infected = Findings {
        reason: Some("Infected".to_owned()),
        threat_id: Some("EICAR-Test-File".to_owned()),
        violations: Vec::new(),
    };
    for (name, outcome, significance, findings) in [
        (
            "passed",
            Outcome::Passed,
            Significance::NONE,
            Findings::default(),
        ),
        ("blocked", Outcome::Blocked, Significance::BLOCKED, infected),
    ] {
        let records = [record(findings, outcome)];
        let log = IcapLog {
            conclusion: Conclusion::done(outcome, significance),
            rule_name: Some("scan-uploads"),
            profile: Some("upload-av"),
            reason: None,
            trailers: TrailerNames::default(),
            request_logs: &records,
            others: None,
        };
        for (forms, text, structure) in [
            ("text", true, false),
            ("structure", false, true),
            ("both", true, true),
        ] {
            let asked = LogForms { text, structure };
            group.bench_function(format!("{name}, {forms}"), |b| {
                b.iter(|| black_box(&log).in_forms(asked));
            });
        }
    }
    group.finish();
    c.bench_function("redact headers", |b| {
        b.iter(|| redact_headers(black_box(SENT), [], &Secrets::default()));
    });
}

criterion_group!(benches, entries);
criterion_main!(benches);
