//! gRPC calls that are scanned message by message: grpcio on both sides, and an ICAP server that judges by what it is shown.

use serde_json::{Value, json};

use crate::program::{Application, client};
use crate::support::envoy::Envoy;
use crate::support::envoy_config::Setup;
use crate::support::eventually;
use crate::support::icap_answers::{NO_CONTENT, block_page, request, response};
use crate::support::icap_message::IcapRequest;
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::scene::plugin;

/// Judges a body by its first word.
fn judge(message: &IcapRequest) -> Option<Vec<u8>> {
    let body = &message.body;
    if !message.complete && !message.preview.as_ref().is_some_and(|it| it.ieof) {
        return None;
    }
    Some(match () {
        () if body.starts_with(b"BAD") => block_page(
            "X-Infection-Found: Type=0; Resolution=2; Threat=Bad;\r\n",
            "no",
        ),
        () if body.starts_with(b"OLD") => {
            let head = message.http_response.as_ref();
            let raw = head.unwrap_or(message.http()).raw.trim_end_matches("\r\n");
            match head {
                Some(_) => response("", raw, Some(b"NEWER")),
                None => request("", raw, Some(b"NEWER")),
            }
        }
        () if body.starts_with(b"ERROR") => b"ICAP/1.0 500 Error\r\n\r\n".to_vec(),
        () => NO_CONTENT.as_bytes().to_vec(),
    })
}

struct Bench {
    envoy: Envoy,
    _icap: IcapServer,
    _application: Application,
    directory: tempfile::TempDir,
}

impl Bench {
    async fn new(changes: Value) -> Self {
        Self::with(changes, |_| {}).await
    }

    async fn with(changes: Value, adjust: impl FnOnce(&mut Setup)) -> Self {
        let icap = IcapServer::serving(Behaviour::Decide(judge)).await;
        let directory = tempfile::tempdir().unwrap();
        let application = Application::own("messages", directory.path()).await;
        let mut profile = json!({"grpc": "messages"});
        let fields = profile.as_object_mut().unwrap();
        fields.extend(changes.as_object().unwrap().clone());
        let mut setup = Setup::new(&plugin(profile), icap.address(), application.address);
        setup.patch(|bootstrap| {
            let clusters = bootstrap["static_resources"]["clusters"].as_array_mut();
            let application = clusters.unwrap().last_mut().unwrap();
            application["typed_extension_protocol_options"] = json!({
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                    "explicit_http_config": {"http2_protocol_options": {}},
                },
            });
        });
        adjust(&mut setup);
        Self {
            envoy: Envoy::start(&setup).await,
            _icap: icap,
            _application: application,
            directory,
        }
    }

    fn call(&self, kind: &str, messages: &[&str]) -> Value {
        let address = self.envoy.listener().to_string();
        let mut arguments: Vec<&dyn AsRef<std::ffi::OsStr>> = vec![&address, &kind];
        arguments.extend(messages.iter().map(|it| it as &dyn AsRef<std::ffi::OsStr>));
        client("messages", &arguments)
    }

    /// The beginnings of the messages that the application has got.
    fn received(&self) -> Vec<String> {
        let text =
            std::fs::read_to_string(self.directory.path().join("received")).unwrap_or_default();
        let line = |line: &str| {
            serde_json::from_str::<Value>(line).unwrap()[1]
                .as_str()
                .unwrap()
                .to_owned()
        };
        text.lines()
            .map(line)
            .map(|it| it.trim_end_matches('.').to_owned())
            .collect()
    }

    async fn icap_log(&self, n: usize) -> Value {
        self.envoy.log_entry(n).await["icap_log"].clone()
    }
}

