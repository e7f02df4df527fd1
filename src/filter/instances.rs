//! The instances of the module that share a `vm_id`: one for each worker, and one of Envoy's main thread.

use super::instance_record::InstanceRecord;
use super::metrics::Metrics;
use super::worker::Worker;
use crate::host::{Host, HostResult, MetricKind, Version, add_shared, create_shared};

/// Key of the number of records that there have been.
const RECORDS: &str = "icap_filter.records";
/// How often an instance looks after its record and those of the others, in milliseconds.
const ROUND_MS: u64 = 1_000;

/// This instance among the others.
#[derive(Debug, Default)]
pub(super) struct Instances {
    /// The number of this instance's record, once it has one.
    own: Option<u64>,
    /// How many records there were at the last look.
    records: u64,
    /// How many instances live.
    live: u32,
    /// When to look again.
    next_ms: u64,
}

impl Instances {
    /// Makes the number of records known, at none. Envoy configures an instance on its main thread before any worker's: so no
    /// two workers can both find it missing, which would lose one of them.
    pub(super) fn prepare<H: Host>(host: &H) {
        if let Err(e) = create_shared(host, RECORDS) {
            log::warn!("icap: the workers are not counted: {e}");
        }
    }

    /// How many workers there are.
    pub(super) fn workers(&self) -> u32 {
        self.live.saturating_sub(1).max(1)
    }

    fn look<H: Host>(&mut self, host: &H, metrics: &mut Metrics) -> HostResult {
        let own = match self.own {
            Some(own) => own,
            None => add_shared(host, RECORDS, 1)?,
        };
        let is_new = self.own.replace(own).is_none();
        let (record, _) = read(host, own)?;
        if !is_new && !record.is_taken() {
            // The others took this instance for dead, as after a long pause of all of Envoy, and its share out of the gauges.
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

    fn leave<H: Host>(&self, host: &H) {
        if let Some(own) = self.own
            && let Err(e) = free(host, own, Version::ANY)
        {
            log::debug!("icap: {e}");
        }
    }
}

impl<H: Host> Worker<H> {
    /// Gives a sign of life, and takes out of the gauges what instances have left there that live no more. At once where there
    /// is a new instance, which has to share with this one what a server allows.
    pub(super) fn look_after_instances(&mut self) {
        let is_known =
            add_shared(&self.host, RECORDS, 0).is_ok_and(|n| n == self.instances.records);
        if !is_known || self.now_ms >= self.instances.next_ms {
            self.look_for_instances();
        }
    }

    /// The same at once.
    pub(super) fn look_for_instances(&mut self) {
        self.instances.next_ms = self.now_ms.saturating_add(ROUND_MS);
        if let Err(e) = self.instances.look(&self.host, &mut self.metrics) {
            log::warn!("icap: the workers are not counted: {e}");
        }
    }

    /// This instance is about to go, and has taken its share out of the gauges.
    pub(super) fn leave_instances(&self) {
        self.instances.leave(&self.host);
    }
}

/// Takes out of the gauges what a dead instance has left there. One of those that live is first to free the record.
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
