//! The worker's part of a tick of the root context: opens connections, sends probes, notices time-outs.

use super::exchange::Exchange;
use super::repeated::say;
use super::worker::{TICK_IDLE_MS, TICK_OPENING_MS, TICK_SCANNING_MS, Worker};
use crate::bug::{Bug, bug};
use crate::config::Cause;
use crate::connection::{Opened, Owner, PoolId};
use crate::host::Host;
use crate::submission::Submission;

/// Milliseconds between root ticks while nothing happens: the other instances expect a sign of life.
const TICK_REST_MS: u32 = 2_000;

impl<H: Host> Worker<H> {
    /// A tick of the root context.
    pub(super) fn on_tick(&mut self) {
        self.begin(None);
        self.begin_quiet_calls();
        self.put_stream_ends();
        self.look_after_instances();
        // After a failed opening Envoy still has to report a close, and until then no callback may come within this one. So
        // everything that edits messages waits for a wake-up.
        match self.open_connections() {
            Some((owner, pool, reason)) => {
                self.without_server(owner, pool, &reason);
                if !self.wake_ups.call(&self.host) {
                    self.set_tick(TICK_OPENING_MS);
                }
            }
            None => self.catch_up(),
        }
        self.handed.extend(self.connections.end_rests(self.now_ms));
        self.connections.evict(&self.host, self.now_ms);
        self.tend_probes();
        self.check_delivery();
        self.warn_of_slow_scans();
        self.preempt_slow_bodies();
        self.expire();
        self.expire_stalled();
        self.send_early_replies();
        self.connections.expire(&self.host, self.now_ms);
        self.settle();
        self.metrics.take_stock(&self.host, &mut self.connections);
        self.slow_down();
        self.open_gates();
    }

    /// Opens connections for the owners that wait. Runs before anything else in the callback, and stops at an opening that fails
    /// at once: see [`Host::open_stream`]. Gives the owner and the pool of the failed opening, and the reason.
    fn open_connections(&mut self) -> Option<(Owner, PoolId, String)> {
        if self.is_upstream {
            return None;
        }
        while let Some(opened) = self.connections.open_next(&self.host, self.now_ms) {
            match opened {
                Opened::For(owner, token) => self.handed.push_back((owner, token)),
                Opened::Failed { owner, pool, error } => {
                    if bug(Bug::SecondFailingOpen) && self.connections.can_open(self.now_ms) {
                        continue;
                    }
                    return Some((owner, pool, self.no_server(pool, &error)));
                }
            }
        }
        None
    }

    /// Logs each scan that has passed the slow threshold, once.
    fn warn_of_slow_scans(&mut self) {
        let slow = self.contexts_where(|exchange| {
            !exchange.slow_said && !exchange.is_decided() && self.is_slow(exchange)
        });
        for id in slow {
            self.with_message(id, Self::warn_of_slow_scan);
        }
    }

    fn warn_of_slow_scan(&mut self, exchange: &mut Exchange) {
        exchange.slow_said = true;
        self.metrics.slow(&exchange.profile);
        let profile = &exchange.profile;
        let server = match exchange.units.iter().find_map(Submission::connection) {
            Some(token) => self.connections.peer(token).unwrap_or("a server"),
            None => "no server yet, all connections are in use",
        };
        say(
            self.now_ms,
            log::Level::Warn,
            "slow",
            &format!("{}/{server}", profile.name),
            format_args!(
                "icap profile {}: a scan by {server} has taken {} ms so far, of {} ms at most; \
                 slow_response_warning_threshold_ms is {}",
                profile.name,
                exchange.clock.spent(self.now_ms),
                profile.response_timeout_ms,
                profile.slow_threshold_ms,
            ),
        );
    }

    /// Fails the messages whose server has used up `response_timeout_ms`.
    fn expire(&mut self) {
        let expired = self.contexts_where(|exchange| {
            !exchange.is_decided()
                && exchange.clock.expired(self.now_ms)
                && !bug(Bug::StallNotNoticed)
        });
        for id in expired {
            self.with_message(id, |worker, exchange| {
                let limit_ms = exchange.profile.response_timeout_ms;
                if exchange.is_slowed_down() && !exchange.body.end_is_ahead {
                    return worker.fail_too_slow(id, exchange);
                }
                let reason = format!("no verdict within {limit_ms} ms");
                worker.fail(id, exchange, Cause::Timeout, reason);
            });
        }
    }

    /// Sets the period that is needed now. Only a tick makes the period longer, so that no request pays for the host call.
    fn slow_down(&mut self) {
        let wanted = if self.wants_tick_soon() {
            TICK_OPENING_MS
        } else if self.probes_are_out() || self.any_waits() {
            TICK_SCANNING_MS
        } else if self.connections.any() || self.probes_will_be_due() {
            TICK_IDLE_MS
        } else {
            TICK_REST_MS
        };
        if wanted != self.tick_ms {
            self.set_tick(wanted);
        }
    }
}
