//! The entry of icap_log for an exchange.

use serde_json::Value;

use crate::envoy::message::{Logged, Message};

/// What the access log has got.
#[derive(Debug)]
pub struct Entry {
    pub action: String,
    /// That is what was done, and not what would have been.
    pub enforced: bool,
    pub significance: Vec<String>,
    /// Method, action and reason of each transaction.
    pub records: Vec<Record>,
}

#[derive(Debug)]
pub struct Record {
    pub action: String,
    pub reason: String,
}

/// The causes, by what an entry says of them.
const CAUSES: [(&str, &[&str]); 9] = [
    ("ADF_ICAP_BODY_SIZE_BIGGER_THAN_CONFIGURED", &["oversize"]),
    ("ADF_ICAP_TIMEDOUT", &["timeout"]),
    ("ADF_ICAP_CONNECTION_ERROR", &["connection"]),
    ("ADF_ICAP_SERVER_ERROR", &["protocol", "server_error"]),
    ("ADF_ICAP_OVERLOAD", &["overload"]),
    ("ADF_ICAP_BAD_REQUEST", &["bad_request"]),
    ("ADF_ICAP_UNSCANNABLE", &["unscannable"]),
    ("ADF_ICAP_FAILED", &["internal"]),
    ("ADF_ICAP_SERVER_HIGH_RESPONSE_TIME", &[]),
];

impl Record {
    /// Whether it was given up for others.
    pub fn was_preempted(&self) -> bool {
        self.reason.starts_with("the connection was taken")
    }
}

impl Entry {
    /// The entry of an exchange that is over.
    pub fn of(message: &Message) -> Result<Self, String> {
        let Logged(said) = message.logged.as_ref().ok_or("it was never logged")?;
        let json = said.get("icap_log").ok_or("there is no icap_log")?;
        if json.iter().any(u8::is_ascii_control) {
            return Err("icap_log has raw control characters".to_owned());
        }
        let value: Value = serde_json::from_slice(json).map_err(|e| format!("icap_log: {e}"))?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let action = text(&value["action"]);
        if said.get("icap_action").map(Vec::as_slice) != Some(action.as_bytes()) {
            return Err("icap_action is another than in icap_log".to_owned());
        }
        Ok(Self {
            action,
            enforced: value["enforced"].as_bool().unwrap_or(true),
            significance: list(&value["significance"]).iter().map(text).collect(),
            records: list(&value["request_logs"])
                .iter()
                .map(|record| Record {
                    action: text(&record["action"]),
                    reason: text(&record["reason"]),
                })
                .collect(),
        })
    }

    /// Whether it failed after it had a verdict.
    pub fn had_verdict(&self) -> bool {
        let is_verdict = |it: &Record| it.action != "ICAP_FAILED" && it.action != "ICAP_BLOCKED";
        self.action == "ICAP_FAILED" && self.records.iter().any(is_verdict)
    }

    /// The causes that it names.
    pub fn causes(&self) -> Vec<&'static str> {
        let names = self.significance.iter();
        let found = names.filter_map(|name| CAUSES.iter().find(|(known, _)| known == name));
        found
            .flat_map(|(_, causes)| causes.iter().copied())
            .collect()
    }
}
