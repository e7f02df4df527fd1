//! The command line.

use crate::find::{self, Found};
use icap_filter::config::{self, PluginConfig};
use icap_filter::product;
use std::io::{self, Write};
use std::process::ExitCode;

const USAGE: &str = "\
usage: check-config FILE...
       check-config --print-reference
       check-config --print-schema
       check-config --print-servers

FILE is a plugin configuration (JSON or YAML), or an Envoy or Kubernetes file that has some.
Exit code 0: no errors; 1: errors, one a line; 2: wrong usage, or a file that cannot be read.
";

const ERRORS: u8 = 1;
const WRONG_USAGE: u8 = 2;

/// Does what the arguments say.
pub(crate) fn run(arguments: impl Iterator<Item = String>) -> ExitCode {
    let arguments: Vec<String> = arguments.collect();
    let code = match arguments.first().map(String::as_str) {
        Some("--print-reference") if arguments.len() == 1 => print(&config::reference::reference()),
        Some("--print-schema") if arguments.len() == 1 => print(&config::schema::schema()),
        Some("--print-servers") if arguments.len() == 1 => print(&product::page::page()),
        Some("--help" | "-h") if arguments.len() == 1 => print(USAGE),
        Some(first) if !first.starts_with('-') => check_all(&arguments),
        _ => {
            complain(USAGE);
            Ok(WRONG_USAGE)
        }
    };
    // Whoever reads the output may stop reading.
    ExitCode::from(code.unwrap_or(ERRORS))
}

fn print(text: &str) -> io::Result<u8> {
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(0)
}

fn complain(text: &str) {
    // Where standard error is closed, the exit code still tells.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

fn check_all(files: &[String]) -> io::Result<u8> {
    let mut code = 0;
    for file in files {
        code = code.max(check_file(file)?);
    }
    Ok(code)
}

fn check_file(file: &str) -> io::Result<u8> {
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(fault) => {
            complain(&format!("{file}: {fault}\n"));
            return Ok(WRONG_USAGE);
        }
    };
    let mut out = io::stdout().lock();
    let found = match find::configurations(&bytes) {
        Ok(found) => found,
        Err(fault) => {
            writeln!(out, "{file}: {fault}")?;
            return Ok(ERRORS);
        }
    };
    let mut code = 0;
    for Found { place, json } in found {
        let place = if place.is_empty() {
            file.to_owned()
        } else {
            format!("{file}: {place}")
        };
        match config::parse(&json) {
            Ok(PluginConfig::Filter(config)) => {
                writeln!(out, "{place}: ok: {}", config::summary(&config))?;
            }
            Ok(PluginConfig::Transport) => writeln!(out, "{place}: ok: transport role")?,
            Err(faults) => {
                code = ERRORS;
                for fault in faults {
                    writeln!(out, "{place}: {fault}")?;
                }
            }
        }
    }
    Ok(code)
}
