//! icap_log: one entry per exchange, with one record per ICAP transaction.

use std::borrow::Cow;
use std::rc::Rc;

use crate::config::LogForms;
use crate::product::Vendor;
use crate::verdict::{Findings, Scan, Violation, clean};

use super::chain::{OneOf, Others, write_other};
use super::json::Json;
use super::object::Object;
use super::protobuf::Struct;
use super::{Conclusion, Outcome, Significance};

/// The longest `http_method` that is kept, in bytes without the prefix.
const MAX_METHOD_BYTES: usize = 32;
/// Bytes that an entry with one transaction usually needs.
const LIKELY_BYTES: usize = 2048;

/// The record of one ICAP transaction. Fields that are `None` or empty are left out of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct ScanRecord<'a> {
    /// The profile that scanned; in a chain only.
    pub profile: Option<Cow<'a, str>>,
    /// The ICAP status, if one arrived.
    pub icap_response_code: Option<u16>,
    /// REQMOD or RESPMOD.
    pub icap_method: Scan,
    /// The method of the HTTP request, as received.
    pub http_method: Cow<'a, str>,
    /// The status of the client's response, only where that came from the ICAP server.
    pub http_response_code: Option<u16>,
    /// The URI of the ICAP request line.
    pub icap_absolute_uri: Cow<'a, str>,
    /// Whether the server received the whole body.
    pub complete_body_sent: bool,
    /// The pool's name. Its CRC-32 is logged beside it.
    pub pool_name: Cow<'a, str>,
    /// The pool's UUID.
    pub pool_uuid: Option<Cow<'a, str>>,
    /// The address of the server.
    pub icap_server_ip: Option<Cow<'a, str>>,
    /// The port of the server.
    pub icap_server_port: Option<u16>,
    /// The time from the first byte sent to the last byte received, in milliseconds.
    pub latency_ms: Option<u64>,
    /// The ICAP headers sent, as [`redact_headers`](super::redact_headers) returns them.
    pub icap_headers_sent_to_server: Cow<'a, str>,
    /// The ICAP headers received, as [`redact_headers`](super::redact_headers) returns them.
    pub icap_headers_received_from_server: Cow<'a, str>,
    /// The length of the new body in bytes, only where the server modified the message.
    pub modified_content_length: Option<u64>,
    /// The product behind the service.
    pub vendor: Vendor,
    /// The content coding of the body, where the server was shown the coded body.
    pub encoded: Option<Rc<str>>,
    /// The part of a form that was shown.
    pub part: Option<Rc<PartName>>,
    /// How many bytes of the body went on while it was scanned, where it was streamed.
    pub streamed: Option<u64>,
    /// The outcome of this transaction. `None`: the transaction was given up because another one decided.
    pub outcome: Option<Outcome>,
    /// The findings. For a failure the reason is its sentence.
    pub findings: Cow<'a, Findings>,
}

/// The names of a part of a form, cut and cleaned like texts of servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartName {
    /// The field's name.
    pub name: String,
    /// The file's name, where the part has one.
    pub file_name: Option<String>,
}

impl PartName {
    /// Takes the names as the client wrote them and makes them fit for a log.
    pub fn new(name: &str, file_name: Option<&str>) -> Self {
        Self {
            name: clean(name.as_bytes()),
            file_name: file_name.map(|name| clean(name.as_bytes())),
        }
    }
}

/// The names of trailer fields, cut and cleaned like texts of servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrailerNames<'a> {
    /// Trailers that went on.
    pub forwarded: &'a [String],
    /// Trailers that were removed.
    pub removed: &'a [String],
}

/// The icap_log entry for one exchange.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IcapLog<'a> {
    /// The conclusion about the exchange.
    pub conclusion: Conclusion,
    /// The rule that decided whether to scan.
    pub rule_name: Option<&'a str>,
    /// The profile that scanned.
    pub profile: Option<&'a str>,
    /// Why nothing was scanned, where no rule decided so.
    pub reason: Option<&'static str>,
    /// The names of the trailer fields.
    pub trailers: TrailerNames<'a>,
    /// The transactions in order, retries included.
    pub request_logs: &'a [ScanRecord<'a>],
    /// What the other filters of a chain have logged.
    pub others: Option<&'a Others>,
}

impl<'a> IcapLog<'a> {
    /// The entry for a request that was not scanned; `rule_name` where a rule said so.
    pub fn disabled(rule_name: Option<&'a str>) -> Self {
        Self {
            conclusion: Conclusion::done(Outcome::Disabled, Significance::NONE),
            rule_name,
            profile: None,
            reason: None,
            trailers: TrailerNames::default(),
            request_logs: &[],
            others: None,
        }
    }

    /// The entry for a request that opens a tunnel. The bytes of a tunnel are no HTTP message.
    pub fn tunnel() -> Self {
        Self {
            reason: Some("tunnel"),
            ..Self::disabled(None)
        }
    }

    /// The entry as JSON on one line. The JSON is valid whatever bytes client and server sent, and has no raw control
    /// characters.
    pub fn to_json(&self) -> String {
        Json::of(LIKELY_BYTES, |entry| self.write(entry))
    }

    /// The entry as a serialized `google.protobuf.Struct`.
    pub fn to_struct(&self) -> Vec<u8> {
        Struct::of(LIKELY_BYTES, |entry| self.write(entry))
    }

