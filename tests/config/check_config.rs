//! The command `check-config`, run.

use icap_filter::config::{parse, reference::EXAMPLE};
use std::path::PathBuf;
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_check-config"))
        .args(arguments)
        .output()
        .unwrap()
}

/// Checks a file of that content: exit code and lines, the file's path replaced by FILE.
fn check(name: &str, content: &str) -> (Option<i32>, Vec<String>) {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).unwrap();
    let path = path.to_str().unwrap();
    let output = run(&[path]);
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines = lines.lines().map(|line| line.replace(path, "FILE"));
    (output.status.code(), lines.collect())
}

const BAD: &str = r#"{"profiles": [{"name": "av", "cluster": "c", "service_url": "/", "max_pending": -1, "vendr": "eset"}]}"#;

#[test]
fn a_right_configuration() {
    let (code, lines) = check("right.json", EXAMPLE);
    assert_eq!((code, lines.len()), (Some(0), 1));
    assert!(lines[0].starts_with("FILE: ok: 2 profiles"), "{lines:?}");
    assert!(!lines[0].contains("dTpw"), "{lines:?}");
    let (code, lines) = check("transport.json", r#"{"role": "transport"}"#);
    assert_eq!(code, Some(0));
    assert_eq!(lines, ["FILE: ok: transport role"]);
}

#[test]
fn a_wrong_one_gives_the_errors_of_the_module() {
    let (code, lines) = check("wrong.json", BAD);
    let expected: Vec<String> = parse(BAD.as_bytes())
        .unwrap_err()
        .iter()
        .map(|error| format!("FILE: {error}"))
        .collect();
    assert_eq!(expected.len(), 2);
    assert_eq!((code, lines), (Some(1), expected));
}

#[test]
fn files_that_are_nothing() {
    for (name, content, found) in [
        ("empty.json", "", "configuration: found nothing"),
        (
            "broken.json",
            "{\"profiles\": [}",
            "configuration: found no valid JSON",
        ),
        (
            "twice.json",
            r#"{"role": "transport", "role": "transport"}"#,
            "role: found the field a second time",
        ),
        ("list.yaml", "- a\n- b\n", "configuration: found list"),
        ("broken.yaml", "a: [1\nb: 2\n", "no valid YAML"),
        (
            "envoy.yaml",
            "static_resources: {listeners: []}\n",
            "no plugin configuration",
        ),
        (
            "envoy.json",
            "{\"static_resources\": {}}",
            "no plugin configuration",
        ),
    ] {
        let (code, lines) = check(name, content);
        assert_eq!((code, lines.len()), (Some(1), 1), "{name}: {lines:?}");
        assert!(lines[0].starts_with(&format!("FILE: {found}")), "{lines:?}");
    }
}

const ENVOY: &str = r#"
static_resources:
  listeners:
  - name: main
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          http_filters:
          - name: icap
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
              config:
                name: icap
                vm_config:
                  runtime: envoy.wasm.runtime.v8
                  code: {local: {filename: /etc/envoy/icap_filter.wasm}}
                configuration:
                  "@type": type.googleapis.com/google.protobuf.Struct
                  value:
                    profiles:
                    - {name: av, cluster: icap_pool, service_url: /avscan, max_pending: MAX_PENDING}
          - name: other
            typed_config:
              config:
                name: other
                vm_config: {code: {local: {filename: /etc/envoy/other.wasm}}}
                configuration:
                  "@type": type.googleapis.com/google.protobuf.StringValue
                  value: "not ours"
  clusters:
  - name: icap_pool
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        http_filters:
        - name: icap_transport
          typed_config:
            config:
              vm_config: {vm_id: transport, code: {local: {filename: /etc/envoy/icap_filter.wasm}}}
              configuration:
                "@type": type.googleapis.com/google.protobuf.StringValue
                value: '{"role": "ROLE"}'
"#;

const FILTER: &str = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.http_filters[0].typed_config.config.configuration";
const TRANSPORT: &str = "static_resources.clusters[0].typed_extension_protocol_options.envoy.extensions.upstreams.http.v3.HttpProtocolOptions.http_filters[0].typed_config.config.configuration";

#[test]
fn every_configuration_inside_an_envoy_file_is_checked() {
    let right = ENVOY
        .replace("MAX_PENDING", "10")
        .replace("ROLE", "transport");
    let (code, lines) = check("right-envoy.yaml", &right);
    assert_eq!((code, lines.len()), (Some(0), 2), "{lines:?}");
    let filter = format!("FILE: {FILTER}: ok: ");
    assert!(lines.iter().any(|line| line.starts_with(&filter)));
    assert!(lines.contains(&format!("FILE: {TRANSPORT}: ok: transport role")));

    let wrong = ENVOY
        .replace("MAX_PENDING", "many")
        .replace("ROLE", "carrier");
    let (code, lines) = check("wrong-envoy.yaml", &wrong);
    assert_eq!(code, Some(1));
    for expected in [
        format!("FILE: {FILTER}: profiles[0].max_pending: found string \"many\", allowed: "),
        format!("FILE: {TRANSPORT}: role: found string \"carrier\""),
    ] {
        let found = lines.iter().any(|line| line.starts_with(&expected));
        assert!(found, "{lines:?}");
    }
}

#[test]
fn our_filter_without_configuration_is_an_error() {
    let bare = "http_filters:\n- typed_config:\n    config:\n      vm_config: {code: {local: {filename: icap_filter.wasm}}}\n";
    let (code, lines) = check("bare.yaml", bare);
    assert_eq!(code, Some(1));
    assert!(
        lines[0].contains("configuration: configuration: found nothing"),
        "{lines:?}"
    );
}

#[test]
fn kubernetes_files_with_several_documents() {
    let text = "kind: Namespace\n---\nkind: WasmPlugin\nspec:\n  pluginName: icap\n  pluginConfig: {profiles: []}\n";
    let (code, lines) = check("wasmplugin.yaml", text);
    assert_eq!(code, Some(1));
    assert!(
        lines[0].starts_with("FILE: document 2: spec.pluginConfig: profiles: found empty list"),
        "{lines:?}"
    );
}

#[test]
fn a_plugin_configuration_may_be_written_as_yaml() {
    let (code, lines) = check(
        "plain.yaml",
        "profiles:\n- name: av\n  cluster: c\n  service_url: icap://h/av\n",
    );
    assert_eq!(code, Some(0), "{lines:?}");
}

#[test]
fn wrong_usage() {
    for arguments in [
        &[][..],
        &["--what"],
        &["--print-schema", "x"],
        &["/no/such/file"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty());
    }
}
