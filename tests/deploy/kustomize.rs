//! The kustomizations that tie the manifests together.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::shape::{OPTIONAL, REQUIRED, Shape};
use crate::yaml;
use crate::{files_below, root};

/// The fields that are used here.
pub const KUSTOMIZATION: Shape = Shape::Fields(&[
    ("apiVersion", REQUIRED, Shape::Text),
    ("kind", REQUIRED, Shape::Text),
    ("namespace", OPTIONAL, Shape::Text),
    ("resources", REQUIRED, Shape::List(&Shape::Text)),
    (
        "configMapGenerator",
        OPTIONAL,
        Shape::List(&Shape::Fields(&[
            ("name", REQUIRED, Shape::Text),
            ("namespace", REQUIRED, Shape::Text),
            ("files", REQUIRED, Shape::List(&Shape::Text)),
        ])),
    ),
    (
        "images",
        OPTIONAL,
        Shape::List(&Shape::Fields(&[
            ("name", REQUIRED, Shape::Text),
            ("newName", OPTIONAL, Shape::Text),
            ("newTag", REQUIRED, Shape::Text),
        ])),
    ),
]);

/// The files that a directory's kustomization leads to, itself and those of its bases included.
pub fn reach(directory: &Path, reached: &mut BTreeSet<PathBuf>) {
    let file = directory.join("kustomization.yaml");
    let kustomization = yaml::load_one(&file);
    reached.insert(file.canonicalize().unwrap());
    for resource in strings(&kustomization["resources"]) {
        let path = canonical(directory, resource);
        if path.is_dir() {
            reach(&path, reached);
        } else {
            // kustomize refuses a file outside the kustomization's own directory.
            assert!(
                path.starts_with(directory.canonicalize().unwrap()),
                "{path:?}"
            );
            reached.insert(path);
        }
    }
    for generator in kustomization["configMapGenerator"]
        .as_array()
        .into_iter()
        .flatten()
    {
        for name in strings(&generator["files"]) {
            reached.insert(canonical(directory, name));
        }
    }
}

/// The resources that a directory's kustomization leads to.
pub fn resources(directory: &str) -> Vec<Value> {
    let mut reached = BTreeSet::new();
    reach(&root().join(directory), &mut reached);
    reached
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .flat_map(|path| yaml::load(path))
        .filter(|document| document["kind"] != "Kustomization")
        .collect()
}

fn canonical(directory: &Path, name: &str) -> PathBuf {
    let path = directory.join(name);
    path.canonicalize()
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().unwrap().iter().map(|s| s.as_str().unwrap())
}

#[test]
fn every_file_belongs_to_a_kustomization() {
    let mut reached = BTreeSet::new();
    for file in files_below("deploy") {
        if file.ends_with("kustomization.yaml") {
            reach(file.parent().unwrap(), &mut reached);
        }
    }
    // What Prometheus and Grafana read by themselves is no resource of Kubernetes.
    let is_other = |file: &PathBuf| {
        ["prometheus", "grafana"]
            .iter()
            .any(|name| file.starts_with(root().join("deploy/observability").join(name)))
    };
    for file in files_below("deploy") {
        assert!(
            is_other(&file) || reached.contains(&file),
            "{} is left out",
            file.display()
        );
    }
}

#[test]
fn no_overlay_has_a_resource_twice() {
    for overlay in root().join("deploy/overlays").read_dir().unwrap() {
        let overlay = overlay.unwrap().path();
        let overlay = overlay.strip_prefix(root()).unwrap().to_str().unwrap();
        let mut seen = BTreeSet::new();
        for document in resources(overlay) {
            let name = format!(
                "{} {}/{}",
                document["kind"], document["metadata"]["namespace"], document["metadata"]["name"]
            );
            assert!(
                seen.insert(name.clone()),
                "{overlay}: {name} is there twice"
            );
        }
        assert!(seen.len() > 6, "{overlay} ties nothing together: {seen:?}");
    }
}