    /// [`to_json`](Self::to_json) and [`to_struct`](Self::to_struct), each only if `forms` asks for it.
    pub fn in_forms(&self, forms: LogForms) -> (Option<String>, Option<Vec<u8>>) {
        (
            forms.text.then(|| self.to_json()),
            forms.structure.then(|| self.to_struct()),
        )
    }

    /// The conclusion about the exchange, with the other filters' entries.
    pub fn whole_conclusion(&self) -> Conclusion {
        match self.others {
            Some(others) => self.conclusion.with(others.conclusion()),
            None => self.conclusion,
        }
    }

    pub(super) fn write(&self, entry: &mut impl Object) {
        let conclusion = self.whole_conclusion();
        // Of two conclusions that are equally grave, the later one names rule and profile.
        let (rule_name, profile) = match self.others {
            Some(others) if others.conclusion().outcome > self.conclusion.outcome => others.names(),
            _ => (self.rule_name, self.profile),
        };
        entry.add_text("action", Some(conclusion.outcome.as_str()));
        if !conclusion.enforced {
            entry.truth("enforced", false);
        }
        entry.add_text("rule_name", rule_name);
        entry.add_text("profile", profile);
        if conclusion.outcome == Outcome::Disabled {
            entry.add_text("reason", self.reason);
        }
        if !conclusion.significance.is_empty() {
            entry.texts("significance", conclusion.significance.names());
        }
        for (name, fields) in [
            ("trailers", self.trailers.forwarded),
            ("removed_trailers", self.trailers.removed),
        ] {
            if !fields.is_empty() {
                entry.texts(name, fields.iter().map(String::as_str));
            }
        }
        if let Some(others) = self.others {
            let entries = others.entries(self.request_logs);
            if !entries.is_empty() {
                entry.objects("request_logs", entries.into_iter(), |object, it| match it {
                    OneOf::Own(record) => record.write(object),
                    OneOf::Other(fields) => write_other(object, fields),
                });
            }
        } else if !self.request_logs.is_empty() {
            let records = self.request_logs.iter();
            entry.objects("request_logs", records, |object, record| {
                record.write(object);
            });
        }
    }
}

impl ScanRecord<'_> {
    fn write(&self, record: &mut impl Object) {
        record.add_text("profile", self.profile.as_deref());
        record.add_number("icap_response_code", self.icap_response_code);
        record.add_text("icap_method", Some(icap_method(self.icap_method)));
        if !self.http_method.is_empty() {
            record.text("http_method", &http_method(&self.http_method));
        }
        record.add_number("http_response_code", self.http_response_code);
        record.add_text("icap_absolute_uri", Some(&self.icap_absolute_uri));
        record.truth("complete_body_sent", self.complete_body_sent);
        if !self.pool_name.is_empty() {
            record.object("pool_name", |name| {
                name.text("val", &self.pool_name);
                let crc32 = crc32fast::hash(self.pool_name.as_bytes());
                name.number("crc32", u64::from(crc32));
            });
        }
        record.add_text("pool_uuid", self.pool_uuid.as_deref());
        record.add_text("icap_server_ip", self.icap_server_ip.as_deref());
        record.add_number("icap_server_port", self.icap_server_port);
        if let Some(latency_ms) = self.latency_ms {
            record.displayed("latency", latency_ms);
        }
        record.add_text(
            "icap_headers_sent_to_server",
            Some(&self.icap_headers_sent_to_server),
        );
        record.add_text(
            "icap_headers_received_from_server",
            Some(&self.icap_headers_received_from_server),
        );
        record.add_number("modified_content_length", self.modified_content_length);
        record.add_text("vendor", Some(self.vendor.name()));
        record.add_text("encoded", self.encoded.as_deref());
        if let Some(part) = &self.part {
            record.object("part", |names| {
                names.add_text("name", Some(&part.name));
                names.add_text("file_name", part.file_name.as_deref());
            });
        }
        if self.streamed.is_some() {
            record.truth("streamed", true);
            record.add_number("streamed_bytes", self.streamed);
        }
        record.add_text("action", self.outcome.map(Outcome::as_str));
        record.add_text("reason", self.findings.reason.as_deref());
        record.add_text("threat_id", self.findings.threat_id.as_deref());
        let violations = &self.findings.violations;
        if !violations.is_empty() {
            record.objects("violations", violations.iter(), write_violation);
        }
    }
}

fn write_violation<O: Object>(object: &mut O, violation: &Violation) {
    object.add_text("file_name", Some(&violation.file_name));
    object.add_text("threat_name", Some(&violation.threat_name));
    object.add_text("resolution", Some(violation.resolution.as_str()));
}

fn icap_method(scan: Scan) -> &'static str {
    match scan {
        Scan::Request => "ICAP_METHOD_REQMOD",
        Scan::Response | Scan::Upload => "ICAP_METHOD_RESPMOD",
    }
}

/// `HTTP_METHOD_POST` for `POST`. Characters that do not fit such a name become `_`.
fn http_method(method: &str) -> Cow<'static, str> {
    match method {
        "GET" => return "HTTP_METHOD_GET".into(),
        "POST" => return "HTTP_METHOD_POST".into(),
        "PUT" => return "HTTP_METHOD_PUT".into(),
        _ => {}
    }
    let name = method.bytes().take(MAX_METHOD_BYTES).map(|b| {
        if b.is_ascii_alphanumeric() {
            char::from(b.to_ascii_uppercase())
        } else {
            '_'
        }
    });
    "HTTP_METHOD_"
        .chars()
        .chain(name)
        .collect::<String>()
        .into()
}
