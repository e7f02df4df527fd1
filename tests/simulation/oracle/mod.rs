//! What must hold after a run: what clients and application got agrees with what the servers said, what the log says, and what
//! was counted.

mod calls;
mod causes;
mod counters;
mod delivery;
mod entry;
mod monitor;
mod parts;
mod streams;
mod trailers;
mod unchanged;

use crate::world::Sim;

/// Judges a run that has come to rest; says what is wrong.
pub fn judge(sim: &Sim) -> Result<(), String> {
    let messages = sim.messages.borrow();
    let scanner = sim.scanner.borrow();
    for (index, message) in messages.iter().enumerate() {
        let exchange = delivery::Exchange {
            plan: &sim.plan,
            it: &sim.plan.messages[index],
            message,
            scanner: &scanner,
        };
        exchange
            .check()
            .map_err(|why| format!("m{}: {why}", exchange.it.id))?;
    }
    counters::check(sim, &messages)
}

/// Judges what is left when all is over.
pub fn judge_rest(sim: &Sim) -> Result<(), String> {
    counters::check_gauges(sim)
}
