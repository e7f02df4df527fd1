//! icap_log of several filters in a row: what the others have logged, brought together with one's own.

use crate::config::Json;

use super::value::{Object, Value};
use super::{Action, Outcome, ScanRecord, Significance};

/// What the other filters of a chain have logged.
#[derive(Clone, Debug, PartialEq)]
pub struct Others {
    outcome: Outcome,
    rule_name: Option<String>,
    profile: Option<String>,
    entries: Vec<Entry>,
}

/// An entry of `request_logs`.
#[derive(Clone, Debug, PartialEq)]
enum Entry {
    /// The reader's own, which it knows better by now.
    Own,
    /// Another filter's.
    Other(Value<'static>),
}

impl Others {
    /// Reads an entry for one HTTP exchange, as [`IcapLog::to_json`](super::IcapLog::to_json) writes it. `is_own` says of the name
    /// of a profile whether it is one of the reader's. `None`: it is no such entry.
    pub fn read(json: &[u8], is_own: impl Fn(&str) -> bool) -> Option<Self> {
        let Json::Object(fields) = Json::parse(json).ok()? else {
            return None;
        };
        let mut others = Self {
            outcome: Outcome::done(Action::Disabled, Significance::NONE),
            rule_name: None,
            profile: None,
            entries: Vec::new(),
        };
        let mut action = None;
        for (name, value) in fields {
            match (name.as_str(), value) {
                ("action", Json::Text(name)) => action = Action::named(&name),
                ("enforced", Json::Bool(enforced)) => others.outcome.enforced = enforced,
                ("rule_name", Json::Text(name)) => others.rule_name = Some(name),
                ("profile", Json::Text(name)) => others.profile = Some(name),
                ("significance", Json::List(names)) => {
                    for name in names {
                        others.outcome.significance = others.outcome.significance.with(flag(&name));
                    }
                }
                ("request_logs", Json::List(entries)) => {
                    others.entries = entries
                        .into_iter()
                        .map(|json| entry(json, &is_own))
                        .collect();
                }
                _ => {}
            }
        }
        others.outcome.action = action?;
        Some(others)
    }

    /// What became of the exchange by what they say.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// What was found, by the last of their transactions that found anything.
    pub fn threat(&self) -> Option<&str> {
        self.entries.iter().rev().find_map(|entry| match entry {
            Entry::Own => None,
            Entry::Other(value) => value.text_at("threat_id"),
        })
    }

    /// The rule and the profile of the filter whose outcome stands.
    pub(super) fn names(&self) -> (Option<&str>, Option<&str>) {
        (self.rule_name.as_deref(), self.profile.as_deref())
    }

    /// Their entries and the reader's, as they came one after the other.
    pub(super) fn entries<'v>(&'v self, own: &'v [ScanRecord<'_>]) -> Vec<Value<'v>> {
        let mut own = own.iter().map(|record| Value::Object(record.tree()));
        let mut entries = Vec::new();
        for entry in &self.entries {
            match entry {
                Entry::Own => entries.extend(own.next()),
                Entry::Other(value) => entries.push(value.clone()),
            }
        }
        entries.extend(own);
        entries
    }
}

fn flag(name: &Json) -> Significance {
    match name {
        Json::Text(name) => Significance::named(name),
        _ => Significance::NONE,
    }
}

fn entry(json: Json, is_own: impl Fn(&str) -> bool) -> Entry {
    let value = value(json);
    match value.text_at("profile") {
        Some(profile) if is_own(profile) => Entry::Own,
        _ => Entry::Other(value),
    }
}

/// Numbers are whole, as all of icap_log's; anything else is none of ours.
fn value(json: Json) -> Value<'static> {
    match json {
        Json::Bool(truth) => Value::Bool(truth),
        Json::Integer(number) => Value::Number(u64::try_from(number).unwrap_or_default()),
        Json::Text(text) => Value::Text(text.into()),
        Json::List(list) => Value::List(list.into_iter().map(value).collect()),
        Json::Object(fields) => {
            let mut object = Object::with_capacity(fields.len());
            for (name, json) in fields {
                object.add(name, value(json));
            }
            Value::Object(object)
        }
        Json::Null | Json::Real(_) => Value::Text("".into()),
    }
}
