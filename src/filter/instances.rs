//! The instances of the module that share a `vm_id`: one for each worker, and one of Envoy's main thread.

use super::instance_record::InstanceRecord;
use super::metrics::Metrics;
use super::worker::Worker;
use crate::host::{self, HostResult, MetricKind, Version};

/// Key of the number of records that there have been.
const RECORDS: &str = "icap_filter.records";
/// How often an instance looks after its record and those of the others, in milliseconds.
const ROUND_MS: u64 = 1_000;

/// This instance among the others.
#[derive(Debug, Default)]
pub(super) struct Instances {
    /// The number of this instance's record, once it has one.
    own: Option<u64>,
    /// How many instances live.
    live: u32,
    /// When to look again.
    next_ms: u64,
}

impl Instances {
    /// Makes the number of records known, at none. Envoy configures an instance on its main thread before any worker's: so no
    /// two workers can both find it missing, which would lose one of them.
    pub(super) fn prepare() {
        if let Err(e) = host::create_shared(RECORDS) {
            log::warn!("icap: the workers are not counted: {e}");
        }
    }

    /// How many workers there are.
    pub(super) fn workers(&self) -> u32 {
        self.live.saturating_sub(1).max(1)
    }

    fn look(&mut self, metrics: &mut Metrics) -> HostResult {
        let own = match self.own {
            Some(own) => own,
            None => host::add_shared(RECORDS, 1)?,
        };
        let is_new = self.own.replace(own).is_none();
        let (record, _) = read(own)?;
        if !is_new && !record.is_taken() {
            // The others took this instance for dead, as after a long pause of all of Envoy, and its share out of the gauges.
            metrics.forget_gauges();
        }
        let alive_ms = now_ms();
        let gauges = metrics.gauges();
        let record = InstanceRecord { alive_ms, gauges };
        host::set_shared(&key(own), &record.encode(), Version::ANY)?;
        let mut live = 1_u32;
        for other in (1..=host::add_shared(RECORDS, 0)?).filter(|other| *other != own) {
            let (record, version) = read(other)?;
            if record.is_dead(alive_ms) {
                bury(other, &record, version);
            } else if record.is_taken() {
                live = live.saturating_add(1);
            }
        }
        self.live = live;
        Ok(())
    }

    fn leave(&self) {
        if let Some(own) = self.own
            && let Err(e) = free(own, Version::ANY)
        {
            log::debug!("icap: {e}");
        }
    }
}

impl Worker {
    /// Gives a sign of life, and takes out of the gauges what instances have left there that live no more.
    pub(super) fn look_after_instances(&mut self) {
        if self.now_ms >= self.instances.next_ms {
            self.look_for_instances();
        }
    }

    /// The same at once.
    pub(super) fn look_for_instances(&mut self) {
        self.instances.next_ms = self.now_ms.saturating_add(ROUND_MS);
        if let Err(e) = self.instances.look(&mut self.metrics) {
            log::warn!("icap: the workers are not counted: {e}");
        }
    }

    /// This instance is about to go, and has taken its share out of the gauges.
    pub(super) fn leave_instances(&self) {
        self.instances.leave();
    }
}

/// Takes out of the gauges what a dead instance has left there. One of those that live is first to free the record.
fn bury(number: u64, record: &InstanceRecord, version: Version) {
    if free(number, version).is_err() {
        return;
    }
    log::warn!("icap: an instance of the module has died; its connections no longer count");
    for (name, value) in &record.gauges {
        let corrected = host::define_metric(MetricKind::Gauge, name)
            .and_then(|id| host::add_metric(id, value.saturating_neg()));
        if let Err(e) = corrected {
            log::warn!("icap: the gauge {name}: {e}");
        }
    }
}

fn free(number: u64, version: Version) -> HostResult {
    host::set_shared(&key(number), &InstanceRecord::default().encode(), version)
}

fn read(number: u64) -> HostResult<(InstanceRecord, Version)> {
    let (bytes, version) = host::shared(&key(number))?;
    let record = bytes.and_then(|bytes| InstanceRecord::decode(&bytes));
    Ok((record.unwrap_or_default(), version))
}

fn key(number: u64) -> String {
    format!("icap_filter.record.{number}")
}

/// Milliseconds since 1970: a clock that all instances share.
fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(1, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}
