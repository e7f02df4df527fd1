//! Messages and connections brought together: waiting, handing out, giving back, losing.

use super::exchange::{Exchange, Phase};
use super::meaning::head_differs;
use super::scan::Scan;
use super::worker::Worker;
use crate::config::Cause;
use crate::connection::{Checkout, Owner, PoolId, Released, StreamToken, Wish};
use crate::host::Host;
use crate::verdict::Rest;

/// How many tries to reach a server may follow one another at once.
const QUICK_TRIES: u32 = 3;
/// How long after the next one that came to nothing none is opened for that message, in milliseconds; twice as long after each
/// further one. Envoy tells its workers which servers live up to a second later than it knows it (`update_merge_window`).
const NO_SERVER_PAUSE_MS: u64 = 50;
/// How long after a sign of life it is worth looking for a server that lives, in milliseconds.
const HOPE_MS: u64 = 10_000;

/// How a connection was lost to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    /// Its server had it.
    Closed,
    /// No server could be reached.
    Unreachable,
}

/// What is known of the servers that a message could still go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prospect {
    /// There is but one, and no sign of life lately.
    Poor,
    /// There are several.
    Several,
    /// One was alive a moment ago.
    Alive,
}

impl Loss {
    /// How often a message may be sent anew in all. Of one server: once where it had the message, for it may hang up on this
    /// very one, and twice where it could not be reached, the first try having met a connection that it had just closed.
    /// Where there is a prospect of another: until one that lives should have been met.
    fn retries(self, prospect: Prospect) -> u32 {
        match (self, prospect) {
            (Self::Closed, Prospect::Poor | Prospect::Alive) => 1,
            (Self::Unreachable, Prospect::Poor) => 2,
            (_, Prospect::Several) => 4,
            (Self::Unreachable, Prospect::Alive) => 8,
        }
    }
}

impl<H: Host> Worker<H> {
    /// Takes a connection, or waits for one.
    pub(super) fn connect(&mut self, id: u32, exchange: &mut Exchange, wish: Wish) {
        exchange.phase = Phase::Waiting;
        match self
            .connections
            .checkout(exchange.pool, Owner::Message(id), wish)
        {
            Checkout::Kept(token) => {
                exchange.phase = Phase::Scanning(Box::new(self.scan(token, exchange)));
                self.step(id, exchange);
            }
            Checkout::Waiting => {}
            Checkout::Overloaded => {
                let reason = "too many requests are waiting for a connection".to_owned();
                self.fail(id, exchange, Cause::Overload, reason);
            }
        }
    }

    /// The scan of a message on that connection.
    fn scan(&self, token: StreamToken, exchange: &Exchange) -> Scan {
        let used = self.connections.has_served(token);
        Scan::new(token, &exchange.request, self.now_ms, &self.budget, used)
    }

    /// Starts the messages to which connections were handed.
    pub(super) fn hand_out(&mut self) {
        while let Some((owner, token)) = self.handed.pop_front() {
            let id = match owner {
                Owner::Message(id) => id,
                Owner::Options(_) | Owner::SelfTest(_) => {
                    self.probe_connected(owner, token);
                    continue;
                }
            };
            match self.take(id) {
                Some(mut exchange) if matches!(exchange.phase, Phase::Waiting) => {
                    exchange.phase = Phase::Scanning(Box::new(self.scan(token, &exchange)));
                    self.put_back(id, exchange);
                    self.drive(id);
                }
                other => {
                    if let Some(exchange) = other {
                        self.put_back(id, exchange);
                    }
                    self.release(token);
                }
            }
        }
    }

    /// The connection that was handed to `owner` is of no use.
    pub(super) fn hand_another(&mut self, owner: Owner) {
        match owner {
            Owner::Options(_) | Owner::SelfTest(_) => self.probe_failed(owner, "connection lost"),
            Owner::Message(id) => self.with_message(id, |worker, exchange| {
                if matches!(exchange.phase, Phase::Waiting) {
                    worker.connect(id, exchange, Wish::FRESH);
                }
            }),
        }
    }

    /// Envoy knows of no server in that pool: so `owner` gets no connection, and nobody else who waits there does.
    pub(super) fn without_server(&mut self, owner: Owner, pool: PoolId, reason: &str) {
        self.without_connection(owner, reason);
        if self.prospect(pool, Loss::Unreachable) != Prospect::Alive {
            for owner in self.connections.waiting(pool) {
                self.without_connection(owner, reason);
            }
        }
    }

    /// No connection could be opened for whom it was wanted.
    fn without_connection(&mut self, owner: Owner, reason: &str) {
        match owner {
            Owner::Options(_) | Owner::SelfTest(_) => self.probe_failed(owner, reason),
            Owner::Message(id) => self.with_message(id, |worker, exchange| {
                // Envoy knows of no server: that is worth waiting for only where one was there a moment ago.
                let prospect = worker.prospect(exchange.pool, Loss::Unreachable);
                if prospect == Prospect::Alive
                    && exchange.retries < Loss::Unreachable.retries(prospect)
                {
                    let wish = worker.look_elsewhere(exchange, Loss::Unreachable);
                    let wish = Wish {
                        fresh: false,
                        ..wish
                    };
                    worker.connect(id, exchange, wish);
                } else {
                    worker.fail(id, exchange, Cause::Connection, reason.to_owned());
                }
            }),
        }
    }

