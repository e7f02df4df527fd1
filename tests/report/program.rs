//! `icap-report` itself, run with what a test gives it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A command of `icap-report`.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_icap-report"));
    command.env("TZ", "Asia/Kolkata");
    command
}

/// Runs it with those arguments and that standard input.
pub fn run(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = command()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // It may have had enough.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// What it writes to standard output. It must succeed.
#[track_caller]
pub fn output(arguments: &[&str], input: &[u8]) -> String {
    let output = run(arguments, input);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// What it says as JSON.
#[track_caller]
pub fn json(arguments: &[&str], input: &[u8]) -> Value {
    let arguments: Vec<&str> = ["--format", "json"]
        .iter()
        .chain(arguments)
        .copied()
        .collect();
    serde_json::from_str(&output(&arguments, input)).unwrap()
}

/// How many entries have a value of a field.
pub fn count(report: &Value, field: &str, value: &str) -> u64 {
    let items = report["fields"][field].as_array().unwrap();
    let item = items.iter().find(|item| item["value"] == value);
    item.map_or(0, |item| item["count"].as_u64().unwrap())
}

/// Writes a page of that log into a directory.
#[track_caller]
pub fn page(directory: &Path, input: &[u8]) -> PathBuf {
    let page = directory.join("report.html");
    output(&["--output", page.to_str().unwrap()], input);
    page
}
