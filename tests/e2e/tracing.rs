//! What `envoy/tracing.md` says, taken out of that page and run: the scan in the spans that a collector gets.

use hyper::Method;
use serde_json::{Value, json};

use crate::support::application::Application;
use crate::support::client::{Version, request_with, sized};
use crate::support::collector::{Collector, Protocol};
use crate::support::envoy::{Envoy, version};
use crate::support::envoy_config::Setup;
use crate::support::icap_answers::{NO_CONTENT, block_page};
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::page::{add_clusters, blocks};
use crate::support::scene::{Scene, plugin};
use crate::support::telemetry::{Span, Traces, attribute};

const PAGE: &str = include_str!("../../envoy/tracing.md");

/// The trace that the client begins.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// What it sends of it (W3C Trace Context).
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The field of the page's blocks with that name.
fn block<'a>(blocks: &'a [Value], name: &str) -> &'a Value {
    let mut found = blocks.iter().filter_map(|block| block.get(name));
    let value = found.next().unwrap_or_else(|| panic!("no {name}"));
    assert!(found.next().is_none(), "{name} twice");
    value
}

/// Whether the span is one of the client's request, and not that of the application's.
fn is_of_request(span: &Span) -> bool {
    attribute(&span.attributes, "icap.action").is_some()
        && attribute(&span.attributes, "downstream_cluster").is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_span_of_a_request_shows_its_scan() {
    if version() < vec![1, 37] {
        return; // It has no tags with a value.
    }
    let blocks = blocks(PAGE);
    let server = IcapServer::serving(Behaviour::Allow).await;
    let application = Application::start().await;
    let collector = Collector::start(Protocol::Http).await;
    let mut configuration = plugin(json!({"fail_action": "fail_open"}));
    configuration["rules"] = json!([{"name": "scan", "match": {"path_not": "/disabled"},
                                     "action": "enable_icap", "profile": "upload-av"}]);
    configuration["icap_log"] = block(&blocks, "icap_log").clone();
    let mut setup = Setup::new(&configuration, server.address(), application.address());
    setup.manager = json!({"tracing": block(&blocks, "tracing")});
    add_clusters(
        &mut setup,
        &blocks,
        &[("otel_collector_http", collector.address())],
    );
    setup.bootstrap = json!({"layered_runtime": {"layers": [
        {"name": "test", "static_layer": {"tracing.opentelemetry.min_flush_spans": 1}},
    ]}});
    let envoy = Envoy::start(&setup).await;
    let requests = [
        ("/passed", NO_CONTENT.into()),
        ("/blocked", block_page("X-Virus-ID: EICAR\r\n", "no")),
        ("/disabled", Vec::new()),
        ("/failed", b"ICAP/1.0 500 Oops\r\n\r\n".to_vec()),
    ];
    for (n, (path, answer)) in requests.iter().enumerate() {
        server.now(Behaviour::Answer(answer.clone()));
        let mut client = envoy.connect(Version::Http1).await;
        let fields = [("traceparent", TRACEPARENT)];
        let request = request_with(Method::POST, path, &fields, sized("x"));
        client.send(request).await;
        envoy.log_entry(n).await;
    }
    let spans = collector
        .until("/v1/traces", requests.len(), |traces: Traces| {
            let spans = traces.spans().into_iter();
            spans.filter(is_of_request).collect()
        })
        .await;
    assert_eq!(spans.len(), requests.len(), "{spans:#?}");
    let of = |path: &str, key: &str| {
        let span = spans.iter().find(|span| {
            attribute(&span.attributes, "http.url").is_some_and(|url| url.ends_with(path))
        });
        let span = span.unwrap_or_else(|| panic!("no span of {path}"));
        attribute(&span.attributes, key).map(str::to_owned)
    };
    let scanned = |action: &str, significant: &str, threat: &str| {
        [
            ("icap.action", action.to_owned()),
            ("icap.significant", significant.to_owned()),
            ("icap.profile", "upload-av".to_owned()),
            ("icap.rule", "scan".to_owned()),
            ("icap.threat", threat.to_owned()),
            ("icap.server", "127.0.0.1".to_owned()),
        ]
    };
    for (path, tags) in [
        ("/passed", scanned("ICAP_PASSED", "", "")),
        ("/blocked", scanned("ICAP_BLOCKED", "true", "EICAR")),
        ("/failed", scanned("ICAP_FAILED", "true", "")),
    ] {
        for (key, value) in tags {
            assert_eq!(of(path, key).unwrap_or_default(), value, "{key} of {path}");
        }
        let latency = of(path, "icap.latency_ms").unwrap();
        assert!(latency.parse::<u64>().is_ok(), "{latency}");
    }
    assert_eq!(of("/disabled", "icap.action").unwrap(), "ICAP_DISABLED");
    for key in ["icap.profile", "icap.threat", "icap.latency_ms"] {
        assert_eq!(of("/disabled", key).unwrap_or_default(), "", "{key}");
    }

    // The trace is the client's; Envoy's own part of it goes to the application, and is not there yet for the scanner.
    for span in &spans {
        let trace: String = span.trace_id.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(trace, TRACE);
    }
    let scanned = server.next_request().await;
    assert_eq!(scanned.icap.get("traceparent"), None);
    assert_eq!(scanned.http().get("traceparent"), Some(TRACEPARENT));
    let forwarded = application.next().await;
    let parent = forwarded.head.get("traceparent").unwrap().to_owned();
    assert!(parent.contains(TRACE) && parent != TRACEPARENT, "{parent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_gets_traceparent_as_an_icap_header_where_the_profile_says_so() {
    let blocks = blocks(PAGE);
    let server = IcapServer::serving(Behaviour::Allow).await;
    let settings = json!({"icap_headers": block(&blocks, "icap_headers")});
    let scene = Scene::new(server.address(), settings).await;
    let fields = [("traceparent", TRACEPARENT)];
    for (fields, expected) in [(&fields[..], Some(TRACEPARENT)), (&[], None)] {
        let request = request_with(Method::POST, "/", fields, sized("x"));
        scene.send(request).await;
        let scanned = server.next_request().await;
        assert_eq!(scanned.icap.get("traceparent"), expected);
    }
}
