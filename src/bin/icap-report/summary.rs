//! Summarizes all entries, as text for a terminal and as JSON.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::collect::Collection;
use crate::columns::{Column, NO_LATENCY, NO_TIME, values};
use crate::printable::printable;
use crate::time;

/// How many values of a field the JSON lists.
const JSON_VALUES: usize = 1000;
/// How wide a value is on a terminal, in characters.
const VALUE_WIDTH: usize = 60;

/// The values of a column and how many entries have each, the most frequent first.
pub(crate) fn ranking(column: &Column) -> Vec<(&str, u64)> {
    let mut counts: HashMap<&str, u64> = HashMap::new();
    for (text, count) in column.texts.iter().zip(column.counts()) {
        for value in values(text) {
            *counts.entry(value).or_default() += count;
        }
    }
    let mut ranking: Vec<(&str, u64)> = counts.into_iter().collect();
    ranking.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    ranking
}

/// The latencies at the 50th, 90th, 95th and 99th percentile, and the longest, in milliseconds.
fn percentiles(collection: &Collection) -> Option<[u32; 5]> {
    let all = collection.columns.latencies.iter();
    let mut sorted: Vec<u32> = all.copied().filter(|ms| *ms != NO_LATENCY).collect();
    sorted.sort_unstable();
    let last = sorted.len().checked_sub(1)?;
    let at = |percent: usize| {
        sorted
            .get((sorted.len() * percent).div_ceil(100).max(1) - 1)
            .copied()
    };
    Some([
        at(50)?,
        at(90)?,
        at(95)?,
        at(99)?,
        sorted.get(last).copied()?,
    ])
}

/// The times of the first and the last entry.
pub(crate) fn span(collection: &Collection) -> Option<(i64, i64)> {
    let times = || {
        collection
            .columns
            .times
            .iter()
            .copied()
            .filter(|t| *t != NO_TIME)
    };
    Some((times().min()?, times().max()?))
}

/// The summary as text, with `top` values of each field.
pub(crate) fn text(collection: &Collection, top: usize) -> String {
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(text.trim_end());
        out.push('\n');
    };
    let total = collection.columns.len();
    line(&format!("{total} entries in {} lines", collection.lines));
    if collection.left_out > 0 {
        line(&format!(
            "{} entries left out by the conditions",
            collection.left_out
        ));
    }
    if let Some((first, last)) = span(collection) {
        line(&format!(
            "from {} to {}",
            time::write(first),
            time::write(last)
        ));
    }
    if let Some([p50, p90, p95, p99, max]) = percentiles(collection) {
        line(&format!(
            "latency in ms: p50 {p50}, p90 {p90}, p95 {p95}, p99 {p99}, longest {max}"
        ));
    }
    for (field, column) in collection.columns.fields() {
        let ranking = ranking(column);
        if ranking.is_empty() || top == 0 {
            continue;
        }
        line("");
        line(&format!("{} ({})", field.label(), field.name()));
        for (value, count) in ranking.iter().take(top) {
            let percent = *count as f64 * 100.0 / total.max(1) as f64;
            line(&format!(
                "  {count:>9}  {percent:>5.1} %  {}",
                printable(value, VALUE_WIDTH)
            ));
        }
        if ranking.len() > top {
            line(&format!("             and {} more", ranking.len() - top));
        }
    }
    if collection.bad > 0 {
        line("");
        line(&format!(
            "{} lines do not belong to an access log:",
            collection.bad
        ));
        for bad in &collection.bad_lines {
            line(&format!(
                "  line {}: {}: {}",
                bad.line,
                bad.why,
                printable(&bad.text, VALUE_WIDTH)
            ));
        }
    }
    out
}

/// The summary as JSON.
pub(crate) fn json(collection: &Collection) -> Value {
    let mut fields = Map::new();
    for (field, column) in collection.columns.fields() {
        let ranking = ranking(column);
        let counted = ranking
            .iter()
            .take(JSON_VALUES)
            .map(|(value, count)| json!({"value": value, "count": count}));
        fields.insert(field.name().to_owned(), counted.collect());
    }
    let latency = percentiles(collection).map(|[p50, p90, p95, p99, max]| {
        json!({"p50": p50, "p90": p90, "p95": p95, "p99": p99, "max": max})
    });
    let bad_lines = collection.bad_lines.iter();
    let bad_lines: Vec<Value> = bad_lines
        .map(|bad| json!({"line": bad.line, "why": bad.why, "text": bad.text}))
        .collect();
    json!({
        "lines": collection.lines,
        "entries": collection.columns.len(),
        "left_out": collection.left_out,
        "bad": collection.bad,
        "bad_lines": bad_lines,
        "unreadable": collection.faults,
        "first": span(collection).map(|(first, _)| time::write(first)),
        "last": span(collection).map(|(_, last)| time::write(last)),
        "latency_ms": latency,
        "fields": fields,
    })
}
