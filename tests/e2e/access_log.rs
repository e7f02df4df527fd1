//! The access loggers of `envoy/access-log.md`, each taken out of that page and run.

use prost::Message;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::application::Application;
use crate::support::client::{Version, post, sized};
use crate::support::collector::{Collector, Protocol};
use crate::support::envoy::{Envoy, version};
use crate::support::envoy_config::Setup;
use crate::support::eventually;
use crate::support::icap_answers::{NO_CONTENT, block_page};
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::page::{add_clusters, blocks};
use crate::support::scene::plugin;
use crate::support::telemetry::{AccessLogs, Logs, attribute};

const PAGE: &str = include_str!("../../envoy/access-log.md");
/// Where the page's loggers write.
const DIRECTORY: &str = "/var/log/envoy/";
/// What writes there.
const FILE: &str = "envoy.access_loggers.file";

/// What is sent, and what becomes of it. The last is in every log: with it, each is complete.
const OUTCOMES: [(&str, &str); 6] = [
    ("/passed", "ICAP_PASSED"),
    ("/blocked", "ICAP_BLOCKED"),
    ("/disabled", "ICAP_DISABLED"),
    ("/failed", "ICAP_FAILED"),
    ("/passed-again", "ICAP_PASSED"),
    ("/last", "ICAP_BLOCKED"),
];
/// Those that are significant.
const SIGNIFICANT: [&str; 3] = ["/blocked", "/failed", "/last"];

/// Envoy with every logger of the page, after the requests.
struct Logged {
    directory: TempDir,
    _envoy: Envoy,
    otel_http: Collector,
    otel_grpc: Collector,
    service: Collector,
}

impl Logged {
    /// Of what is not significant, `sample` in a hundred are kept by the logger that samples.
    async fn new(sample: u32) -> Self {
        let directory = TempDir::new().unwrap();
        let here = format!("{}/", directory.path().display());
        let blocks = blocks(&PAGE.replace(DIRECTORY, &here));
        let server = IcapServer::serving(Behaviour::Allow).await;
        let application = Application::start().await;
        let mut configuration = plugin(json!({"fail_action": "fail_open"}));
        configuration["rules"] = json!([{"name": "scan", "match": {"path_not": "/disabled"},
                                         "action": "enable_icap", "profile": "upload-av"}]);
        let forms = blocks.iter().find_map(|block| block.get("icap_log"));
        configuration["icap_log"] = forms.unwrap().clone();
        let mut setup = Setup::new(&configuration, server.address(), application.address());
        let loggers = blocks
            .iter()
            .filter(|block| block.get("typed_config").is_some());
        setup.more_access_logs = loggers.cloned().collect();
        assert_eq!(setup.more_access_logs.len(), 8);
        if !sends_as_shown() {
            setup
                .more_access_logs
                .retain(|logger| logger["name"] == FILE);
        }
        for logger in &mut setup.more_access_logs {
            send_at_once(logger);
        }
        setup.bootstrap = json!({"layered_runtime": {"layers": [
            {"name": "test", "static_layer": {"icap_log.sample": sample}},
        ]}});
        let otel_http = Collector::start(Protocol::Http).await;
        let otel_grpc = Collector::start(Protocol::Grpc).await;
        let service = Collector::start(Protocol::Grpc).await;
        let endpoints = [
            ("otel_collector_http", otel_http.address()),
            ("otel_collector_grpc", otel_grpc.address()),
            ("access_log_service", service.address()),
        ];
        add_clusters(&mut setup, &blocks, &endpoints);
        let envoy = Envoy::start(&setup).await;
        for (n, (path, action)) in OUTCOMES.into_iter().enumerate() {
            server.now(Behaviour::Answer(match action {
                "ICAP_BLOCKED" => block_page("X-Virus-ID: v\r\n", "no"),
                "ICAP_FAILED" => b"ICAP/1.0 500 Oops\r\n\r\n".to_vec(),
                _ => NO_CONTENT.into(),
            }));
            let mut client = envoy.connect(Version::Http1).await;
            client.send(post(path, sized("x"))).await;
            envoy.log_entry(n).await;
        }
        Self {
            directory,
            _envoy: envoy,
            otel_http,
            otel_grpc,
            service,
        }
    }

    /// The lines of a log, once there are so many.
    async fn lines(&self, name: &str, n: usize) -> Vec<Value> {
        let path = self.directory.path().join(name);
        eventually(&format!("{n} lines in {name}"), async || {
            let text = std::fs::read_to_string(&path).ok()?;
            let lines: Vec<&str> = text.lines().collect();
            (lines.len() >= n && text.ends_with('\n')).then(|| {
                lines
                    .iter()
                    .map(|l| serde_json::from_str(l).unwrap())
                    .collect()
            })
        })
        .await
    }
}

/// Whether this Envoy has the loggers that send as the page shows them.
fn sends_as_shown() -> bool {
    version() >= vec![1, 37]
}

