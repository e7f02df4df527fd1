//! Bodies that stream behind a gate: taken in while the gate holds them, and slowed down where the server lags.
//!
//! ```text
//!  the server lags by the window ──▶ shut: what comes is held, and shown from a copy
//!  the server lags by less ──▶ open: what is held comes in a callback of its own
//!  the end of the body ──▶ held, until the verdict is there: it comes with all that is to go on
//! ```
//!
//! So the end comes last of all, and nothing has to be put in behind it.

use super::exchange::{Exchange, Phase};
use super::stream_end::{HELD_BEHIND, KEPT_BY_OTHERS};
use super::worker::{TICK_OPENING_MS, Worker};
use crate::bug::{Bug, bug};
use crate::config::Cause;
use crate::gate::{Arrival, Hold};
use crate::host::{Host, Next};
use crate::icap::Direction;

/// Why a part is refused that is not what the gate has held.
const ALTERED: &str = "what comes from the gate is not as long as what the gate held: another filter between them changes the body";

/// Why a body is refused whose end the gate never held.
const ENDED_BEHIND: &str = "a filter before the gate holds the end of the body, so what the gate let go on would be taken for the whole";

/// What is to become of a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// It stays as it is.
    Nothing,
    Shut,
    Open,
    /// All goes on.
    Leave,
    /// Its message gets no further.
    Forget,
}

impl<H: Host> Worker<H> {
    /// Takes hold of the gate that stands before this filter, if any, when the first part comes of a body that streams: only then it is
    /// sure that what the gate lets go on comes here.
    pub(super) fn look_for_gate(&self, id: u32, exchange: &mut Exchange) {
        let asks = exchange
            .stream
            .as_mut()
            .is_some_and(|it| it.asks_for_gate());
        if asks && self.host.enter(id).is_ok() {
            exchange.gate = Hold::of(&self.gates, &self.host, id, exchange.direction);
        }
    }

    /// Ends the message's own callback about a part of its body, and says whether the host holds the message. Behind a gate a part may
    /// come that is larger than the host's buffer: the host must not put it there before it shows it.
    pub(super) fn leave_body(&mut self, id: u32, direction: Direction) -> Next {
        let next = self.leave(id, direction);
        let Some(exchange) = self.exchanges.get_mut(id) else {
            return next;
        };
        if exchange.direction != direction {
            return next;
        }
        let streams = exchange.gate.is_some() && exchange.stream.is_some();
        // At the end of a body Envoy may be asked for what it holds.
        let comes_on = streams && !exchange.body.at_end;
        exchange.is_out_of_reach = comes_on && next == Next::Pause && exchange.is_held();
        match exchange.is_out_of_reach {
            true => Next::Hold,
            false => next,
        }
    }

    /// The gate has got a part of a body, and holds it.
    pub(super) fn on_arrival(&mut self, arrival: Arrival) {
        let id = arrival.filter;
        self.begin(Some(arrival.gate));
        // The gate has another root context, whose streams are not this filter's.
        if !bug(Bug::SentFromGate) && self.host.enter(id).is_err() {
            self.inside = None;
            return;
        }
        self.with_message(id, |worker, exchange| {
            worker.take_arrival(id, exchange, arrival);
        });
        self.settle();
        self.inside = None;
    }

    fn take_arrival(&mut self, id: u32, exchange: &mut Exchange, arrival: Arrival) {
        let size = arrival.bytes.as_ref().map_or(0, Vec::len) as u64;
        let Some(stream) = &mut exchange.stream else {
            return;
        };
        stream.note_ahead(size);
        exchange.body.pass(size, false);
        exchange.body.progress_ms = self.now_ms;
        self.take_in_read(id, exchange, arrival.bytes);
        if exchange.is_refused() {
            return;
        }
        if arrival.at_end {
            exchange.body.end_is_ahead = true;
            // From here on the server is waited for as for any whole body.
            exchange.clock.restart(self.now_ms);
        }
        self.step(id, exchange);
        let is_cleared = matches!(exchange.phase, Phase::Cleared);
        if arrival.at_end && exchange.is_held() && !is_cleared && !self.may_hold_end(id, exchange) {
            self.fail(id, exchange, Cause::Internal, HELD_BEHIND.to_owned());
        }
    }

