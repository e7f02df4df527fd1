//! The four log entries that the reference product's users know, made by a scripted server that answers as OPSWAT's does:
//! infected, passed, disabled, and no security rule matched. Each is read field by field, then found by clicking.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::browser::Browser;
use crate::program::page;
use crate::support::application::Application;
use crate::support::client::{Version, post, sized};
use crate::support::envoy::Envoy;
use crate::support::envoy_config::Setup;
use crate::support::eventually;
use crate::support::icap_answers::{NO_CONTENT, block_page};
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::scene::plugin;

const OPSWAT: &str = "X-Response-Info: Blocked\r\nX-Response-Desc: Infected\r\nX-Blocked-Reason: Infected\r\n\
    X-Infection-Found: Type=0; Resolution=2; Threat=EICAR-Test-File (not a virus);\r\nX-Virus-ID: EICAR-Test-File (not a virus)\r\n\
    X-Violations-Found: 1\r\n a.zip/x.com\r\n EICAR-Test-File (not a virus)\r\n 0\r\n 0\r\n";

/// Which items are clicked: fields and values.
type Clicks = &'static [(&'static str, &'static str)];

fn logger(path: &std::path::Path) -> Value {
    json!({
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": path,
            "log_format": {"json_format": {
                "time": "%START_TIME%", "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "method": "%REQ(:METHOD)%",
                "authority": "%REQ(:AUTHORITY)%", "path": "%REQ(:PATH)%", "status": "%RESPONSE_CODE%", "duration_ms": "%DURATION%",
                "icap_log": "%TYPED_CEL(filter_state['wasm.icap_log_struct'])%",
            }},
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_four_known_entries_are_logged_and_found_by_clicking() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("access.log");
    let server = IcapServer::serving(Behaviour::Allow).await;
    let application = Application::start().await;
    let mut configuration = plugin(json!({
        "vendor": "opswat", "pool_name": "ICAP-POOL-GROUP", "pool_uuid": "poolgroup-c7dd3b93-60c1-4190-b6d6-26c22d55dc30",
    }));
    configuration["rules"] = json!([
        {"name": "skip-health", "match": {"path": "/health"}, "action": "bypass"},
        {"name": "scan-uploads", "match": {"path": {"prefix": "/upload"}}, "action": "enable_icap", "profile": "upload-av"},
    ]);
    let mut setup = Setup::new(&configuration, server.address(), application.address());
    setup.more_access_logs = vec![logger(&path)];
    let envoy = Envoy::start(&setup).await;
    let requests = [
        ("/upload?infected", block_page(OPSWAT, "blocked")),
        ("/upload?clean", NO_CONTENT.into()),
        ("/health", Vec::new()),
        ("/elsewhere", Vec::new()),
    ];
    for (n, (target, answer)) in requests.into_iter().enumerate() {
        server.now(Behaviour::Answer(answer));
        envoy
            .connect(Version::Http1)
            .await
            .send(post(target, sized("content")))
            .await;
        envoy.log_entry(n).await;
    }
    let log = eventually("four lines", async || {
        let text = std::fs::read_to_string(&path).ok()?;
        (text.lines().count() == 4).then_some(text)
    })
    .await;
    let browser = Browser::start(1400, 1000).await;
    browser.open(&page(directory.path(), log.as_bytes())).await;

    // What is clicked to find each, and what its icap_log says.
    let scanned = json!({
        "icap_method": "ICAP_METHOD_REQMOD", "http_method": "HTTP_METHOD_POST", "icap_absolute_uri": "icap://icap.test:1344/scan",
        "complete_body_sent": true, "pool_name": {"val": "ICAP-POOL-GROUP", "crc32": 1_799_851_903_u32},
        "pool_uuid": "poolgroup-c7dd3b93-60c1-4190-b6d6-26c22d55dc30", "icap_server_ip": "127.0.0.1",
        "icap_server_port": server.address().port(), "vendor": "opswat",
    });
    let infected = json!({
        "icap_response_code": 200, "http_response_code": 403, "action": "ICAP_BLOCKED", "reason": "Infected",
        "threat_id": "EICAR-Test-File (not a virus)",
        "violations": [{"file_name": "a.zip/x.com", "threat_name": "EICAR-Test-File (not a virus)", "resolution": "ICAP_FILE_NOT_REPAIRED"}],
    });
    let entries: [(Clicks, Value, Option<Value>); 4] = [
        (
            &[("threat", "EICAR-Test-File (not a virus)")],
            json!({"action": "ICAP_BLOCKED", "rule_name": "scan-uploads", "profile": "upload-av", "significance": ["ADF_ICAP_BLOCKED"]}),
            Some(infected),
        ),
        (
            &[("action", "ICAP_PASSED")],
            json!({"action": "ICAP_PASSED", "rule_name": "scan-uploads", "profile": "upload-av"}),
            Some(json!({"icap_response_code": 204, "action": "ICAP_PASSED"})),
        ),
        (
            &[("rule", "skip-health")],
            json!({"action": "ICAP_DISABLED", "rule_name": "skip-health"}),
            None,
        ),
        (
            &[("action", "ICAP_DISABLED"), ("rule", "")],
            json!({"action": "ICAP_DISABLED"}),
            None,
        ),
    ];
    for (clicks, expected, transaction) in entries {
        for (field, value) in clicks {
            browser.click_item(field, value).await;
            browser.until(&format!("[...document.querySelectorAll('.chip .name')].length > 0 && location.hash.includes('{field}=')")).await;
        }
        browser.until_matching(1).await;
        browser.click(".open").await;
        browser
            .until("document.getElementById('detail').open")
            .await;
        let shown = browser
            .value("document.querySelector('#detail .raw pre').textContent")
            .await;
        let mut shown: Value = serde_json::from_str(shown.as_str().unwrap()).unwrap();
        let transactions = shown.as_object_mut().unwrap().remove("request_logs");
        assert_eq!(shown, expected);
        if let Some(expected) = transaction {
            let found = &transactions.unwrap()[0];
            for part in [&scanned, &expected] {
                for (name, value) in part.as_object().unwrap() {
                    assert_eq!(&found[name], value, "{name} of {found}");
                }
            }
            assert!(
                found["latency"].as_str().unwrap().parse::<u64>().is_ok(),
                "{found}"
            );
            for headers in [
                "icap_headers_sent_to_server",
                "icap_headers_received_from_server",
            ] {
                assert!(
                    found[headers].as_str().unwrap().contains("\r\n")
                        || found[headers].as_str().unwrap().contains('\u{fffd}'),
                    "{found}"
                );
            }
        } else {
            assert_eq!(transactions, None);
        }
        browser.click("#close").await;
        browser
            .until("!document.getElementById('detail').open")
            .await;
        browser.click("#clear").await;
        browser.until_matching(4).await;
    }
}
