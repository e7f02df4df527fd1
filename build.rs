//! Hands the crate what only the build knows, for the line that it logs when it starts: the revision of its source and
//! the WebAssembly features it is compiled with. The same source gives the same text in every directory.

use std::env;
use std::path::Path;
use std::process::Command;

const SOURCE: [&str; 4] = ["src", "Cargo.toml", "Cargo.lock", "build.rs"];

fn main() {
    for path in SOURCE {
        println!("cargo::rerun-if-changed={path}");
    }
    println!("cargo::rerun-if-env-changed=ICAP_FILTER_REVISION");
    // Only the module that Envoy loads says it: tests need not be compiled anew after each commit.
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("wasi") {
        return;
    }
    let revision = env::var("ICAP_FILTER_REVISION")
        .ok()
        .filter(|revision| !revision.is_empty())
        .or_else(revision)
        .unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=ICAP_FILTER_REVISION={revision}");
    let features = env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    println!("cargo::rustc-env=ICAP_FILTER_WASM_FEATURES={features}");
}

/// The commit that is checked out here, with `-modified` where the source is not the commit's; none outside a checkout
/// of this very repository.
fn revision() -> Option<String> {
    // Unpacked inside of somebody's repository, the source has no revision of its own.
    if !git(&["rev-parse", "--show-prefix"])?.is_empty() {
        return None;
    }
    let mut references = vec!["HEAD".to_owned(), "packed-refs".to_owned()];
    references.extend(git(&["symbolic-ref", "--quiet", "HEAD"]));
    for reference in references {
        // Cargo would run this each time for a file that is not there.
        if let Some(path) = git(&["rev-parse", "--git-path", &reference])
            && Path::new(&path).exists()
        {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    let mut revision = git(&["rev-parse", "--short=12", "HEAD"])?;
    let status: Vec<&str> = ["status", "--porcelain", "--"]
        .into_iter()
        .chain(SOURCE)
        .collect();
    if !git(&status)?.is_empty() {
        revision.push_str("-modified");
    }
    Some(revision)
}

/// What git answers, without the last line's end; none where it fails or is not there.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim_end().to_owned())
}
