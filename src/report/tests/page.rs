//! Generates `docs/metrics.md` from the tables.

use std::fmt::Write as _;
use std::path::Path;

use super::super::{
    COUNTERS, Counter, GAUGES, HISTOGRAMS, Kind, Metric, STATS_TAG_REGEX, StatNames,
};
use crate::config::Cause;

const TOP: &str = "\
# Metrics

Every name is an Envoy stat `wasmcustom.icap_filter.<name>`: see `/stats` on the admin port. `/stats/prometheus` leaves
`wasmcustom.` out and turns dots into `_`: `icap_filter_requests`, `icap_filter_failed_timeout`.

`requests` grows when a scan begins, and exactly one of `passed`, `modified`, `blocked`, `failed` when the request has its outcome;
where [`enforcement`](configuration.md#profiles) is `monitor`, one of `passed`, `would_modify`, `would_block`, `would_fail`. `failed` and `would_fail` are the sum of
`failed.*`, but for a `failed.unscannable` that was blocked.

Each profile has the same names under `icap_filter.profile.<profile>.<name>`; characters of the profile's name other than
`A-Z a-z 0-9 _ -` become `_`. This in Envoy's bootstrap turns that part into a label:

```yaml
stats_config:
  stats_tags:
  - tag_name: icap_profile
    regex: '@REGEX@'
```

Then the total and the profiles are one metric, `icap_filter_requests` and `icap_filter_requests{icap_profile=\"upload-av\"}`:
leave one of them out of a sum (`icap_profile!=\"\"` or `icap_profile=\"\"`).

Each rule has one counter, `icap_filter.rule.<rule>.matched`, in `requests`: it grows when the rule decides about a request. A
rule that stays at zero while the listener has traffic matches nothing, or a rule before it takes what it is for.

Workers tell Envoy what they have counted once a second, and more often while messages are under scan. The histograms exist for
profiles only.

Envoy's own histogram buckets end at 3,600,000, which is too little for bodies:

```yaml
stats_config:
  histogram_bucket_settings:
  - match: {suffix: body_bytes}
    buckets: [1024, 16384, 131072, 1048576, 8388608, 67108864, 536870912]
```

| name | kind | unit | it changes when | look at it when |
|---|---|---|---|---|
";

fn rows<Id>(page: &mut String, kind: &str, table: &[Metric<Id>]) {
    for m in table {
        writeln!(
            page,
            "| `{}` | {kind} | {} | {} | {} |",
            m.name, m.unit, m.meaning, m.alert
        )
        .unwrap();
    }
}

fn page() -> String {
    let mut page = TOP.replace("@REGEX@", STATS_TAG_REGEX);
    rows(&mut page, "counter", &COUNTERS);
    for row in Cause::ALL.iter().map(|cause| cause.row()) {
        writeln!(
            page,
            "| `{}` | counter | requests | {} | {} |",
            row.counter, row.counted_when, row.look_when
        )
        .unwrap();
    }
    rows(&mut page, "gauge", &GAUGES);
    rows(&mut page, "histogram", &HISTOGRAMS);
    page
}

/// `UPDATE_DOCS=1 cargo test` writes the page again.
#[test]
fn the_page_is_what_the_tables_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(
        written == page(),
        "docs/metrics.md differs from src/report/metrics.rs: run UPDATE_DOCS=1 cargo test"
    );
}

#[test]
fn an_id_is_its_place() {
    assert!(COUNTERS.iter().enumerate().all(|(n, m)| m.id as usize == n));
    assert!(GAUGES.iter().enumerate().all(|(n, m)| m.id as usize == n));
    assert!(
        HISTOGRAMS
            .iter()
            .enumerate()
            .all(|(n, m)| m.id as usize == n)
    );
}

#[test]
fn each_cause_counts_under_its_own_name() {
    let names: Vec<&str> = Counter::names().collect();
    assert_eq!(names.len(), Counter::ALL);
    for (place, cause) in Cause::ALL.iter().enumerate() {
        assert_eq!(*cause as usize, place);
        let name = names[Counter::place_of_cause(*cause)];
        assert_eq!(name, format!("failed.{}", cause.as_str()));
    }
}

#[test]
fn full_names() {
    let names: Vec<_> = StatNames::total().iter().collect();
    assert_eq!(names.len(), Counter::ALL + GAUGES.len());
    assert_eq!(names[0], (Kind::Counter, "icap_filter.requests".to_owned()));
    let mut distinct: Vec<&String> = names.iter().map(|(_, name)| name).collect();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), names.len());

    let names: Vec<_> = StatNames::of_profile("a.b c/ü-1_").iter().collect();
    assert_eq!(names.len(), Counter::ALL + GAUGES.len() + HISTOGRAMS.len());
    assert_eq!(
        names[0],
        (
            Kind::Counter,
            "icap_filter.profile.a_b_c__-1_.requests".to_owned()
        )
    );
    let last = (
        Kind::Histogram,
        "icap_filter.profile.a_b_c__-1_.body_bytes".to_owned(),
    );
    assert_eq!(names.last(), Some(&last));
}

#[test]
fn the_tag_takes_the_profile_out_of_every_name() {
    let regex = regex_lite::Regex::new(STATS_TAG_REGEX).unwrap();
    let profile = StatNames::of_profile("upload-av");
    for ((_, total), (_, name)) in StatNames::total().iter().zip(profile.iter()) {
        let stat = format!("wasmcustom.{name}");
        let tag = regex.captures(&stat).unwrap();
        assert_eq!(&tag[2], "upload-av");
        assert_eq!(stat.replacen(&tag[1], "", 1), format!("wasmcustom.{total}"));
        assert!(!regex.is_match(&format!("wasmcustom.{total}")));
    }
}
