//! The Helm chart, rendered by the real Helm with every file of example values.
//!
//! `HELM_BIN` and `KUBERNETES_VALIDATE` name the programs; `make chart-tools` installs them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;

use crate::{kinds, root, yaml, yaml_files_below};

/// The chart.
pub const CHART: &str = "deploy/helm/icap-filter";
/// The values of the tests and of the documentation.
pub const EXAMPLES: &str = "deploy/helm/examples";

/// A program: by its variable, or where `make chart-tools` puts it.
fn program(variable: &str, installed: &str) -> Command {
    let path = std::env::var_os(variable).map_or_else(|| root().join(installed), PathBuf::from);
    assert!(path.is_file(), "{}: make chart-tools", path.display());
    let mut command = Command::new(path);
    command.current_dir(root());
    command
}

/// Runs Helm.
pub fn helm(arguments: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    let mut helm = program("HELM_BIN", ".tools/bin/helm");
    for place in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
        helm.env(place, home.path());
    }
    helm.args(arguments).output().unwrap()
}

/// What `helm template` prints with these arguments, or what it complains of.
pub fn template(arguments: &[&str]) -> Result<String, String> {
    let output = helm(&[&["template", "icap-filter", CHART, "-n", "icap"], arguments].concat());
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout).unwrap()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// The text of every rendering, by the name of its example. Each is made once.
fn renderings() -> &'static BTreeMap<String, String> {
    static RENDERINGS: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    RENDERINGS.get_or_init(|| {
        let files = yaml_files_below(EXAMPLES);
        let render = |file: &PathBuf| {
            let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = template(&["-f", file.to_str().unwrap()]);
            (
                name,
                text.unwrap_or_else(|e| panic!("{}: {e}", file.display())),
            )
        };
        files.iter().map(render).collect()
    })
}

/// The resources of the rendering with an example's values.
pub fn resources(example: &str) -> Vec<Value> {
    let text = renderings().get(example);
    let text = text.unwrap_or_else(|| panic!("there is no example {example}"));
    let mut documents = yaml::parse(text).unwrap();
    documents.retain(|document| !document.is_null());
    documents
}

/// The resources of all renderings.
pub fn all_resources() -> Vec<Value> {
    let examples = renderings().keys();
    examples.flat_map(|example| resources(example)).collect()
}

/// The one resource of a kind, and of a name, in the rendering with an example's values.
pub fn resource(example: &str, kind: &str, name: &str) -> Value {
    let mut found = resources(example);
    found.retain(|r| r["kind"] == kind && r["metadata"]["name"] == name);
    assert_eq!(found.len(), 1, "{kind} {name} in {example}");
    found.remove(0)
}