    /// `size` bytes come that the gate has held, of which `ahead` were taken in meanwhile.
    pub(super) fn take_held_part(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        (size, ahead): (u64, u64),
        at_end: bool,
    ) {
        exchange.body.at_end |= at_end;
        exchange.body.progress_ms = self.now_ms;
        let reason = match size {
            // Envoy takes what a filter lets go on for the whole once the sender has sent all (before 1.40).
            _ if at_end && !exchange.body.end_is_ahead => ENDED_BEHIND,
            size if size > ahead && !bug(Bug::CopyOverlooked) => KEPT_BY_OTHERS,
            size if size < ahead => ALTERED,
            _ => {
                self.step(id, exchange);
                return self.pass_on(id, exchange, size);
            }
        };
        self.fail_closed(id, exchange, Cause::Internal, reason);
    }

    /// The server has given nothing back for too long, while the gate is shut.
    pub(super) fn fail_too_slow(&mut self, id: u32, exchange: &mut Exchange) {
        let available = exchange.body.available;
        let lag = exchange.stream.as_ref().map_or(0, |it| it.lag(available));
        let limit_ms = exchange.profile.response_timeout_ms;
        let reason = format!("of {lag} bytes the server gave none back within {limit_ms} ms");
        self.fail(id, exchange, Cause::Oversize, reason);
    }

    /// Shuts the gate of a message, or has it open.
    pub(super) fn tend_gate(&mut self, id: u32, exchange: &mut Exchange) {
        let wanted = exchange.wants_of_gate();
        let Some(gate) = &exchange.gate else { return };
        match wanted {
            Wanted::Nothing => {}
            Wanted::Shut => gate.shut(),
            // What is held may bring something to send, and in the running callback nothing may be sent perhaps.
            Wanted::Open | Wanted::Leave if gate.is_holding() => self.call_for_gate(id),
            Wanted::Open => gate.open(&self.host),
            Wanted::Leave | Wanted::Forget => {
                if let Some(gate) = exchange.gate.take() {
                    gate.forget();
                }
            }
        }
    }

    fn call_for_gate(&mut self, id: u32) {
        if self.gates_to_open.contains(&id) {
            return;
        }
        self.gates_to_open.push_back(id);
        if !self.wake_ups.call(&self.host) {
            self.set_tick(TICK_OPENING_MS);
        }
    }

    /// Opens the gates that wait for a callback of the root context. Last of all in it: what they let go comes as soon as this callback
    /// ends, or another within it, such as that of a connection that can't be opened.
    pub(super) fn open_gates(&mut self) {
        if self.gates_to_open.is_empty() {
            return;
        }
        while let Some(id) = self.gates_to_open.pop_front() {
            let Some(exchange) = self.exchanges.get_mut(id) else {
                continue;
            };
            let wanted = exchange.wants_of_gate();
            exchange.body.progress_ms = self.now_ms;
            match wanted {
                Wanted::Open => {
                    if let Some(gate) = &exchange.gate {
                        gate.open(&self.host);
                    }
                }
                Wanted::Leave => {
                    if let Some(gate) = exchange.gate.take() {
                        gate.leave(&self.host);
                    }
                }
                Wanted::Nothing | Wanted::Shut | Wanted::Forget => {}
            }
        }
        // Back from the gates' contexts, whose root context is another.
        if let Err(e) = self.host.enter(self.root) {
            log::debug!("icap: {e}");
        }
    }
}

impl Exchange {
    fn wants_of_gate(&self) -> Wanted {
        let Some(gate) = &self.gate else {
            return Wanted::Nothing;
        };
        match (&self.phase, &self.stream) {
            (Phase::Replied, _) => Wanted::Forget,
            // Trailers would come without a callback in which the rest can be put in before them.
            (Phase::Cleared, Some(stream))
                if !self.body.end_is_ahead && !stream.has_nothing_ready() =>
            {
                Wanted::Open
            }
            (Phase::Discarding(_) | Phase::Cleared | Phase::Released | Phase::Draining(_), _)
            | (_, None) => Wanted::Leave,
            (Phase::Scanning, Some(stream)) => {
                let lag = stream.lag(self.body.available);
                match self.body.end_is_ahead {
                    true => Wanted::Nothing,
                    false if lag >= self.limit() => Wanted::Shut,
                    // A server may keep some of the window back for good.
                    false if gate.is_shut() => Wanted::Open,
                    false => Wanted::Nothing,
                }
            }
        }
    }
}
