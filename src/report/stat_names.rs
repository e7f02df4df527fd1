//! The names of the metrics in Envoy.

use super::counters::Counter;
use super::metrics::{GAUGES, HISTOGRAMS};
use crate::config::stat_name;

/// The regular expression of the `stats_tags` entry that turns `profile.<name>.` into a label.
pub const STATS_TAG_REGEX: &str = r"^wasmcustom\.icap_filter\.(profile\.([A-Za-z0-9_-]+)\.)";

const ROOT: &str = "icap_filter.";

/// The kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number that only grows.
    Counter,
    /// A current number, summed over the workers.
    Gauge,
    /// A distribution of values.
    Histogram,
}

/// The full stat names of one scope: of the whole filter, or of one profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatNames {
    prefix: String,
}

impl StatNames {
    /// The names of the totals: `icap_filter.requests`.
    pub fn total() -> Self {
        Self {
            prefix: ROOT.to_owned(),
        }
    }

    /// The names of a profile's metrics: `icap_filter.profile.<name>.requests`, with the name from [`stat_name`]. The
    /// configuration refuses two profiles with the same name here.
    pub fn of_profile(profile: &str) -> Self {
        Self {
            prefix: format!("{ROOT}profile.{}.", stat_name(profile)),
        }
    }

    /// The counter of a rule's matches: `icap_filter.rule.<name>.matched`.
    pub fn of_rule(rule: &str) -> String {
        format!("{ROOT}rule.{}.matched", stat_name(rule))
    }

    /// Every full name with its kind: counters, gauges, and for a profile the histograms, each in the order of their
    /// table. Envoy adds the prefix `wasmcustom.`.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, String)> {
        let counters = Counter::names().map(|name| (Kind::Counter, name));
        let gauges = GAUGES.iter().map(|m| (Kind::Gauge, m.name));
        let of_profile = self.prefix != ROOT;
        let histograms = HISTOGRAMS
            .iter()
            .filter(move |_| of_profile)
            .map(|m| (Kind::Histogram, m.name));
        counters
            .chain(gauges)
            .chain(histograms)
            .map(|(kind, name)| (kind, format!("{}{name}", self.prefix)))
    }
}
