//! Merges the icap_log entries of several filters in a row: those of earlier filters and one's own.

use crate::config::Json;

use super::object::Object;
use super::{Conclusion, Outcome, ScanRecord, Significance};

/// What the other filters of a chain have logged.
#[derive(Clone, Debug, PartialEq)]
pub struct Others {
    conclusion: Conclusion,
    rule_name: Option<String>,
    profile: Option<String>,
    entries: Vec<Entry>,
}

/// An entry of `request_logs`, as read.
#[derive(Clone, Debug, PartialEq)]
enum Entry {
    /// This filter's own entry. It is dropped: the filter writes a newer one.
    Own,
    /// The fields of another filter's entry.
    Other(Vec<(String, Json)>),
}

/// An entry of `request_logs`, to be written.
#[derive(Debug)]
pub(super) enum OneOf<'v, 'r> {
    /// This filter's own entry.
    Own(&'v ScanRecord<'r>),
    /// The fields of another filter's entry.
    Other(&'v [(String, Json)]),
}

impl Others {
    /// Reads an entry of one HTTP exchange, as [`IcapLog::to_json`](super::IcapLog::to_json) writes it. `is_own`
    /// tells whether a profile of this name belongs to this filter. `None`: the JSON is no such entry.
    pub fn read(json: &[u8], is_own: impl Fn(&str) -> bool) -> Option<Self> {
        let Json::Object(fields) = Json::parse(json).ok()? else {
            return None;
        };
        let mut others = Self {
            conclusion: Conclusion::done(Outcome::Disabled, Significance::NONE),
            rule_name: None,
            profile: None,
            entries: Vec::new(),
        };
        let mut outcome = None;
        for (name, value) in fields {
            match (name.as_str(), value) {
                ("action", Json::Text(name)) => outcome = Outcome::named(&name),
                ("enforced", Json::Bool(enforced)) => others.conclusion.enforced = enforced,
                ("rule_name", Json::Text(name)) => others.rule_name = Some(name),
                ("profile", Json::Text(name)) => others.profile = Some(name),
                ("significance", Json::List(names)) => {
                    for name in names {
                        others.conclusion.significance =
                            others.conclusion.significance.with(flag(&name));
                    }
                }
                ("request_logs", Json::List(entries)) => {
                    others.entries = entries
                        .into_iter()
                        .filter_map(|json| entry(json, &is_own))
                        .collect();
                }
                _ => {}
            }
        }
        others.conclusion.outcome = outcome?;
        Some(others)
    }

    /// The conclusion of the others' entries.
    pub fn conclusion(&self) -> Conclusion {
        self.conclusion
    }

    /// The threat in the last of the others' transactions that found one.
    pub fn threat(&self) -> Option<&str> {
        self.entries.iter().rev().find_map(|entry| match entry {
            Entry::Own => None,
            Entry::Other(fields) => text_at(fields, "threat_id"),
        })
    }

    /// The rule and the profile of the filter whose outcome stands.
    pub(super) fn names(&self) -> (Option<&str>, Option<&str>) {
        (self.rule_name.as_deref(), self.profile.as_deref())
    }

    /// The others' entries and this filter's own, in the order in which they were made.
    pub(super) fn entries<'v, 'r>(&'v self, own: &'v [ScanRecord<'r>]) -> Vec<OneOf<'v, 'r>> {
        let mut own = own.iter().map(OneOf::Own);
        let mut entries = Vec::new();
        for entry in &self.entries {
            match entry {
                Entry::Own => entries.extend(own.next()),
                Entry::Other(fields) => entries.push(OneOf::Other(fields)),
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

fn entry(json: Json, is_own: impl Fn(&str) -> bool) -> Option<Entry> {
    let Json::Object(fields) = json else {
        return None;
    };
    Some(match text_at(&fields, "profile") {
        Some(profile) if is_own(profile) => Entry::Own,
        _ => Entry::Other(fields),
    })
}

/// The text in the field with this name.
fn text_at<'f>(fields: &'f [(String, Json)], name: &str) -> Option<&'f str> {
    fields.iter().find_map(|(found, value)| match value {
        Json::Text(text) if found == name => Some(text.as_str()),
        _ => None,
    })
}

/// Writes the fields of another filter's entry. As everywhere in icap_log, numbers are whole and lists hold texts or
/// objects; other values are skipped.
pub(super) fn write_other<O: Object>(object: &mut O, fields: &[(String, Json)]) {
    for (name, value) in fields {
        match value {
            Json::Bool(truth) => object.truth(name, *truth),
            Json::Integer(number) => {
                object.number(name, u64::try_from(*number).unwrap_or_default());
            }
            Json::Text(text) => object.text(name, text),
            Json::List(list) if list.iter().any(|it| matches!(it, Json::Object(_))) => {
                let objects = list.iter().filter_map(|it| match it {
                    Json::Object(fields) => Some(fields),
                    _ => None,
                });
                object.objects(name, objects, |object, fields| write_other(object, fields));
            }
            Json::List(list) => {
                let texts = list.iter().filter_map(|it| match it {
                    Json::Text(text) => Some(text.as_str()),
                    _ => None,
                });
                object.texts(name, texts);
            }
            Json::Object(fields) => object.object(name, |object| write_other(object, fields)),
            Json::Null | Json::Real(_) => object.text(name, ""),
        }
    }
}
