//! What all virtual machines share: values, queues, metrics.

use std::collections::BTreeMap;

use icap_filter::host::MetricKind;

/// The values, queues and metrics.
#[derive(Debug, Default)]
pub struct Shared {
    pub values: BTreeMap<String, (Vec<u8>, u32)>,
    /// The VM of each queue.
    pub queues: Vec<(String, usize, u32)>,
    ids: BTreeMap<String, u32>,
    metrics: Vec<Metric>,
}

#[derive(Debug)]
struct Metric {
    kind: MetricKind,
    value: i64,
}

impl Shared {
    /// The handle of a metric.
    pub fn define(&mut self, kind: MetricKind, name: &str) -> u32 {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let id = self.metrics.len() as u32;
        self.metrics.push(Metric { kind, value: 0 });
        self.ids.insert(name.to_owned(), id);
        id
    }

    /// Adds to a metric. False where that makes no sense.
    pub fn add(&mut self, id: u32, offset: i64) -> bool {
        let Some(metric) = self.metrics.get_mut(id as usize) else {
            return false;
        };
        metric.value += offset;
        match metric.kind {
            MetricKind::Counter => offset >= 0,
            MetricKind::Gauge => metric.value >= 0,
            MetricKind::Histogram => false,
        }
    }

    /// Counts a value of a histogram.
    pub fn record(&mut self, id: u32) {
        if let Some(metric) = self.metrics.get_mut(id as usize) {
            metric.value += 1;
        }
    }

    /// The value of a metric by its name behind `icap_filter.`.
    pub fn metric(&self, name: &str) -> i64 {
        let id = self.ids.get(&format!("icap_filter.{name}"));
        id.map_or(0, |id| self.metrics[*id as usize].value)
    }

    /// All metrics, by name.
    pub fn all(&self) -> impl Iterator<Item = (&str, i64)> {
        self.ids
            .iter()
            .map(|(name, id)| (name.as_str(), self.metrics[*id as usize].value))
    }
}
