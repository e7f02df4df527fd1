//! Reads the command line and runs the checks.

use crate::finding::{Finding, Format, Level};
use crate::{document, envoy, find};
use icap_filter::config::{self, PluginConfig};
use icap_filter::product;
use std::io::{self, Write};
use std::process::ExitCode;

const USAGE: &str = "\
usage: check-config [--envoy] [--format text|json] FILE...
       check-config --print-reference
       check-config --print-schema
       check-config --print-servers

FILE is a plugin configuration (JSON or YAML), or an Envoy or Kubernetes file that contains some.
With --envoy, FILE is the configuration of one proxy, and all of it is checked: an Envoy configuration, the output of
/config_dump, an EnvoyFilter of Istio, or Envoy Gateway's EnvoyExtensionPolicy and EnvoyPatchPolicy. One line a finding.
Exit code 0: no errors (there may be warnings); 1: errors; 2: wrong usage, or a file that cannot be read.
";

const ERRORS: u8 = 1;
const WRONG_USAGE: u8 = 2;

/// The parsed command line.
struct Arguments {
    whole: bool,
    format: Format,
    files: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(arguments: impl Iterator<Item = String>) -> ExitCode {
    let arguments: Vec<String> = arguments.collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let code = match words.as_slice() {
        ["--print-reference"] => print(&config::reference::reference()),
        ["--print-schema"] => print(&config::schema::schema()),
        ["--print-servers"] => print(&product::page::page()),
        ["--help" | "-h"] => print(USAGE),
        words => match parse(words) {
            Some(arguments) => check_all(&arguments),
            None => {
                complain(USAGE);
                Ok(WRONG_USAGE)
            }
        },
    };
    // The reader of the output may have stopped reading.
    ExitCode::from(code.unwrap_or(ERRORS))
}

/// Parses the arguments. `None`: wrong usage.
fn parse(words: &[&str]) -> Option<Arguments> {
    let mut parsed = Arguments {
        whole: false,
        format: Format::Text,
        files: Vec::new(),
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "--envoy" => parsed.whole = true,
            "--format" => {
                parsed.format = match *words.next()? {
                    "text" => Format::Text,
                    "json" => Format::Json,
                    _ => return None,
                }
            }
            word if word.starts_with('-') => return None,
            file => parsed.files.push(file.to_owned()),
        }
    }
    (!parsed.files.is_empty()).then_some(parsed)
}

fn print(text: &str) -> io::Result<u8> {
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(0)
}

fn complain(text: &str) {
    // If standard error is closed, the exit code still tells.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

fn check_all(arguments: &Arguments) -> io::Result<u8> {
    let mut code = 0;
    let mut out = io::stdout().lock();
    for file in &arguments.files {
        let bytes = match std::fs::read(file) {
            Ok(bytes) => bytes,
            Err(fault) => {
                complain(&format!("{file}: {fault}\n"));
                code = code.max(WRONG_USAGE);
                continue;
            }
        };
        let mut found = match arguments.whole {
            true => whole(&bytes),
            false => configurations(&bytes),
        };
        // The most serious finding comes first.
        found.sort_by_key(|finding| std::cmp::Reverse(finding.level));
        for finding in &found {
            arguments.format.print(&mut out, file, finding)?;
            if finding.level == Level::Error {
                code = code.max(ERRORS);
            }
        }
    }
    Ok(code)
}

/// Checks the whole proxy.
fn whole(bytes: &[u8]) -> Vec<Finding> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(fault) => return vec![Finding::error("", &format!("no UTF-8: {fault}"), "", "")],
    };
    match document::read(text) {
        Ok(documents) => envoy::check(&documents),
        Err(fault) => vec![Finding::error("", &fault, "", "")],
    }
}

/// Checks the plugin configurations alone.
fn configurations(bytes: &[u8]) -> Vec<Finding> {
    let found = match find::configurations(bytes) {
        Ok(found) => found,
        Err(fault) => return vec![Finding::error("", &fault, "", "")],
    };
    let mut findings = Vec::new();
    for found in found {
        match config::parse(&found.json) {
            Ok(PluginConfig::Filter(config)) => {
                let words = format!("ok: {}", config::summary(&config));
                findings.push(Finding::ok(&found.place, &words));
            }
            Ok(PluginConfig::Transport) => {
                findings.push(Finding::ok(&found.place, "ok: transport role"));
            }
            Ok(PluginConfig::Gate) => {
                findings.push(Finding::ok(&found.place, "ok: gate role"));
            }
            Err(faults) => findings.extend(faults.iter().map(|fault| {
                let path = match fault.path.as_str() {
                    "" => "configuration",
                    path => path,
                };
                let place = match found.place.as_str() {
                    "" => path.to_owned(),
                    place => format!("{place}: {path}"),
                };
                let (what, instead) = (format!("found {}", fault.found), &fault.allowed);
                Finding::error(&place, &what, "", &format!("allowed: {instead}"))
            })),
        }
    }
    findings
}
