//! A million lines through `icap-report`: how long it takes, and how much memory.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a benchmark may fail, and says what it found"
)]
#![allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the tests, which use all of it"
)]

use std::io::{BufWriter, Write};
use std::process::Command;
use std::time::{Duration, Instant};

#[path = "../tests/report/lines.rs"]
mod lines;

const LINES: u64 = 1_000_000;

fn main() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("access.log");
    let mut file = BufWriter::new(std::fs::File::create(&log).unwrap());
    for n in 0..LINES {
        writeln!(file, "{}", lines::line(n)).unwrap();
    }
    file.flush().unwrap();
    let bytes = std::fs::metadata(&log).unwrap().len();
    for format in ["text", "json", "csv", "html"] {
        let output = directory.path().join(format);
        let begin = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_icap-report"))
            .args(["--format", format, "--output"])
            .args([&output, &log])
            .spawn()
            .unwrap();
        let status = format!("/proc/{}/status", child.id());
        let mut most = 0;
        let exit = loop {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let peak = peak.and_then(|text| text.trim().strip_suffix(" kB")?.parse::<u64>().ok());
            most = most.max(peak.unwrap_or(0));
            if let Some(exit) = child.try_wait().unwrap() {
                break exit;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        assert!(exit.success());
        let seconds = begin.elapsed().as_secs_f64();
        let size = std::fs::metadata(&output).unwrap().len();
        println!(
            "report/{LINES} lines of {} bytes/{format}: {seconds:.1} s, {} MiB of memory, {} KiB written",
            bytes / LINES,
            most / 1024,
            size / 1024
        );
    }
}
