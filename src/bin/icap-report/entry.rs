//! One request of an access log, and its fields by name.

use std::borrow::Cow;

use crate::icap_log::{IcapLog, Transaction};
use crate::loose::Loose;
use icap_filter::config::Cause;

/// Stands for the outcome of a request without icap_log: the filter never saw it.
pub(crate) const UNSEEN: &str = "NO_ICAP_LOG";

/// What an access log says about one request.
#[derive(Debug, Default)]
pub(crate) struct Entry<'a> {
    /// Milliseconds since 1970.
    pub(crate) time: Option<i64>,
    pub(crate) client: Loose<'a>,
    pub(crate) method: Loose<'a>,
    pub(crate) host: Loose<'a>,
    pub(crate) path: Loose<'a>,
    pub(crate) status: Loose<'a>,
    /// The duration of the whole request, in milliseconds.
    pub(crate) duration: Option<f64>,
    pub(crate) log: Option<IcapLog<'a>>,
}

/// A field that entries are counted and filtered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Action,
    Significance,
    Cause,
    Rule,
    Profile,
    Threat,
    Reason,
    Pool,
    Server,
    Client,
    Path,
    Host,
    Method,
    Status,
    IcapStatus,
    Scan,
    Vendor,
    Preview,
    Attempts,
    Enforcement,
}

impl Field {
    /// All fields, in the order of the page.
    pub(crate) const ALL: [Self; 20] = [
        Self::Action,
        Self::Significance,
        Self::Cause,
        Self::Rule,
        Self::Profile,
        Self::Threat,
        Self::Reason,
        Self::Pool,
        Self::Server,
        Self::Client,
        Self::Path,
        Self::Host,
        Self::Method,
        Self::Status,
        Self::IcapStatus,
        Self::Scan,
        Self::Vendor,
        Self::Preview,
        Self::Attempts,
        Self::Enforcement,
    ];

    /// The name in conditions, in the page's address, in JSON and CSV.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Action => "action",
            Self::Significance => "significance",
            Self::Cause => "cause",
            Self::Rule => "rule",
            Self::Profile => "profile",
            Self::Threat => "threat",
            Self::Reason => "reason",
            Self::Pool => "pool",
            Self::Server => "server",
            Self::Client => "client",
            Self::Path => "path",
            Self::Host => "host",
            Self::Method => "method",
            Self::Status => "status",
            Self::IcapStatus => "icap_status",
            Self::Scan => "scan",
            Self::Vendor => "vendor",
            Self::Preview => "preview",
            Self::Attempts => "attempts",
            Self::Enforcement => "enforcement",
        }
    }

    /// The heading.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Action => "Outcome",
            Self::Significance => "Significance",
            Self::Cause => "Failures by cause",
            Self::Rule => "Rule",
            Self::Profile => "Profile",
            Self::Threat => "Threat",
            Self::Reason => "Reason",
            Self::Pool => "Pool",
            Self::Server => "ICAP server",
            Self::Client => "Client",
            Self::Path => "Path",
            Self::Host => "Host",
            Self::Method => "Method",
            Self::Status => "HTTP status",
            Self::IcapStatus => "ICAP status",
            Self::Scan => "Scan",
            Self::Vendor => "Vendor",
            Self::Preview => "Preview",
            Self::Attempts => "Attempts",
            Self::Enforcement => "Enforcement",
        }
    }

    /// The field with this name. Names such as `rule_name` work too.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let name = match name {
            "outcome" => "action",
            "rule_name" => "rule",
            "threat_id" => "threat",
            "pool_name" => "pool",
            "authority" => "host",
            "icap_response_code" => "icap_status",
            other => other,
        };
        Self::ALL.into_iter().find(|field| field.name() == name)
    }
}

/// The values of a field, each once.
#[derive(Debug, Default)]
pub(crate) struct Values<'v>(pub(crate) Vec<Cow<'v, str>>);

impl<'v> Values<'v> {
    fn add(&mut self, value: impl Into<Cow<'v, str>>) {
        let value = value.into();
        if !value.is_empty() && value != "-" && !self.0.contains(&value) {
            self.0.push(value);
        }
    }
}

