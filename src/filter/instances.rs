//! Counts the instances of the module that share a `vm_id` (one for each worker, one on Envoy's main thread), and subtracts
//! from the gauges the share of an instance that has died.

use super::instance_record::InstanceRecord;
use super::metrics::Metrics;
use crate::host::{Host, HostResult, MetricKind, Version, add_shared, create_shared};

/// The key in shared data of the number of records ever made.
const RECORDS: &str = "icap_filter.records";
/// How often an instance writes its record and reads those of the others, in milliseconds.
const ROUND_MS: u64 = 1_000;

/// What this instance knows of itself and the others.
#[derive(Debug, Default)]
pub(super) struct Instances {
    /// The number of this instance's record, once it has one.
    own: Option<u64>,
    /// How many records there were at the last round.
    records: u64,
    /// How many instances live, this one included.
    live: u32,
    /// When the next round is due.
    next_ms: u64,
}

impl Instances {
    /// Makes the shared number of records, at 0. Envoy configures the instance on its main thread before any worker's, so no two
    /// workers find the number missing at the same time, which would lose one of them.
    pub(super) fn prepare<H: Host>(host: &H) {
        if let Err(e) = create_shared(host, RECORDS) {
            log::warn!("icap: the workers are not counted: {e}");
        }
    }

    /// How many workers there are.
    pub(super) fn workers(&self) -> u32 {
        self.live.saturating_sub(1).max(1)
    }

    /// Whether a round is due: the last one was long ago, or there is a new instance.
    pub(super) fn is_due<H: Host>(&self, host: &H, now_ms: u64) -> bool {
        let is_known = add_shared(host, RECORDS, 0).is_ok_and(|n| n == self.records);
        !is_known || now_ms >= self.next_ms
    }

    /// Runs a round: writes this instance's record, and reads those of the others.
    pub(super) fn look<H: Host>(
        &mut self,
        host: &H,
        metrics: &mut Metrics,
        now_ms: u64,
    ) -> HostResult {
        self.next_ms = now_ms.saturating_add(ROUND_MS);
        let own = match self.own {
            Some(own) => own,
            None => add_shared(host, RECORDS, 1)?,
        };
        let is_new = self.own.replace(own).is_none();
        let (record, _) = read(host, own)?;
        if !is_new && !record.is_taken() {
            // The others took this instance for dead (as after a long pause of all of Envoy), and subtracted its share.
            metrics.forget_gauges();
        }
        let alive_ms = host.wall_clock_ms();
        let gauges = metrics.gauges();
        let record = InstanceRecord { alive_ms, gauges };
        host.set_shared(&key(own), &record.encode(), Version::ANY)?;
        let mut live = 1_u32;
        self.records = add_shared(host, RECORDS, 0)?;
        for other in (1..=self.records).filter(|other| *other != own) {
            let (record, version) = read(host, other)?;
            if record.is_dead(alive_ms) {
                bury(host, other, &record, version);
            } else if record.is_taken() {
                live = live.saturating_add(1);
            }
        }
        self.live = live;
        Ok(())
    }

    /// Frees the record of this instance.
    pub(super) fn leave<H: Host>(&self, host: &H) {
        if let Some(own) = self.own
            && let Err(e) = free(host, own, Version::ANY)
        {
            log::debug!("icap: {e}");
        }
    }
}

/// Subtracts from the gauges the share of a dead instance. Only the instance that first frees the record does so.
fn bury<H: Host>(host: &H, number: u64, record: &InstanceRecord, version: Version) {
    if free(host, number, version).is_err() {
        return;
    }
    log::warn!("icap: an instance of the module has died; its connections no longer count");
    for (name, value) in &record.gauges {
        let corrected = host
            .define_metric(MetricKind::Gauge, name)
            .and_then(|id| host.add_metric(id, value.saturating_neg()));
        if let Err(e) = corrected {
            log::warn!("icap: the gauge {name}: {e}");
        }
    }
}

fn free<H: Host>(host: &H, number: u64, version: Version) -> HostResult {
    host.set_shared(&key(number), &InstanceRecord::default().encode(), version)
}

fn read<H: Host>(host: &H, number: u64) -> HostResult<(InstanceRecord, Version)> {
    let (bytes, version) = host.shared(&key(number))?;
    let record = bytes.and_then(|bytes| InstanceRecord::decode(&bytes));
    Ok((record.unwrap_or_default(), version))
}

fn key(number: u64) -> String {
    format!("icap_filter.record.{number}")
}
