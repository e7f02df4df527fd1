//! The record of one ICAP transaction in icap_log.

use std::borrow::Cow;
use std::rc::Rc;

use crate::product::Vendor;
use crate::verdict::{Findings, Scan, Violation, clean};

use super::Outcome;
use super::object::Object;

/// The longest `http_method` that is kept, in bytes without the prefix.
const MAX_METHOD_BYTES: usize = 32;

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

impl ScanRecord<'_> {
    pub(super) fn write(&self, record: &mut impl Object) {
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
            record.digits("latency", latency_ms);
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
