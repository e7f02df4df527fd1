//! The metrics as data: names, units, meanings. `docs/metrics.md` is generated from these tables.

/// A row of a table.
#[derive(Clone, Copy, Debug)]
pub struct Metric<Id> {
    /// The metric. Its number is its row in the table.
    pub id: Id,
    /// The name without the prefix.
    pub name: &'static str,
    /// The unit.
    pub unit: &'static str,
    /// When the metric changes.
    pub meaning: &'static str,
    /// When an operator should look.
    pub alert: &'static str,
}

/// The gauges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "GAUGES says what each means")]
pub enum Gauge {
    ConnectionsIdle,
    ConnectionsActive,
    Pending,
}

/// The histograms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "HISTOGRAMS says what each means")]
pub enum Histogram {
    LatencyMs,
    BodyBytes,
}

pub(super) const fn row<Id: Copy>(
    id: Id,
    name: &'static str,
    unit: &'static str,
    meaning: &'static str,
    alert: &'static str,
) -> Metric<Id> {
    Metric {
        id,
        name,
        unit,
        meaning,
        alert,
    }
}

/// Every gauge, in the order of [`Gauge`].
pub const GAUGES: [Metric<Gauge>; 3] = [
    row(
        Gauge::ConnectionsIdle,
        "connections_idle",
        "connections",
        "Kept connections without a scan.",
        "",
    ),
    row(
        Gauge::ConnectionsActive,
        "connections_active",
        "connections",
        "Connections with a scan under way.",
        "Over 80 % of `max_connections` times workers.",
    ),
    row(
        Gauge::Pending,
        "pending",
        "requests",
        "Requests that wait for a connection.",
        "Above zero for more than a minute; `max_pending` times workers is the end.",
    ),
];

/// Every histogram, in the order of [`Histogram`].
pub const HISTOGRAMS: [Metric<Histogram>; 2] = [
    row(
        Histogram::LatencyMs,
        "latency_ms",
        "milliseconds",
        "A scan, from the first byte sent to the last one received.",
        "The 99th percentile over `slow_response_warning_threshold_ms`.",
    ),
    row(
        Histogram::BodyBytes,
        "body_bytes",
        "bytes",
        "The length of a scanned body.",
        "The 99th percentile near the profile's buffer.",
    ),
];
