//! Two of our filters in a row, antivirus before DLP: each keeps what the other has logged.

use hyper::Method;
use serde_json::{Value, json};

use crate::log::with_doubles;
use crate::support::application::Application;
use crate::support::client::{HttpResponse, VERSIONS, empty, post, request, sized};
use crate::support::envoy_config::Setup;
use crate::support::example;
use crate::support::icap_answers::{NO_CONTENT, block_page, request as changed, response};
use crate::support::icap_message::IcapRequest;
use crate::support::icap_server::{Behaviour, IcapServer, OptionsAnswer};
use crate::support::payload::pattern;
use crate::support::scene::{Scene, profile};

/// A chain, and the servers of its two filters.
struct Chain {
    scene: Scene,
    dlp: IcapServer,
    _antivirus: IcapServer,
}

/// One of the two configurations; `more` are fields beside its profile.
fn plugin(name: &str, changes: &Value, more: &Value) -> Value {
    let mut settings = json!({
        "name": name,
        "cluster": if name == "dlp" { "dlp_pool" } else { "icap_pool" },
    });
    let mut plugin = json!({"chained": true, "icap_log": {"text": true, "struct": true}});
    for (object, fields) in [(&mut settings, changes), (&mut plugin, more)] {
        for (name, value) in fields.as_object().unwrap() {
            object[name] = value.clone();
        }
    }
    plugin["profiles"] = json!([profile(settings)]);
    plugin
}

/// Puts the second filter behind the first.
fn add_filter(setup: &mut Setup, second: Value) {
    setup.patch(move |bootstrap| {
        let chain = &mut bootstrap["static_resources"]["listeners"][0]["filter_chains"][0];
        let filters = &mut chain["filters"][0]["typed_config"]["http_filters"];
        let filters = filters.as_array_mut().unwrap();
        let mut filter = filters[0].clone();
        filter["name"] = json!("dlp");
        filter["typed_config"]["config"]["name"] = json!("dlp");
        filter["typed_config"]["config"]["configuration"]["value"] = second.clone();
        filters.insert(1, filter);
    });
}

impl Chain {
    /// The antivirus' filter first; each with changes to its profile and further fields of its configuration.
    async fn with([first, second]: [Behaviour; 2], changes: [Value; 2], more: [Value; 2]) -> Self {
        let antivirus = IcapServer::serving(first).await;
        let dlp = IcapServer::serving(second).await;
        let scene = Scene::with(antivirus.address(), json!({}), |setup| {
            setup.plugin = plugin("antivirus", &changes[0], &more[0]).to_string();
            setup.more_pools = vec![("dlp_pool", dlp.address())];
            add_filter(setup, plugin("dlp", &changes[1], &more[1]));
        })
        .await;
        Self {
            scene,
            dlp,
            _antivirus: antivirus,
        }
    }

    async fn new(behaviours: [Behaviour; 2], changes: [Value; 2]) -> Self {
        Self::with(behaviours, changes, [json!({}), json!({})]).await
    }

    async fn upload(&self) -> HttpResponse {
        self.scene.send(post("/upload", sized("an upload"))).await
    }
}

