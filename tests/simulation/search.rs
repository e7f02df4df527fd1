//! Runs many seeds, on all cores.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

use icap_filter::bug::Bug;

use crate::plan::Plan;
use crate::run::run;

/// The seeds that fail, in their order, while that mistake is made; no more are looked for when there are enough.
pub fn failures(seeds: Range<u64>, enough: usize, bug: Option<Bug>) -> Vec<(u64, String)> {
    /// Seeds that a thread takes at a time.
    const BATCH: u64 = 16;
    let next = AtomicU64::new(seeds.start);
    let (found, receive) = mpsc::channel();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut failures: Vec<(u64, String)> = thread::scope(|scope| {
        for _ in 0..threads {
            let found = found.clone();
            let (next, end) = (&next, seeds.end);
            scope.spawn(move || {
                make(bug);
                loop {
                    let from = next.fetch_add(BATCH, Ordering::Relaxed);
                    if from >= end {
                        return;
                    }
                    for seed in from..(from + BATCH).min(end) {
                        if let Some(failure) = run(&Plan::of(seed), false).failure
                            && found.send((seed, failure)).is_err()
                        {
                            return;
                        }
                    }
                }
            });
        }
        drop(found);
        let failures = receive.iter().take(enough).collect();
        next.store(seeds.end, Ordering::Relaxed);
        drop(receive);
        failures
    });
    failures.sort();
    failures
}

#[cfg(feature = "seeded-bugs")]
use icap_filter::bug::make;

/// Without the feature there are no mistakes to be made.
#[cfg(not(feature = "seeded-bugs"))]
fn make(_: Option<Bug>) {}
