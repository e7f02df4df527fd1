//! `helm`, `kubectl`, `istioctl` and `egctl` in the documentation: what they name is in the chart's renderings. Of
//! Helm's calls the values are rendered, the others are not run.

use std::collections::BTreeMap;

use regex_lite::RegexBuilder;
use serde_json::Value;

use crate::bootstrap::{MODULE, module};
use crate::chart::{self, CHART};
use crate::{files_below, root, yaml};

/// Namespaces that are not ours to make: Envoy Gateway runs its Envoys in this one.
const NAMESPACES: [&str; 1] = ["envoy-gateway-system"];
/// What stands for the name of a pod.
const POD: &str = "POD";
/// The most that a ConfigMap may have.
const CONFIG_MAP: u64 = 1 << 20;

/// A call's arguments: those that stand alone, and the flags with their values.
struct Arguments<'a> {
    plain: Vec<&'a str>,
    flags: BTreeMap<&'a str, &'a str>,
}

impl<'a> Arguments<'a> {
    /// `known` are the flags that may be there; each has a value.
    fn read(words: &'a [String], known: &[&str]) -> Result<Self, String> {
        let mut read = Self {
            plain: Vec::new(),
            flags: BTreeMap::new(),
        };
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            if !word.starts_with('-') {
                read.plain.push(word);
                continue;
            }
            if word == "--show-labels" {
                continue;
            }
            let (flag, value) = match word.split_once('=') {
                Some((flag, value)) => (flag, Some(value)),
                None => (word, words.next()),
            };
            let value = value.ok_or(format!("{flag} has no value"))?;
            if !known.contains(&flag) || read.flags.insert(flag, value).is_some() {
                return Err(format!("{flag} is not known here"));
            }
        }
        Ok(read)
    }
}

fn resources() -> Vec<Value> {
    chart::all_resources()
}

fn is_namespace(name: &str) -> bool {
    NAMESPACES.contains(&name)
        || resources()
            .iter()
            .any(|r| r["metadata"]["namespace"] == name)
}

/// Whether a mapping in `deploy/` is as it shall be.
fn some_mapping(is_it: impl Fn(&serde_json::Map<String, Value>) -> bool) -> bool {
    let mut found = false;
    for resource in resources() {
        yaml::mappings(&resource, &mut |fields| found |= is_it(fields));
    }
    found
}

fn require(is_so: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(otherwise()) }
}

/// Checks a call of `kubectl`.
pub fn kubectl(words: &[String]) -> Result<(), String> {
    // What runs in the pod is not kubectl's.
    let end = words.iter().position(|word| word == "--");
    let (words, inside) = words.split_at(end.unwrap_or(words.len()));
    let arguments = Arguments::read(words, &["-n", "-o", "-c", "-l", "--from-file", "--timeout"])?;
    let flag = |name: &str| arguments.flags.get(name).copied();
    if let Some(namespace) = flag("-n") {
        require(is_namespace(namespace), || {
            format!("there is no namespace {namespace}")
        })?;
    }
    match arguments.plain[..] {
        ["get", "pods"] => require(flag("-n").is_some(), || "in which namespace?".to_owned()),
        ["rollout", "status", deployment] => {
            let name = deployment.strip_prefix("deployment/").unwrap_or_default();
            let is_it = |r: &Value| r["kind"] == "Deployment" && r["metadata"]["name"] == name;
            require(resources().iter().any(is_it), || {
                format!("there is no deployment {name}")
            })
        }
        ["create", "configmap", name] => {
            let file = flag("--from-file").ok_or("create without --from-file")?;
            let (key, source) = file.split_once('=').ok_or("a file without key")?;
            require(flag("-n").is_some(), || "in which namespace?".to_owned())?;
            require(MODULE == format!("/var/local/{name}/{key}"), || {
                format!("nobody loads {key} of {name}")
            })?;
            require(source.ends_with("icap_filter.wasm"), || {
                format!("{source} is not the module")
            })?;
            let size = module().metadata().unwrap().len();
            require(size < CONFIG_MAP, || {
                format!("the module has {size} bytes, too many for a ConfigMap")
            })
        }
        ["get", kind, name] => {
            let is_it = |r: &Value| {
                r["kind"]
                    .as_str()
                    .is_some_and(|k| k.eq_ignore_ascii_case(kind))
                    && r["metadata"]["name"] == name
            };
            let found: Vec<Value> = resources().into_iter().filter(is_it).collect();
            require(!found.is_empty(), || format!("there is no {kind} {name}"))?;
            let namespace = flag("-n").unwrap_or("default");
            let is_there = found
                .iter()
                .any(|r| r["metadata"]["namespace"] == namespace);
            require(is_there, || {
                format!("{kind} {name} is not in the namespace {namespace}")
            })
        }
        ["exec", POD] => {
            let proxy = ["--", "pilot-agent", "request", "GET", "stats"];
            require(flag("-c") == Some("istio-proxy") && inside == proxy, || {
                format!("{inside:?} is not known")
            })
        }
        _ => Err(format!("{:?} is not known", arguments.plain)),
    }
}

