//! icap_log: one entry per exchange, with one record per ICAP transaction.

use crate::config::LogForms;

use super::chain::{OneOf, Others, write_other};
use super::json::Json;
use super::object::Object;
use super::protobuf::Struct;
use super::{Conclusion, Outcome, ScanRecord, Significance};

/// Bytes that an entry with one transaction usually needs.
const LIKELY_BYTES: usize = 2048;

/// The names of trailer fields, cut and cleaned like texts of servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrailerNames<'a> {
    /// Trailers that went on.
    pub forwarded: &'a [String],
    /// Trailers that were removed.
    pub removed: &'a [String],
}

/// The icap_log entry for one exchange.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IcapLog<'a> {
    /// The conclusion about the exchange.
    pub conclusion: Conclusion,
    /// The rule that decided whether to scan.
    pub rule_name: Option<&'a str>,
    /// The profile that scanned.
    pub profile: Option<&'a str>,
    /// Why nothing was scanned, where no rule decided so.
    pub reason: Option<&'static str>,
    /// The names of the trailer fields.
    pub trailers: TrailerNames<'a>,
    /// The transactions in order, retries included.
    pub request_logs: &'a [ScanRecord<'a>],
    /// What the other filters of a chain have logged.
    pub others: Option<&'a Others>,
}

impl<'a> IcapLog<'a> {
    /// The entry for a request that was not scanned; `rule_name` where a rule said so.
    pub fn disabled(rule_name: Option<&'a str>) -> Self {
        Self {
            conclusion: Conclusion::done(Outcome::Disabled, Significance::NONE),
            rule_name,
            profile: None,
            reason: None,
            trailers: TrailerNames::default(),
            request_logs: &[],
            others: None,
        }
    }

    /// The entry for a request that opens a tunnel. The bytes of a tunnel are no HTTP message.
    pub fn tunnel() -> Self {
        Self {
            reason: Some("tunnel"),
            ..Self::disabled(None)
        }
    }

    /// The entry as JSON on one line. The JSON is valid whatever bytes client and server sent, and has no raw control
    /// characters.
    pub fn to_json(&self) -> String {
        Json::of(LIKELY_BYTES, |entry| self.write(entry))
    }

    /// The entry as a serialized `google.protobuf.Struct`.
    pub fn to_struct(&self) -> Vec<u8> {
        Struct::of(LIKELY_BYTES, |entry| self.write(entry))
    }

    /// [`to_json`](Self::to_json) and [`to_struct`](Self::to_struct), each only if `forms` asks for it.
    pub fn in_forms(&self, forms: LogForms) -> (Option<String>, Option<Vec<u8>>) {
        (
            forms.text.then(|| self.to_json()),
            forms.structure.then(|| self.to_struct()),
        )
    }

    /// The conclusion about the exchange, with the other filters' entries.
    pub fn whole_conclusion(&self) -> Conclusion {
        match self.others {
            Some(others) => self.conclusion.with(others.conclusion()),
            None => self.conclusion,
        }
    }

    pub(super) fn write(&self, entry: &mut impl Object) {
        let conclusion = self.whole_conclusion();
        // Of two conclusions that are equally grave, the later one names rule and profile.
        let (rule_name, profile) = match self.others {
            Some(others) if others.conclusion().outcome > self.conclusion.outcome => others.names(),
            _ => (self.rule_name, self.profile),
        };
        entry.add_text("action", Some(conclusion.outcome.as_str()));
        if !conclusion.enforced {
            entry.truth("enforced", false);
        }
        entry.add_text("rule_name", rule_name);
        entry.add_text("profile", profile);
        if conclusion.outcome == Outcome::Disabled {
            entry.add_text("reason", self.reason);
        }
        if !conclusion.significance.is_empty() {
            entry.texts("significance", conclusion.significance.names());
        }
        for (name, fields) in [
            ("trailers", self.trailers.forwarded),
            ("removed_trailers", self.trailers.removed),
        ] {
            if !fields.is_empty() {
                entry.texts(name, fields.iter().map(String::as_str));
            }
        }
        if let Some(others) = self.others {
            let entries = others.entries(self.request_logs);
            if !entries.is_empty() {
                entry.objects("request_logs", entries.into_iter(), |object, it| match it {
                    OneOf::Own(record) => record.write(object),
                    OneOf::Other(fields) => write_other(object, fields),
                });
            }
        } else if !self.request_logs.is_empty() {
            let records = self.request_logs.iter();
            entry.objects("request_logs", records, |object, record| {
                record.write(object);
            });
        }
    }
}