impl Entry<'_> {
    /// The outcome; [`UNSEEN`] where there is no icap_log.
    pub(crate) fn action(&self) -> &str {
        self.log.as_ref().map_or(UNSEEN, |log| log.action.text())
    }

    /// Whether the outcome was not enforced.
    pub(crate) fn is_monitored(&self) -> bool {
        self.log
            .as_ref()
            .is_some_and(|log| log.enforced.text() == "false")
    }

    /// Whether the entry deserves attention.
    pub(crate) fn is_significant(&self) -> bool {
        self.log
            .as_ref()
            .is_some_and(|log| !log.significance.is_empty())
    }

    fn transactions(&self) -> &[Transaction<'_>] {
        self.log
            .as_ref()
            .map_or(&[], |log| log.request_logs.as_slice())
    }

    /// The longest of the transactions, in milliseconds.
    pub(crate) fn latency(&self) -> Option<f64> {
        let latencies = self.transactions().iter().map(|t| t.latency.number());
        latencies.flatten().reduce(f64::max)
    }

    /// Replaces `values` with the values of `field`.
    pub(crate) fn values<'v>(&'v self, field: Field, values: &mut Values<'v>) {
        values.0.clear();
        let transactions = self.transactions();
        match field {
            Field::Action => values.add(self.action()),
            Field::Significance => {
                for name in self.log.iter().flat_map(|log| &log.significance) {
                    values.add(name.text());
                }
            }
            Field::Cause => values.add(self.cause()),
            Field::Rule => values.add(self.log.as_ref().map_or("", |log| log.rule_name.text())),
            Field::Profile => {
                values.add(self.log.as_ref().map_or("", |log| log.profile.text()));
                each(transactions, values, |t| t.profile.text());
            }
            Field::Threat => {
                for transaction in transactions {
                    values.add(transaction.threat_id.text());
                    for violation in &transaction.violations {
                        values.add(violation.threat_name.text());
                    }
                }
            }
            Field::Reason => each(transactions, values, |t| t.reason.text()),
            Field::Pool => each(transactions, values, |t| t.pool_name.text()),
            Field::Server => {
                for t in transactions {
                    let (ip, port) = (t.icap_server_ip.text(), t.icap_server_port.text());
                    match (ip.is_empty(), port.is_empty()) {
                        (true, _) => {}
                        (false, true) => values.add(ip),
                        (false, false) if ip.contains(':') => values.add(format!("[{ip}]:{port}")),
                        (false, false) => values.add(format!("{ip}:{port}")),
                    }
                }
            }
            Field::Client => values.add(self.client.text()),
            Field::Path => {
                let path = self.path.text();
                values.add(path.split_once('?').map_or(path, |(path, _)| path));
            }
            Field::Host => values.add(self.host.text()),
            Field::Method => match self.method.text() {
                "" => each(transactions, values, |t| {
                    let method = t.http_method.text();
                    method.strip_prefix("HTTP_METHOD_").unwrap_or(method)
                }),
                method => values.add(method),
            },
            Field::Status => values.add(self.status.text()),
            Field::IcapStatus => each(transactions, values, |t| t.icap_response_code.text()),
            Field::Scan => each(transactions, values, |t| {
                let method = t.icap_method.text();
                method.strip_prefix("ICAP_METHOD_").unwrap_or(method)
            }),
            Field::Vendor => each(transactions, values, |t| t.vendor.text()),
            Field::Preview => each(transactions, values, |t| preview(t)),
            Field::Attempts => values.add(self.attempts()),
            Field::Enforcement => values.add(self.enforcement()),
        }
    }

    /// The cause of a failure by the metrics' name, from the significance.
    fn cause(&self) -> &'static str {
        let Some(log) = &self.log else { return "" };
        let cause = log.significance.iter().find_map(|name| {
            Some(match Cause::of_significance(name.text())? {
                Cause::Protocol if !self.is_unreadable() => Cause::ServerError.as_str(),
                cause => cause.as_str(),
            })
        });
        match (log.action.text(), cause) {
            ("ICAP_FAILED", Some(cause)) | (_, Some(cause @ "unscannable")) => cause,
            ("ICAP_FAILED", None) => "aborted",
            _ => "",
        }
    }

    /// An unreadable ICAP response has the significance of a server error; only the reason tells the two apart.
    fn is_unreadable(&self) -> bool {
        let last = self.transactions().last();
        last.is_some_and(|t| t.reason.text().starts_with("unreadable ICAP response"))
    }

    /// Whether a scan was repeated on another connection.
    fn attempts(&self) -> &'static str {
        let transactions = self.transactions();
        let scans = |method: &str| {
            let whole = |t: &&Transaction<'_>| t.part.is_none() && t.icap_method.text() == method;
            transactions.iter().filter(whole).count()
        };
        if transactions.is_empty() {
            ""
        } else if scans("ICAP_METHOD_REQMOD") > 1 || scans("ICAP_METHOD_RESPMOD") > 1 {
            "repeated"
        } else {
            "once"
        }
    }

    fn enforcement(&self) -> &'static str {
        match &self.log {
            Some(_) if self.is_monitored() => "monitor only",
            Some(log) if log.streamed.is_true() => "streamed",
            Some(log) if log.request_logs.iter().any(|t| t.streamed.is_true()) => "streamed",
            Some(log) if !log.request_logs.is_empty() => "enforced",
            _ => "",
        }
    }
}

fn each<'v>(
    transactions: &'v [Transaction<'v>],
    values: &mut Values<'v>,
    value: impl Fn(&'v Transaction<'v>) -> &'v str,
) {
    for transaction in transactions {
        values.add(value(transaction));
    }
}

/// What the preview achieved.
fn preview(transaction: &Transaction<'_>) -> &'static str {
    if !transaction.has_preview() {
        "no preview"
    } else if transaction.complete_body_sent.is_true() {
        "whole body wanted"
    } else if transaction.action.text() == "ICAP_FAILED" {
        "failed"
    } else {
        "decided on the preview"
    }
}
