//! What icap_log tells of a transaction.

use std::borrow::Cow;
use std::rc::Rc;

use super::exchange::{Exchange, Scan};
use crate::report::{Action, IcapLog, ScanRecord, Significance, redact_headers};
use crate::verdict::Findings;

/// What is to be logged of an HTTP exchange: the transactions so far, of request and response.
#[derive(Debug)]
pub(super) struct Journal {
    rule: Option<Rc<str>>,
    outcome: Option<(Action, Significance)>,
    records: Vec<ScanRecord<'static>>,
}

impl Journal {
    /// Nothing has happened yet. `rule`: the one that matched.
    pub(super) fn new(rule: Option<Rc<str>>) -> Self {
        Self {
            rule,
            outcome: None,
            records: Vec::new(),
        }
    }

    /// Adds a transaction.
    pub(super) fn push(&mut self, record: ScanRecord<'static>) {
        self.records.push(record);
    }

    /// Notes an outcome: of request and response the graver one stands.
    pub(super) fn note(&mut self, action: Action, significance: Significance) {
        self.outcome = Some(match self.outcome {
            Some((before, significant)) => (before.max(action), significant.with(significance)),
            None => (action, significance),
        });
    }

    /// What became of the exchange so far.
    pub(super) fn action(&self) -> Action {
        self.outcome.map_or(Action::Failed, |(action, _)| action)
    }

    /// What was found, by the last transaction that found anything.
    pub(super) fn threat(&self) -> Option<&str> {
        self.records
            .iter()
            .rev()
            .find_map(|record| record.findings.threat_id.as_deref())
    }

    /// How long the last transaction took.
    pub(super) fn last_latency_ms(&self) -> Option<u64> {
        self.records.last()?.latency_ms
    }

    /// The entry for the log.
    pub(super) fn entry<'a>(&'a self, profile: &'a str) -> IcapLog<'a> {
        let outcome = self.outcome.unwrap_or((Action::Failed, Significance::NONE));
        self.entry_as(profile, outcome)
    }

    /// The entry with another outcome than the one noted.
    pub(super) fn entry_as<'a>(
        &'a self,
        profile: &'a str,
        (action, significance): (Action, Significance),
    ) -> IcapLog<'a> {
        IcapLog {
            action,
            rule_name: self.rule.as_deref(),
            profile: Some(profile).filter(|name| !name.is_empty()),
            significance,
            request_logs: &self.records,
        }
    }
}

/// The record of a transaction, or of a message that never had one. `peer`: the server's address.
pub(super) fn record(
    exchange: &Exchange,
    scan: Option<&Scan>,
    peer: Option<&str>,
    redacted: &[String],
) -> ScanRecord<'static> {
    let profile = &exchange.profile;
    let head = scan.and_then(|scan| scan.answer.head.as_ref());
    let (ip, port) = peer.and_then(split_address).unzip();
    ScanRecord {
        icap_response_code: head.map(|head| head.status),
        icap_method: exchange.scan_kind(),
        http_method: Cow::Owned(exchange.http_method.clone()),
        http_response_code: None,
        icap_absolute_uri: Cow::Owned(exchange.request.uri.clone()),
        complete_body_sent: scan.is_some_and(|scan| scan.transaction.complete_body_sent()),
        pool_name: Cow::Owned(profile.pool_name.to_string()),
        pool_uuid: profile
            .pool_uuid
            .as_ref()
            .map(|uuid| Cow::Owned(uuid.to_string())),
        icap_server_ip: ip.map(|ip| Cow::Owned(ip.to_owned())),
        icap_server_port: port,
        latency_ms: scan.map(|scan| scan.received_ms.saturating_sub(scan.started_ms)),
        icap_headers_sent_to_server: Cow::Owned(
            scan.map(|scan| redact_headers(scan.transaction.headers_sent(), redacted))
                .unwrap_or_default(),
        ),
        icap_headers_received_from_server: Cow::Owned(
            head.map(|head| redact_headers(&head.raw_headers, redacted))
                .unwrap_or_default(),
        ),
        modified_content_length: None,
        vendor: profile.vendor,
        action: Action::Failed,
        findings: Cow::Owned(Findings::default()),
    }
}

/// IP and port of an address as Envoy writes it: `10.0.0.9:1344`, `[2001:db8::9]:1344`.
fn split_address(address: &str) -> Option<(&str, u16)> {
    let (ip, port) = address.rsplit_once(':')?;
    Some((
        ip.trim_start_matches('[').trim_end_matches(']'),
        port.parse().ok()?,
    ))
}
