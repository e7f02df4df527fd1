//! The findings of the checks and their output.

use serde_json::json;
use std::io::{self, Write};

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// All is well; for information.
    Ok,
    /// The setting works, but is probably not intended.
    Warning,
    /// Requests fail, hang, or pass without a scan; or the filter scans requests that will be refused anyway.
    Error,
}

/// One line of the output.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    /// How serious the finding is.
    pub(crate) level: Level,
    /// The place in the file; empty: the whole file.
    pub(crate) place: String,
    /// What is there.
    pub(crate) what: String,
    /// The consequence.
    pub(crate) why: String,
    /// The remedy.
    pub(crate) instead: String,
}

impl Finding {
    /// A finding that makes requests fail, or pass without a scan.
    pub(crate) fn error(place: &str, what: &str, why: &str, instead: &str) -> Self {
        Self::new(Level::Error, place, [what, why, instead])
    }

    /// A finding about a setting that works but is probably not intended.
    pub(crate) fn warning(place: &str, what: &str, why: &str, instead: &str) -> Self {
        Self::new(Level::Warning, place, [what, why, instead])
    }

    /// The finding that all is well.
    pub(crate) fn ok(place: &str, what: &str) -> Self {
        Self::new(Level::Ok, place, [what, "", ""])
    }

    fn new(level: Level, place: &str, [what, why, instead]: [&str; 3]) -> Self {
        Self {
            level,
            place: place.to_owned(),
            what: what.to_owned(),
            why: why.to_owned(),
            instead: instead.to_owned(),
        }
    }
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// One line each: `FILE: PLACE: what; why; instead`.
    Text,
    /// One JSON object a line.
    Json,
}

impl Format {
    /// Prints one finding of `file`.
    pub(crate) fn print(self, out: &mut impl Write, file: &str, found: &Finding) -> io::Result<()> {
        match self {
            Self::Text => writeln!(out, "{}", text(file, found)),
            Self::Json => {
                let level = match found.level {
                    Level::Ok => "ok",
                    Level::Warning => "warning",
                    Level::Error => "error",
                };
                let line = json!({
                    "file": file,
                    "level": level,
                    "place": found.place,
                    "what": found.what,
                    "why": found.why,
                    "instead": found.instead,
                });
                writeln!(out, "{line}")
            }
        }
    }
}

fn text(file: &str, found: &Finding) -> String {
    let mut line = file.to_owned();
    if !found.place.is_empty() {
        line.push_str(": ");
        line.push_str(&found.place);
    }
    line.push_str(match found.level {
        Level::Warning => ": warning: ",
        Level::Error | Level::Ok => ": ",
    });
    line.push_str(&found.what);
    // The module's own errors name allowed values; other findings name a remedy.
    let before_instead = if found.why.is_empty() { ", " } else { "; " };
    for (lead, part) in [(": ", &found.why), (before_instead, &found.instead)] {
        if !part.is_empty() {
            line.push_str(lead);
            line.push_str(part);
        }
    }
    line
}
