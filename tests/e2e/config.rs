//! Plugin configurations: which are accepted, and how Envoy refuses the others.

use serde_json::json;

use crate::support::application::Application;
use crate::support::client::{post, sized};
use crate::support::envoy::Envoy;
use crate::support::envoy_config::{Form, Setup};
use crate::support::icap_server::{Behaviour, IcapServer, refused_address};
use crate::support::payload::pattern;
use crate::support::scene::{PREVIEW, Scene, plugin, profile};

/// Demands that Envoy does not start with `plugin`, and that a line of its log names each of `paths`.
async fn assert_refused(plugin: &str, form: Form, paths: &[&str]) {
    let mut setup = Setup::new(&json!({}), refused_address(), refused_address());
    setup.plugin = plugin.to_owned();
    setup.form = form;
    let refusal = Envoy::refuse(&setup).await;
    let log = &refusal.log;
    assert!(!refusal.status.success(), "{plugin}");
    assert!(!log.contains("panicked"), "{plugin}:\n{log}");
    for path in paths {
        let named = log
            .lines()
            .filter_map(|line| line.split_once("[error][wasm]"))
            .any(|(_, line)| names(line, path));
        assert!(named, "no line names {path}:\n{log}");
    }
}

/// Whether `path` stands in `line`, and not as the beginning of a longer path.
fn names(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let next = line[at + path.len()..].chars().next();
        !next.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_json_object_is_refused() {
    assert_refused("", Form::Text, &["configuration"]).await;
    assert_refused("{\"profiles\": [", Form::Text, &["configuration"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_profiles_is_refused() {
    assert_refused("{}", Form::Text, &["profiles"]).await;
    assert_refused("{\"profiles\": []}", Form::Text, &["profiles"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_field_is_refused() {
    let mut unknown = plugin(json!({}));
    unknown["profile"] = json!("upload-av");
    assert_refused(&unknown.to_string(), Form::Text, &["profile"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_just_out_of_range_is_refused() {
    let plugin = plugin(json!({"preview_size_bytes": 65537})).to_string();
    assert_refused(&plugin, Form::Text, &["profiles[0].preview_size_bytes"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mistake_is_named_by_its_path() {
    let mut nameless = profile(json!({}));
    nameless.as_object_mut().unwrap().remove("name");
    let configuration = json!({
        "profiles": [
            profile(json!({
                "preview_size": 1,
                "enable_preview": "yes",
                "preview_size_bytes": 10.5,
                "response_timeout_ms": 49,
                "request_buffer_size_kb": 0,
                "vendor": "acme",
                "service_url": "http://icap.test/",
                "fail_action": "open",
                "icap_headers": {"Preview": "1"},
                "options": {"enable": true},
            })),
            nameless,
        ],
    });
    let paths = [
        "profiles[0].preview_size",
        "profiles[0].enable_preview",
        "profiles[0].preview_size_bytes",
        "profiles[0].response_timeout_ms",
        "profiles[0].request_buffer_size_kb",
        "profiles[0].vendor",
        "profiles[0].service_url",
        "profiles[0].fail_action",
        "profiles[0].icap_headers",
        "profiles[0].options.enable",
        "profiles[1].name",
    ];
    assert_refused(&configuration.to_string(), Form::Text, &paths).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicate_names_are_refused() {
    let twice = json!({"profiles": [profile(json!({})), profile(json!({}))]});
    assert_refused(&twice.to_string(), Form::Text, &["profiles[1].name"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_names_no_profile_is_refused() {
    let mut dangling = plugin(json!({}));
    dangling["rules"] =
        json!([{"name": "r", "match": {}, "action": "enable_icap", "profile": "nobody"}]);
    assert_refused(&dangling.to_string(), Form::Text, &["rules[0].profile"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_struct_is_checked_as_text_is() {
    let unknown = plugin(json!({"preview_size": 1})).to_string();
    assert_refused(&unknown, Form::Struct, &["profiles[0].preview_size"]).await;
    assert_refused("{}", Form::Struct, &["profiles"]).await;
}

async fn assert_works(text: String, form: Form) {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::with(server.address(), json!({}), |setup| {
        setup.plugin = text;
        setup.form = form;
    })
    .await;
    let body = sized(pattern(PREVIEW + 1));
    assert_eq!(scene.send(post("/upload", body)).await.status, 200);
    let seen = server.next_request().await;
    assert_eq!(seen.preview().bytes.len(), PREVIEW);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_and_struct_are_accepted() {
    for form in [Form::Text, Form::Struct] {
        assert_works(plugin(json!({})).to_string(), form).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_numbers_written_as_doubles_are_accepted() {
    let text = plugin(json!({})).to_string();
    let doubles = text.replace(
        "\"preview_size_bytes\":5000",
        "\"preview_size_bytes\":5000.0",
    );
    assert_ne!(doubles, text);
    assert_works(doubles, Form::Text).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_never_reach_the_log() {
    let application = Application::start().await;
    let secret = "hunter2-hunter2";
    let configuration = plugin(json!({
        "authorization": {"basic": {"username": "scanner", "password": secret}},
        "icap_headers": {"X-Custom": "seen"},
    }));
    let server = IcapServer::serving(Behaviour::Allow).await;
    for form in [Form::Text, Form::Struct] {
        let mut setup = Setup::new(&configuration, server.address(), application.address());
        setup.form = form;
        let envoy = Envoy::start(&setup).await;
        let log = envoy.log();
        assert!(log.contains("upload-av"), "no summary:\n{log}");
        assert!(!log.contains(secret), "{log}");
        // base64 of "scanner:hunter2-hunter2".
        assert!(!log.contains("c2Nhbm5lcjpodW50ZXIyLWh1bnRlcjI="), "{log}");
    }
}
