//! Generates `docs/icap-log.md`: the fields of icap_log. An entry with every field is held against the table.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::rc::Rc;

use super::super::object::Object;
use super::super::{
    Conclusion, IcapLog, Outcome, PartName, ScanRecord, Significance, TrailerNames,
};
use super::record;
use crate::config::Cause;
use crate::verdict::{Findings, Resolution, Violation};

const TOP: &str = "\
# icap_log

The filter writes one entry for each request, at the verdict, and again when it knows more: for a response that is scanned, or for trailers. Envoy's
access log reads it from the filter state:

| filter state | what | for |
|---|---|---|
| `wasm.icap_log` | the entry as JSON on one line | `text_format_source`: `%FILTER_STATE(wasm.icap_log:PLAIN)%` |
| `wasm.icap_log_struct` | the entry as a protobuf `Struct`, where [`icap_log`](configuration.md#icap_log) asks for it | `json_format`: `%TYPED_CEL(filter_state['wasm.icap_log_struct'])%` |
| `wasm.icap_action` | `action` alone | filters of loggers |
| `wasm.icap_significant` | `true` where the entry has a `significance`, else not set | filters of loggers |

A field without a value is left out. Text from clients and servers is cut and escaped, credentials are `***`. `[]` stands for each entry of a list.

| field | shape | meaning |
|---|---|---|
";

/// The path of each field, and what it means, in the order of an entry.
const MEANINGS: [(&str, &str); 38] = [
    (
        "action",
        "The outcome: `ICAP_DISABLED` (not scanned), `ICAP_PASSED`, `ICAP_MODIFIED`, `ICAP_BLOCKED` or `ICAP_FAILED` (no verdict; the failure action decided).",
    ),
    (
        "enforced",
        "`false` where `action` was only noted and the message went on as it came: in monitor mode. Left out where it was done.",
    ),
    ("rule_name", "The rule that decided whether to scan."),
    ("profile", "The profile that scanned."),
    (
        "reason",
        "With `ICAP_DISABLED`: why nothing was scanned, where no rule decided so: `tunnel`.",
    ),
    (
        "significance",
        "Why the entry deserves attention: the names below.",
    ),
    ("trailers", "The names of the trailer fields that went on."),
    (
        "removed_trailers",
        "The names of the trailer fields that were taken out.",
    ),
    (
        "request_logs",
        "The transactions in their order, retries and the parts of a form included. Of more than 100, those that passed are left out.",
    ),
    (
        "request_logs[].profile",
        "In a [chain](chain.md): the profile of this transaction.",
    ),
    (
        "request_logs[].icap_response_code",
        "The status of the ICAP response, if one came.",
    ),
    (
        "request_logs[].icap_method",
        "`ICAP_METHOD_REQMOD` or `ICAP_METHOD_RESPMOD`.",
    ),
    (
        "request_logs[].http_method",
        "The request's method: `HTTP_METHOD_POST`.",
    ),
    (
        "request_logs[].http_response_code",
        "The status that the client gets, where the response is the ICAP server's.",
    ),
    (
        "request_logs[].icap_absolute_uri",
        "The URI of the ICAP request, without its query.",
    ),
    (
        "request_logs[].complete_body_sent",
        "Whether the server got the whole body; after a preview that was enough it did not.",
    ),
    ("request_logs[].pool_name.val", "The pool's name."),
    (
        "request_logs[].pool_name.crc32",
        "The CRC-32 of the pool's name.",
    ),
    ("request_logs[].pool_uuid", "The pool's UUID."),
    (
        "request_logs[].icap_server_ip",
        "The address of the server.",
    ),
    ("request_logs[].icap_server_port", "The port of the server."),
    (
        "request_logs[].latency",
        "Milliseconds from the first byte sent to the last byte received.",
    ),
    (
        "request_logs[].icap_headers_sent_to_server",
        "The header lines of the ICAP request, at most 4 KiB.",
    ),
    (
        "request_logs[].icap_headers_received_from_server",
        "The header lines of the ICAP response, at most 4 KiB.",
    ),
    (
        "request_logs[].modified_content_length",
        "The length of the changed body in bytes, where the server changed the message.",
    ),
    (
        "request_logs[].vendor",
        "The product behind the service, as the profile names it.",
    ),
    (
        "request_logs[].encoded",
        "The content coding of a body that the server was shown coded.",
    ),
    (
        "request_logs[].streamed",
        "`true` where the body is larger than the buffer and [went on while it was scanned](operations.md#bodies-larger-than-the-buffer).",
    ),
    (
        "request_logs[].streamed_bytes",
        "How many bytes of such a body have gone on.",
    ),
    (
        "request_logs[].part.name",
        "The name of the part of a form that was shown, or the place of a value in the body.",
    ),
    ("request_logs[].part.file_name", "The part's file name."),
    (
        "request_logs[].action",
        "The outcome of this transaction. Left out where the transaction was given up because another decided.",
    ),
    (
        "request_logs[].reason",
        "Why the message was blocked or failed, in a sentence.",
    ),
    (
        "request_logs[].threat_id",
        "The threat that the server found.",
    ),
    (
        "request_logs[].violations",
        "Each file that the server names in its findings.",
    ),
    (
        "request_logs[].violations[].file_name",
        "The file in which something was found.",
    ),
    (
        "request_logs[].violations[].threat_name",
        "What was found in it.",
    ),
    (
        "request_logs[].violations[].resolution",
        "What the server did with the file: `ICAP_FILE_NOT_REPAIRED`, `ICAP_FILE_REPAIRED` or `ICAP_VIOLATING_SECTION_REMOVED`.",
    ),
];

/// Collects the path and the shape of each field that is written.
#[derive(Default)]
struct Paths {
    prefix: String,
    found: Vec<(String, &'static str)>,
}

impl Paths {
    fn note(&mut self, name: &str, shape: &'static str) {
        self.found.push((format!("{}{name}", self.prefix), shape));
    }

    fn within(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        let longer = format!("{}{name}", self.prefix);
        let outer = std::mem::replace(&mut self.prefix, longer);
        write(self);
        self.prefix = outer;
    }
}

impl Object for Paths {
    fn text(&mut self, name: &str, _: &str) {
        self.note(name, "text");
    }

    fn digits(&mut self, name: &str, _: u64) {
        self.note(name, "a number as text");
    }

    fn number(&mut self, name: &str, _: u64) {
        self.note(name, "number");
    }

    fn truth(&mut self, name: &str, _: bool) {
        self.note(name, "`true` or `false`");
    }

    fn object(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        self.within(&format!("{name}."), write);
    }

    fn texts<'t>(&mut self, name: &str, _: impl Iterator<Item = &'t str>) {
        self.note(name, "list of texts");
    }

    fn objects<T>(
        &mut self,
        name: &str,
        items: impl Iterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.note(name, "list");
        for item in items {
            self.within(&format!("{name}[]."), |paths| write(paths, item));
        }
    }
}

/// The shape of each field, by its path: all that an entry with everything, and one that was not scanned, write.
fn shapes() -> BTreeMap<String, &'static str> {
    let full = ScanRecord {
        profile: Some("upload-av".into()),
        http_response_code: Some(403),
        modified_content_length: Some(1),
        encoded: Some("br".into()),
        streamed: Some(1),
        part: Some(Rc::new(PartName::new("file", Some("report.pdf")))),
        findings: std::borrow::Cow::Owned(Findings {
            reason: Some("infected".to_owned()),
            threat_id: Some("Eicar".to_owned()),
            violations: vec![Violation {
                file_name: "a".to_owned(),
                threat_name: "b".to_owned(),
                resolution: Resolution::Repaired,
            }],
        }),
        ..record()
    };
    let names = ["x-checksum".to_owned()];
    let entry = IcapLog {
        conclusion: Conclusion {
            outcome: Outcome::Blocked,
            significance: Significance::BLOCKED,
            enforced: false,
        },
        rule_name: Some("uploads"),
        profile: Some("upload-av"),
        reason: None,
        trailers: TrailerNames {
            forwarded: &names,
            removed: &names,
        },
        request_logs: &[full],
        others: None,
    };
    let mut paths = Paths::default();
    entry.write(&mut paths);
    IcapLog::tunnel().write(&mut paths);
    paths.found.into_iter().collect()
}

