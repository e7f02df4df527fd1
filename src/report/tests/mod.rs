//! Tests of whole icap_log entries and of the metrics page.

mod entries;
#[cfg(not(target_arch = "wasm32"))]
mod hostile;
#[cfg(not(target_arch = "wasm32"))]
mod log_fields;
#[cfg(not(target_arch = "wasm32"))]
mod page;
pub(super) mod struct_decoder;

use std::borrow::Cow;

use crate::product::Vendor;
use crate::verdict::{Findings, Scan};

use super::{Outcome, ScanRecord};

/// The record of a passed REQMOD, with every field that a passed one has.
fn record() -> ScanRecord<'static> {
    ScanRecord {
        profile: None,
        icap_response_code: Some(204),
        icap_method: Scan::Request,
        http_method: "POST".into(),
        http_response_code: None,
        icap_absolute_uri: "icap://icap.example.net:1344/avscan".into(),
        complete_body_sent: true,
        pool_name: "ICAP-POOL-GROUP".into(),
        pool_uuid: Some("poolgroup-c7dd3b93-60c1-4190-b6d6-26c22d55dc30".into()),
        icap_server_ip: Some("10.0.0.9".into()),
        icap_server_port: Some(1344),
        latency_ms: Some(1275),
        icap_headers_sent_to_server: "Host: icap.example.net:1344\r\nPreview: 653\r\n".into(),
        icap_headers_received_from_server: "ISTag: \"x\"\r\n".into(),
        modified_content_length: None,
        vendor: Vendor::named("opswat").unwrap(),
        encoded: None,
        part: None,
        streamed: None,
        outcome: Some(Outcome::Passed),
        findings: Cow::Owned(Findings::default()),
    }
}
