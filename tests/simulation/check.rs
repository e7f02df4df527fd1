//! Proof that the simulation can fail: it has to find each of the mistakes of [`icap_filter::bug`].

use std::ops::Range;
use std::process::ExitCode;

use icap_filter::bug::{Bug, make};

use crate::plan::Plan;
use crate::run::run;
use crate::search::failures;

/// Looks for each mistake, or for that of this name, among so many seeds.
pub fn check(seeds: Range<u64>, only: Option<&str>) -> ExitCode {
    let mut missed = 0;
    for bug in Bug::ALL {
        let name = format!("{bug:?}");
        if only.is_some_and(|only| only != name) {
            continue;
        }
        let found = failures(seeds.clone(), 1, Some(bug));
        let Some((seed, failure)) = found.first() else {
            println!(
                "{name:24} NOT FOUND within {} schedules",
                seeds.end - seeds.start
            );
            missed += 1;
            continue;
        };
        make(None);
        match run(&Plan::of(*seed), false).failure {
            None => println!(
                "{name:24} {:6} schedules: {failure}",
                seed + 1 - seeds.start
            ),
            Some(other) => {
                println!("{name:24} the seed {seed} fails without it: {other}");
                missed += 1;
            }
        }
    }
    match missed {
        0 => ExitCode::SUCCESS,
        missed => {
            println!("{missed} mistakes were not found");
            ExitCode::FAILURE
        }
    }
}
