//! The signatures of a new pod: what it starts with, when the source gives some and when it gives none.

use std::fs::{create_dir, read_dir, write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::root;

/// A program of that name, as a script.
fn program(directory: &Path, name: &str, script: &str) {
    let path = directory.join(name);
    write(&path, format!("#!/bin/bash\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs the pod's script: whether it ends well, and the files that are there then.
fn start(freshclam: &str, in_image: &[&str]) -> (bool, Vec<String>) {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    for name in ["bin", "image", "signatures"] {
        create_dir(at(name)).unwrap();
    }
    for name in in_image {
        write(at("image").join(name), "x").unwrap();
    }
    program(&at("bin"), "freshclam", freshclam);
    let ended = Command::new(root().join("deploy/helm/icap-filter/files/first-signatures"))
        .arg(at("signatures"))
        .arg("freshclam.conf")
        .env("PATH", format!("{}:/usr/bin:/bin", at("bin").display()))
        .env("IMAGE_SIGNATURES", at("image"))
        .env("SIGNATURES", at("signatures"))
        .output()
        .unwrap();
    let files = read_dir(at("signatures")).unwrap();
    let mut files: Vec<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    (ended.status.success(), files)
}

#[test]
fn a_pod_starts_with_what_the_source_gives() {
    let (well, files) = start("touch \"$SIGNATURES\"/daily.cld", &["main.cvd"]);
    assert!(well);
    assert_eq!(files, ["daily.cld", "main.cvd"]);
}

#[test]
fn a_pod_starts_with_the_signatures_of_its_image_when_the_source_gives_none() {
    let (well, files) = start("exit 17", &["main.cvd", "daily.cvd"]);
    assert!(well);
    assert_eq!(files, ["daily.cvd", "main.cvd"]);
}

#[test]
fn a_pod_without_any_signature_does_not_start() {
    let (well, files) = start("exit 17", &[]);
    assert!(!well);
    assert!(files.is_empty());
}
