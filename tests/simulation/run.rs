//! Runs a plan and judges it.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::{Rc, Weak};

use crate::oracle;
use crate::plan::Plan;
use crate::world::Sim;

/// How a run went.
#[derive(Debug)]
pub struct Ran {
    /// What was wrong.
    pub failure: Option<String>,
    /// What happened, where that was wanted.
    pub trace: Vec<String>,
}

thread_local! {
    static RUNNING: RefCell<Weak<Sim>> = RefCell::default();
}

/// Runs a plan.
pub fn run(plan: &Plan, traced: bool) -> Ran {
    let sim = Sim::new(plan.clone(), traced);
    RUNNING.set(Rc::downgrade(&sim));
    if catch_unwind(AssertUnwindSafe(|| play(&sim))).is_err() {
        // The hook has noted it.
        sim.fail("a panic");
    }
    // What a panic has left borrowed can't be looked at.
    let _ = catch_unwind(AssertUnwindSafe(|| sim.instances.borrow_mut().clear()));
    Ran {
        failure: sim.failure(),
        trace: sim.take_trace(),
    }
}

fn play(sim: &Rc<Sim>) {
    sim.run();
    check(sim, oracle::judge);
    sim.stop_proxy();
    check(sim, oracle::judge_rest);
}

fn check(sim: &Sim, judge: fn(&Sim) -> Result<(), String>) {
    if !sim.has_failed()
        && let Err(why) = judge(sim)
    {
        sim.fail(why);
    }
}

/// Has panics and the module's log go to the run that they are of.
pub fn listen() {
    std::panic::set_hook(Box::new(|panic| {
        let sim = RUNNING.with_borrow(Weak::upgrade);
        match sim {
            Some(sim) => sim.fail(panic.to_string().replace('\n', " ")),
            None => eprintln!("{panic}"),
        }
    }));
    log::set_logger(&Log).unwrap();
    log::set_max_level(log::LevelFilter::Off);
}

/// The module's log, as a part of the trace.
struct Log;

impl log::Log for Log {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if let Some(sim) = RUNNING.with_borrow(Weak::upgrade) {
            sim.trace(|| format!("| {} {}", record.level(), record.args()));
        }
    }

    fn flush(&self) {}
}
