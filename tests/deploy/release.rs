//! What makes a release, as far as it runs without a registry: `make release-dry-run` does the rest.

use std::collections::BTreeSet;
use std::process::{Command, Output};

use regex_lite::Regex;

use crate::chart::{CHART, template};
use crate::client::Fault;
use crate::{kinds, root, yaml};

fn script(name: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(root().join("scripts").join(name));
    command.current_dir(root()).args(arguments);
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn a_tag_has_to_be_the_version() {
    let wrong = script("release-version", &["v9.9.9"]);
    assert!(!wrong.status.success());
    assert!(
        said(&wrong).contains("the tag is v9.9.9"),
        "{}",
        said(&wrong)
    );
}

#[test]
fn the_notes_of_a_release_are_what_the_change_log_says_of_it() -> Result<(), Fault> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("CHANGELOG.md");
    let text = "# C\n\n## [Unreleased]\n\n- new\n\n## [1.1.0] - 2026-01-01\n\n### Added\n\n- one\n\n## [1.0.0]\n\n- old\n";
    std::fs::write(&path, text)?;
    let notes = |version: &str| said(&script("release-notes", &[path.to_str().unwrap(), version]));
    assert!(notes("1.1.0").contains("- one") && !notes("1.1.0").contains("- old"));
    assert!(notes("1.0.0").contains("- old"));
    assert!(notes("2.0.0").contains("- new"));
    std::fs::write(&path, "# C\n")?;
    assert!(notes("2.0.0").contains("says nothing of 2.0.0"));
    Ok(())
}

#[test]
fn the_image_of_the_module_is_the_same_each_time_and_has_the_module_alone() -> Result<(), Fault> {
    let directory = tempfile::tempdir()?;
    let module = directory.path().join("module.wasm");
    std::fs::write(&module, b"\0asm")?;
    let module = module.to_str().unwrap();
    let build = |name: &str| {
        let archive = directory.path().join(name);
        let built = script("image", &[module, "1.2.3", archive.to_str().unwrap()]);
        assert!(built.status.success(), "{}", said(&built));
        archive
    };
    let (one, other) = (build("one.tar"), build("other.tar"));
    assert_eq!(std::fs::read(&one)?, std::fs::read(&other)?);
    assert!(
        script("test-image", &[module, one.to_str().unwrap()])
            .status
            .success()
    );
    std::fs::write(module, b"another")?;
    let wrong = script("test-image", &[module, one.to_str().unwrap()]);
    assert!(!wrong.status.success() && said(&wrong).contains("is not"));
    Ok(())
}

/// What the workflows run is there.
#[test]
fn every_step_of_the_workflows_exists() {
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    let make = Regex::new(r"(?m)\bmake ([a-z0-9-]+)").unwrap();
    let script = Regex::new(r"(?m)\b(scripts/[a-z-]+)").unwrap();
    let action = Regex::new(r"uses: \S+@(\S+)").unwrap();
    let mut steps = BTreeSet::new();
    for name in ["ci", "kind", "release"] {
        let path = root().join(format!(".github/workflows/{name}.yml"));
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(yaml::load_one(&path)["jobs"].is_object());
        for found in make.captures_iter(&text) {
            let target = found[1].to_owned();
            assert!(
                makefile.contains(&format!("\n{target}:")),
                "{name}: make {target}"
            );
            steps.insert(target);
        }
        for found in script.captures_iter(&text) {
            assert!(root().join(&found[1]).is_file(), "{name}: {}", &found[1]);
        }
        for found in action.captures_iter(&text) {
            assert_eq!(found[1].len(), 40, "{name}: {} is no commit", &found[0]);
        }
    }
    assert!(steps.len() > 10, "{steps:?}");
}

#[test]
fn what_the_test_with_kind_applies_is_right() {
    for document in yaml::load(&root().join("deploy/kind/application.yaml")) {
        let kind = document["kind"].as_str().unwrap();
        if ["Deployment", "Service"].contains(&kind) {
            assert_eq!(kinds::check(&document), [""; 0]);
        }
    }
    for platform in ["istio", "envoy-gateway"] {
        let file = format!("deploy/kind/{platform}.yaml");
        let text = template(&["-f", "deploy/kind/scanner.yaml", "-f", &file]).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rendered.yaml");
        std::fs::write(&path, &text).unwrap();
        let mut check = Command::new(env!("CARGO_BIN_EXE_check-config"));
        let output = check.arg("--envoy").arg(&path).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        assert!(text.contains("image: icap-filter-icap-server:local"));
    }
    let test = std::fs::read_to_string(root().join("scripts/kind-test")).unwrap();
    assert!(test.contains(CHART) && test.contains("check-gateway"));
}
