//! The simulated proxy against the real one: the same plans run in both, with the same outcomes, logs, counters and order of
//! callbacks.
//!
//! A plan is one of the simulation's, with nothing in it that depends on how fast this machine is. Its servers are real ones
//! that decide as those of the simulation do.

#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may fail"
)]
#![allow(
    unreachable_pub,
    missing_docs,
    dead_code,
    unused_imports,
    reason = "a test binary exports nothing, and uses a part of what others share with it"
)]

#[path = "../simulation/envoy/mod.rs"]
mod envoy;
#[path = "../simulation/parties/mod.rs"]
mod parties;
#[path = "../simulation/plan/mod.rs"]
mod plan;
#[path = "../simulation/random.rs"]
mod random;
#[path = "../e2e/support/mod.rs"]
mod support;
#[path = "../simulation/world.rs"]
mod world;

mod callbacks;
mod plans;
mod real;
mod seen;
mod server;
mod simulated;

/// How many seeds are run, of one to eight exchanges each.
const SEEDS: u64 = 40;

#[tokio::test(flavor = "multi_thread")]
async fn both_proxies_come_to_the_same_outcomes() {
    let release = match support::envoy::version() >= vec![1, 37] {
        true => plan::Release::V1_40,
        false => plan::Release::V1_36,
    };
    let seeds = std::env::var("CONFORMANCE_SEEDS").map_or(SEEDS, |text| text.parse().unwrap());
    let (mut exchanges, mut differences) = (0, Vec::new());
    for seed in 0..seeds {
        let plan = plans::of(seed, release);
        let simulated = simulated::run(&plan);
        let real = real::run(&plan, &simulated.counters).await;
        exchanges += plan.messages.len();
        differences.extend(simulated.differences(&real, &plan));
    }
    assert!(
        differences.is_empty(),
        "of {exchanges} exchanges:\n{}",
        differences.join("\n")
    );
}
