//! The page in Chromium: what is clicked becomes a filter, and everything follows.

use fantoccini::key::Key;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::browser::Browser;
use crate::lines::{line, line_with};
use crate::program::{count, json as report, page};

fn log(n: u64) -> Vec<u8> {
    (0..n)
        .map(|n| line(n) + "\n")
        .collect::<String>()
        .into_bytes()
}

async fn assert_quiet(browser: &Browser) {
    let said = browser.console().await;
    assert!(said.is_empty(), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_of_each_kind_filters_and_is_negated_and_removed() {
    let directory = TempDir::new().unwrap();
    let log = log(3000);
    let all = report(&[], &log);
    let browser = Browser::start(1400, 1000).await;
    browser.open(&page(directory.path(), &log)).await;
    assert_eq!(browser.matching().await, 3000);
    let fields = browser
        .value("[...document.querySelectorAll('.panel')].map((p) => p.id.slice(6))")
        .await;
    let fields: Vec<String> = serde_json::from_value(fields).unwrap();
    for must in [
        "action",
        "significance",
        "cause",
        "rule",
        "profile",
        "threat",
        "reason",
        "pool",
        "server",
        "client",
        "path",
    ] {
        assert!(
            fields.iter().any(|field| field == must),
            "{must} in {fields:?}"
        );
    }
    for field in &fields {
        // The most frequent value that is one: the items without a name stand for entries that have none.
        let item = format!("#panel-{field} .item:not(.none)");
        let value = browser
            .value(&format!(
                "document.querySelector({}).dataset.value",
                json!(item)
            ))
            .await;
        let value = value.as_str().unwrap();
        let expected = count(&all, field, value);
        assert!(expected > 0, "{field} {value}");
        browser.click(&item).await;
        browser.until_matching(expected).await;
        assert_eq!(browser.chips().await.len(), 1, "{field}");
        let address = browser
            .value("new URLSearchParams(location.hash.slice(1)).toString()")
            .await;
        assert!(
            address.as_str().unwrap().starts_with(&format!("{field}=")),
            "{address}"
        );
        browser.click(".chip .mode").await;
        browser.until_matching(3000 - expected).await;
        assert!(browser.chips().await[0].contains(" is not "), "{field}");
        browser.click(".chip .remove").await;
        browser.until_matching(3000).await;
    }
    assert_quiet(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_add_up_live_in_the_address_and_go_with_back() {
    let directory = TempDir::new().unwrap();
    let log = log(3000);
    let browser = Browser::start(1400, 1000).await;
    let path = page(directory.path(), &log);
    browser.open(&path).await;
    let blocked = count(&report(&[], &log), "action", "ICAP_BLOCKED");
    let both = report(&["--where", "action=ICAP_BLOCKED and profile=dlp"], &log)["entries"]
        .as_u64()
        .unwrap();
    assert!(0 < both && both < blocked);
    browser.click_item("action", "ICAP_BLOCKED").await;
    browser.until_matching(blocked).await;
    browser.click_item("profile", "dlp").await;
    browser.until_matching(both).await;
    assert_eq!(
        browser.chips().await,
        ["Outcome is ICAP_BLOCKED", "Profile is dlp"]
    );
    // The condition that the page names finds the same.
    let said = browser.text("#sample").await;
    let condition = said
        .split("--where '")
        .nth(1)
        .unwrap()
        .trim_end_matches('\'');
    assert_eq!(
        report(&["--where", condition], &log)["entries"].as_u64(),
        Some(both),
        "{condition}"
    );
    browser.back().await;
    browser.until_matching(blocked).await;
    browser.back().await;
    browser.until_matching(3000).await;

    // Latency and time are filters, too.
    browser.click("#distribution .bin").await;
    browser
        .until("document.querySelectorAll('.chip').length === 1")
        .await;
    assert!(browser.matching().await < 3000);
    browser.click("#clear").await;
    browser.until_matching(3000).await;
    browser.click("#timeline .bin").await;
    browser
        .until("document.querySelectorAll('.chip').length === 1")
        .await;
    let hash = browser.value("location.hash").await;
    assert!(hash.as_str().unwrap().starts_with("#time=2026-"), "{hash}");
    assert!(browser.matching().await < 3000);
    assert_quiet(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_opens_to_its_transactions_and_its_json() {
    let directory = TempDir::new().unwrap();
    let log = json!({
        "action": "ICAP_PASSED", "rule_name": "scan-uploads", "profile": "upload-av",
        "request_logs": [
            {"icap_method": "ICAP_METHOD_REQMOD", "latency": "10", "reason": "connection lost before the ICAP response", "icap_server_ip": "10.0.0.8", "icap_server_port": 1344},
            {"icap_method": "ICAP_METHOD_REQMOD", "latency": "30", "action": "ICAP_PASSED", "part": {"name": "file1", "file_name": "report.pdf"},
             "icap_headers_sent_to_server": "Host: x\r\nPreview: 5\r\n", "violations": [{"file_name": "a.zip/x.com", "threat_name": "EICAR", "resolution": "ICAP_FILE_REPAIRED"}]},
            {"icap_method": "ICAP_METHOD_REQMOD", "latency": "20", "action": "ICAP_PASSED", "part": {"name": "file2"}},
        ],
    });
    let browser = Browser::start(1400, 1000).await;
    browser
        .open(&page(
            directory.path(),
            line_with(&log).to_string().as_bytes(),
        ))
        .await;
    assert_eq!(browser.matching().await, 1);
    browser.click(".open").await;
    browser
        .until("document.getElementById('detail').open")
        .await;
    let text = browser.text("#detail").await;
    for word in [
        "scan-uploads",
        "10.0.0.8:1344",
        "file1: report.pdf",
        "a.zip/x.com",
        "Preview: 5",
        "/upload?x=1",
        "\"rule_name\": \"scan-uploads\"",
    ] {
        assert!(text.contains(word), "{word} in {text}");
    }
    // The second and the third stand side by side, behind the first.
    let bars = browser.value("[...document.querySelectorAll('#detail .drawing rect')].map((r) => Number(r.getAttribute('x')))").await;
    let bars: Vec<f64> = serde_json::from_value(bars).unwrap();
    assert_eq!(bars.len(), 3);
    assert!(bars[0] < bars[1] && bars[1] == bars[2], "{bars:?}");
    browser.press(Key::Escape).await;
    browser
        .until("!document.getElementById('detail').open")
        .await;
    browser.back().await;
    browser
        .until("document.getElementById('detail').open")
        .await;
    browser.click("#close").await;
    browser
        .until("!document.getElementById('detail').open")
        .await;
    assert_quiet(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_is_enough_and_the_focus_stays() {
    let directory = TempDir::new().unwrap();
    let browser = Browser::start(1400, 1000).await;
    browser.open(&page(directory.path(), &log(500))).await;
    browser
        .value("document.querySelector('#panel-action .item').focus()")
        .await;
    browser.press(Key::Enter).await;
    browser
        .until("document.querySelectorAll('.chip').length === 1")
        .await;
    assert_eq!(
        browser.value("document.activeElement.dataset.field").await,
        "action"
    );
    browser
        .value("document.querySelector('.chip .remove').focus()")
        .await;
    browser.press(Key::Enter).await;
    browser
        .until("document.querySelectorAll('.chip').length === 0")
        .await;
    assert_eq!(
        browser.value("document.activeElement.id").await,
        "filters-title"
    );
    // The columns of a picture are one stop; arrow keys go through them.
    browser
        .value("document.querySelector('#timeline .bin').focus()")
        .await;
    browser.press(Key::Right).await;
    assert_eq!(
        browser
            .value(
                "[...document.querySelectorAll('#timeline .bin')].indexOf(document.activeElement)"
            )
            .await,
        1
    );
    browser.press(Key::Enter).await;
    browser
        .until("document.querySelectorAll('.chip').length === 1")
        .await;
    // What a screen reader needs: a name for every button and every picture, and no level of headings left out.
    let nameless = "[...document.querySelectorAll('button, [role=button], svg[role], select')].filter((e) => !e.textContent.trim() && !e.getAttribute('aria-label')).length";
    assert_eq!(browser.value(nameless).await, 0);
    assert_eq!(
        browser
            .value("document.querySelectorAll('h1').length")
            .await,
        1
    );
    assert_quiet(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_and_one_entry_are_shown() {
    let directory = TempDir::new().unwrap();
    let browser = Browser::start(700, 900).await;
    browser.open(&page(directory.path(), b"")).await;
    assert_eq!(browser.text("#matching").await, "0 of 0 entries");
    assert!(browser.text("#sample").await.starts_with("No entries."));
    let one = line_with(&json!({"action": "ICAP_DISABLED"}));
    browser
        .open(&page(directory.path(), one.to_string().as_bytes()))
        .await;
    assert_eq!(browser.text("#matching").await, "1 of 1 entries");
    browser.click_item("rule", "").await;
    browser
        .until("document.querySelectorAll('.chip').length === 1")
        .await;
    assert_eq!(browser.chips().await, ["Rule is (none)"]);
    assert_eq!(browser.matching().await, 1);
    // An address that makes no sense is no filter.
    browser
        .value("location.hash = '#nonsense=1&time=x..y&latency=..&entry=77&not.action=ICAP_PASSED'")
        .await;
    browser
        .until("document.querySelector('.chip .mode').textContent === 'is not'")
        .await;
    assert_eq!(browser.chips().await, ["Outcome is not ICAP_PASSED"]);
    assert_quiet(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_window_is_too_narrow_or_too_dark() {
    let directory = TempDir::new().unwrap();
    let browser = Browser::start(1400, 1000).await;
    browser.open(&page(directory.path(), &log(500))).await;
    for (width, scheme) in [(1400, "light"), (900, "dark"), (390, "light")] {
        browser
            .emulate(
                "Emulation.setDeviceMetricsOverride",
                json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false}),
            )
            .await;
        browser
            .emulate(
                "Emulation.setEmulatedMedia",
                json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]}),
            )
            .await;
        browser
            .until(&format!(
                "innerWidth === {width} && document.documentElement.scrollWidth <= {width}"
            ))
            .await;
        let colours: Value = browser.value("[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]").await;
        let light = |colour: &Value| {
            let text = colour.as_str().unwrap();
            let digits = text
                .split(|c: char| !c.is_ascii_digit())
                .filter_map(|n| n.parse::<u32>().ok());
            digits.take(3).sum::<u32>()
        };
        let (ink, paper) = (light(&colours[0]), light(&colours[1]));
        assert_eq!(ink > paper, scheme == "dark", "{colours}");
        assert!(ink.abs_diff(paper) > 380, "{colours}");
        assert!(browser.picture().await.len() > 10_000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_million_entries_are_counted_exactly_and_shown_in_part() {
    let directory = TempDir::new().unwrap();
    // Short lines: how fast they are read is for the benchmark to say.
    let mut log = Vec::with_capacity(100 << 20);
    for n in 0..1_000_000_u64 {
        let action = if n.is_multiple_of(1000) {
            r#"BLOCKED","significance":["ADF_ICAP_BLOCKED"]"#
        } else {
            r#"PASSED""#
        };
        let line = format!(
            "{{\"time\":{},\"client\":\"c{}\",\"icap_log\":{{\"action\":\"ICAP_{action}}}}}\n",
            1_790_000_000 + n / 20,
            n % 3000
        );
        log.extend_from_slice(line.as_bytes());
    }
    let page = page(directory.path(), &log);
    let size = std::fs::metadata(&page).unwrap().len();
    assert!(size < 20 << 20, "{size} bytes");
    let browser = Browser::start(1400, 1000).await;
    browser.open(&page).await;
    assert_eq!(browser.matching().await, 1_000_000);
    assert!(
        browser
            .text("#sample")
            .await
            .contains("a sample, 2,000 of 1,000,000 entries")
    );
    browser.click_item("action", "ICAP_BLOCKED").await;
    browser.until_matching(1000).await;
    assert!(
        browser
            .value("document.querySelectorAll('tr[data-row]').length")
            .await
            .as_u64()
            .unwrap()
            > 10
    );
    browser.click(".chip .mode").await;
    browser.until_matching(999_000).await;
    assert_quiet(&browser).await;
}
