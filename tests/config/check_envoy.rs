//! `check-config --envoy`: the examples are right, and mistakes in and around them are found.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::mistakes::{mistakes, replaced};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_check-config"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(arguments)
        .output()
        .unwrap()
}

/// Checks a file of that content: exit code and lines, the file's path replaced by FILE.
fn check(content: &str) -> (Option<i32>, Vec<String>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file.yaml");
    std::fs::write(&path, content).unwrap();
    let path = path.to_str().unwrap();
    let output = run(&["--envoy", path]);
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines = lines.lines().map(|line| line.replace(path, "FILE"));
    (output.status.code(), lines.collect())
}

#[test]
fn every_example_passes_without_a_warning() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let examples = root.join("envoy").read_dir().unwrap();
    let mut files: Vec<PathBuf> = examples.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "yaml"));
    files.push(root.join("docker/envoy/envoy.yaml"));
    assert!(files.len() > 8, "{files:?}");
    for file in files {
        let name = file.to_str().unwrap();
        let output = run(&["--envoy", name]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{text}");
        let scans = match name.ends_with("envoy/chain.yaml") {
            true => "2 filters scan",
            false => "1 filter scans",
        };
        assert_eq!(text, format!("{name}: ok: {scans}\n"));
    }
}

/// `UPDATE_DOCS=1 cargo test --test config` writes the page's table anew.
#[test]
fn every_mistake_is_found_and_is_on_the_page() {
    let mut silent = Vec::new();
    let mut table = String::from("| mistake | what is said |\n|---|---|\n");
    for (name, text, error, words) in mistakes() {
        let (code, lines) = check(&text);
        let says = |line: &&String| {
            words.iter().all(|word| line.contains(word))
                && line.contains(": warning: ") != error
                && !line.contains(": ok")
        };
        match lines.iter().find(says) {
            Some(line) if (code == Some(1)) >= error => {
                let said = sentence(line).replace('|', "\\|");
                table.push_str(&format!("| {name} | {said} |\n"));
            }
            _ => silent.push(format!("{name}: exit code {code:?}, {lines:#?}")),
        }
    }
    println!("{table}");
    assert!(silent.is_empty(), "{}", silent.join("\n"));
    assert_on_page("docs/troubleshooting.md", &table);
}

/// The line without the place that it is about.
fn sentence(line: &str) -> String {
    let said = line.strip_prefix("FILE: ").unwrap();
    let is_place = |word: &str| {
        !word.contains(' ') && (word.contains('.') || word.contains('[')) && !word.contains('/')
    };
    match said.split_once(": ") {
        Some((place, rest)) if is_place(place) => rest.to_owned(),
        _ => said.to_owned(),
    }
}

const BEGIN: &str = "<!-- check-config's findings: written by the tests -->\n";
const END: &str = "<!-- end -->\n";

fn assert_on_page(page: &str, table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (written, after) = rest.split_once(END).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, [before, BEGIN, table, END, after].concat()).unwrap();
    } else {
        assert!(
            written == table,
            "{page} is out of date: run UPDATE_DOCS=1 cargo test --test config"
        );
    }
}

#[test]
fn a_line_says_where_what_why_and_what_to_write() {
    let (_, lines) = check(&replaced(&[(
        "failure_policy: FAIL_RELOAD",
        "failure_policy: FAIL_OPEN",
    )]));
    assert_eq!(
        lines[0],
        "FILE: static_resources.listeners[0].filter_chains[0].filters[0].typed_config.http_filters[1].typed_config.config: \
         the plugin fails open: a wrong configuration, or a module that failed, lets every request pass without a scan; \
         write failure_policy: FAIL_RELOAD, without fail_open"
    );
}

