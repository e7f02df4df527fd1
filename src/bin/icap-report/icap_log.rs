//! Parses icap_log: every field may be missing, and unknown fields are skipped.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::loose::Loose;

/// The entry of one request.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct IcapLog<'a> {
    /// The JSON of the entry.
    #[serde(skip)]
    pub(crate) json: &'a str,
    #[serde(borrow)]
    pub(crate) action: Loose<'a>,
    #[serde(borrow)]
    pub(crate) rule_name: Loose<'a>,
    #[serde(borrow)]
    pub(crate) profile: Loose<'a>,
    #[serde(borrow)]
    pub(crate) enforced: Loose<'a>,
    #[serde(borrow)]
    pub(crate) streamed: Loose<'a>,
    #[serde(borrow)]
    pub(crate) significance: Vec<Loose<'a>>,
    #[serde(borrow)]
    pub(crate) request_logs: Vec<Transaction<'a>>,
}

/// One ICAP transaction.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Transaction<'a> {
    #[serde(borrow)]
    pub(crate) icap_response_code: Loose<'a>,
    #[serde(borrow)]
    pub(crate) icap_method: Loose<'a>,
    #[serde(borrow)]
    pub(crate) http_method: Loose<'a>,
    #[serde(borrow)]
    pub(crate) complete_body_sent: Loose<'a>,
    #[serde(borrow)]
    pub(crate) pool_name: Loose<'a>,
    #[serde(borrow)]
    pub(crate) icap_server_ip: Loose<'a>,
    #[serde(borrow)]
    pub(crate) icap_server_port: Loose<'a>,
    #[serde(borrow)]
    pub(crate) latency: Loose<'a>,
    #[serde(borrow)]
    pub(crate) vendor: Loose<'a>,
    #[serde(borrow)]
    pub(crate) action: Loose<'a>,
    #[serde(borrow)]
    pub(crate) reason: Loose<'a>,
    #[serde(borrow)]
    pub(crate) threat_id: Loose<'a>,
    #[serde(borrow)]
    pub(crate) profile: Loose<'a>,
    #[serde(borrow)]
    pub(crate) streamed: Loose<'a>,
    #[serde(borrow)]
    pub(crate) violations: Vec<Violation<'a>>,
    #[serde(borrow)]
    pub(crate) part: Option<Part<'a>>,
    /// Only searched for `Preview`: decoding its escapes would cost as much as all other fields.
    #[serde(borrow)]
    pub(crate) icap_headers_sent_to_server: Option<&'a RawValue>,
}

/// A file in which something was found.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Violation<'a> {
    #[serde(borrow)]
    pub(crate) threat_name: Loose<'a>,
}

/// The part of a form that a transaction scanned.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Part<'a> {
    #[serde(borrow)]
    pub(crate) name: Loose<'a>,
    #[serde(borrow)]
    pub(crate) file_name: Loose<'a>,
}

/// Envoy's JSON of a `google.protobuf.Struct`.
#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(borrow)]
    value: &'a RawValue,
}

impl<'a> IcapLog<'a> {
    /// Reads an entry, or a `Struct` around one. `None` if the object is no entry.
    pub(crate) fn read(json: &'a str) -> Option<Self> {
        let is_typed = json
            .get(..9)
            .is_some_and(|s| s == "{\"@type\":" || s == "{\"value\":");
        let json = if is_typed {
            serde_json::from_str::<Typed<'a>>(json).ok()?.value.get()
        } else {
            json
        };
        let mut log: Self = serde_json::from_str(json).ok()?;
        log.json = json;
        log.action.text().starts_with("ICAP_").then_some(log)
    }
}

impl Transaction<'_> {
    /// Whether the ICAP request had a preview.
    pub(crate) fn has_preview(&self) -> bool {
        let sent = self.icap_headers_sent_to_server.map_or("", RawValue::get);
        memchr::memmem::find(sent.as_bytes(), b"Preview: ").is_some()
    }
}
