//! What `.dockerignore` admits to the builds of the images: everything that they copy, and a package that cargo can read.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{files_below, root};

/// The files and folders that `.dockerignore` admits, and that are there without a build.
fn admitted() -> Vec<PathBuf> {
    let text = std::fs::read_to_string(root().join(".dockerignore")).unwrap();
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(
        lines.next(),
        Some("*"),
        ".dockerignore: the first rule excludes all"
    );
    let names = lines.map(|line| line.strip_prefix('!').expect("a rule that admits"));
    names
        .filter(|name| !name.starts_with("target/"))
        .map(PathBuf::from)
        .collect()
}

/// What the Dockerfiles copy whose build context is the root of the repository.
fn copied() -> Vec<PathBuf> {
    let dockerfiles = files_below("docker");
    let texts = dockerfiles
        .iter()
        .filter(|file| file.ends_with("Dockerfile"))
        .map(|file| std::fs::read_to_string(file).unwrap())
        .filter(|text| text.contains("build context is the root"));
    let mut copied = Vec::new();
    for text in texts {
        let joined = text.replace("\\\n", " ");
        let copies = joined.lines().filter_map(|line| line.strip_prefix("COPY "));
        for words in copies.filter(|words| !words.starts_with("--from")) {
            let words: Vec<_> = words.split_whitespace().collect();
            let (_, sources) = words.split_last().unwrap();
            copied.extend(sources.iter().map(PathBuf::from));
        }
    }
    copied
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        for entry in from.read_dir().unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(from, to).unwrap();
    }
}

#[test]
fn the_build_context_of_the_images_has_all_that_they_copy() {
    let admitted = admitted();
    let copied = copied();
    assert!(copied.len() >= 5, "{copied:?}");
    for path in copied.iter().filter(|path| !path.ends_with(".")) {
        assert!(
            root().join(path).exists(),
            "{} is not there",
            path.display()
        );
        assert!(
            admitted.iter().any(|admitted| path.starts_with(admitted)),
            ".dockerignore excludes {}",
            path.display()
        );
    }
}

#[test]
fn cargo_can_read_the_package_in_the_build_context_of_the_images() {
    let context = tempfile::tempdir().unwrap();
    for path in admitted() {
        copy(&root().join(&path), &context.path().join(&path));
    }
    let read = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version=1"])
        .current_dir(context.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&read.stderr);
    assert!(read.status.success(), "{said}");
}