fn actions(log: &Value) -> Vec<(&str, &str)> {
    let records = log["request_logs"].as_array().unwrap().iter();
    records
        .map(|it| {
            (
                it["part"]["name"].as_str().unwrap_or("-"),
                it["action"].as_str().unwrap_or("-"),
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn clean_messages_of_every_kind_of_call_arrive_as_they_were() {
    let bench = Bench::new(json!({})).await;
    let many: Vec<String> = (0..200).map(|n| format!("message {n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut n = 0;
    for (kind, messages) in [
        ("unary", vec!["one"]),
        ("unary", vec!["large*3000000"]),
        ("client_stream", vec!["one", "two", "three*300000", "four"]),
        ("client_stream", many.clone()),
        ("server_stream", vec!["one", "two", "three*300000"]),
        ("ping_pong", vec!["one", "two", "three"]),
        ("ping_pong", vec!["same", "same", "same", "same"]),
        ("ping_pong", vec!["a*100000", "b*1000000", "c*100000", "d"]),
        ("burst", vec!["one", "two", "three"]),
        ("burst", vec!["same", "same", "same", "same"]),
        ("burst", many.clone()),
        ("burst", vec!["a*200000"; 20]),
        ("unary/gzip", vec!["large*300000"]),
        ("ping_pong/gzip", vec!["a*100000", "b*1000000", "c"]),
    ] {
        let said = bench.call(kind, &messages);
        assert_eq!(said["code"], "OK", "{kind} {said}");
        assert_eq!(said["got"], json!(messages), "{kind}");
        let log = bench.icap_log(n).await;
        assert_eq!(log["action"], "ICAP_PASSED", "{kind} {log}");
        let shown = match kind {
            "server_stream" => 1,
            _ => messages.len().min(100),
        };
        assert_eq!(actions(&log).len(), shown, "{kind} {log}");
        n += 1;
    }
}

/// Waits until the application has got so many messages.
async fn until_received(bench: &Bench, expected: &[&str]) {
    eventually("the application to have got the messages", async || {
        (bench.received().len() >= expected.len()).then_some(())
    })
    .await;
    assert_eq!(bench.received(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_blocked_ends_the_call_and_those_before_it_have_arrived() {
    for (kind, messages, got) in [
        ("unary", vec!["BAD"], vec![]),
        ("client_stream", vec!["one", "BAD", "three"], vec![]),
        ("ping_pong", vec!["BAD", "two"], vec![]),
        (
            "ping_pong",
            vec!["one", "two", "BAD", "four"],
            vec!["one", "two"],
        ),
        (
            "ping_pong",
            vec!["one*90000", "BAD*90000"],
            vec!["one*90000"],
        ),
    ] {
        let bench = Bench::new(json!({})).await;
        let said = bench.call(kind, &messages);
        assert_eq!(said["got"], json!(got), "{kind} {said}");
        let code = said["code"].as_str().unwrap();
        match got.is_empty() {
            true => {
                assert_eq!(code, "PERMISSION_DENIED", "{kind} {said}");
                let details = said["details"].as_str().unwrap();
                assert!(
                    details.starts_with("blocked by the content scanner: Bad"),
                    "{said}"
                );
            }
            // The response has begun, so it can only be broken off.
            false => assert_ne!(code, "OK", "{kind} {said}"),
        }
        let log = bench.icap_log(0).await;
        assert_eq!(log["action"], "ICAP_BLOCKED", "{kind} {log}");
        let (_, last) = *actions(&log).last().unwrap();
        assert_eq!(last, "ICAP_BLOCKED", "{kind} {log}");
        let beginnings: Vec<&str> = got.iter().map(|it| it.split('*').next().unwrap()).collect();
        until_received(&bench, &beginnings).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_burst_nothing_behind_a_blocked_message_arrives() {
    let bench = Bench::new(json!({})).await;
    let said = bench.call("burst", &["one", "two", "BAD", "four"]);
    assert_ne!(said["code"], "OK", "{said}");
    let log = bench.icap_log(0).await;
    assert_eq!(log["action"], "ICAP_BLOCKED", "{log}");
    assert!(
        !bench
            .received()
            .iter()
            .any(|it| it == "BAD" || it == "four")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_message_takes_the_place_of_its_own() {
    let bench = Bench::new(json!({})).await;
    for (n, (kind, messages, got)) in [
        ("unary", vec!["OLD"], vec!["NEWER"]),
        (
            "client_stream",
            vec!["one", "OLD*70000", "three"],
            vec!["one", "NEWER", "three"],
        ),
        (
            "ping_pong",
            vec!["OLD", "two", "OLD*9"],
            vec!["NEWER", "two", "NEWER"],
        ),
        (
            "burst",
            vec!["one", "OLD", "three"],
            vec!["one", "NEWER", "three"],
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let said = bench.call(kind, &messages);
        assert_eq!(said["got"], json!(got), "{kind} {said}");
        assert_eq!(said["code"], "OK", "{kind} {said}");
        let log = bench.icap_log(n).await;
        assert_eq!(log["action"], "ICAP_MODIFIED", "{kind} {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_scan_fails_goes_as_the_failure_action_says() {
    let messages = ["one", "ERROR", "three"];
    for kind in ["client_stream", "ping_pong", "burst"] {
        let open = Bench::new(json!({"fail_action": "fail_open"})).await;
        let said = open.call(kind, &messages);
        assert_eq!(said["got"], json!(messages), "{kind} {said}");
        let log = open.icap_log(0).await;
        assert_eq!(log["action"], "ICAP_FAILED", "{kind} {log}");
        assert_eq!(
            log["significance"],
            json!(["ADF_ICAP_SERVER_ERROR"]),
            "{log}"
        );
        let mut of_each = actions(&log);
        of_each.sort_unstable();
        let expected = [
            ("0", "ICAP_PASSED"),
            ("1", "ICAP_FAILED"),
            ("2", "ICAP_PASSED"),
        ];
        assert_eq!(of_each, expected, "{kind} {log}");
        open.envoy
            .until_stat("wasmcustom.icap_filter.failed_open", 1)
            .await;

        let closed = Bench::new(json!({})).await;
        let said = closed.call(kind, &messages);
        assert_ne!(said["code"], "OK", "{kind} {said}");
        let log = closed.icap_log(0).await;
        assert_eq!(log["action"], "ICAP_FAILED", "{kind} {log}");
        assert!(
            !closed
                .received()
                .iter()
                .any(|it| it == "ERROR" || it == "three")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_as_large_as_the_buffer_and_a_call_larger() {
    let small = |more: Value| {
        let mut changes = json!({"request_buffer_size_kb": 100});
        changes
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        changes
    };
    let bench = Bench::new(small(json!({}))).await;
    let fitting = vec!["x*102400"; 10];
    let said = bench.call("ping_pong", &fitting);
    assert_eq!(said["got"], json!(fitting), "{said}");
    for kind in ["unary", "ping_pong"] {
        let said = bench.call(kind, &["x*102401"]);
        assert_eq!(said["code"], "RESOURCE_EXHAUSTED", "{kind} {said}");
    }
    let log = bench.icap_log(1).await;
    assert_eq!(log["action"], "ICAP_FAILED", "{log}");
    let significance = json!(["ADF_ICAP_BODY_SIZE_BIGGER_THAN_CONFIGURED"]);
    assert_eq!(log["significance"], significance, "{log}");
    let said = bench.call("ping_pong", &["one", "x*102401", "three"]);
    assert_eq!(said["got"], json!(["one"]), "{said}");

    let bench = Bench::new(small(json!({"large_upload_fail_action": "fail_open"}))).await;
    for (n, kind) in ["unary", "ping_pong", "burst"].into_iter().enumerate() {
        let mut messages = vec!["x*1000000", "two", "three"];
        if kind == "unary" {
            messages.truncate(1);
        }
        let said = bench.call(kind, &messages);
        assert_eq!(said["got"], json!(messages), "{kind} {said}");
        let log = bench.icap_log(n).await;
        assert_eq!(log["action"], "ICAP_FAILED", "{kind} {log}");
        assert_eq!(log["significance"], significance, "{log}");
    }
    let said = bench.call("ping_pong", &["x*1000000", "BAD"]);
    assert_eq!(said["got"], json!(["x*1000000"]), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_retry_policy_calls_pass_that_do_not_wait_and_others_are_refused() {
    let route = |more: Value| {
        let mut route = json!({
            "match": {"prefix": "/test"},
            "route": {"cluster": "application", "retry_policy": {"retry_on": "5xx"}},
        });
        route
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        route
    };
    let bench = Bench::with(json!({}), |setup| {
        setup.more_routes = vec![route(json!({}))]
    })
    .await;
    for (kind, messages) in [
        ("unary", vec!["one*500000"]),
        ("client_stream", vec!["one", "two"]),
    ] {
        let said = bench.call(kind, &messages);
        assert_eq!(said["got"], json!(messages), "{kind} {said}");
    }
    for n in 2..5 {
        let said = bench.call("ping_pong", &["same", "same"]);
        assert_ne!(said["code"], "OK", "{said}");
        let log = bench.icap_log(n).await;
        assert_eq!(log["action"], "ICAP_FAILED", "{log}");
        assert!(
            log.to_string().contains("per_request_buffer_limit_bytes"),
            "{log}"
        );
    }
    let without_copy = route(json!({"per_request_buffer_limit_bytes": 0}));
    let bench = Bench::with(json!({}), |setup| setup.more_routes = vec![without_copy]).await;
    for kind in ["ping_pong", "burst"] {
        let said = bench.call(kind, &["same", "same", "same"]);
        assert_eq!(said["got"], json!(["same", "same", "same"]), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn monitored_calls_go_on_whatever_is_in_them() {
    let bench = Bench::new(json!({"enforcement": "monitor", "request_buffer_size_kb": 100})).await;
    let messages = ["one", "BAD", "OLD", "ERROR", "x*200000"];
    for (n, kind) in ["client_stream", "ping_pong", "burst"]
        .into_iter()
        .enumerate()
    {
        let said = bench.call(kind, &messages);
        assert_eq!(said["got"], json!(messages), "{kind} {said}");
        let log = bench.icap_log(n).await;
        assert_eq!(log["enforced"], false, "{kind} {log}");
        assert_eq!(actions(&log).len(), messages.len(), "{kind} {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_responses_are_scanned_as_they_come() {
    let changes = json!({"response_service_url": "icap://icap.test:1344/resp"});
    for (messages, got) in [
        (
            vec!["one", "two", "three*300000"],
            vec!["one", "two", "three*300000"],
        ),
        (vec!["one", "OLD", "three"], vec!["one", "NEWER", "three"]),
    ] {
        let bench = Bench::new(changes.clone()).await;
        let said = bench.call("server_stream", &messages);
        assert_eq!(said["got"], json!(got), "{said}");
        assert_eq!(said["code"], "OK", "{said}");
        let log = bench.icap_log(0).await;
        assert_eq!(actions(&log).len(), 1 + messages.len(), "{log}");
    }
    let bench = Bench::new(changes.clone()).await;
    let said = bench.call("server_stream", &["one", "BAD", "three"]);
    assert_ne!(said["code"], "OK", "{said}");
    let got = said["got"].as_array().unwrap();
    assert!(got.is_empty() || *got == [json!("one")], "{said}");
    let log = bench.icap_log(0).await;
    assert_eq!(log["action"], "ICAP_BLOCKED", "{log}");

    // Both ways are under scan at once.
    for enforcement in ["enforce", "monitor"] {
        let mut changes = changes.clone();
        changes["enforcement"] = json!(enforcement);
        let bench = Bench::new(changes).await;
        let said = bench.call("ping_pong", &["one", "two"]);
        assert_eq!(said["code"], "INTERNAL", "{said}");
        assert_eq!(said["got"], json!([]), "{said}");
        let log = bench.icap_log(0).await;
        assert_eq!(log["action"], "ICAP_FAILED");
        assert_ne!(log["enforced"], false, "{log}");
    }
}

/// Nothing slows a client down.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_far_ahead_of_the_scanner_is_refused() {
    let bench = Bench::new(json!({"request_buffer_size_kb": 300})).await;
    let said = bench.call("client_stream", &vec!["x*250000"; 100]);
    assert_eq!(said["code"], "RESOURCE_EXHAUSTED", "{said}");
    let log = bench.icap_log(0).await;
    assert_eq!(log["action"], "ICAP_FAILED", "{log}");
    assert!(log.to_string().contains("wait for their verdicts"), "{log}");
    assert!(bench.received().len() < 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_at_once_arrive_as_they_were() {
    let bench = Bench::with(json!({}), |setup| setup.concurrency = 2).await;
    let said = bench.call("mixed", &["400"]);
    assert_eq!(said["wrong"], json!([]));
    // Who has left has left nothing behind.
    eventually("every connection to be given back", async || {
        let active = "wasmcustom.icap_filter.connections_active";
        (bench.envoy.stat(active).await == 0).then_some(())
    })
    .await;
}
