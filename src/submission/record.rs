//! Makes the icap_log record of a transaction.

use std::borrow::Cow;

use super::attempt::Attempt;
use super::message::Message;
use crate::icap::Request;
use crate::report::{Outcome, ScanRecord, redact_headers};
use crate::verdict::Findings;

/// The record of a transaction, or of a message without one. `attempt`: the transaction and the server's address.
pub fn record(
    message: &Message<'_>,
    request: &Request,
    attempt: Option<(&Attempt, Option<&str>)>,
) -> ScanRecord<'static> {
    let profile = message.profile;
    let redacted = message.redacted.iter().map(String::as_str);
    let configured = profile.icap_headers.iter().map(|(name, _)| name.as_str());
    let sent = redacted.clone().chain(configured);
    let (attempt, peer) = attempt.unzip();
    let head = attempt.and_then(|attempt| attempt.response.head.as_ref());
    let (ip, port) = peer.flatten().and_then(split_address).unzip();
    ScanRecord {
        profile: None,
        icap_response_code: head.map(|head| head.status),
        icap_method: message.scan_kind(request),
        http_method: message.http_method.clone(),
        http_response_code: None,
        icap_absolute_uri: Cow::Owned(without_query(&request.uri)),
        complete_body_sent: attempt.is_some_and(|attempt| attempt.transaction.complete_body_sent()),
        pool_name: Cow::Owned(profile.pool_name.to_string()),
        pool_uuid: profile
            .pool_uuid
            .as_ref()
            .map(|uuid| Cow::Owned(uuid.to_string())),
        icap_server_ip: ip.map(|ip| Cow::Owned(ip.to_owned())),
        icap_server_port: port,
        latency_ms: attempt.map(Attempt::latency_ms),
        icap_headers_sent_to_server: Cow::Owned(
            attempt
                .map(|attempt| {
                    redact_headers(attempt.transaction.headers_sent(), sent, &profile.secrets)
                })
                .unwrap_or_default(),
        ),
        icap_headers_received_from_server: Cow::Owned(
            head.map(|head| redact_headers(&head.raw_headers, redacted, &profile.secrets))
                .unwrap_or_default(),
        ),
        modified_content_length: None,
        vendor: profile.vendor,
        encoded: message.encoded.clone(),
        part: None,
        streamed: None,
        outcome: Some(Outcome::Failed),
        findings: Cow::Owned(Findings::default()),
    }
}

/// Findings with a reason and nothing else.
pub fn reason_only(reason: String) -> Cow<'static, Findings> {
    Cow::Owned(Findings {
        reason: Some(reason),
        ..Findings::default()
    })
}

fn without_query(uri: &str) -> String {
    uri.split('?').next().unwrap_or_default().to_owned()
}

/// IP and port of an address as Envoy writes it: `10.0.0.9:1344`, `[2001:db8::9]:1344`.
fn split_address(address: &str) -> Option<(&str, u16)> {
    let (ip, port) = address.rsplit_once(':')?;
    Some((
        ip.trim_start_matches('[').trim_end_matches(']'),
        port.parse().ok()?,
    ))
}