/// The significance of each outcome and cause.
fn significances() -> String {
    let mut rows = String::new();
    let mut row = |outcome: Outcome, cause: Option<Cause>, slow: bool| {
        let of = Significance::of(outcome, cause, slow);
        let names: Vec<String> = of.names().map(|name| format!("`{name}`")).collect();
        let when = match cause {
            Some(cause) => format!("`{}`, cause `{}`", outcome.as_str(), cause.as_str()),
            None if slow => {
                "the server took longer than `slow_response_warning_threshold_ms`".to_owned()
            }
            None => format!("`{}`", outcome.as_str()),
        };
        writeln!(rows, "| {when} | {} |", names.join(", ")).unwrap();
    };
    row(Outcome::Modified, None, false);
    row(Outcome::Blocked, None, false);
    row(Outcome::Passed, None, true);
    for cause in Cause::ALL.iter().copied() {
        row(Outcome::Failed, Some(cause), false);
    }
    row(Outcome::Blocked, Some(Cause::Unscannable), false);
    rows
}

fn page() -> String {
    let shapes = shapes();
    let mut page = TOP.to_owned();
    for (path, meaning) in MEANINGS {
        let shape = shapes
            .get(path)
            .unwrap_or_else(|| panic!("nothing writes {path}"));
        writeln!(page, "| `{path}` | {shape} | {meaning} |").unwrap();
    }
    page.push_str("\n## Significance\n\n| when | `significance` |\n|---|---|\n");
    page.push_str(&significances());
    page
}

#[test]
fn every_field_of_an_entry_has_its_meaning() {
    let known: Vec<&str> = MEANINGS.iter().map(|(path, _)| *path).collect();
    let unknown: Vec<String> = shapes()
        .into_keys()
        .filter(|path| !known.contains(&path.as_str()))
        .collect();
    assert!(unknown.is_empty(), "without a meaning: {unknown:?}");
}

/// `UPDATE_DOCS=1 cargo test` writes the page again.
#[test]
fn the_page_is_what_entries_have() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/icap-log.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page(),
        "docs/icap-log.md differs from src/report/icap_log.rs: run UPDATE_DOCS=1 cargo test"
    );
}