/// Has a logger send each entry by itself, so that the last one says that all have come.
fn send_at_once(logger: &mut Value) {
    let configuration = &mut logger["typed_config"];
    let common = match configuration.get("common_config") {
        Some(_) => &mut configuration["common_config"],
        None => configuration,
    };
    if common.get("log_name").is_some() {
        common["buffer_size_bytes"] = json!(0);
        common["buffer_flush_interval"] = json!("0.01s");
    }
}

fn paths(lines: &[Value]) -> Vec<&str> {
    lines
        .iter()
        .map(|line| line["path"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_loggers_of_the_page_do_what_it_says() {
    let logged = Logged::new(0).await;
    let json = logged.lines("icap-json.log", OUTCOMES.len()).await;
    assert_eq!(paths(&json), OUTCOMES.map(|(path, _)| path));
    let text = logged.lines("icap-text.log", OUTCOMES.len()).await;
    for ((json, text), (_, action)) in json.iter().zip(&text).zip(OUTCOMES) {
        assert_eq!(json["action"], action, "{json}");
        assert_eq!(text["action"], action, "{text}");
        assert_eq!(json["icap_log"], text["icap_log"], "{json}");
        assert_eq!(json["icap_log"]["action"], action, "{json}");
        assert_eq!(json["status"], text["status"]);
        if action != "ICAP_DISABLED" {
            assert_eq!(json["profile"], "upload-av", "{json}");
        }
    }

    let significant = logged
        .lines("icap-significant.log", SIGNIFICANT.len())
        .await;
    assert_eq!(paths(&significant), SIGNIFICANT);
    for line in &significant {
        let reasons = &line["icap_log"]["significance"];
        assert_eq!(reasons.as_array().map(Vec::len), Some(1), "{line}");
    }
    let blocked = logged.lines("icap-blocked.log", 2).await;
    assert_eq!(paths(&blocked), ["/blocked", "/last"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_significant_is_logged_whatever_is_sampled() {
    let none = Logged::new(0).await;
    let lines = none.lines("icap-sample.log", SIGNIFICANT.len()).await;
    assert_eq!(paths(&lines), SIGNIFICANT);
    let all = Logged::new(100).await;
    let lines = all.lines("icap-sample.log", OUTCOMES.len()).await;
    assert_eq!(paths(&lines), OUTCOMES.map(|(path, _)| path));
}

#[tokio::test(flavor = "multi_thread")]
async fn opentelemetry_loggers_send_what_is_significant() {
    if !sends_as_shown() {
        return;
    }
    let logged = Logged::new(0).await;
    let text = logged.lines("icap-text.log", OUTCOMES.len()).await;
    let over_http = ("/v1/logs", &logged.otel_http);
    let over_grpc = (
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        &logged.otel_grpc,
    );
    for (path, collector) in [over_http, over_grpc] {
        let mut records = collector
            .until(path, SIGNIFICANT.len(), Logs::records)
            .await;
        // Each comes in a call of its own.
        records.sort_by_key(|r| attribute(&r.attributes, "url.path").map(str::to_owned));
        let of = |n: usize, key: &str| attribute(&records[n].attributes, key).unwrap_or_default();
        let sent: Vec<&str> = (0..records.len()).map(|n| of(n, "url.path")).collect();
        assert_eq!(sent, SIGNIFICANT, "{path}");
        for (n, record) in records.iter().enumerate() {
            let body = record.body.as_ref().and_then(|body| body.text()).unwrap();
            let body: Value = serde_json::from_str(body).unwrap();
            assert_eq!(body["action"], of(n, "icap.action"), "{path}");
            assert!(
                text.iter().any(|line| line["icap_log"] == body),
                "{path}: {body}"
            );
        }
        if path == over_http.0 {
            assert_eq!(of(0, "icap.threat"), "v");
            assert_eq!(of(0, "icap.profile"), "upload-av");
            assert_eq!(of(0, "http.response.status_code"), "403");
            let nothing = of(1, "icap.threat");
            assert!(["", "-"].contains(&nothing), "{nothing}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_grpc_logger_sends_what_is_significant() {
    if !sends_as_shown() {
        return;
    }
    let logged = Logged::new(0).await;
    let path = "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs";
    let entries = logged
        .service
        .until(path, SIGNIFICANT.len(), AccessLogs::entries)
        .await;
    let sent: Vec<&str> = entries
        .iter()
        .map(|entry| entry.request.as_ref().unwrap().path.as_str())
        .collect();
    assert_eq!(sent, SIGNIFICANT);
    for (entry, action) in entries
        .iter()
        .zip(["ICAP_BLOCKED", "ICAP_FAILED", "ICAP_BLOCKED"])
    {
        let common = entry.common.as_ref().unwrap();
        assert_eq!(common.custom_tags["icap.action"], action);
        let object = &common.filter_state_objects["wasm.icap_log_struct"];
        assert_eq!(
            object.type_url,
            "type.googleapis.com/google.protobuf.Struct"
        );
        let log = prost_types::Struct::decode(object.value.as_slice()).unwrap();
        let field = log.fields["action"].kind.clone().unwrap();
        assert_eq!(field, prost_types::value::Kind::StringValue(action.into()));
        assert!(log.fields.contains_key("request_logs"));
    }
}
