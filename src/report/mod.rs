//! What is told about a scan: icap_log, significance, metrics.
//!
//! Nothing in here calls the host: the results are text, bytes and names.

mod chain;
mod icap_log;
mod json;
mod limiter;
mod line;
mod metrics;
mod object;
mod outcome;
mod protobuf;
mod redact;

#[cfg(test)]
mod tests;

pub use chain::Others;
pub use icap_log::{IcapLog, PartName, ScanRecord, TrailerNames};
pub use limiter::{INTERVAL_MS, Limiter};
pub use line::{MAX_FOREIGN_BYTES, MAX_LINE_BYTES, fit_for_log, foreign, keep_out_of_lines};
pub use metrics::{
    COUNTERS, Counter, GAUGES, Gauge, HISTOGRAMS, Histogram, Kind, Metric, STATS_TAG_REGEX,
    StatNames,
};
pub use outcome::{Action, Outcome, Significance, cause_name};
pub use redact::{MAX_HEADERS_TEXT_BYTES, redact_headers};
