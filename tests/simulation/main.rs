//! The filter in a simulated proxy, with simulated clients, application and ICAP servers, in virtual time.
//!
//! `SEEDS` says how many seeds are run, from `FROM` on. `SEED` names one to be run alone: its plan and all that happens are
//! printed. With the feature `seeded-bugs`, `BUG` names a mistake that has to be found, or `all` of them.

#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "a test may fail, and says what it found"
)]
#![allow(
    unreachable_pub,
    missing_docs,
    reason = "a test binary exports nothing"
)]

#[cfg(feature = "seeded-bugs")]
mod check;
mod envoy;
mod oracle;
mod parties;
mod plan;
mod random;
mod run;
mod search;
mod shrink;
mod world;

use std::ops::Range;
use std::process::ExitCode;
use std::time::Instant;

use plan::Plan;
use run::run;

/// How many seeds are run where nothing else is said.
const SEEDS: u64 = 100_000;
/// Seeds that failed once, a few of each kind. They run first.
const FOUND: [u64; 8] = [
    // A page that begins as a body which streams was read where the host must not be asked.
    100_062_601,
    108_351_192,
    // The last part came to the gate just before the time of the server was over.
    100_503_216,
    109_934_507,
    // Another local reply took the place of one that was still under scan.
    107_048_507,
    // A changed head that is not taken, and a body that broke off.
    108_412_292,
    // An answer that is given back while the body comes fills Envoy's buffer.
    107_401_984,
    // Content that can't be looked into, after another answer had begun to replace the message.
    26_251,
];
/// How many failures are told.
const MOST_TOLD: usize = 20;
/// How many lines of a trace are printed where nobody asked for all.
const TRACE_LINES: usize = 150;

fn main() -> ExitCode {
    run::listen();
    match number("SEED") {
        Some(seed) => replay(seed),
        None => {
            let from = number("FROM").unwrap_or(0);
            let seeds = from..from + number("SEEDS").unwrap_or(SEEDS);
            #[cfg(feature = "seeded-bugs")]
            if let Ok(bug) = std::env::var("BUG") {
                return check::check(seeds, Some(bug.as_str()).filter(|bug| *bug != "all"));
            }
            search(seeds)
        }
    }
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {text}")),
    )
}

/// Runs one seed and prints everything.
fn replay(seed: u64) -> ExitCode {
    log::set_max_level(log::LevelFilter::Debug);
    let plan = Plan::of(seed);
    let ran = run(&plan, true);
    println!("{plan:#?}\n{}\n", plan.profile.json());
    for line in &ran.trace {
        println!("{line}");
    }
    match ran.failure {
        None => {
            println!("seed {seed}: all is well");
            ExitCode::SUCCESS
        }
        Some(failure) => {
            println!("seed {seed}: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Runs seeds on all cores; tells of those that fail, and of the first all there is.
fn search(seeds: Range<u64>) -> ExitCode {
    let started = Instant::now();
    let again = |seed: u64| Some((seed, run(&Plan::of(seed), false).failure?));
    let mut failures: Vec<_> = FOUND.into_iter().filter_map(again).collect();
    failures.extend(search::failures(seeds.clone(), MOST_TOLD, None));
    let seconds = started.elapsed().as_secs_f64();
    let count = seeds.end - seeds.start;
    let Some((seed, failure)) = failures.first() else {
        println!("{count} schedules, no failure, {seconds:.0} s");
        return ExitCode::SUCCESS;
    };
    tell(*seed, failure);
    println!();
    for (seed, failure) in &failures {
        println!("seed {seed}: {failure}");
    }
    println!(
        "{count} schedules at most, {} failures told, {seconds:.0} s",
        failures.len()
    );
    ExitCode::FAILURE
}

/// Prints a failure, made as small as it gets.
fn tell(seed: u64, failure: &str) {
    let smallest = shrink::shrink(&Plan::of(seed), failure);
    log::set_max_level(log::LevelFilter::Debug);
    let ran = run(&smallest, true);
    log::set_max_level(log::LevelFilter::Off);
    println!("{smallest:#?}\n{}\n", smallest.profile.json());
    let from = ran.trace.len().saturating_sub(TRACE_LINES);
    for line in &ran.trace[from..] {
        println!("{line}");
    }
    println!(
        "seed {seed}, made smaller: {}\nSEED={seed} make simulate prints all that happens without that",
        ran.failure.unwrap_or_default()
    );
}
