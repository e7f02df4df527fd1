//! What icap_log tells of an HTTP exchange.

use std::borrow::Cow;
use std::rc::Rc;

use crate::config::{Profile, Secrets};
use crate::report::{Action, IcapLog, Outcome, ScanRecord, Significance};
use crate::verdict::{Findings, Violation};

/// From how many transactions on those that passed are left out of icap_log: a form may have a thousand files.
const MAX_RECORDS: usize = 100;

/// What is to be logged of an HTTP exchange: the transactions so far, of request and response.
#[derive(Debug)]
pub(super) struct Journal {
    rule: Option<Rc<str>>,
    secrets: Secrets,
    outcome: Option<Outcome>,
    records: Vec<ScanRecord<'static>>,
}

impl Journal {
    /// Nothing has happened yet. `rule`: the one that matched.
    pub(super) fn new(rule: Option<Rc<str>>) -> Self {
        Self {
            rule,
            secrets: Secrets::default(),
            outcome: None,
            records: Vec::new(),
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
        if self.records.len() >= MAX_RECORDS && record.action == Some(Action::Passed) {
            return;
        }
        record.findings = without_secrets(record.findings, &self.secrets);
        self.records.push(record);
    }

    /// Notes an outcome: of request and response the graver one stands.
    pub(super) fn note(&mut self, outcome: Outcome) {
        self.outcome = Some(self.with(outcome));
    }

    /// The outcome so far together with another.
    fn with(&self, outcome: Outcome) -> Outcome {
        self.outcome.map_or(outcome, |before| before.with(outcome))
    }

    /// What became of the exchange so far.
    pub(super) fn outcome(&self) -> Outcome {
        self.outcome
            .unwrap_or(Outcome::done(Action::Failed, Significance::NONE))
    }

    /// What was found, by the last transaction that found anything.
    pub(super) fn threat(&self) -> Option<&str> {
        self.records
            .iter()
            .rev()
            .find_map(|record| record.findings.threat_id.as_deref())
    }

    /// Why the last transaction ended as it did.
    pub(super) fn reason(&self) -> Option<&str> {
        self.records.last()?.findings.reason.as_deref()
    }

    /// How long the last transaction took.
    pub(super) fn last_latency_ms(&self) -> Option<u64> {
        self.records.last()?.latency_ms
    }

    /// The entry for the log.
    pub(super) fn entry<'a>(&'a self, profile: &'a str) -> IcapLog<'a> {
        self.entry_of(profile, self.outcome())
    }

    /// The entry as it is to be if this becomes an outcome too.
    pub(super) fn entry_as<'a>(&'a self, profile: &'a str, outcome: Outcome) -> IcapLog<'a> {
        self.entry_of(profile, self.with(outcome))
    }

    fn entry_of<'a>(&'a self, profile: &'a str, outcome: Outcome) -> IcapLog<'a> {
        IcapLog {
            outcome,
            rule_name: self.rule.as_deref(),
            profile: Some(profile).filter(|name| !name.is_empty()),
            request_logs: &self.records,
        }
    }
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
