//! The documentation: its YAML and JSON is right, its links lead somewhere.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use regex_lite::Regex;
use serde_json::{Map, Value, json};

use crate::bootstrap::{MODULE, Parts, module};
use crate::pages::{self, pages};
use crate::shape::{OPTIONAL, REQUIRED, Shape};
use crate::{envoy, files_below, kinds, root, yaml, yaml_files_below};

/// Fields of Envoy's bootstrap: a text that has no others is one, or a part of one.
const BOOTSTRAP: [&str; 4] = ["admin", "node", "static_resources", "stats_config"];

/// What Istio's annotations of a pod begin with.
const ANNOTATION: &str = "sidecar.istio.io/";

/// Prometheus' alerting rules.
const ALERTS: Shape = Shape::Fields(&[(
    "groups",
    REQUIRED,
    Shape::List(&Shape::Fields(&[
        ("name", REQUIRED, Shape::Text),
        (
            "rules",
            REQUIRED,
            Shape::List(&Shape::Fields(&[
                ("alert", REQUIRED, Shape::Text),
                ("expr", REQUIRED, Shape::Text),
                ("for", OPTIONAL, Shape::Text),
                ("labels", OPTIONAL, Shape::Map(&Shape::Text)),
                ("annotations", REQUIRED, Shape::Map(&Shape::Text)),
            ])),
        ),
    ])),
)]);

/// A piece of YAML or JSON in a page, or a file of it.
struct Piece {
    place: String,
    text: String,
}

/// The YAML and JSON of a page.
fn pieces(page: &Path) -> Vec<Piece> {
    let mut blocks = pages::read(page).blocks;
    blocks.retain(|block| ["yaml", "json"].contains(&block.language.as_str()));
    blocks
        .iter()
        .map(|block| Piece {
            place: block.place(0),
            text: block.text(),
        })
        .collect()
}

/// What is wrong with a piece. What cannot be told apart is an error: nothing goes unchecked.
fn check(piece: &Piece, names: &BTreeSet<String>) -> Vec<String> {
    let documents = match yaml::parse(&piece.text) {
        Ok(documents) => documents,
        Err(e) => return vec![e],
    };
    let mut faults = Vec::new();
    let mut configured = false;
    for document in &documents {
        let Some(fields) = document.as_object() else {
            return vec!["no mapping".to_owned()];
        };
        yaml::mappings(document, &mut |fields| {
            configured |= fields.contains_key("profiles") || fields.contains_key("vm_config");
        });
        if fields.contains_key("kind") {
            faults.extend(kinds::check(document));
        } else if fields.contains_key("groups") {
            faults.extend(ALERTS.check("", document));
            faults.extend(unknown_metrics(document, names));
        } else if fields.keys().all(|key| BOOTSTRAP.contains(&key.as_str())) {
            faults.extend(refused(document));
        } else if fields.keys().all(|key| key.starts_with(ANNOTATION)) {
            faults.extend(misplaced(fields));
        } else if fields.contains_key("profiles") {
            // A plugin configuration, which is checked below.
        } else {
            faults.extend(refused(&as_bootstrap(document)));
        }
    }
    if configured {
        faults.extend(check_config(&piece.text));
    }
    faults
}

/// A part of a bootstrap, in one. Its fields say of what: of all, of the connection manager, of a listener, of a virtual
/// host, a route, a cluster.
fn as_bootstrap(part: &Value) -> Value {
    let mut parts = Parts::new("part", 1);
    let fields = part.as_object().unwrap().clone();
    if let Some(clusters) = part["clusters"].as_array() {
        parts.clusters.extend(clusters.iter().cloned());
    } else if fields.contains_key("http_filters") {
        parts.merge_into_hcm(fields);
    } else if fields.contains_key("per_connection_buffer_limit_bytes") {
        parts.listener.as_object_mut().unwrap().extend(fields);
    } else if fields.contains_key("request_body_buffer_limit") {
        parts.virtual_host().as_object_mut().unwrap().extend(fields);
    } else if fields.contains_key("route") {
        parts.routes().push(part.clone());
    } else {
        let mut cluster = json!({"name": "part"});
        cluster.as_object_mut().unwrap().extend(fields);
        parts.clusters.push(cluster);
    }
    json!({"static_resources": {"listeners": [parts.listener], "clusters": parts.clusters}})
}

