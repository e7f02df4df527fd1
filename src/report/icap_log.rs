//! icap_log: one entry per request, with one record per ICAP transaction.

use std::borrow::Cow;

use crate::config::LogForms;
use crate::product::Vendor;
use crate::verdict::{Findings, Scan, Violation};

use super::chain::Others;
use super::value::{Object, Value};
use super::{Action, Outcome, Significance, json, protobuf};

/// Longest `http_method` kept, in bytes without the prefix.
const MAX_METHOD_BYTES: usize = 32;

/// One ICAP transaction. What is `None` or empty is left out of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct ScanRecord<'a> {
    /// In a chain: the profile that scanned.
    pub profile: Option<Cow<'a, str>>,
    /// The ICAP status, once there was one.
    pub icap_response_code: Option<u16>,
    /// REQMOD or RESPMOD.
    pub icap_method: Scan,
    /// The method of the HTTP request, as received.
    pub http_method: Cow<'a, str>,
    /// The status that the client got, only where it got it from the ICAP server.
    pub http_response_code: Option<u16>,
    /// The URI of the ICAP request line.
    pub icap_absolute_uri: Cow<'a, str>,
    /// Whether the server was sent the whole body.
    pub complete_body_sent: bool,
    /// The pool's name; its CRC-32 is logged beside it.
    pub pool_name: Cow<'a, str>,
    /// The pool's UUID.
    pub pool_uuid: Option<Cow<'a, str>>,
    /// The address of the server.
    pub icap_server_ip: Option<Cow<'a, str>>,
    /// Its port.
    pub icap_server_port: Option<u16>,
    /// From the first byte sent to the last one received, in milliseconds.
    pub latency_ms: Option<u64>,
    /// The ICAP headers sent: the result of [`redact_headers`](super::redact_headers).
    pub icap_headers_sent_to_server: Cow<'a, str>,
    /// The ICAP headers received: the result of [`redact_headers`](super::redact_headers).
    pub icap_headers_received_from_server: Cow<'a, str>,
    /// The length of the body that the server put in place, in bytes, only where it modified the message.
    pub modified_content_length: Option<u64>,
    /// The product behind the service.
    pub vendor: Vendor,
    /// What became of this transaction.
    pub action: Action,
    /// What was found; for a failure its sentence is the reason.
    pub findings: Cow<'a, Findings>,
}

/// The entry for one request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IcapLog<'a> {
    /// What became of the request, or would have.
    pub outcome: Outcome,
    /// The rule that decided whether to scan.
    pub rule_name: Option<&'a str>,
    /// The profile that scanned.
    pub profile: Option<&'a str>,
    /// The transactions in order, retries included.
    pub request_logs: &'a [ScanRecord<'a>],
    /// In a chain: what the other filters have logged.
    pub others: Option<&'a Others>,
}

impl<'a> IcapLog<'a> {
    /// The entry for a request that was not scanned; `rule_name` where a rule said so.
    pub fn disabled(rule_name: Option<&'a str>) -> Self {
        Self {
            outcome: Outcome::done(Action::Disabled, Significance::NONE),
            rule_name,
            profile: None,
            request_logs: &[],
            others: None,
        }
    }

    /// The entry as JSON on one line: valid whatever bytes client and server sent, and without raw control characters.
    pub fn to_json(&self) -> String {
        json::write(&self.tree())
    }

    /// The entry as a serialized `google.protobuf.Struct`.
    pub fn to_struct(&self) -> Vec<u8> {
        protobuf::write(&self.tree())
    }

    /// [`to_json`](Self::to_json) and [`to_struct`](Self::to_struct), as far as they are asked for.
    pub fn in_forms(&self, forms: LogForms) -> (Option<String>, Option<Vec<u8>>) {
        if !forms.text && !forms.structure {
            return (None, None);
        }
        let tree = self.tree();
        (
            forms.text.then(|| json::write(&tree)),
            forms.structure.then(|| protobuf::write(&tree)),
        )
    }

