//! The command line of icap-report.

use clap::{Parser, ValueEnum};

use crate::condition::Condition;
use crate::time;

/// Shows what an access log with icap_log in it says.
///
/// Reads files (also of gzip and zstd) or standard input: Envoy's access log as JSON or text.
#[derive(Debug, Parser)]
#[command(name = "icap-report", version, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Access logs; `-`, or no file, is standard input.
    pub(crate) files: Vec<String>,

    /// The output format; by default a page if --output ends in .html, else text.
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,

    /// The file to write instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<String>,

    /// Only entries that meet this condition: 'action=ICAP_BLOCKED and latency>1000'.
    #[arg(long = "where", value_name = "CONDITION", value_parser = Condition::read)]
    pub(crate) condition: Option<Condition>,

    /// Only entries from this time on: 2026-01-31T12:00:00Z, 2026-01-31, or 15m, 2h, 3d ago.
    #[arg(long, value_name = "TIME", value_parser = time::read_argument)]
    pub(crate) since: Option<i64>,

    /// Only entries before this time.
    #[arg(long, value_name = "TIME", value_parser = time::read_argument)]
    pub(crate) until: Option<i64>,

    /// Exit with 1 if there are entries of these kinds: blocked, failed, modified, disabled, passed, unseen, bad.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "KINDS")]
    pub(crate) fail_on: Vec<Kind>,

    /// How many entries the page's table has at most.
    #[arg(long, default_value_t = 2000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) rows: u32,

    /// How many values of each field the text shows.
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub(crate) top: usize,

    /// Show entries as they arrive, and counts: of one file, or of standard input.
    #[arg(long, conflicts_with_all = ["format", "output", "fail_on"])]
    pub(crate) follow: bool,

    /// With --follow: show all entries from the file's beginning on, not only new significant ones.
    #[arg(long, requires = "follow")]
    pub(crate) all: bool,

    /// With --follow: a line for each entry on a terminal too, instead of the picture with its counts.
    #[arg(long, requires = "follow")]
    pub(crate) lines: bool,
}

const AFTER_HELP: &str = "\
Fields: action, significance, cause, rule, profile, threat, reason, pool, server, client, path, host, method, status,
icap_status, scan, vendor, preview, attempts, enforcement, latency, duration. Operators: = != < <= > >= ~ (contains).
Exit code: 0, or 1 by --fail-on, or 2 where something cannot be read or written.";

/// The output formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One page that needs nothing else.
    Html,
    /// A summary to read.
    Text,
    /// The summary for programs.
    Json,
    /// One line for each entry.
    Csv,
}

/// Which entries make the exit code 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// ICAP_BLOCKED.
    Blocked,
    /// ICAP_FAILED.
    Failed,
    /// ICAP_MODIFIED.
    Modified,
    /// ICAP_DISABLED.
    Disabled,
    /// ICAP_PASSED.
    Passed,
    /// No icap_log: the filter never saw the request.
    Unseen,
    /// Lines that do not belong to an access log.
    Bad,
}

impl Kind {
    /// The outcome; `None` for [`Kind::Bad`].
    pub(crate) fn action(self) -> Option<&'static str> {
        Some(match self {
            Self::Blocked => "ICAP_BLOCKED",
            Self::Failed => "ICAP_FAILED",
            Self::Modified => "ICAP_MODIFIED",
            Self::Disabled => "ICAP_DISABLED",
            Self::Passed => "ICAP_PASSED",
            Self::Unseen => crate::entry::UNSEEN,
            Self::Bad => return None,
        })
    }
}
