//! Messages of telemetry, as far as the tests read them: `opentelemetry.proto` for traces and logs, and Envoy's
//! `envoy.service.accesslog.v3`. The numbers are those of the fields there.

use std::collections::HashMap;

use prost::{Message, Oneof};

/// `opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct Traces {
    #[prost(message, repeated, tag = "1")]
    pub resource_spans: Vec<ResourceSpans>,
}

impl Traces {
    /// Every span.
    pub fn spans(self) -> Vec<Span> {
        let scopes = self.resource_spans.into_iter().flat_map(|r| r.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct ResourceSpans {
    #[prost(message, repeated, tag = "2")]
    pub scope_spans: Vec<ScopeSpans>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ScopeSpans {
    #[prost(message, repeated, tag = "2")]
    pub spans: Vec<Span>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Span {
    #[prost(bytes = "vec", tag = "1")]
    pub trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub parent_span_id: Vec<u8>,
    #[prost(message, repeated, tag = "9")]
    pub attributes: Vec<KeyValue>,
}

/// `opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct Logs {
    #[prost(message, repeated, tag = "1")]
    pub resource_logs: Vec<ResourceLogs>,
}

impl Logs {
    /// Every entry.
    pub fn records(self) -> Vec<LogRecord> {
        let scopes = self.resource_logs.into_iter().flat_map(|r| r.scope_logs);
        scopes.flat_map(|scope| scope.log_records).collect()
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct ResourceLogs {
    #[prost(message, repeated, tag = "2")]
    pub scope_logs: Vec<ScopeLogs>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ScopeLogs {
    #[prost(message, repeated, tag = "2")]
    pub log_records: Vec<LogRecord>,
}

#[derive(Clone, PartialEq, Message)]
pub struct LogRecord {
    #[prost(message, optional, tag = "5")]
    pub body: Option<AnyValue>,
    #[prost(message, repeated, tag = "6")]
    pub attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
pub struct KeyValue {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(message, optional, tag = "2")]
    pub value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
pub struct AnyValue {
    #[prost(oneof = "Kind", tags = "1, 2, 3, 4")]
    pub kind: Option<Kind>,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum Kind {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(bool, tag = "2")]
    Bool(bool),
    #[prost(int64, tag = "3")]
    Integer(i64),
    #[prost(double, tag = "4")]
    Double(f64),
}

/// An attribute's value, where it is there and text.
pub fn attribute<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    found.value.as_ref()?.text()
}

impl AnyValue {
    /// The value, where it is text.
    pub fn text(&self) -> Option<&str> {
        match self.kind.as_ref()? {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// `envoy.service.accesslog.v3.StreamAccessLogsMessage`.
#[derive(Clone, PartialEq, Message)]
pub struct AccessLogs {
    #[prost(message, optional, tag = "2")]
    pub http_logs: Option<HttpLogs>,
}

impl AccessLogs {
    /// Every entry.
    pub fn entries(self) -> Vec<HttpEntry> {
        self.http_logs
            .map(|logs| logs.log_entry)
            .unwrap_or_default()
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct HttpLogs {
    #[prost(message, repeated, tag = "1")]
    pub log_entry: Vec<HttpEntry>,
}

/// `envoy.data.accesslog.v3.HTTPAccessLogEntry`.
#[derive(Clone, PartialEq, Message)]
pub struct HttpEntry {
    #[prost(message, optional, tag = "1")]
    pub common: Option<Common>,
    #[prost(message, optional, tag = "3")]
    pub request: Option<HttpRequest>,
}

/// `envoy.data.accesslog.v3.AccessLogCommon`.
#[derive(Clone, PartialEq, Message)]
pub struct Common {
    #[prost(map = "string, message", tag = "21")]
    pub filter_state_objects: HashMap<String, Any>,
    #[prost(map = "string, string", tag = "22")]
    pub custom_tags: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct HttpRequest {
    #[prost(string, tag = "5")]
    pub path: String,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
pub struct Any {
    #[prost(string, tag = "1")]
    pub type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}