#[test]
fn findings_as_json() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file.yaml");
    let text = replaced(&[("cluster: icap_pool\n", "cluster: icap-pool\n")]);
    std::fs::write(&path, text).unwrap();
    let output = run(&["--format", "json", "--envoy", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let finding = &lines[0];
    assert_eq!(finding["level"], "error");
    assert_eq!(finding["file"], path.to_str().unwrap());
    assert_eq!(finding["what"], "no cluster named \"icap-pool\"");
    for field in ["place", "why", "instead"] {
        assert!(!finding[field].as_str().unwrap().is_empty(), "{finding}");
    }
    // The plugin configuration alone, too.
    let output = run(&["envoy/envoy.yaml", "--format", "json"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(first["level"], "ok");
}

/// An EnvoyFilter as Istio takes it, with what a test gives in place of the flag, the limit and the time-out.
fn envoy_filter(flag: &str, limit: &str, idle: &str) -> String {
    format!(
        r#"
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {{name: icap-filter, namespace: istio-ingress}}
spec:
  configPatches:
  - applyTo: EXTENSION_CONFIG
    patch:
      operation: ADD
      value:
        name: icap-filter
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
          config:
            name: icap_filter
            failure_policy: FAIL_RELOAD
            {flag}
            vm_config: {{vm_id: icap-filter}}
            configuration:
              "@type": type.googleapis.com/google.protobuf.Struct
              value:
                profiles: [{{name: av, cluster: elsewhere, service_url: "icap://h/av"}}]
                rules: [{{name: all, match: {{}}, action: enable_icap, profile: av}}]
  - applyTo: HTTP_FILTER
    patch:
      operation: INSERT_BEFORE
      value:
        name: icap-filter
        config_discovery: {{config_source: {{ads: {{}}}}}}
  - applyTo: VIRTUAL_HOST
    patch: {{operation: MERGE, value: {{{limit}}}}}
  - applyTo: NETWORK_FILTER
    patch: {{operation: MERGE, value: {{name: hcm, typed_config: {{{idle}}}}}}}
"#
    )
}

#[test]
fn an_envoy_filter_is_read() {
    let (code, lines) = check(&envoy_filter("", "", ""));
    assert_eq!(code, Some(1));
    for words in [
        "no allow_on_headers_stop_iteration",
        "the listener's limit of 1 MiB",
        "no stream_idle_timeout",
        "no cluster named \"elsewhere\"",
    ] {
        assert!(
            lines.iter().any(|l| l.contains(words)),
            "{words}: {lines:?}"
        );
    }
    let (_, lines) = check(&envoy_filter(
        "allow_on_headers_stop_iteration: true",
        "request_body_buffer_limit: 1073741824",
        "stream_idle_timeout: 3600s",
    ));
    assert_eq!(lines.len(), 1, "{lines:?}");
}

#[test]
fn envoy_gateways_policies_are_read() {
    let policy = "kind: EnvoyExtensionPolicy\nmetadata: {name: icap-filter, namespace: shop}\nspec:\n  wasm:\n  - name: icap_filter\n    failOpen: FAILOPEN\n    code: {type: Image, image: {url: icap}}\n    config:\n      profiles: [{name: av, cluster: icap_pool, service_url: \"icap://h/av\", max_pending: PENDING}]\n";
    let wrong = policy
        .replace("FAILOPEN", "true")
        .replace("PENDING", "many");
    let (code, lines) = check(&wrong);
    assert_eq!(code, Some(1));
    let said = |words: &str| lines.iter().any(|line| line.contains(words));
    assert!(
        said("spec.wasm[0].config: profiles[0].max_pending: found string"),
        "{lines:?}"
    );
    let open = policy.replace("FAILOPEN", "true").replace("PENDING", "10");
    let (_, lines) = check(&open);
    let said = |words: &str| lines.iter().any(|line| line.contains(words));
    assert!(said("the plugin fails open"), "{lines:?}");
    assert!(said("no allow_on_headers_stop_iteration"), "{lines:?}");
    assert!(said("no cluster named \"icap_pool\""), "{lines:?}");
}

/// The forms in which Envoy takes and shows the same: resources of a file, names in camel case, pieces.
#[test]
fn other_forms_of_the_same_are_read() {
    let example: Value = serde_yaml_ng::from_str(&replaced(&[])).unwrap();
    let mut listener = example["static_resources"]["listeners"][0].clone();
    let clusters = &example["static_resources"]["clusters"];
    let manager = listener["filter_chains"][0]["filters"][0]["typed_config"].clone();
    let piece = serde_json::json!({
        "http_filters": manager["http_filters"],
        "stream_idle_timeout": "120s",
        "virtual_hosts": manager["route_config"]["virtual_hosts"],
        "clusters": clusters,
    });
    assert_eq!(
        check(&piece.to_string()),
        (Some(0), vec!["FILE: ok: 1 filter scans".to_owned()])
    );
    listener["@type"] = "type.googleapis.com/envoy.config.listener.v3.Listener".into();
    let resources = serde_json::json!({"resources": [listener]});
    let (code, lines) = check(&resources.to_string());
    assert_eq!((code, lines.len()), (Some(0), 1), "{lines:?}");
    assert!(lines[0].contains("warning: no cluster named"), "{lines:?}");
    let camel = replaced(&[
        ("static_resources", "staticResources"),
        ("http_filters", "httpFilters"),
        ("typed_config", "typedConfig"),
        (
            "allow_on_headers_stop_iteration: true",
            "allowOnHeadersStopIteration: false",
        ),
    ]);
    let (code, lines) = check(&camel);
    assert_eq!((code, lines.len()), (Some(1), 1), "{lines:?}");
    assert!(
        lines[0].contains("no allow_on_headers_stop_iteration"),
        "{lines:?}"
    );
}

#[test]
fn what_is_no_proxy_is_an_error() {
    let (code, lines) = check("kind: Namespace\n");
    assert_eq!(code, Some(1));
    assert!(
        lines[0].contains("no configuration of a proxy"),
        "{lines:?}"
    );
    let (code, lines) = check("profiles: [{name: a, cluster: b, service_url: /c}]\n");
    assert_eq!(code, Some(1));
    assert!(lines[0].contains("leave --envoy out"), "{lines:?}");
    let (code, lines) = check("static_resources: {listeners: [], clusters: []}\n");
    assert_eq!(code, Some(1));
    assert!(lines[0].contains("nothing is scanned"), "{lines:?}");
    for wrong in [&["--envoy"][..], &["--format", "xml", "x"], &["--format"]] {
        assert_eq!(run(wrong).status.code(), Some(2), "{wrong:?}");
    }
}
