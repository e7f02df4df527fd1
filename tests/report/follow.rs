//! `--follow`: entries as they come.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use serde_json::json;
use tempfile::TempDir;

use crate::lines::line_with;
use crate::program::{command, output};

/// Ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn line(action: &str, path: &str) -> String {
    let mut line = line_with(
        &json!({"action": action, "significance": if action == "ICAP_BLOCKED" { vec!["ADF_ICAP_BLOCKED"] } else { vec![] }}),
    );
    line["path"] = json!(path);
    format!("{line}\n")
}

#[test]
fn a_log_that_grows_and_is_rotated_is_followed() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("access.log");
    let child = command()
        .args(["--follow", "--all", path.to_str().unwrap()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut running = Running(child);
    let mut shown = BufReader::new(running.0.stdout.take().unwrap()).lines();
    let append = |text: &str| {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    };
    append(&line("ICAP_BLOCKED", "/first"));
    assert!(
        shown
            .next()
            .unwrap()
            .unwrap()
            .contains("ICAP_BLOCKED   200 192.0.2.7 POST /first")
    );
    // A line that comes in two pieces.
    let second = line("ICAP_PASSED", "/second");
    append(&second[..40]);
    append(&second[40..]);
    assert!(shown.next().unwrap().unwrap().contains("/second"));
    std::fs::rename(&path, directory.path().join("access.log.1")).unwrap();
    append(&line("ICAP_PASSED", "/third"));
    assert!(shown.next().unwrap().unwrap().contains("/third"));
}

/// On a terminal there is a picture, unless lines are asked for.
#[test]
fn a_terminal_shows_lines_where_they_are_asked_for() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("access.log");
    std::fs::write(&path, line("ICAP_BLOCKED", "/first")).unwrap();
    for (more, first) in [("--lines", "ICAP_BLOCKED"), ("", "1 entries, 1 blocked")] {
        let program = env!("CARGO_BIN_EXE_icap-report");
        let line = format!("{program} --follow --all {more} {}", path.display());
        // It gives what it runs a terminal.
        let child = Command::new("script")
            .args(["--quiet", "--flush", "--command", &line, "/dev/null"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut running = Running(child);
        let mut shown = BufReader::new(running.0.stdout.take().unwrap()).lines();
        let text = shown.find_map(|line| line.ok().filter(|line| line.contains("1")));
        assert!(text.unwrap().contains(first), "{more}");
    }
}

#[test]
fn only_significant_entries_are_shown_of_standard_input_and_all_are_counted() {
    let log = line("ICAP_PASSED", "/a") + &line("ICAP_BLOCKED", "/b\u{1b}[2J") + "nonsense\n";
    let text = output(&["--follow"], log.as_bytes());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].contains("/b\u{fffd}[2J"), "{text}");
    assert_eq!(lines[1], "2 entries, 1 passed, 1 blocked, 1 bad lines");
}
