//! Messages and connections brought together: waiting, handing out, giving back, losing.

use super::exchange::{Exchange, Phase, Scan};
use super::worker::Worker;
use crate::config::Cause;
use crate::connection::{Checkout, Owner, Released, StreamToken};

/// How long no connection is opened where Envoy knows of no server that lives, in milliseconds.
const NO_SERVER_PAUSE_MS: u64 = 50;

/// How often a message may be sent anew in all, when this connection is lost to it. Of one server: once where it had the
/// message, for it may hang up on this very one, and twice where it could not be reached, the first try having met a
/// connection that it had just closed. Of several: until one that lives should have been met.
fn retries(was_connected: bool, several_servers: bool) -> u32 {
    match (several_servers, was_connected) {
        (false, true) => 1,
        (false, false) => 2,
        (true, _) => 4,
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
                if self.connections.has_several_servers(exchange.pool)
                    && exchange.retries < retries(false, true)
                {
                    // A worker learns a moment later than Envoy as a whole which servers live.
                    exchange.retries = exchange.retries.saturating_add(1);
                    let until_ms = self.now_ms.saturating_add(NO_SERVER_PAUSE_MS);
                    self.connections.pause(exchange.pool, until_ms);
                    self.connect(id, &mut exchange, false);
                } else {
                    self.fail(id, &mut exchange, Cause::Connection, reason.to_owned());
                }
                exchange.run_clock(self.now_ms);
                self.put_back(id, exchange);
            }
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
            let several = self.connections.has_several_servers(exchange.pool);
            if exchange.retries >= retries(closed.was_connected, several)
                || (scan.transaction.answered() && !several)
            {
                self.fail(id, &mut exchange, Cause::Connection, reason);
            } else {
                exchange.retries = exchange.retries.saturating_add(1);
                self.metrics.retried(&exchange.profile);
                self.record_failure(&mut exchange, Cause::Connection, &reason);
                self.connect(id, &mut exchange, true);
            }
            exchange.run_clock(self.now_ms);
        }
        self.put_back(id, exchange);
    }
}