/// Checks a call of `helm`: the chart is rendered with the values that it names.
pub fn helm(words: &[String]) -> Result<(), String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let rest = match words[..] {
        [
            "install" | "upgrade",
            "icap-filter",
            chart,
            "-n",
            "icap",
            ref rest @ ..,
        ] if chart == CHART || chart.starts_with("icap-filter-") && chart.ends_with(".tgz") => rest,
        ["test", "icap-filter", "-n", "icap"] | ["uninstall", "icap-filter", "-n", "icap"] => {
            return Ok(());
        }
        _ => return Err(format!("{words:?} is not known")),
    };
    let values: Vec<String> = rest
        .iter()
        .filter(|word| **word != "--create-namespace")
        .map(|word| match word.strip_prefix("examples/") {
            // Of the release's archive.
            Some(file) => format!("{}/{file}", chart::EXAMPLES),
            None => (*word).to_owned(),
        })
        .collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    chart::template(&values).map(drop)
}

/// Checks a call of `istioctl`.
pub fn istioctl(words: &[String]) -> Result<(), String> {
    let arguments = Arguments::read(words, &["-o", "--fqdn", "--port"])?;
    if let Some(cluster) = arguments.flags.get("--fqdn") {
        let is_cluster = some_mapping(|fields| {
            fields.contains_key("load_assignment")
                && fields.get("name").is_some_and(|name| name == cluster)
        });
        require(is_cluster, || format!("there is no cluster {cluster}"))?;
    }
    match arguments.plain[..] {
        ["proxy-status"] | ["proxy-config", "clusters" | "ecds" | "listeners", POD] => Ok(()),
        _ => Err(format!("{:?} is not known", arguments.plain)),
    }
}

/// Checks a call of `egctl`.
pub fn egctl(words: &[String]) -> Result<(), String> {
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["config", "envoy-proxy", "listener"] => Ok(()),
        _ => Err(format!("{words:?} is not known")),
    }
}

/// Checks a `grep` after one of these: what it looks for has to be in the manifests or among the metrics.
pub fn grep(words: &[String]) -> Result<(), String> {
    let (pattern, ignore_case) = match words {
        [pattern] => (pattern, false),
        [flag, pattern] if flag == "-i" => (pattern, true),
        _ => return Err(format!("{words:?} is not known")),
    };
    let pattern = RegexBuilder::new(pattern)
        .case_insensitive(ignore_case)
        .build();
    let pattern = pattern.map_err(|e| e.to_string())?;
    let mut files = files_below("deploy");
    files.push(root().join("docs/metrics.md"));
    let found = files
        .iter()
        .any(|file| pattern.is_match(&std::fs::read_to_string(file).unwrap()));
    require(found, || format!("nothing prints {pattern}"))
}
