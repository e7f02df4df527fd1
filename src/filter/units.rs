//! Moves submissions on: hands them bytes and connections, and passes their steps to their message.

use super::exchange::Exchange;
use super::worker::Worker;
use crate::config::Cause;
use crate::connection::{Owner, PoolId, Released, StreamToken, UnitId};
use crate::host::Host;
use crate::submission::{Cx, Effect, Loss, Prospect, Shown, Step, Submission};

impl<H: Host> Worker<H> {
    /// Adds the submission that shows the whole body of a message.
    pub(super) fn show_whole(&self, id: u32, exchange: &mut Exchange) {
        let unit = UnitId {
            context: id,
            direction: exchange.direction,
            index: 0,
        };
        let request = exchange.request.clone();
        let whole = Submission::new(unit, exchange.pool, request, Shown::Whole, None);
        exchange.units.reserve_exact(1);
        exchange.units.push(whole);
    }

    /// Runs `act` on a submission, and has its message act on the step.
    pub(super) fn with_unit(
        &mut self,
        unit: UnitId,
        act: impl FnOnce(&mut Submission, &mut Cx<'_, H>) -> Step,
    ) {
        if self.has_unit(unit) {
            self.with_message(unit.context, |worker, exchange| {
                if let Some(step) = worker.move_unit(exchange, unit, act) {
                    worker.take_step(unit.context, exchange, unit.index, step);
                }
                worker.place_large_change(unit.context, exchange);
            });
        }
    }

    /// Runs `act` on a submission of a message, and performs its effects. `None`: there is no such submission.
    pub(super) fn move_unit<T>(
        &mut self,
        exchange: &mut Exchange,
        unit: UnitId,
        act: impl FnOnce(&mut Submission, &mut Cx<'_, H>) -> T,
    ) -> Option<T> {
        let mut units = std::mem::take(&mut exchange.units);
        let mut effects = std::mem::take(&mut self.effects);
        let found = units.iter_mut().find(|submission| submission.id() == unit);
        let done = found.map(|submission| {
            let mut cx = Cx {
                host: &self.host,
                now_ms: self.now_ms,
                connections: &mut self.connections,
                budget: &self.budget,
                message: exchange.message(unit.context, &self.config.redact_headers),
                effects: &mut effects,
            };
            act(submission, &mut cx)
        });
        exchange.units = units;
        self.perform_all(exchange, effects);
        done
    }

    /// Performs the effects of a transition. Not inlined: one copy in the module is enough.
    #[inline(never)]
    fn perform_all(&mut self, exchange: &mut Exchange, mut effects: Vec<Effect>) {
        for effect in effects.drain(..) {
            self.perform(exchange, effect);
        }
        self.effects = effects;
    }

    fn perform(&mut self, exchange: &mut Exchange, effect: Effect) {
        match effect {
            // Of a call there may be any number.
            Effect::Record(record) if exchange.messages.is_some() => {
                exchange.journal.push_while_room(*record);
            }
            Effect::Record(record) => exchange.journal.push(*record),
            Effect::Retried => self.metrics.retried(&exchange.profile),
            Effect::Preempted => self.metrics.preempted(&exchange.profile),
            Effect::PreviewDecided => self.metrics.preview_decided(&exchange.profile),
            Effect::Istag { peer, tag } => {
                self.notice_istag(&exchange.profile, exchange.direction, &peer, &tag);
            }
            Effect::WakeUp(unit) => self.wake_ups.add(Owner::Unit(unit)),
            Effect::Handed(owner, token) => self.handed.push_back((owner, token)),
        }
    }

    /// Moves the submissions of a message on, after more of its body has come.
    pub(super) fn step_units(&mut self, id: u32, exchange: &mut Exchange) {
        if let [only] = exchange.units.as_slice() {
            return self.step_unit(id, exchange, only.id());
        }
        for unit in Self::units_of(exchange) {
            self.step_unit(id, exchange, unit);
        }
    }

    fn step_unit(&mut self, id: u32, exchange: &mut Exchange, unit: UnitId) {
        if let Some(step) = self.move_unit(exchange, unit, Submission::body) {
            self.take_step(id, exchange, unit.index, step);
        }
        self.place_large_change(id, exchange);
    }

    /// The identifiers of a message's submissions that have not ended.
    pub(super) fn units_of(exchange: &Exchange) -> Vec<UnitId> {
        exchange.units.iter().map(Submission::id).collect()
    }

    /// Fails a submission, and gives its step; `None`: there is no such submission.
    pub(super) fn fail_unit(
        &mut self,
        exchange: &mut Exchange,
        unit: UnitId,
        cause: Cause,
        reason: &str,
    ) -> Option<Step> {
        self.move_unit(exchange, unit, |submission, cx| {
            submission.fail(cause, reason.to_owned(), cx)
        })
    }

    /// Gives up all submissions of a message.
    pub(super) fn give_up_units(&mut self, exchange: &mut Exchange) {
        for unit in Self::units_of(exchange) {
            self.move_unit(exchange, unit, Submission::give_up);
            exchange.retire(unit.index);
        }
    }

    /// Starts the submissions and probes to which connections were handed.
    pub(super) fn hand_out(&mut self) {
        while let Some((owner, token)) = self.handed.pop_front() {
            match owner {
                Owner::Unit(unit) if self.has_unit(unit) => {
                    self.with_unit(unit, |submission, cx| submission.got(token, cx));
                }
                Owner::Unit(_) => self.release(token),
                Owner::Options(_) | Owner::SelfTest(_) => self.probe_connected(owner, token),
            }
        }
    }

    fn has_unit(&self, unit: UnitId) -> bool {
        let exchange = self.exchanges.get(unit.context);
        exchange.is_some_and(|exchange| exchange.units.iter().any(|of| of.id() == unit))
    }

    /// The connection that was handed to `owner` can't be used: `owner` needs another.
    pub(super) fn hand_another(&mut self, owner: Owner) {
        match owner {
            Owner::Options(_) | Owner::SelfTest(_) => self.probe_failed(owner, "connection lost"),
            Owner::Unit(unit) => self.with_unit(unit, |submission, cx| submission.spoiled(cx)),
        }
    }

    /// Envoy knows no server for that pool: `owner` gets no connection, nor do the others that wait there.
    pub(super) fn without_server(&mut self, owner: Owner, pool: PoolId, reason: &str) {
        self.without_connection(owner, reason);
        let prospect = Prospect::of(&self.connections, pool, Loss::NoServer, self.now_ms);
        if prospect != Prospect::Alive {
            for owner in self.connections.waiting(pool) {
                self.without_connection(owner, reason);
            }
        }
    }

    /// No connection could be opened for `owner`.
    fn without_connection(&mut self, owner: Owner, reason: &str) {
        match owner {
            Owner::Options(_) | Owner::SelfTest(_) => self.probe_failed(owner, reason),
            Owner::Unit(unit) => {
                self.with_unit(unit, |submission, cx| submission.no_connection(reason, cx));
            }
        }
    }

    /// Gives a connection back that may be used again.
    pub(super) fn release(&mut self, token: StreamToken) {
        let released = self.connections.release(&self.host, token, self.now_ms);
        if let Released::HandedTo(owner) = released {
            self.handed.push_back((owner, token));
        }
    }

    /// A connection is closed: tells its owner.
    pub(super) fn lost(&mut self, token: StreamToken) {
        let Some(closed) = self.connections.closed(token) else {
            return;
        };
        match closed.owner {
            None => {}
            Some(owner @ (Owner::Options(_) | Owner::SelfTest(_))) => {
                self.probe_failed(owner, "connection lost");
            }
            Some(Owner::Unit(unit)) => {
                self.with_unit(unit, |submission, cx| {
                    submission.lost(closed.was_connected, cx)
                });
            }
        }
    }
}
