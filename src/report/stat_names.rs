//! What the metrics are called in Envoy.

use super::counters::COUNTERS;
use super::metrics::{GAUGES, HISTOGRAMS};
use crate::config::stat_name;

/// The regular expression of the `stats_tags` entry that turns `profile.<name>.` into a label.
pub const STATS_TAG_REGEX: &str = r"^wasmcustom\.icap_filter\.(profile\.([A-Za-z0-9_-]+)\.)";

const ROOT: &str = "icap_filter.";

/// What kind of metric it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// The state of now, summed over the workers.
    Gauge,
    /// A distribution.
    Histogram,
}

/// The full stat names of one scope: of the whole filter, or of one profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatNames {
    prefix: String,
}

impl StatNames {
    /// The totals: `icap_filter.requests`.
    pub fn total() -> Self {
        Self {
            prefix: ROOT.to_owned(),
        }
    }

    /// Those of a profile: `icap_filter.profile.<name>.requests`, the name as [`stat_name`] has it. The configuration refuses
    /// two profiles that would share one.
    pub fn of_profile(profile: &str) -> Self {
        Self {
            prefix: format!("{ROOT}profile.{}.", stat_name(profile)),
        }
    }

    /// The counter of a rule's matches: `icap_filter.rule.<name>.matched`.
    pub fn of_rule(rule: &str) -> String {
        format!("{ROOT}rule.{}.matched", stat_name(rule))
    }

    /// Every full name with its kind: the counters, the gauges, and of a profile the histograms, each in the order of their table.
    /// Envoy puts `wasmcustom.` in front.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, String)> {
        let counters = COUNTERS.iter().map(|m| (Kind::Counter, m.name));
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
