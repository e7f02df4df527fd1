//! What the filter tells about a scan: icap_log, significance, metrics.
//!
//! No code here calls the host: the results are text, bytes and names.

mod chain;
mod counters;
mod icap_log;
mod json;
mod limiter;
mod line;
mod metrics;
mod object;
mod outcome;
mod protobuf;
mod redact;
mod scan_record;
mod stat_names;

#[cfg(test)]
mod tests;

pub use chain::Others;
pub use counters::{COUNTERS, Counter};
pub use icap_log::{IcapLog, TrailerNames};
pub use limiter::{INTERVAL_MS, Limiter};
pub use line::{MAX_FOREIGN_BYTES, MAX_LINE_BYTES, fit_for_log, foreign, keep_out_of_lines};
pub use metrics::{GAUGES, Gauge, HISTOGRAMS, Histogram, Metric};
pub use outcome::{Conclusion, Outcome, Significance};
pub use redact::{MAX_HEADERS_TEXT_BYTES, redact_headers};
pub use scan_record::{PartName, ScanRecord};
pub use stat_names::{Kind, STATS_TAG_REGEX, StatNames};