/// Why annotations of a pod do not put the module where the manifests look for it.
fn misplaced(annotations: &Map<String, Value>) -> Vec<String> {
    let read = |name: &str| {
        let value = annotations.get(&format!("{ANNOTATION}{name}"))?;
        serde_json::from_str::<Map<String, Value>>(value.as_str()?).ok()
    };
    let (Some(volumes), Some(mounts)) = (read("userVolume"), read("userVolumeMount")) else {
        return vec!["the two annotations are no JSON".to_owned()];
    };
    let mut faults = Vec::new();
    for (name, mount) in &mounts {
        let path = mount["mountPath"].as_str().unwrap_or_default();
        if Path::new(MODULE).parent() != Some(Path::new(path)) {
            faults.push(format!("{MODULE} is not in {path}"));
        }
        if !volumes
            .get(name)
            .is_some_and(|v| v["configMap"]["name"] == "icap-filter")
        {
            faults.push(format!("{name} is no volume of the module"));
        }
    }
    faults
}

/// What Envoy says against a configuration. The module and certificates stand in for the files that it names.
pub fn refused(config: &Value) -> Option<String> {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = (
        directory.path().join("any.pem"),
        directory.path().join("any.key"),
    );
    let mut config = config.clone();
    yaml::mappings_mut(&mut config, &mut |fields| {
        let Some(file) = fields.get_mut("filename") else {
            return;
        };
        let there = match Path::new(file.as_str().unwrap())
            .extension()
            .and_then(|e| e.to_str())
        {
            Some("wasm") => module(),
            Some("pem") => certificate.clone(),
            Some("key") => key.clone(),
            _ => return,
        };
        if !there.is_file() {
            make_certificate(&certificate, &key);
        }
        *file = there.to_str().unwrap().into();
    });
    let path = directory.path().join("envoy.json");
    std::fs::write(&path, config.to_string()).unwrap();
    envoy::validate(&path).err()
}

/// A certificate that signs itself.
fn make_certificate(certificate: &Path, key: &Path) {
    let output = Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=any",
        ])
        .args([Path::new("-keyout"), key, Path::new("-out"), certificate])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// What the checker says against the plugin configurations in a text.
fn check_config(text: &str) -> Option<String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("configuration.yaml");
    std::fs::write(&path, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_check-config"))
        .arg(path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (!output.status.success()).then_some(said)
}

/// The metrics' names as Prometheus has them, from the page that lists them.
fn metric_names() -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    let row = Regex::new(r"(?m)^\| `([a-z_.]+)` \|").unwrap();
    let names: BTreeSet<String> = row
        .captures_iter(&text)
        .map(|found| format!("icap_filter_{}", found[1].replace('.', "_")))
        .collect();
    assert!(names.contains("icap_filter_failed_timeout"), "{names:?}");
    names
}

fn unknown_metrics(alerts: &Value, names: &BTreeSet<String>) -> Vec<String> {
    let name = Regex::new("icap_filter_[a-z_]+").unwrap();
    let mut unknown = Vec::new();
    yaml::mappings(alerts, &mut |fields| {
        let expression = fields
            .get("expr")
            .and_then(Value::as_str)
            .unwrap_or_default();
        for found in name.find_iter(expression) {
            let plain = found.as_str().trim_end_matches("_bucket");
            if !names.contains(plain) {
                unknown.push(format!("{plain} is no metric"));
            }
        }
    });
    unknown
}

