//! Hostile lines: whatever they contain, a report comes, and soon.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

use proptest::prelude::*;

use crate::collect::{Wanted, collect};
use crate::condition::Condition;
use crate::entry::{Entry, Field, Values};
use crate::input::Inputs;
use crate::live::Live;
use crate::{access_log, csv, latency, page, printable, summary, time};

/// Does everything that the report does with an entry.
fn use_entry(entry: &Entry<'_>) {
    let mut values = Values::default();
    for field in Field::ALL {
        entry.values(field, &mut values);
    }
    csv::write(entry, &mut Vec::new());
    let mut live = Live::default();
    live.entry(entry, true);
    for line in live.frame(40, 8, false) {
        assert!(!line.contains(char::is_control), "{line:?}");
    }
}

/// Lines of this form, with any value anywhere.
fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
        Just(r#"{"val":{"val":[1,{}]}}"#.to_owned()),
        Just("1e308".to_owned()),
        Just("-0.0".to_owned()),
        Just(r#""-""#.to_owned()),
        Just(r#""ICAP_BLOCKED""#.to_owned()),
        any::<f64>().prop_filter_map("finite", |n| n.is_finite().then(|| n.to_string())),
        any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
    ]
}

fn hostile() -> impl Strategy<Value = String> {
    let names = [
        "time",
        "client",
        "path",
        "method",
        "status",
        "duration_ms",
        "authority",
        "log",
        "action",
    ];
    let inner = [
        "latency",
        "icap_server_ip",
        "icap_server_port",
        "reason",
        "threat_id",
        "pool_name",
        "part",
        "violations",
    ];
    let outer =
        proptest::collection::vec((proptest::sample::select(names.to_vec()), scalar()), 0..5);
    let log = proptest::collection::vec((proptest::sample::select(inner.to_vec()), scalar()), 0..5);
    (outer, log, any::<bool>()).prop_map(|(outer, inner, is_text)| {
        let members = |pairs: &[(&str, String)]| {
            let pairs: Vec<String> = pairs
                .iter()
                .map(|(name, value)| format!("\"{name}\":{value}"))
                .collect();
            pairs.join(",")
        };
        let log = format!(
            r#"{{"action":"ICAP_FAILED","request_logs":[{{{}}}]}}"#,
            members(&inner)
        );
        let log = if is_text {
            serde_json::Value::from(log).to_string()
        } else {
            log
        };
        let outer = members(&outer);
        format!(
            "{{{outer}{}\"icap_log\":{log}}}",
            if outer.is_empty() { "" } else { "," }
        )
    })
}

proptest! {
    #[test]
    fn any_bytes_are_a_line(bytes: Vec<u8>) {
        let _ = access_log::read(&String::from_utf8_lossy(&bytes), use_entry);
    }

    #[test]
    fn any_text_around_icap_log_is_a_line(before: String, after: String) {
        let line = format!("{before}{{\"action\":\"ICAP_PASSED\"}}{after}");
        let _ = access_log::read(&line, use_entry);
    }

    #[test]
    fn any_value_may_stand_anywhere(line in hostile()) {
        let _ = access_log::read(&line, use_entry);
    }

    #[test]
    fn any_condition_is_read_or_refused(text: String) {
        let _ = Condition::read(&text);
        let _ = Condition::read(&format!("action={text} or not (latency>{text})"));
    }

    #[test]
    fn any_time_is_read_or_refused(text: String, number: i64) {
        let _ = time::read(&text);
        let _ = time::read_argument(&format!("{number}d"));
        let _ = time::write(number);
    }

    #[test]
    fn a_latency_lies_in_its_class(milliseconds in 0_u32..9_000_000) {
        let class = usize::from(latency::class(milliseconds));
        prop_assert!(latency::EDGES[class] <= milliseconds);
        prop_assert!(latency::EDGES.get(class + 1).is_none_or(|edge| milliseconds < *edge));
    }

    #[test]
    fn nothing_printable_is_wider_than_it_may_be(text: String, width in 1_usize..50) {
        let shown = printable::printable(&text, width);
        prop_assert!(shown.chars().count() <= width);
        prop_assert!(!shown.contains(char::is_control));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_log_becomes_a_report(lines in proptest::collection::vec(prop_oneof![hostile(), any::<String>()], 0..20)) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), lines.join("\n")).unwrap();
        let path = file.path().display().to_string();
        let wanted = Wanted { sample: 5, csv: true, ..Wanted::default() };
        let inputs = Inputs::new(std::slice::from_ref(&path)).unwrap();
        let collection = collect(inputs, &wanted, |_| true);
        summary::text(&collection, 3);
        summary::json(&collection);
        page::write(&collection, &[path], &mut Vec::new()).unwrap();
    }
}

#[test]
fn a_line_of_braces_costs_no_more_than_its_length() {
    let line = r#"{"a":"#.repeat(200_000);
    let begin = std::time::Instant::now();
    for start in ["", "x "] {
        assert!(access_log::read(&format!("{start}{line}"), use_entry).is_err());
    }
    // The square of its length would take hours.
    assert!(begin.elapsed().as_secs() < 60);
}

#[test]
fn classes_meet_at_the_ends_of_the_pages_bars() {
    for edge in [
        0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 10_000, 60_000, 100_000, 500_000,
    ] {
        assert!(latency::EDGES.contains(&edge), "{edge}");
    }
    assert!(latency::EDGES.len() < usize::from(latency::NONE));
    assert!(latency::EDGES.is_sorted());
}
