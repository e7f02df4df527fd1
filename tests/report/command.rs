//! The command: its formats, conditions and exit codes.

use std::io::Write;

use serde_json::json;
use tempfile::TempDir;

use crate::lines::{line, line_with};
use crate::program::{command, count, json as report, output, run};

fn log(n: u64) -> Vec<u8> {
    (0..n)
        .map(|n| line(n) + "\n")
        .collect::<String>()
        .into_bytes()
}

#[test]
fn bad_lines_are_counted_and_shown_and_stop_nothing() {
    let mut log = b"{\"broken\": \nnonsense\n\n{\"a\": 1}\n\xff\xfe\n".to_vec();
    log.extend(self::log(10));
    let report = report(&[], &log);
    assert_eq!(
        (&report["bad"], &report["entries"], &report["lines"]),
        (&json!(4), &json!(10), &json!(15))
    );
    assert_eq!(report["bad_lines"][0]["line"], 1);
    assert_eq!(report["bad_lines"][1]["text"], "nonsense");
    assert!(output(&[], &log).contains("4 lines do not belong to an access log"));
    assert_eq!(run(&["--fail-on", "bad"], &log).status.code(), Some(1));
}

#[test]
fn files_of_gzip_and_zstd_and_standard_input_are_one_log() {
    let directory = TempDir::new().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (plain, gzip, zstandard) = (at("a.log"), at("b.log.gz"), at("c.log.zst"));
    std::fs::write(&plain, log(100)).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(
        std::fs::File::create(&gzip).unwrap(),
        flate2::Compression::fast(),
    );
    encoder.write_all(&log(200)).unwrap();
    encoder.finish().unwrap();
    // Two frames, as a file has to which another was appended.
    let frame = |lines| zstd::encode_all(log(lines).as_slice(), 1).unwrap();
    std::fs::write(&zstandard, [frame(100), frame(200)].concat()).unwrap();
    let report = report(&[&plain, &gzip, "-", &zstandard], &log(400));
    assert_eq!(report["entries"], 1000);
    assert_eq!(report["bad"], 0);
}

#[test]
fn a_compressed_file_that_ends_too_early_is_read_as_far_as_it_goes() {
    let directory = TempDir::new().unwrap();
    let page = directory.path().join("cut.gz");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&log(5000)).unwrap();
    let bytes = encoder.finish().unwrap();
    std::fs::write(&page, &bytes[..bytes.len() / 2]).unwrap();
    let output = run(&["--format", "json", page.to_str().unwrap()], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cut.gz"));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["entries"].as_u64().unwrap() > 1000, "{report}");
}

#[test]
fn conditions_leave_out_what_does_not_hold() {
    let log = log(3000);
    let all = report(&[], &log);
    let blocked = count(&all, "action", "ICAP_BLOCKED");
    assert!(blocked > 10, "{all}");
    let some = report(&["--where", "action=ICAP_BLOCKED and latency>100"], &log);
    let slow = some["entries"].as_u64().unwrap();
    assert!(0 < slow && slow < blocked, "{slow} of {blocked}");
    let rest = report(
        &["--where", "action=ICAP_BLOCKED and not (latency > 100)"],
        &log,
    );
    assert_eq!(slow + rest["entries"].as_u64().unwrap(), blocked);
    assert_eq!(rest["left_out"].as_u64().unwrap(), 3000 - blocked + slow);
    let contains = report(&["--where", "path~DOCUMENTS/ or client='198.51.1.7'"], &log);
    assert!(contains["entries"].as_u64().unwrap() > 100);
    let none = report(&["--where", "rule=\"\" and action=ICAP_DISABLED"], &log);
    assert!(none["entries"].as_u64().unwrap() > 100);
}

#[test]
fn a_condition_without_sense_is_refused_in_words() {
    for (condition, words) in [
        ("colour=red", "no field"),
        ("action", "expected ="),
        ("action=", "expected a value"),
        ("latency>soon", "a number"),
        ("(action=x", "not closed"),
        ("action=x action=y", "unexpected"),
        ("action='x", "not closed"),
        ("", "expected a field"),
    ] {
        let output = run(&["--where", condition], b"");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{condition}");
        assert!(errors.contains(words), "{condition}: {errors}");
    }
    let deep = "(".repeat(100_000);
    assert_eq!(run(&["--where", &deep], b"").status.code(), Some(2));
}

#[test]
fn since_and_until_are_moments_or_ages() {
    let log = log(1000);
    let first = "2026-09-21T14:13:20Z";
    for (arguments, entries) in [
        (vec!["--since", first], 1000),
        (vec!["--until", first], 0),
        (vec!["--since", "2026-09-21T14:13:30Z"], 900),
        (vec!["--since", "2026-09-21T19:43:30+05:30"], 900),
        (
            vec![
                "--since",
                "2026-09-21 14:13:30",
                "--until",
                "2026-09-21T14:13:40Z",
            ],
            100,
        ),
        (vec!["--until", "2026-09-21"], 0),
        (vec!["--since", "0s"], 0),
    ] {
        assert_eq!(
            report(&arguments, &log)["entries"],
            entries,
            "{arguments:?}"
        );
    }
    assert_eq!(run(&["--since", "tomorrow"], b"").status.code(), Some(2));
}

#[test]
fn fail_on_makes_the_exit_code() {
    let passed = line_with(&json!({"action": "ICAP_PASSED"})).to_string();
    let failed = line_with(&json!({"action": "ICAP_FAILED"})).to_string();
    let both = format!("{passed}\n{failed}\n");
    for (log, code) in [(passed.as_str(), 0), (both.as_str(), 1), ("", 0)] {
        let output = run(&["--fail-on", "blocked,failed"], log.as_bytes());
        assert_eq!(output.status.code(), Some(code), "{log}");
    }
    assert_eq!(
        run(&["--fail-on", "blocked"], both.as_bytes())
            .status
            .code(),
        Some(0)
    );
    assert_eq!(run(&["/no/such/file"], b"").status.code(), Some(2));
    let filtered = run(
        &["--fail-on", "failed", "--where", "action=ICAP_PASSED"],
        both.as_bytes(),
    );
    assert_eq!(filtered.status.code(), Some(0));
}

#[test]
fn csv_has_each_entry_in_order() {
    let text = output(&["--format", "csv"], &log(5000));
    let mut lines = text.split_terminator("\r\n");
    assert!(
        lines
            .next()
            .unwrap()
            .starts_with("time,latency_ms,duration_ms,uri,action,significance")
    );
    let times: Vec<&str> = lines.map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(times.len(), 5000);
    assert!(times.is_sorted());
}

#[test]
fn text_shows_the_most_frequent_values() {
    let text = output(&["--top", "2"], &log(2000));
    assert!(text.starts_with("2000 entries in 2000 lines\n"), "{text}");
    assert!(text.contains("Threat (threat)"), "{text}");
    assert!(text.contains("latency in ms: p50"), "{text}");
    assert!(text.contains("more\n"), "{text}");
    assert!(output(&[], b"").starts_with("0 entries in 0 lines"));
}

#[test]
fn a_reader_that_leaves_is_no_trouble() {
    let mut child = command()
        .args(["--format", "csv"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    for _ in 0..20 {
        if stdin.write_all(&log(2000)).is_err() {
            break;
        }
    }
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_line_of_many_megabytes_is_one_bad_line() {
    let mut log = vec![b'x'; 40 << 20];
    log.push(b'\n');
    log.extend(self::log(3));
    let report = report(&[], &log);
    assert_eq!(report["entries"], 3, "{}", report["bad"]);
    assert_eq!(report["bad"], 1);
}
