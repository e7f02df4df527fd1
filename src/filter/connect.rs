//! Messages and connections brought together: waiting, handing out, giving back, losing.

use super::exchange::{Exchange, Phase, Scan};
use super::worker::Worker;
use crate::config::Cause;
use crate::connection::{Checkout, Owner, PoolId, Released, StreamToken};

/// How many tries to reach a server may follow one another at once.
const QUICK_TRIES: u32 = 3;
/// How long no connection is opened after the next one that came to nothing, in milliseconds; twice as long after each further
/// one. Envoy tells its workers which servers live up to a second later than it knows it (`update_merge_window`).
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

impl Loss {
    /// How often a message may be sent anew in all. Of one server: once where it had the message, for it may hang up on this
    /// very one, and twice where it could not be reached, the first try having met a connection that it had just closed.
    /// Where there is hope for another: until one that lives should have been met.
    fn retries(self, hope: bool) -> u32 {
        match (self, hope) {
            (Self::Closed, false) => 1,
            (Self::Unreachable, false) => 2,
            (Self::Closed, true) => 4,
            (Self::Unreachable, true) => 8,
        }
    }
}

impl Worker {
    /// Takes a connection, or waits for one.
    pub(super) fn connect(&mut self, id: u32, exchange: &mut Exchange, fresh: bool) {
        exchange.phase = Phase::Waiting;
        match self
            .connections
            .checkout(exchange.pool, Owner::Message(id), fresh)
        {
            Checkout::Kept(token) => {
                exchange.phase =
                    Phase::Scanning(Box::new(Scan::new(token, &exchange.request, self.now_ms)));
                self.step(id, exchange);
            }
            Checkout::Waiting => {}
            Checkout::Overloaded => {
                let reason = "too many requests are waiting for a connection".to_owned();
                self.fail(id, exchange, Cause::Overload, reason);
            }
        }
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
                    let scan = Scan::new(token, &exchange.request, self.now_ms);
                    exchange.phase = Phase::Scanning(Box::new(scan));
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

    /// No connection could be opened for whom it was wanted.
    pub(super) fn without_connection(&mut self, owner: Owner, reason: &str) {
        match owner {
            Owner::Options(_) | Owner::SelfTest(_) => self.probe_failed(owner, reason),
            Owner::Message(id) => {
                let Some(mut exchange) = self.take(id) else {
                    return;
                };
                // Envoy knows of no server: only after a change that is worth waiting for.
                if self.was_alive(exchange.pool) && self.may_retry(&exchange, Loss::Unreachable) {
                    self.look_elsewhere(&mut exchange, Loss::Unreachable);
                    self.connect(id, &mut exchange, false);
                } else {
                    self.fail(id, &mut exchange, Cause::Connection, reason.to_owned());
                }
                exchange.run_clock(self.now_ms);
                self.put_back(id, exchange);
            }
        }
    }

    /// Whether a server of that pool has shown a sign of life lately.
    fn was_alive(&self, pool: PoolId) -> bool {
        self.connections
            .was_alive_within(pool, HOPE_MS, self.now_ms)
    }

    fn may_retry(&self, exchange: &Exchange, loss: Loss) -> bool {
        let several = self.connections.has_several_servers(exchange.pool);
        let hope = match loss {
            // It may be this message that makes a server hang up: of a single one only another connection is tried.
            Loss::Closed => several,
            Loss::Unreachable => several || self.was_alive(exchange.pool),
        };
        exchange.retries < loss.retries(hope)
    }

    /// Counts a retry, and has it wait where many have come to nothing.
    fn look_elsewhere(&mut self, exchange: &mut Exchange, loss: Loss) {
        exchange.retries = exchange.retries.saturating_add(1);
        self.metrics.retried(&exchange.profile);
        if loss == Loss::Unreachable
            && let Some(slow) = exchange.retries.checked_sub(QUICK_TRIES.saturating_add(1))
        {
            let pause_ms = NO_SERVER_PAUSE_MS.saturating_mul(2_u64.saturating_pow(slow));
            let until_ms = self.now_ms.saturating_add(pause_ms);
            self.connections.pause(exchange.pool, until_ms);
        }
    }

    /// Gives a connection back that may be used again.
    pub(super) fn release(&mut self, token: StreamToken) {
        if let Released::HandedTo(id) = self.connections.release(token, self.now_ms) {
            self.handed.push_back((id, token));
        }
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
        if let Phase::Scanning(scan) = &exchange.phase {
            let reason = match scan.transaction.end_of_input() {
                _ if !closed.was_connected => "no connection to the server".to_owned(),
                Err(e) if scan.transaction.answered() => format!("connection lost: {e}"),
                _ => "connection lost before the answer".to_owned(),
            };
            let loss = match closed.was_connected {
                true => Loss::Closed,
                false => Loss::Unreachable,
            };
            let several = self.connections.has_several_servers(exchange.pool);
            let answered = scan.transaction.answered();
            let condemned = exchange.condemned().is_some();
            if self.may_retry(&exchange, loss) && (several || !answered) && !condemned {
                self.record_failure(&mut exchange, Cause::Connection, &reason);
                self.look_elsewhere(&mut exchange, loss);
                self.connect(id, &mut exchange, true);
            } else {
                self.fail(id, &mut exchange, Cause::Connection, reason);
            }
            exchange.run_clock(self.now_ms);
        }
        self.put_back(id, exchange);
    }
}
