//! What icap_log tells of a transaction.

use std::borrow::Cow;
use std::rc::Rc;

use super::chain::Chain;
use super::exchange::Exchange;
use super::scan::Scan;
use super::write_log::write_log;
use crate::config::{Config, Profile, Secrets};
use crate::host::{Host, HostResult};
use crate::report::{Action, IcapLog, Outcome, ScanRecord, Significance, redact_headers};
use crate::verdict::{Findings, Violation};

/// What is to be logged of an HTTP exchange: the transactions so far, of request and response.
#[derive(Debug)]
pub(super) struct Journal {
    rule: Option<Rc<str>>,
    secrets: Secrets,
    outcome: Option<Outcome>,
    records: Vec<ScanRecord<'static>>,
    /// What the other filters of a chain have logged.
    chain: Chain,
}

impl Journal {
    /// Nothing has happened yet. `rule`: the one that matched.
    pub(super) fn new(rule: Option<Rc<str>>) -> Self {
        Self {
            rule,
            secrets: Secrets::default(),
            outcome: None,
            records: Vec::new(),
            chain: Chain::default(),
        }
    }

    /// From now on the secrets of that profile are left out.
    pub(super) fn hiding(mut self, profile: &Profile) -> Self {
        self.secrets = profile.secrets.clone();
        self
    }

    /// Goes on with the response, which another profile may scan, because a rule says so.
    pub(super) fn going_on(mut self, profile: &Profile, rule: Option<Rc<str>>) -> Self {
        self.secrets = Secrets::joined([&self.secrets, &profile.secrets]);
        self.rule = self.rule.or(rule);
        self
    }

    /// Adds a transaction. What the server said of it may repeat what it was sent.
    pub(super) fn push(&mut self, mut record: ScanRecord<'static>) {
        record.findings = without_secrets(record.findings, &self.secrets);
        self.records.push(record);
    }

    /// Notes an outcome: of request and response the graver one stands.
    pub(super) fn note(&mut self, outcome: Outcome) {
        self.outcome = Some(self.outcome.map_or(outcome, |before| before.with(outcome)));
    }

    /// What became of the exchange so far.
    pub(super) fn outcome(&self) -> Outcome {
        self.outcome
            .unwrap_or(Outcome::done(Action::Failed, Significance::NONE))
    }

    /// Looks for what other filters of a chain have logged. The context has been entered.
    pub(super) fn look<H: Host>(&mut self, host: &H, config: &Config) {
        self.chain.look(host, config);
    }

    /// What client and application are told: of all filters of a chain.
    pub(super) fn told(&self) -> (Outcome, Option<&str>) {
        let records = self.records.iter().rev();
        let mut threats = records.map(|record| record.findings.threat_id.as_deref());
        let threat = threats.find_map(|threat| threat);
        self.chain.told(self.outcome(), threat)
    }

    /// How long the last transaction took.
    pub(super) fn last_latency_ms(&self) -> Option<u64> {
        self.records.last()?.latency_ms
    }

    /// Writes icap_log with that outcome; `profile` is empty where there is none.
    pub(super) fn write<H: Host>(
        &mut self,
        host: &H,
        id: u32,
        config: &Config,
        profile: &str,
        outcome: Outcome,
    ) -> HostResult {
        let entry = IcapLog {
            outcome,
            rule_name: self.rule.as_deref(),
            profile: Some(profile).filter(|name| !name.is_empty()),
            request_logs: &self.records,
            others: None,
        };
        write_log(host, id, config, &mut self.chain, entry)
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
    let redacted = redacted.iter().map(String::as_str);
    let configured = profile.icap_headers.iter().map(|(name, _)| name.as_str());
    let sent = redacted.clone().chain(configured);
    let head = scan.and_then(|scan| scan.answer.head.as_ref());
    let (ip, port) = peer.and_then(split_address).unzip();
    ScanRecord {
        profile: None,
        icap_response_code: head.map(|head| head.status),
        icap_method: exchange.scan_kind(),
        http_method: Cow::Owned(exchange.http_method.clone()),
        http_response_code: None,
        icap_absolute_uri: Cow::Owned(without_query(&exchange.request.uri)),
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
            scan.map(|scan| {
                redact_headers(scan.transaction.headers_sent(), sent, &profile.secrets)
            })
            .unwrap_or_default(),
        ),
        icap_headers_received_from_server: Cow::Owned(
            head.map(|head| redact_headers(&head.raw_headers, redacted, &profile.secrets))
                .unwrap_or_default(),
        ),
        modified_content_length: None,
        vendor: profile.vendor,
        action: Action::Failed,
        findings: Cow::Owned(Findings::default()),
    }
}

fn without_query(uri: &str) -> String {
    uri.split('?').next().unwrap_or_default().to_owned()
}

/// What was found, without a secret that a server repeats.
fn without_secrets<'f>(findings: Cow<'f, Findings>, secrets: &Secrets) -> Cow<'f, Findings> {
    let named = |v: &Violation| [v.file_name.as_str(), v.threat_name.as_str()].map(str::to_owned);
    let mut texts = findings
        .reason
        .iter()
        .chain(&findings.threat_id)
        .cloned()
        .chain(findings.violations.iter().flat_map(named));
    if texts.all(|text| matches!(secrets.hide(&text), Cow::Borrowed(_))) {
        return findings;
    }
    let hide = |text: &mut String| *text = secrets.hide(text).into_owned();
    let mut findings = findings.into_owned();
    findings.reason.iter_mut().for_each(hide);
    findings.threat_id.iter_mut().for_each(hide);
    for violation in &mut findings.violations {
        hide(&mut violation.file_name);
        hide(&mut violation.threat_name);
    }
    Cow::Owned(findings)
}

/// IP and port of an address as Envoy writes it: `10.0.0.9:1344`, `[2001:db8::9]:1344`.
fn split_address(address: &str) -> Option<(&str, u16)> {
    let (ip, port) = address.rsplit_once(':')?;
    Some((
        ip.trim_start_matches('[').trim_end_matches(']'),
        port.parse().ok()?,
    ))
}
