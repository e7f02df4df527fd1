//! What a request costs: calls of the host's, allocations and bytes, counted and not measured, so that a run is as the next one.
//!
//! `SCENARIO` names one of which `REQUESTS` are to be sent, for a profiler: see `scripts/budget`.

#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may fail, and says what it found"
)]
#![allow(
    unreachable_pub,
    missing_docs,
    reason = "a test binary exports nothing"
)]

mod counting;
mod host;
mod traffic;

use std::process::ExitCode;

use counting::Counting;
use traffic::{Cost, Scenario, Verdict};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const KB: usize = 1024;

/// What is counted, and the most that each may cost.
const SCENARIOS: &[(Scenario, Budget)] = &[
    (
        of("1KB-204", KB, Verdict::Unchanged),
        Budget {
            host_calls: 12,
            allocations: 40,
            allocated_kb: 16,
        },
    ),
    (
        Scenario {
            both_forms: false,
            client_address: false,
            ..of("1KB-204-text-only", KB, Verdict::Unchanged)
        },
        Budget {
            host_calls: 10,
            allocations: 40,
            allocated_kb: 16,
        },
    ),
    (of("1KB-echo", KB, Verdict::Echo), Budget::NONE),
    (of("1KB-block", KB, Verdict::Block), Budget::NONE),
    (of("1KB-bypass", KB, Verdict::Bypass), Budget::NONE),
    (
        of("100KB-204", 100 * KB, Verdict::Unchanged),
        Budget {
            allocated_kb: 130,
            ..Budget::NONE
        },
    ),
    (of("100KB-echo", 100 * KB, Verdict::Echo), Budget::NONE),
    (of("100KB-block", 100 * KB, Verdict::Block), Budget::NONE),
    (of("100KB-bypass", 100 * KB, Verdict::Bypass), Budget::NONE),
    (
        of("10MB-204", 10 * KB * KB, Verdict::Unchanged),
        Budget::NONE,
    ),
    (of("10MB-echo", 10 * KB * KB, Verdict::Echo), Budget::NONE),
];

/// The most that a request may cost.
#[derive(Clone, Copy)]
struct Budget {
    host_calls: u32,
    allocations: u32,
    allocated_kb: u32,
}

impl Budget {
    const NONE: Self = Self {
        host_calls: u32::MAX,
        allocations: u32::MAX,
        allocated_kb: u32::MAX,
    };

    /// What of a cost is over it.
    fn exceeded(&self, cost: &Cost) -> Vec<String> {
        [
            ("host calls", cost.host_calls(), self.host_calls),
            ("allocations", cost.allocations, self.allocations),
            (
                "KB allocated",
                cost.allocated_bytes / 1024.0,
                self.allocated_kb,
            ),
        ]
        .into_iter()
        .filter(|(_, is, may)| *is > f64::from(*may))
        .map(|(what, is, may)| format!("{is:.1} {what}, at most {may}"))
        .collect()
    }
}

/// Both forms of icap_log, and the client's address told.
const fn of(name: &'static str, body_bytes: usize, verdict: Verdict) -> Scenario {
    Scenario {
        name,
        body_bytes,
        verdict,
        both_forms: true,
        client_address: true,
    }
}

fn main() -> ExitCode {
    if let Ok(name) = std::env::var("SCENARIO") {
        let found = SCENARIOS.iter().find(|(scenario, _)| scenario.name == name);
        let (scenario, _) = found.expect("the name of a scenario");
        let requests = std::env::var("REQUESTS").unwrap();
        scenario.repeat(requests.parse().unwrap());
        return ExitCode::SUCCESS;
    }
    println!("| a request | host calls | clock | allocations | KB allocated | calls by name |");
    println!("|---|---|---|---|---|---|");
    let mut exceeded = Vec::new();
    for (scenario, budget) in SCENARIOS {
        let cost = scenario.cost();
        println!("| {} |{}", scenario.name, line(&cost));
        let over = budget.exceeded(&cost);
        exceeded.extend(
            over.into_iter()
                .map(|what| format!("{}: {what}", scenario.name)),
        );
    }
    for what in &exceeded {
        println!("over its budget: {what}");
    }
    match exceeded.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn line(cost: &Cost) -> String {
    let clock = cost
        .calls
        .get("clock_time_get")
        .copied()
        .unwrap_or_default();
    let but_clock = cost
        .calls
        .iter()
        .filter(|(name, _)| **name != "clock_time_get");
    let calls: Vec<String> = but_clock
        .map(|(name, times)| format!("{times} {name}"))
        .collect();
    format!(
        " {:.1} | {clock:.1} | {:.1} | {:.1} | {} |",
        cost.host_calls(),
        cost.allocations,
        cost.allocated_bytes / 1024.0,
        calls.join(", ")
    )
}
