//! Takes connections from messages whose bodies come slowly, where other submissions wait for a connection.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::worker::Worker;
use crate::bug::{Bug, bug};
use crate::connection::{PoolId, UnitId};
use crate::host::Host;
use crate::submission::Submission;

/// A submission that holds a connection and only waits for its body.
#[derive(Clone, Copy, Debug)]
struct Holder {
    unit: UnitId,
    pool: PoolId,
    /// How long others wait before they take the connection, in milliseconds.
    patience_ms: u64,
    /// When the last byte of the body came.
    progress_ms: u64,
}

impl<H: Host> Worker<H> {
    /// Takes a connection for each submission that has waited too long, from submissions that only wait for their bodies. The
    /// body without a byte for the longest time comes first. A submission that has waited less than `upload_preempt_ms` for its
    /// body keeps the connection.
    pub(super) fn preempt_slow_bodies(&mut self) {
        let mut holders: Vec<Holder> = Vec::new();
        for exchange in self.exchanges.values() {
            let patience_ms = exchange.profile.upload_preempt_ms;
            if patience_ms == 0
                || exchange.is_decided()
                // Sent anew it would have to be there in whole.
                || exchange.stream.is_some()
                || bug(Bug::UploadPinsPool)
            {
                continue;
            }
            let extent = exchange.body.extent();
            let has_had_time = |submission: &&Submission| {
                let since_ms = submission.waits_for_body(extent);
                since_ms.is_some_and(|since| self.now_ms.saturating_sub(since) >= patience_ms)
            };
            let waits = exchange.units.iter().filter(has_had_time);
            holders.extend(waits.map(|submission| Holder {
                unit: submission.id(),
                pool: submission.pool(),
                patience_ms,
                progress_ms: exchange.body.progress_ms,
            }));
        }
        let by_progress = holders.iter().enumerate();
        let mut by_progress: BinaryHeap<Reverse<(u64, usize)>> = by_progress
            .map(|(index, holder)| Reverse((holder.progress_ms, index)))
            .collect();
        while let Some(Reverse((_, index))) = by_progress.pop() {
            if let Some(holder) = holders.get(index)
                && self
                    .connections
                    .is_overdue(holder.pool, holder.patience_ms, self.now_ms)
            {
                self.with_unit(holder.unit, Submission::preempt);
            }
        }
    }
}