/// Demands of the `n`-th request's entry: action, significance, and each transaction's profile, method and action, in both forms.
async fn assert_log(
    scene: &Scene,
    n: usize,
    action: &str,
    significance: &[&str],
    transactions: &[(&str, &str, &str)],
) -> Value {
    let log = scene.icap_log(n).await;
    assert_eq!(log["action"], action, "{log}");
    let found: Vec<&str> = log["significance"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(found, significance, "{log}");
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let entries: Vec<_> = log["request_logs"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| ["profile", "icap_method", "action"].map(|name| text(entry, name)))
        .collect();
    let expected: Vec<_> = transactions
        .iter()
        .map(|(profile, method, action)| {
            [*profile, &format!("ICAP_METHOD_{method}"), action].map(str::to_owned)
        })
        .collect();
    assert_eq!(entries, expected, "{log}");
    let typed = scene.envoy.typed_icap_log(n).await;
    assert_eq!(with_doubles(&typed["value"]), with_doubles(&log));
    log
}

const PASSED: &str = "ICAP_PASSED";
const MODIFIED: &str = "ICAP_MODIFIED";
const BLOCKED: &str = "ICAP_BLOCKED";
const FAILED: &str = "ICAP_FAILED";

fn blocking() -> Behaviour {
    Behaviour::Answer(block_page("X-Virus-ID: found\r\n", "no"))
}

fn broken() -> Behaviour {
    Behaviour::Answer(b"ICAP/1.0 500 Oops\r\n\r\n".to_vec())
}

fn changing(body: &[u8]) -> Behaviour {
    let head = "POST /upload HTTP/1.1\r\nHost: app.test";
    Behaviour::Answer(changed("", head, Some(body)))
}

fn of_responses(behaviour: Behaviour) -> Behaviour {
    Behaviour::Responses(Box::new(behaviour))
}

const ON_REQUESTS: [(&str, &str); 2] = [("antivirus", "REQMOD"), ("dlp", "REQMOD")];

#[tokio::test(flavor = "multi_thread")]
async fn requests_go_from_the_first_to_the_second() {
    let open = json!({"fail_action": "fail_open"});
    let closed = json!({});
    let error = "ADF_ICAP_SERVER_ERROR";
    for (behaviours, changes, status, action, significance, actions) in [
        (
            [Behaviour::Allow, Behaviour::Allow],
            [closed.clone(), closed.clone()],
            200,
            PASSED,
            vec![],
            vec![PASSED, PASSED],
        ),
        (
            [blocking(), Behaviour::Allow],
            [closed.clone(), closed.clone()],
            403,
            BLOCKED,
            vec!["ADF_ICAP_BLOCKED"],
            vec![BLOCKED],
        ),
        (
            [Behaviour::Allow, blocking()],
            [closed.clone(), closed.clone()],
            403,
            BLOCKED,
            vec!["ADF_ICAP_BLOCKED"],
            vec![PASSED, BLOCKED],
        ),
        (
            [changing(b"cleaned"), blocking()],
            [closed.clone(), closed.clone()],
            403,
            BLOCKED,
            vec!["ADF_ICAP_MODIFIED", "ADF_ICAP_BLOCKED"],
            vec![MODIFIED, BLOCKED],
        ),
        (
            [changing(b"cleaned"), Behaviour::ContinueThenAllow],
            [closed.clone(), closed.clone()],
            200,
            MODIFIED,
            vec!["ADF_ICAP_MODIFIED"],
            vec![MODIFIED, PASSED],
        ),
        (
            [broken(), Behaviour::Allow],
            [closed.clone(), closed.clone()],
            503,
            FAILED,
            vec![error],
            vec![FAILED],
        ),
        (
            [Behaviour::Allow, broken()],
            [closed.clone(), closed.clone()],
            503,
            FAILED,
            vec![error],
            vec![PASSED, FAILED],
        ),
        (
            [broken(), Behaviour::Allow],
            [open.clone(), closed.clone()],
            200,
            FAILED,
            vec![error],
            vec![FAILED, PASSED],
        ),
        (
            [broken(), blocking()],
            [open.clone(), closed.clone()],
            403,
            FAILED,
            vec!["ADF_ICAP_BLOCKED", error],
            vec![FAILED, BLOCKED],
        ),
        (
            [Behaviour::Allow, broken()],
            [closed.clone(), open.clone()],
            200,
            FAILED,
            vec![error],
            vec![PASSED, FAILED],
        ),
    ] {
        let chain = Chain::new(behaviours, changes).await;
        for (n, version) in VERSIONS.into_iter().enumerate() {
            let mut client = chain.scene.client(version).await;
            let answer = client.send(post("/upload", sized("an upload"))).await;
            assert_eq!(answer.status, status, "{actions:?}");
            let transactions: Vec<_> = ON_REQUESTS
                .iter()
                .zip(&actions)
                .map(|((profile, method), action)| (*profile, *method, *action))
                .collect();
            assert_log(&chain.scene, n, action, &significance, &transactions).await;
            if status == 200 {
                let is_changed = action == MODIFIED;
                let expected: &[u8] = if is_changed { b"cleaned" } else { b"an upload" };
                assert_eq!(chain.scene.application.next().await.body, expected);
            }
            if actions.len() == 2 {
                let shown = chain.dlp.next_request().await.body;
                let is_changed = actions[0] == MODIFIED;
                let expected: &[u8] = if is_changed { b"cleaned" } else { b"an upload" };
                assert_eq!(shown, expected, "what the second is shown");
            }
        }
        if status != 200 {
            chain.scene.assert_application_untouched(2).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_names_are_those_of_the_filter_whose_outcome_stands() {
    for (behaviours, profile) in [
        (
            [changing(b"cleaned"), Behaviour::ContinueThenAllow],
            "antivirus",
        ),
        ([Behaviour::Allow, blocking()], "dlp"),
        ([Behaviour::Allow, Behaviour::Allow], "dlp"),
    ] {
        let rules = |name: &str| json!({"rules": [{"name": format!("{name}-rule"), "action": "enable_icap", "profile": name}]});
        let more = [rules("antivirus"), rules("dlp")];
        let chain = Chain::with(behaviours, [json!({}), json!({})], more).await;
        chain.upload().await;
        let log = chain.scene.icap_log(0).await;
        assert_eq!(log["profile"], profile, "{log}");
        assert_eq!(log["rule_name"], format!("{profile}-rule"), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_does_not_scan_leaves_what_the_other_says() {
    let nothing = json!({"rules": []});
    let all = json!({});
    for (more, scanned) in [
        ([all.clone(), nothing.clone()], Some("antivirus")),
        ([nothing.clone(), all.clone()], Some("dlp")),
        ([nothing.clone(), nothing.clone()], None),
    ] {
        let behaviours = [Behaviour::Allow, Behaviour::Allow];
        let chain = Chain::with(behaviours, [json!({}), json!({})], more).await;
        assert_eq!(chain.upload().await.status, 200);
        let transactions: Vec<_> = scanned
            .iter()
            .map(|profile| (*profile, "REQMOD", PASSED))
            .collect();
        let action = if scanned.is_some() {
            PASSED
        } else {
            "ICAP_DISABLED"
        };
        let log = assert_log(&chain.scene, 0, action, &[], &transactions).await;
        assert_eq!(log["profile"].as_str(), scanned, "{log}");
    }
}

/// Responses meet the filters from the last to the first.
#[tokio::test(flavor = "multi_thread")]
async fn responses_go_from_the_second_to_the_first() {
    let infected = || of_responses(blocking());
    let cleaned = || {
        of_responses(Behaviour::Answer(response(
            "",
            "HTTP/1.1 200 OK\r\nx-cleaned: yes",
            Some(b"cleaned"),
        )))
    };
    let error = "ADF_ICAP_SERVER_ERROR";
    let pass = || Behaviour::Allow;
    for (behaviours, status, action, significance, actions) in [
        ([pass(), pass()], 200, PASSED, vec![], vec![PASSED, PASSED]),
        (
            [pass(), infected()],
            403,
            BLOCKED,
            vec!["ADF_ICAP_BLOCKED"],
            vec![BLOCKED],
        ),
        (
            [infected(), pass()],
            403,
            BLOCKED,
            vec!["ADF_ICAP_BLOCKED"],
            vec![PASSED, BLOCKED],
        ),
        (
            [infected(), cleaned()],
            403,
            BLOCKED,
            vec!["ADF_ICAP_MODIFIED", "ADF_ICAP_BLOCKED"],
            vec![MODIFIED, BLOCKED],
        ),
        (
            [pass(), of_responses(broken())],
            503,
            FAILED,
            vec![error],
            vec![FAILED],
        ),
        (
            [of_responses(broken()), pass()],
            503,
            FAILED,
            vec![error],
            vec![PASSED, FAILED],
        ),
        (
            [pass(), cleaned()],
            200,
            MODIFIED,
            vec!["ADF_ICAP_MODIFIED"],
            vec![MODIFIED, PASSED],
        ),
    ] {
        let settings = json!({"response_service_url": "/respmod"});
        let chain = Chain::new(behaviours, [settings.clone(), settings]).await;
        for (n, version) in VERSIONS.into_iter().enumerate() {
            let mut client = chain.scene.client(version).await;
            let answer = client.send(request(Method::GET, "/page", empty())).await;
            assert_eq!(answer.status, status, "{actions:?}");
            let mut transactions = vec![("antivirus", "REQMOD", PASSED), ("dlp", "REQMOD", PASSED)];
            for (profile, action) in ["dlp", "antivirus"].into_iter().zip(&actions) {
                transactions.push((profile, "RESPMOD", *action));
            }
            assert_log(&chain.scene, n, action, &significance, &transactions).await;
        }
    }
}

/// The property that filters of the access log go by, whatever is printed.
#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_icap_log_is_kept() {
    for (text, structure) in [(true, false), (false, true), (false, false)] {
        let forms = json!({"icap_log": {"text": text, "struct": structure}});
        let behaviours = [changing(b"cleaned"), Behaviour::ContinueThenAllow];
        let more = [forms.clone(), forms];
        let chain = Chain::with(behaviours, [json!({}), json!({})], more).await;
        assert_eq!(chain.upload().await.status, 200);
        let entry = chain.scene.envoy.log_entry(0).await;
        let two = |log: &Value| log["request_logs"].as_array().map(Vec::len);
        if text {
            assert_eq!(two(&entry["icap_log"]), Some(2), "{entry}");
        }
        if structure {
            let log = chain.scene.envoy.typed_icap_log(0).await;
            assert_eq!(two(&log["value"]), Some(2), "{log}");
        }
        assert_eq!(entry["icap_action"], MODIFIED, "{entry}");
        assert_eq!(entry["icap_significant"], "true", "{entry}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_only_monitors_is_not_what_the_other_did() {
    let monitor = json!({"enforcement": "monitor"});
    let enforce = json!({});
    for (behaviours, changes, status, action, enforced) in [
        (
            [blocking(), Behaviour::Allow],
            [&monitor, &enforce],
            200,
            BLOCKED,
            false,
        ),
        (
            [blocking(), blocking()],
            [&monitor, &enforce],
            403,
            BLOCKED,
            true,
        ),
        (
            [Behaviour::Allow, blocking()],
            [&enforce, &monitor],
            200,
            BLOCKED,
            false,
        ),
        (
            [changing(b"x"), blocking()],
            [&monitor, &enforce],
            403,
            BLOCKED,
            true,
        ),
    ] {
        let chain = Chain::new(behaviours, changes.map(Value::clone)).await;
        assert_eq!(chain.upload().await.status, status);
        let log = chain.scene.icap_log(0).await;
        assert_eq!(log["action"], action, "{log}");
        assert_eq!(log.get("enforced").is_none(), enforced, "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn client_and_application_are_told_of_both() {
    let expose = json!({"expose": {"client": true, "application": true}});
    let behaviours = [changing(b"cleaned"), Behaviour::ContinueThenAllow];
    let more = [expose.clone(), expose];
    let chain = Chain::with(behaviours, [json!({}), json!({})], more).await;
    let answer = chain.upload().await;
    assert_eq!(answer.header("x-icap-action"), Some(MODIFIED));
    let received = chain.scene.application.next().await;
    assert_eq!(received.head.get("x-icap-action"), Some(MODIFIED));
}

/// Without `chained` icap_log is the second's alone, as it was before there was such a thing.
#[tokio::test(flavor = "multi_thread")]
async fn without_it_the_last_one_to_log_stands() {
    let alone = json!({"chained": false});
    let behaviours = [changing(b"cleaned"), Behaviour::ContinueThenAllow];
    let more = [alone.clone(), alone];
    let chain = Chain::with(behaviours, [json!({}), json!({})], more).await;
    chain.upload().await;
    let log = chain.scene.icap_log(0).await;
    assert_eq!(log["action"], PASSED, "{log}");
    let entries = log["request_logs"].as_array().unwrap();
    assert_eq!(entries.len(), 1, "{log}");
    assert_eq!(entries[0].get("profile"), None, "{log}");
}

/// Long entries, and what a server says in them: text of others goes through the second filter unharmed.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_says_is_the_same_behind_the_second_filter() {
    let field = format!("X-Long: {}\r\nX-Odd: \"\\ \u{e4}\r\n", "y".repeat(2000));
    let odd = NO_CONTENT.replace("ISTag", &format!("{field}ISTag"));
    let mut seen = Vec::new();
    for second in [json!({"rules": []}), json!({})] {
        let behaviours = [
            Behaviour::Answer(odd.clone().into_bytes()),
            Behaviour::Allow,
        ];
        let more = [json!({}), second];
        let chain = Chain::with(behaviours, [json!({}), json!({})], more).await;
        let body = sized(pattern(20_000));
        assert_eq!(chain.scene.send(post("/upload", body)).await.status, 200);
        let log = chain.scene.icap_log(0).await;
        let said = log["request_logs"][0]["icap_headers_received_from_server"].clone();
        assert!(said.as_str().unwrap().len() > 2000, "{log}");
        seen.push(said);
    }
    assert_eq!(seen[0], seen[1]);
}

/// `envoy/chain.yaml` as it is, with scripted servers: the antivirus finds nothing in what the DLP refuses.
#[tokio::test(flavor = "multi_thread")]
async fn the_example_is_a_chain() {
    let antivirus = IcapServer::serving(Behaviour::Decide(antivirus)).await;
    let dlp = IcapServer::serving(Behaviour::Decide(dlp)).await;
    for server in [&antivirus, &dlp] {
        server.answer_options(OptionsAnswer::ok("Methods: REQMOD\r\nPreview: 1024\r\n"));
    }
    let application = Application::start().await;
    let endpoints = [
        ("10.0.0.11", antivirus.address()),
        ("10.0.0.21", dlp.address()),
        ("10.0.0.80", application.address()),
    ];
    let envoy = example::start("chain", &endpoints, &[]).await;
    for pool in ["antivirus_pool", "dlp_pool"] {
        let healthy = format!("cluster.{pool}.membership_healthy");
        envoy.until_stat(&healthy, 1).await;
    }
    for (body, status) in [("clean", 200), (SECRET, 403), (VIRUS, 403)] {
        let mut client = envoy.connect(VERSIONS[0]).await;
        let answer = client.send(post("/upload", sized(body))).await;
        assert_eq!(answer.status, status, "{body}");
    }
    assert_eq!(application.next().await.body, b"clean");
    assert_eq!(application.requests_received(), 1);
    assert_eq!(envoy.metric("profile.antivirus.blocked").await, 1);
    assert_eq!(envoy.metric("profile.dlp.blocked").await, 1);
    assert_eq!(envoy.metric("profile.dlp.requests").await, 2);
}

const VIRUS: &str = "a virus";
const SECRET: &str = "a secret";

fn antivirus(request: &IcapRequest) -> Option<Vec<u8>> {
    let is_self_test = request.http().first_line.contains("self-test");
    blocks_if(is_self_test || request.body == VIRUS.as_bytes())
}

fn dlp(request: &IcapRequest) -> Option<Vec<u8>> {
    blocks_if(request.body == SECRET.as_bytes())
}

fn blocks_if(found: bool) -> Option<Vec<u8>> {
    Some(match found {
        true => block_page("X-Virus-ID: found\r\n", "no"),
        false => NO_CONTENT.into(),
    })
}
