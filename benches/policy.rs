//! What it costs to find the rule of a request among a hundred.

#![allow(missing_docs, reason = "criterion's macros write functions without")]

use std::net::IpAddr;

use criterion::{Criterion, black_box, criterion_group, criterion_main};
use icap_filter::config::{Config, PluginConfig, parse};
use icap_filter::policy::{Decision, Protocol, RequestView, RouteChoice, decide};

const RULES: usize = 100;

/// A request to a path, of which nothing else is remarkable.
struct Upload(&'static [u8]);

impl RequestView for Upload {
    fn client_ip(&self) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, 1]))
    }

    fn peer_ip(&self) -> Option<IpAddr> {
        self.client_ip()
    }

    fn listener_port(&self) -> Option<u16> {
        Some(443)
    }

    fn protocol(&self) -> Protocol {
        Protocol::Https
    }

    fn method(&self) -> &[u8] {
        b"POST"
    }

    fn authority(&self) -> &[u8] {
        b"app.example.net"
    }

    fn path_and_query(&self) -> &[u8] {
        self.0
    }

    fn header(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> bool) {
        if name == "content-type" {
            visit(b"application/pdf");
        }
    }

    fn has_body(&self) -> bool {
        true
    }
}

/// Rules of which a request meets all but the last criterion, each with `last` as that one.
fn rules(last: impl Fn(usize) -> String) -> Config {
    let rules: Vec<String> = (0..RULES)
        .map(|n| {
            format!(
                r#"{{"name": "rule-{n}", "action": "enable_icap", "profile": "av", "match":
                   {{"method": ["POST", "PUT"], "client_ip": "192.0.2.0/24", "content_type": {{"prefix": "application/"}},
                     "path": {}}}}}"#,
                last(n)
            )
        })
        .collect();
    let text = format!(
        r#"{{"profiles": [{{"name": "av", "cluster": "c", "service_url": "icap://icap.example.net/av"}}], "rules": [{}]}}"#,
        rules.join(",")
    );
    match parse(text.as_bytes()) {
        Ok(PluginConfig::Filter(config)) => config,
        other => {
            eprintln!("the benchmark's own configuration is refused: {other:?}");
            std::process::exit(1)
        }
    }
}

fn hundred_rules(c: &mut Criterion) {
    let mut group = c.benchmark_group("100 rules");
    for (name, config) in [
        (
            "prefixes",
            rules(|n| format!(r#"{{"prefix": "/tenant-{n}/"}}"#)),
        ),
        (
            "regexes",
            rules(|n| format!(r#"{{"regex": "/tenant-{n}/[a-z]+/.*"}}"#)),
        ),
    ] {
        for (which, path, matches) in [
            (
                "the last matches",
                &b"/tenant-99/upload/report.pdf"[..],
                true,
            ),
            ("none matches", b"/elsewhere/report.pdf", false),
        ] {
            let view = Upload(path);
            let decision = decide(&config, &view, RouteChoice::None);
            assert_eq!(
                matches!(decision, Decision::Scan { .. }),
                matches,
                "{name}, {which}"
            );
            group.bench_function(format!("{name}, {which}"), |b| {
                b.iter(|| decide(black_box(&config), black_box(&view), RouteChoice::None));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, hundred_rules);
criterion_main!(benches);