#[test]
fn helm_finds_nothing_wrong_with_the_chart() {
    for file in yaml_files_below(EXAMPLES) {
        let output = helm(&["lint", "--strict", CHART, "-f", file.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}");
        assert!(!said.contains("[WARNING]"), "{said}");
    }
}

#[test]
fn every_resource_of_the_chart_is_of_its_kind() {
    for example in renderings().keys() {
        let resources = resources(example);
        let mut names = Vec::new();
        for resource in &resources {
            let faults = kinds::check(resource);
            assert!(faults.is_empty(), "{example}: {faults:#?}");
            let metadata = &resource["metadata"];
            names.push(format!(
                "{} {}/{}",
                resource["kind"], metadata["namespace"], metadata["name"]
            ));
        }
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!(
            names.len(),
            count,
            "{example} has one of them twice: {names:?}"
        );
    }
}

/// By the schemas of Kubernetes itself; other resources are those of Istio and Envoy Gateway.
#[test]
fn kubernetes_accepts_every_resource_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("resources.yaml");
    let is_its_own = |resource: &Value| {
        let version = resource["apiVersion"].as_str().unwrap();
        !version.contains("istio.io") && !version.contains("envoyproxy.io")
    };
    let own: Vec<String> = all_resources()
        .iter()
        .filter(|resource| is_its_own(resource))
        .map(Value::to_string)
        .collect();
    assert!(own.len() > 40, "only {}", own.len());
    std::fs::write(&path, own.join("\n---\n")).unwrap();
    for version in ["1.30", "1.34"] {
        let mut validate = program("KUBERNETES_VALIDATE", ".venv/bin/kubernetes-validate");
        validate.args(["--strict", "-k", version]).arg(&path);
        let output = validate.output().unwrap();
        assert!(
            output.status.success(),
            "{version}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn check_config_has_no_word_against_any_rendering() {
    let directory = tempfile::tempdir().unwrap();
    let mut checked = 0;
    for (example, text) in renderings() {
        if !text.contains("\nkind: EnvoyFilter") && !text.contains("\nkind: EnvoyPatchPolicy") {
            continue;
        }
        let path = directory.path().join(format!("{example}.yaml"));
        std::fs::write(&path, text).unwrap();
        let mut check = Command::new(env!("CARGO_BIN_EXE_check-config"));
        let output = check.arg("--envoy").arg(&path).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let expected = format!("{}: ok: 1 filter scans\n", path.display());
        assert_eq!(said, expected);
        checked += 1;
    }
    assert!(checked > 6, "only {checked}");
}

#[test]
fn the_schema_of_the_values_is_up_to_date() {
    let printed = Command::new(root().join("scripts/chart-schema")).output();
    let printed = String::from_utf8(printed.unwrap().stdout).unwrap();
    let file = format!("{CHART}/values.schema.json");
    let written = std::fs::read_to_string(root().join(&file)).unwrap();
    assert!(
        written == printed && !printed.is_empty(),
        "{file} is out of date: scripts/chart-schema > {file}"
    );
}

#[test]
fn the_chart_has_the_version_of_the_module() {
    let chart = yaml::load_one(&root().join(CHART).join("Chart.yaml"));
    assert_eq!(chart["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn wrong_values_are_refused_with_a_line_that_says_where() {
    let gateway = "istio.gateway.enabled=true";
    for (values, said) in [
        (
            &["istio.gatway.enabled=true"][..],
            "additional properties 'gatway' not allowed",
        ),
        (
            &["configuration.profiles[0].fail_acton=fail_open"],
            "'fail_acton' not allowed",
        ),
        (
            &["configuration.profiles[0].request_buffer_size_kb=50MB"],
            "/configuration/profiles/0/request_buffer_size_kb",
        ),
        (
            &["configuration.profiles[0].vendor=OPSWAT"],
            "'generic', 'opswat'",
        ),
        (
            &["configuration.rules[0].action=scan"],
            "/configuration/rules/0/action",
        ),
        (
            &[
                "configuration.profiles[0].name=a",
                "configuration.profiles[0].cluster=b",
                gateway,
            ],
            "a names the cluster b, which icapServers does not have",
        ),
        (&["module.source=oci"], "'image', 'file'"),
        (&["module.image.digest=sha256:1"], "/module/image/digest"),
        (&["istio.sidecar.enabled=true"], "/istio/sidecar/namespace"),
        (&["envoyGateway.enabled=true"], "/envoyGateway/gateway"),
        (
            &["envoyGateway.nameScheme=port"],
            "/envoyGateway/listeners/0",
        ),
        (
            &["scanner.enabled=false", gateway],
            "icap_pool has no endpoints",
        ),
        (&["istio.gateway.selector=null", gateway], "has no selector"),
        (
            &["scanner.signatures.from=mirror.example"],
            "/scanner/signatures/from",
        ),
        (
            &["icapServers[0].cluster=c", "icapServers[0].service=avscan"],
            "/icapServers/0/service",
        ),
    ] {
        let sets: Vec<&str> = values.iter().flat_map(|value| ["--set", value]).collect();
        let complaint = template(&sets).expect_err(values[0]);
        assert!(complaint.contains(said), "{values:?}: {complaint}");
    }
}

#[test]
fn buffers_and_time_outs_follow_from_the_profiles() {
    let text = template(&[
        "-f",
        &format!("{EXAMPLES}/other-icap-servers.yaml"),
        "--set",
        "configuration.rules=null",
    ])
    .unwrap();
    let limit = (200 << 20) + (2 << 20);
    assert!(text.contains(&format!("request_body_buffer_limit: {limit}\n")));
    assert!(text.contains("stream_idle_timeout: 240s\n"), "{text}");
    let deployment = resource("istio-gateway", "Deployment", "c-icap");
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(pod["terminationGracePeriodSeconds"], 80);
}

#[test]
fn the_notes_say_how_to_verify() {
    for (example, words) in [
        (
            "istio-gateway",
            &["get pods -l istio=ingress", "statsInclusionPrefixes"][..],
        ),
        (
            "istio-gateway-api",
            &["gateway.networking.k8s.io/gateway-name=shop"],
        ),
        ("istio-gateway-file", &["create configmap icap-filter"]),
        (
            "envoy-gateway",
            &["get envoypatchpolicy icap-filter", "parametersRef"],
        ),
        ("scanner-with-mirror", &["nothing is scanned yet"]),
    ] {
        let file = format!("{EXAMPLES}/{example}.yaml");
        let output = helm(&[
            "install",
            "icap-filter",
            CHART,
            "-n",
            "icap",
            "--dry-run=client",
            "-f",
            &file,
        ]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let notes = said.split_once("NOTES:").unwrap_or_else(|| {
            panic!(
                "{example}: {said}{}",
                String::from_utf8_lossy(&output.stderr)
            )
        });
        for word in words
            .iter()
            .chain(&["check-gateway", "absent(icap_filter_requests)"])
        {
            assert!(
                notes.1.contains(word),
                "{example}: {word} is not in {}",
                notes.1
            );
        }
    }
}
