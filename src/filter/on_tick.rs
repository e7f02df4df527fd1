//! What time brings: connections that can be opened only then, probes that are due, time-outs.

use super::exchange::Exchange;
use super::repeated::say;
use super::worker::{TICK_IDLE_MS, TICK_OPENING_MS, TICK_SCANNING_MS, Worker};
use crate::bug::{Bug, bug};
use crate::config::Cause;
use crate::connection::{Opened, Owner, PoolId};
use crate::host::Host;
use crate::submission::Submission;

/// Root ticks while nothing is going on: the other instances want a sign of life.
const TICK_REST_MS: u32 = 2_000;

impl<H: Host> Worker<H> {
    /// Time has passed.
    pub(super) fn on_tick(&mut self) {
        self.begin(None);
        self.look_after_instances();
        // After an opening that failed Envoy has a close to report, and no callback may come within this one before it does:
        // what edits messages waits for a callback of its own.
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
    }

    /// Opens connections for those who wait. First of all in a callback, and no more after one that fails at once, for
    /// whom that is given: see [`host::open_stream`].
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

    /// Says of each scan that takes too long so far, once, where it is.
    fn warn_of_slow_scans(&mut self) {
        let slow = self.those(|exchange| {
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

    /// Fails what has been waited for too long.
    fn expire(&mut self) {
        let expired = self.those(|exchange| {
            !exchange.is_decided()
                && exchange.clock.expired(self.now_ms)
                && !bug(Bug::StallNotNoticed)
        });
        for id in expired {
            self.with_message(id, |worker, exchange| {
                let limit_ms = exchange.profile.response_timeout_ms;
                let reason = format!("no verdict within {limit_ms} ms");
                worker.fail(id, exchange, Cause::Timeout, reason);
            });
        }
    }

    /// Sets the tick to what is needed now. Only a tick slows itself down, so that no request pays for it.
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