    /// What became of the exchange, by all that is known of it.
    pub fn whole_outcome(&self) -> Outcome {
        match self.others {
            Some(others) => self.outcome.with(others.outcome()),
            None => self.outcome,
        }
    }

    fn tree(&self) -> Object<'_> {
        let outcome = self.whole_outcome();
        // Of two as grave, who logs last has the word.
        let (rule_name, profile) = match self.others {
            Some(others) if others.outcome().action > self.outcome.action => others.names(),
            _ => (self.rule_name, self.profile),
        };
        let mut entry = Object::with_capacity(6);
        entry.add_text("action", Some(outcome.action.as_str()));
        if !outcome.enforced {
            entry.add("enforced", Value::Bool(false));
        }
        entry.add_text("rule_name", rule_name);
        entry.add_text("profile", profile);
        let significance = outcome.significance.names();
        entry.add_list(
            "significance",
            significance.map(|name| Value::Text(name.into())).collect(),
        );
        let records = match self.others {
            Some(others) => others.entries(self.request_logs),
            None => {
                let records = self.request_logs.iter();
                records.map(|record| Value::Object(record.tree())).collect()
            }
        };
        entry.add_list("request_logs", records);
        entry
    }
}

impl ScanRecord<'_> {
    pub(super) fn tree(&self) -> Object<'_> {
        let mut record = Object::with_capacity(22);
        record.add_text("profile", self.profile.as_deref());
        record.add_number("icap_response_code", self.icap_response_code);
        record.add_text("icap_method", Some(icap_method(self.icap_method)));
        if !self.http_method.is_empty() {
            let method = http_method(&self.http_method);
            record.add("http_method", Value::Text(method.into()));
        }
        record.add_number("http_response_code", self.http_response_code);
        record.add_text("icap_absolute_uri", Some(&self.icap_absolute_uri));
        record.add("complete_body_sent", Value::Bool(self.complete_body_sent));
        if !self.pool_name.is_empty() {
            let mut name = Object::with_capacity(2);
            name.add_text("val", Some(&self.pool_name));
            let crc32 = crc32fast::hash(self.pool_name.as_bytes());
            name.add_number("crc32", Some(crc32));
            record.add("pool_name", Value::Object(name));
        }
        record.add_text("pool_uuid", self.pool_uuid.as_deref());
        record.add_text("icap_server_ip", self.icap_server_ip.as_deref());
        record.add_number("icap_server_port", self.icap_server_port);
        if let Some(latency_ms) = self.latency_ms {
            record.add("latency", Value::Text(latency_ms.to_string().into()));
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
        record.add_text("action", Some(self.action.as_str()));
        record.add_text("reason", self.findings.reason.as_deref());
        record.add_text("threat_id", self.findings.threat_id.as_deref());
        let violations = self.findings.violations.iter();
        record.add_list(
            "violations",
            violations.map(|v| Value::Object(violation(v))).collect(),
        );
        record
    }
}

fn violation(violation: &Violation) -> Object<'_> {
    let mut object = Object::with_capacity(3);
    object.add_text("file_name", Some(&violation.file_name));
    object.add_text("threat_name", Some(&violation.threat_name));
    object.add_text("resolution", Some(violation.resolution.as_str()));
    object
}

fn icap_method(scan: Scan) -> &'static str {
    match scan {
        Scan::Request => "ICAP_METHOD_REQMOD",
        Scan::Response | Scan::Upload => "ICAP_METHOD_RESPMOD",
    }
}

/// `HTTP_METHOD_POST` for `POST`. Characters that do not fit such a name become `_`.
fn http_method(method: &str) -> String {
    let name = method.bytes().take(MAX_METHOD_BYTES).map(|b| {
        if b.is_ascii_alphanumeric() {
            char::from(b.to_ascii_uppercase())
        } else {
            '_'
        }
    });
    "HTTP_METHOD_".chars().chain(name).collect()
}
