//! What is compared: what client and application got, what was logged, what was counted.

use serde_json::Value;

use crate::plan::Plan;

/// The counters that say the same wherever they are counted.
pub const COUNTERS: [&str; 20] = [
    "requests",
    "passed",
    "modified",
    "blocked",
    "failed",
    "disabled",
    "failed_open",
    "failed.connection",
    "failed.timeout",
    "failed.protocol",
    "failed.server_error",
    "failed.overload",
    "failed.internal",
    "failed.oversize",
    "failed.bad_request",
    "would_block",
    "would_modify",
    "would_fail",
    "parts",
    "retries",
];

/// A run.
#[derive(Debug, Default)]
pub struct Seen {
    pub exchanges: Vec<Exchange>,
    pub counters: Vec<(&'static str, i64)>,
}

/// An exchange.
#[derive(Debug, PartialEq)]
pub struct Exchange {
    /// What the client got: the status, and the body where it is not Envoy's own.
    pub status: u16,
    pub page: Option<Digest>,
    /// The body, the length, the mark and the outcome that the application got.
    pub application: Option<Application>,
    /// The details of the response code.
    pub details: String,
    pub log: Log,
    /// The filter's callbacks about it, in their order; several of a kind in a row count once.
    pub callbacks: Vec<String>,
}

/// Some bytes, in short.
#[derive(Debug, PartialEq)]
pub struct Digest {
    len: usize,
    crc32: u32,
}

impl Digest {
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            len: bytes.len(),
            crc32: crc32fast::hash(bytes),
        }
    }
}

#[derive(Debug, PartialEq)]
pub struct Application {
    pub body: Digest,
    /// The length of a body that is told beforehand. That there is none can be told in two ways.
    pub length: Option<String>,
    pub marked: Option<String>,
    pub outcome: Option<String>,
    pub trailers: Vec<(String, String)>,
}

/// What icap_log says, but for times and addresses.
#[derive(Debug, PartialEq)]
pub struct Log {
    action: Value,
    rule: Value,
    significance: Value,
    records: Vec<[Value; 5]>,
}

impl Log {
    /// Of an entry.
    pub fn of(entry: &Value) -> Self {
        let records = entry["request_logs"].as_array().cloned();
        let fields = [
            "icap_method",
            "icap_response_code",
            "action",
            "complete_body_sent",
            "modified_content_length",
        ];
        Self {
            action: entry["action"].clone(),
            rule: entry["rule_name"].clone(),
            significance: entry["significance"].clone(),
            records: records
                .unwrap_or_default()
                .iter()
                .map(|record| fields.map(|field| record[field].clone()))
                .collect(),
        }
    }
}

impl Seen {
    /// Where this run and that of the real proxy differ.
    pub fn differences(&self, real: &Self, plan: &Plan) -> Vec<String> {
        let mut differences = Vec::new();
        for (n, (ours, theirs)) in self.exchanges.iter().zip(&real.exchanges).enumerate() {
            if ours != theirs {
                let seed = plan.seed;
                differences.push(format!(
                    "seed {seed}, exchange {n}: {:?}\n  simulated: {ours:?}\n  real:      {theirs:?}",
                    plan.messages[n]
                ));
            }
        }
        if self.counters != real.counters {
            differences.push(format!(
                "seed {}: counted\n  simulated: {:?}\n  real:      {:?}",
                plan.seed, self.counters, real.counters
            ));
        }
        differences
    }
}
