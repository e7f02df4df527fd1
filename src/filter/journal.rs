//! The journal: collects what icap_log tells of a request and its response.

use std::borrow::Cow;
use std::rc::Rc;

use super::chain::Chain;
use super::write_log::write_log;
use crate::config::{Config, Profile, Secrets};
use crate::host::{Host, HostResult};
use crate::report::{Conclusion, IcapLog, Outcome, ScanRecord, Significance, TrailerNames};
use crate::verdict::{Findings, Violation, clean};

/// Behind so many transactions, icap_log leaves out those that passed: a form may have a thousand files.
const MAX_RECORDS: usize = 100;

/// How many names of trailers are logged at most.
const MAX_TRAILERS: usize = 32;

/// What is to be logged of a request and its response: the transactions so far and the conclusion.
#[derive(Debug)]
pub(super) struct Journal {
    rule: Option<Rc<str>>,
    secrets: Secrets,
    conclusion: Option<Conclusion>,
    records: Vec<ScanRecord<'static>>,
    /// The names of trailers that went on.
    trailers: Vec<String>,
    /// The names of trailers that were removed.
    removed_trailers: Vec<String>,
    /// What the other filters of a chain have logged.
    chain: Chain,
}

impl Journal {
    /// An empty journal. `rule`: the rule that matched. `secrets` are left out of the log.
    pub(super) fn new(rule: Option<Rc<str>>, secrets: &Secrets) -> Self {
        Self {
            rule,
            secrets: secrets.clone(),
            conclusion: None,
            records: Vec::new(),
            trailers: Vec::new(),
            removed_trailers: Vec::new(),
            chain: Chain::default(),
        }
    }

    /// The journal, carried on for the response, which another profile may scan because `rule` says so.
    pub(super) fn going_on(mut self, profile: &Profile, rule: Option<Rc<str>>) -> Self {
        self.secrets = Secrets::joined([&self.secrets, &profile.secrets]);
        self.rule = self.rule.or(rule);
        self
    }

    /// Adds a transaction, without secrets: the server may repeat what the filter sent.
    pub(super) fn push(&mut self, mut record: ScanRecord<'static>) {
        if self.records.len() >= MAX_RECORDS && record.outcome == Some(Outcome::Passed) {
            return;
        }
        record.findings = without_secrets(record.findings, &self.secrets);
        // Most exchanges have one transaction.
        self.records
            .reserve_exact(usize::from(self.records.is_empty()));
        self.records.push(record);
    }

    /// Adds a transaction of a message that may have any number of them, as long as there is room.
    pub(super) fn push_while_room(&mut self, record: ScanRecord<'static>) {
        if self.records.len() < MAX_RECORDS {
            self.push(record);
        }
    }

    /// Takes the last transaction out again.
    pub(super) fn take_back(&mut self) {
        self.records.pop();
    }

    /// Notes in the last transaction how many bytes of its body went on while it was scanned.
    pub(super) fn note_streamed(&mut self, bytes: u64) {
        if let Some(last) = self.records.last_mut() {
            last.streamed = Some(bytes);
        }
    }

    /// Notes a trailer field, and whether it goes on.
    pub(super) fn note_trailer(&mut self, name: &[u8], goes_on: bool) {
        let name = clean(name);
        for names in [&mut self.trailers, &mut self.removed_trailers] {
            names.retain(|noted| *noted != name);
        }
        let names = match goes_on {
            true => &mut self.trailers,
            false => &mut self.removed_trailers,
        };
        if names.len() < MAX_TRAILERS {
            names.push(name);
        }
    }

    /// Notes an outcome. The graver outcome of request and response counts.
    pub(super) fn note(&mut self, conclusion: Conclusion) {
        self.conclusion = Some(self.with(conclusion));
    }

    /// The conclusion so far, combined with another.
    pub(super) fn with(&self, conclusion: Conclusion) -> Conclusion {
        self.conclusion
            .map_or(conclusion, |before| before.with(conclusion))
    }

    /// The conclusion so far.
    pub(super) fn conclusion(&self) -> Conclusion {
        self.conclusion
            .unwrap_or(Conclusion::done(Outcome::Failed, Significance::NONE))
    }

    /// Reads what other filters of a chain have logged. The caller has entered the context.
    pub(super) fn look<H: Host>(&mut self, host: &H, config: &Config) {
        self.chain.look(host, config);
    }

    /// The conclusion and the threat that client and application are told: those of all filters of a chain.
    pub(super) fn told(&self) -> (Conclusion, Option<&str>) {
        self.chain.told(self.conclusion(), self.threat())
    }

    /// The threat in the last transaction of this filter that found one.
    pub(super) fn threat(&self) -> Option<&str> {
        let mut records = self.records.iter().rev();
        records.find_map(|record| record.findings.threat_id.as_deref())
    }

    /// Why the last transaction ended as it did.
    pub(super) fn reason(&self) -> Option<&str> {
        self.records.last()?.findings.reason.as_deref()
    }

    /// How long the last transaction took.
    pub(super) fn last_latency_ms(&self) -> Option<u64> {
        self.records.last()?.latency_ms
    }

    /// Writes icap_log with that conclusion. `profile` is empty where there is none. In a chain, transactions of this filter get
    /// the profile's name.
    pub(super) fn write<H: Host>(
        &mut self,
        host: &H,
        id: u32,
        config: &Config,
        profile: &str,
        conclusion: Conclusion,
    ) -> HostResult {
        if config.chained && !profile.is_empty() {
            let unnamed = self.records.iter_mut().filter(|it| it.profile.is_none());
            unnamed.for_each(|record| record.profile = Some(Cow::Owned(profile.to_owned())));
        }
        let entry = IcapLog {
            conclusion,
            rule_name: self.rule.as_deref(),
            profile: Some(profile).filter(|name| !name.is_empty()),
            reason: None,
            trailers: TrailerNames {
                forwarded: &self.trailers,
                removed: &self.removed_trailers,
            },
            request_logs: &self.records,
            others: None,
        };
        write_log(host, id, config, &mut self.chain, entry)
    }
}

/// The findings, without a secret that a server repeats.
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