    fn prospect(&self, pool: PoolId, loss: Loss) -> Prospect {
        let alive = self
            .connections
            .was_alive_within(pool, HOPE_MS, self.now_ms);
        match loss {
            Loss::Unreachable if alive => Prospect::Alive,
            _ if self.connections.has_several_servers(pool) => Prospect::Several,
            _ => Prospect::Poor,
        }
    }

    /// A message is about to be sent anew.
    pub(super) fn count_retry(&mut self, exchange: &mut Exchange) {
        exchange.retries = exchange.retries.saturating_add(1);
        self.metrics.retried(&exchange.profile);
    }

    /// Counts a retry, and has it wait where many have come to nothing.
    fn look_elsewhere(&mut self, exchange: &mut Exchange, loss: Loss) -> Wish {
        self.count_retry(exchange);
        let slow = exchange
            .retries
            .checked_sub(QUICK_TRIES.saturating_add(1))
            .filter(|_| loss == Loss::Unreachable);
        let pause_ms = slow.map_or(0, |slow| {
            NO_SERVER_PAUSE_MS.saturating_mul(2_u64.saturating_pow(slow))
        });
        Wish {
            fresh: true,
            not_before_ms: self.now_ms.saturating_add(pause_ms),
        }
    }

    /// The message needs no connection any more: it waits for none, and one that it has is closed, without a last chunk, for what
    /// did not come to its end must not look as if it had.
    pub(super) fn give_up_connection(&mut self, id: u32, exchange: &Exchange) {
        match &exchange.phase {
            Phase::Waiting => self.connections.forget(exchange.pool, Owner::Message(id)),
            Phase::Scanning(scan) => self.connections.close(&self.host, scan.token, self.now_ms),
            Phase::Collecting
            | Phase::Draining(_)
            | Phase::Cleared
            | Phase::Released
            | Phase::Discarding(_)
            | Phase::Answered => {}
        }
    }

    /// Gives a connection back that may be used again.
    pub(super) fn release(&mut self, token: StreamToken) {
        if let Released::HandedTo(id) = self.connections.release(&self.host, token, self.now_ms) {
            self.handed.push_back((id, token));
        }
    }

    /// Sends a message anew whose connection had served before and brought bytes that begin no answer: that connection was lost.
    pub(super) fn retry_astray(&mut self, id: u32, exchange: &mut Exchange, reason: &str) -> bool {
        let Phase::Scanning(scan) = &exchange.phase else {
            return false;
        };
        if !scan.is_astray() || exchange.retries > 0 {
            return false;
        }
        self.record_failure(exchange, Cause::Connection, reason);
        self.give_up_connection(id, exchange);
        let wish = self.look_elsewhere(exchange, Loss::Closed);
        self.connect(id, exchange, wish);
        true
    }

    /// A connection is gone. A message that had it and got no byte of an answer is sent anew on another.
    pub(super) fn lost(&mut self, token: StreamToken) {
        let Some(closed) = self.connections.closed(token) else {
            return;
        };
        let id = match closed.owner {
            None => return,
            Some(owner @ (Owner::Options(_) | Owner::SelfTest(_))) => {
                return self.probe_failed(owner, "connection lost");
            }
            Some(Owner::Message(id)) => id,
        };
        let Some(mut exchange) = self.take(id) else {
            return;
        };
        if let Phase::Scanning(scan) = &exchange.phase
            // The answer is there; what it waits for is the rest of the upload.
            && !scan.complete
        {
            let reason = match scan.transaction.end_of_input() {
                _ if !closed.was_connected => "no connection to the server".to_owned(),
                Err(e) if scan.transaction.answered() => format!("connection lost: {e}"),
                _ => "connection lost before the answer".to_owned(),
            };
            let loss = match closed.was_connected {
                true => Loss::Closed,
                false => Loss::Unreachable,
            };
            let prospect = self.prospect(exchange.pool, loss);
            // An answer that had said nothing yet but what was sent may be whole at the next try, once. One that had begun to
            // say something else stands, though it broke off.
            let repeatable = match scan.has_begun_change() {
                true => {
                    !exchange.change_begun
                        && scan.is_same_so_far()
                        && !head_differs(&exchange, &scan.answer)
                }
                false => prospect == Prospect::Several || !scan.transaction.answered(),
            };
            let may_retry = exchange.take_note() == Rest::Silent
                && repeatable
                && exchange.retries < loss.retries(prospect);
            if may_retry {
                self.record_failure(&mut exchange, Cause::Connection, &reason);
                let wish = self.look_elsewhere(&mut exchange, loss);
                self.connect(id, &mut exchange, wish);
            } else {
                self.fail(id, &mut exchange, Cause::Connection, reason);
            }
            exchange.run_clock(self.now_ms);
        }
        self.put_back(id, exchange);
    }
}