#[test]
fn the_yaml_of_the_documentation_is_right() {
    // What these two pages show runs in the end-to-end tests.
    let mut pieces: Vec<Piece> = pages()
        .iter()
        .filter(|page| {
            !page.ends_with("envoy/access-log.md") && !page.ends_with("envoy/tracing.md")
        })
        .flat_map(|page| pieces(page))
        .collect();
    let in_pages = pieces.len();
    for file in yaml_files_below("envoy") {
        pieces.push(Piece {
            place: file.display().to_string(),
            text: std::fs::read_to_string(file).unwrap(),
        });
    }
    assert!(in_pages > 10, "only {in_pages} pieces were found");
    let names = metric_names();
    let faults: Vec<String> = pieces
        .iter()
        .flat_map(|piece| {
            let faults = check(piece, &names);
            faults
                .into_iter()
                .map(|fault| format!("{}: {fault}", piece.place))
        })
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn wrong_pieces_are_found() {
    let names = metric_names();
    let faults = |text: &str| {
        let piece = Piece {
            place: String::new(),
            text: text.to_owned(),
        };
        check(&piece, &names).join("\n")
    };
    for (text, expected) in [
        ("a: [", "did not find"),
        ("a: 1\na: 2", "duplicate"),
        ("profiles: []", "profiles: found empty list"),
        ("stats_config: {stats_tag: []}", "stats_tag"),
        ("lb_policy: RANDOM_ROBIN", "RANDOM_ROBIN"),
        ("clusters: [{nam: x}]", "nam"),
        ("http_filters: [{name: x, typed_config: {}}]", "'x'"),
        ("per_connection_buffer_limit_bytes: a lot", "a lot"),
        ("request_body_buffer_limit: a lot", "a lot"),
        ("match: {prefix: /}\nroute: {cluster: nowhere}", "nowhere"),
        (
            "sidecar.istio.io/userVolume: '{}'\nsidecar.istio.io/userVolumeMount: '{\"a\": {\"mountPath\": \"/b\"}}'",
            "a is no volume",
        ),
        ("apiVersion: v1\nkind: Pot", "unknown kind"),
        (
            "groups: [{name: a, rules: [{alert: A, expr: icap_filter_pased > 0, annotations: {}}]}]",
            "icap_filter_pased is no metric",
        ),
    ] {
        assert!(faults(text).contains(expected), "{text}: {}", faults(text));
    }
}

/// The anchors that a page's headings have.
fn anchors(page: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(page).unwrap();
    text.lines()
        .filter_map(|line| line.strip_prefix('#'))
        .map(|line| line.trim_start_matches('#').trim().to_lowercase())
        .map(|heading| {
            let kept = heading
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

/// Why a link of a page leads nowhere.
fn dead(page: &Path, link: &str) -> Option<String> {
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = match file {
        "" => page.to_owned(),
        file => page.parent().unwrap().join(file),
    };
    if !target.exists() {
        return Some(format!("{}: {link} leads to no file", page.display()));
    }
    let right = anchor.is_empty() || anchors(&target).contains(anchor);
    (!right).then(|| format!("{}: {link} leads to no heading", page.display()))
}

#[test]
fn every_link_leads_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let mut checked = 0;
    let mut faults = Vec::new();
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for found in link.captures_iter(&text) {
            if !found[1].contains("://") {
                checked += 1;
                faults.extend(dead(&page, &found[1]));
            }
        }
    }
    assert!(checked > 20, "only {checked} links were found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let page = root().join("docs/configuration.md");
    assert!(dead(&page, "nowhere.md").is_some());
    assert!(dead(&page, "#no-heading-of-this-name").is_some());
    assert!(dead(&page, "#the-plugin-configuration").is_none());
}

#[test]
fn every_file_that_is_named_exists() {
    let file =
        Regex::new(r"^(src|tests|scripts|docs|envoy|deploy|docker|schema)/[\w./-]+$").unwrap();
    let mut named = 0;
    for page in pages() {
        for span in pages::read(&page).spans {
            if file.is_match(&span.text) {
                named += 1;
                let there = root().join(&span.text).exists();
                assert!(there, "{}: there is no {}", span.place, span.text);
            }
        }
    }
    assert!(named > 10, "only {named} were found");
}

/// The text of the sources, with a text that goes on in the next line made one.
fn sources() -> String {
    let continued = Regex::new(r"\\\n\s*").unwrap();
    let files = files_below("src");
    let texts = files
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap());
    continued
        .replace_all(&texts.collect::<String>(), "")
        .into_owned()
}

#[test]
fn every_reason_that_is_explained_exists() {
    let text = std::fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let (_, table) = text.split_once("\n| reason |").unwrap();
    let sources = sources();
    let mut checked = 0;
    for row in table.lines().take_while(|line| !line.is_empty()).skip(2) {
        let reason = row.split('`').nth(1).unwrap();
        for part in reason
            .split('…')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            assert!(sources.contains(part), "nothing says {part:?}");
            checked += 1;
        }
    }
    assert!(checked > 15, "only {checked} were found");
}
