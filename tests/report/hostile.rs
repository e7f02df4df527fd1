//! What strangers put into a log does nothing: not in the page, not on a terminal, not in a spreadsheet.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::browser::Browser;
use crate::lines::line_with;
use crate::program::{output, page};

/// Each would set `window.hacked`, in one place or another.
const SCRIPTS: [&str; 8] = [
    "<script>window.hacked = 1</script>",
    "</script><script>window.hacked = 2</script>",
    "<img src=x onerror='window.hacked = 3'>",
    "\"><svg onload=window.hacked=4>",
    "javascript:window.hacked=5",
    "{{data}}{{script}}<!-- --><![CDATA[",
    "\u{202e}\u{1b}[2J\u{7}</style></title>",
    "__proto__",
];

fn hostile_log() -> Vec<u8> {
    let mut log = String::new();
    for script in SCRIPTS {
        let mut line = line_with(&json!({
            "action": "ICAP_BLOCKED", "rule_name": script, "profile": script, "significance": [script],
            "request_logs": [{
                "icap_method": script, "icap_absolute_uri": script, "pool_name": {"val": script}, "pool_uuid": script, "icap_server_ip": script,
                "icap_server_port": 1, "latency": script, "vendor": script, "action": script, "reason": script, "threat_id": script,
                "icap_headers_sent_to_server": format!("X-Client: {script}\r\nPreview: 1\r\n"), "icap_headers_received_from_server": script,
                "part": {"name": script, "file_name": script}, "violations": [{"file_name": script, "threat_name": script, "resolution": script}],
            }],
        }));
        for name in ["client", "path", "authority", "method"] {
            line[name] = Value::from(script);
        }
        log += &format!("{line}\n");
        log += &format!("no line of a log: {script}\n");
    }
    log.into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_in_a_log_do_nothing_in_the_page() {
    let directory = TempDir::new().unwrap();
    let page = page(directory.path(), &hostile_log());
    let text = std::fs::read_to_string(&page).unwrap();
    assert!(
        !text.contains("hacked"),
        "what strangers say is in the page's own text"
    );
    assert!(text.contains("default-src 'none'; script-src 'sha256-"));
    let browser = Browser::start(1200, 900).await;
    browser.open(&page).await;
    let count = SCRIPTS.len() as u64;
    assert_eq!(browser.matching().await, count);
    for row in 0..SCRIPTS.len() {
        browser
            .value(&format!("location.hash = '#entry={row}'"))
            .await;
        browser.until(&format!("document.getElementById('detail').open && document.querySelector('#detail .raw pre').textContent.length > 100 && location.hash === '#entry={row}'")).await;
    }
    browser.value("location.hash = ''").await;
    for script in SCRIPTS {
        browser
            .value(&format!(
                "location.hash = '#' + new URLSearchParams({{threat: {}}})",
                json!(script)
            ))
            .await;
        browser.until_matching(1).await;
    }
    assert_eq!(browser.value("window.hacked === undefined").await, true);
    let foreign = "document.querySelectorAll('img, iframe, object, embed, link, a[href^=javascript], svg [onload], [onerror]').length";
    assert_eq!(browser.value(foreign).await, 0);
    assert_eq!(browser.value("document.scripts.length").await, 1);
    let said = browser.console().await;
    assert!(said.is_empty(), "{said:?}");

    // Even a mistake in the page would run nothing: its policy allows its own script and no other.
    browser.value("document.body.insertAdjacentHTML('beforeend', '<img src=\"data:,\" onerror=\"window.hacked = 9\"><style>body{display:none}</style>')").await;
    browser.value("(() => { const s = document.createElement('script'); s.textContent = 'window.hacked = 10'; document.body.append(s); })()").await;
    let refused = browser.console().await;
    assert!(
        refused
            .iter()
            .any(|line| line.contains("Content Security Policy")),
        "{refused:?}"
    );
    assert_eq!(browser.value("window.hacked === undefined").await, true);
    assert_eq!(
        browser
            .value("getComputedStyle(document.body).display")
            .await,
        "block"
    );
}

#[test]
fn escapes_in_a_log_do_not_reach_a_terminal() {
    let text = output(&["--top", "100"], &hostile_log());
    assert!(text.contains("[2J"), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{text:?}");
    let followed = output(&["--follow", "--all"], &hostile_log());
    assert!(
        !followed.contains(['\u{1b}', '\u{7}', '\u{202e}']),
        "{followed:?}"
    );
}

#[test]
fn a_spreadsheet_takes_nothing_for_a_formula() {
    let mut line = line_with(&json!({"action": "ICAP_BLOCKED", "rule_name": "a,\"b\"\nc"}));
    line["path"] = json!("=HYPERLINK(\"http://x\")");
    line["client"] = json!("@SUM(1)");
    let text = output(&["--format", "csv"], line.to_string().as_bytes());
    assert!(
        text.contains(",\"'=HYPERLINK(\"\"http://x\"\")\","),
        "{text}"
    );
    assert!(text.contains(",\"'@SUM(1)\","), "{text}");
    assert!(text.contains(",\"a,\"\"b\"\"\nc\","), "{text}");
}
