//! One worker's share of the filter: the messages under scan, the connections, and the events that move them.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use super::admit::Admission;
use super::exchange::{Exchange, Phase, Progress};
use super::holding::Holding;
use super::metrics::Metrics;
use super::recall::Recall;
use super::service::{self, Service};
use crate::config::{Cause, Config};
use crate::connection::{Connections, Opened, Owner, StreamToken};
use crate::host::{self, Half, Next};
use crate::icap::Transaction;
use crate::report::Action;

/// Root ticks while a request waits for a connection to be opened, in milliseconds: only the root context can open one.
pub(super) const TICK_OPENING_MS: u32 = 1;
/// Root ticks while messages are under scan: bounds how late a time-out is noticed.
const TICK_SCANNING_MS: u32 = 50;
/// Root ticks while connections idle.
const TICK_IDLE_MS: u32 = 1_000;

/// The state that the root context and the HTTP contexts of one worker share.
///
/// Every callback follows one rule: take the input, [`drive`](Self::drive) the message it is about, then
/// [`settle`](Self::settle) what that set free. Every step first enters the context that its host calls are about.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) root: u32,
    pub(super) config: Rc<Config>,
    pub(super) connections: Connections,
    pub(super) metrics: Metrics,
    pub(super) services: Vec<Service>,
    /// Whether this worker has had any request. Envoy's main thread runs the module too, and never has one.
    pub(super) serves: bool,
    /// Whether a service limits the connections.
    pub(super) limited: bool,
    /// Whether bodies come while headers are held.
    pub(super) holding: Holding,
    /// Whether this instance is counted among the workers.
    enlisted: bool,
    exchanges: HashMap<u32, Exchange>,
    /// Connections that were handed on and messages that they were handed to.
    pub(super) handed: VecDeque<(Owner, StreamToken)>,
    /// Those who have something to send, in a callback of their own.
    pub(super) recall: Recall,
    /// The HTTP context whose callback is running: it goes on by what the callback returns, not by a resume.
    inside: Option<u32>,
    tick_ms: u32,
    /// When the callback that is running began.
    pub(super) now_ms: u64,
}

impl Worker {
    pub(super) fn new(root: u32, config: Rc<Config>) -> Self {
        let connections = Connections::new(root, &config.profiles);
        Self {
            root,
            metrics: Metrics::new(&config, |cluster| connections.pool_of(cluster)),
            services: service::services(&config.profiles, |cluster| connections.pool_of(cluster)),
            serves: false,
            limited: false,
            holding: Holding::Unknown,
            enlisted: false,
            connections,
            config,
            exchanges: HashMap::new(),
            handed: VecDeque::new(),
            recall: Recall::new(),
            inside: None,
            tick_ms: 0,
            now_ms: host::now_ms(),
        }
    }

    /// The host is to wake the root context, which asks the services.
    pub(super) fn start(&mut self) {
        self.set_tick(TICK_OPENING_MS);
    }

    /// The root context is about to go.
    pub(super) fn stop(&mut self) {
        if self.enlisted {
            service::enlist(false);
        }
        self.metrics.retire(&mut self.connections);
    }

    /// A callback begins; of an HTTP context, where `inside` names one.
    fn begin(&mut self, inside: Option<u32>) {
        self.now_ms = host::now_ms();
        self.inside = inside;
    }

    /// The headers of a message have come.
    pub(super) fn on_headers(&mut self, id: u32, half: Half, at_end: bool) -> Next {
        self.begin(Some(id));
        self.serves = true;
        let admission = match half {
            Half::Request => self.admit_request(id, at_end),
            Half::Response => {
                self.unexpose_response(id);
                let (action, threat) = self
                    .exchanges
                    .get(&id)
                    .map_or((Action::Disabled, None), |exchange| {
                        (exchange.journal.action(), exchange.journal.threat())
                    });
                self.expose(id, Half::Response, action, threat);
                self.admit_response(id, at_end)
            }
        };
        match admission {
            Admission::Pass => {}
            Admission::Scan(exchange) => {
                self.exchanges.insert(id, *exchange);
                self.drive(id);
            }
            Admission::Refused => {
                self.inside = None;
                return Next::Pause;
            }
        }
        self.leave(id, half)
    }

    /// `available` bytes of the body are buffered, the new ones among them.
    pub(super) fn on_body(&mut self, id: u32, half: Half, available: usize, at_end: bool) -> Next {
        self.begin(Some(id));
        if let Some(exchange) = self.under_scan(id, half) {
            exchange.body.available = available as u64;
            exchange.body.at_end = at_end;
            // What comes after the outcome is no sign: it was let go.
            if !exchange.is_decided() {
                self.holding = Holding::Works;
            }
            self.drive(id);
        }
        self.leave(id, half)
    }

    /// Trailers end the body.
    pub(super) fn on_trailers(&mut self, id: u32, half: Half) -> Next {
        self.begin(Some(id));
        if let Some(exchange) = self.under_scan(id, half) {
            exchange.body.at_end = true;
            self.drive(id);
        }
        self.leave(id, half)
    }

    /// The access log is about to be written. What has no verdict by now will have none.
    pub(super) fn on_log(&mut self, id: u32) {
        self.begin(None);
        if let Some(mut exchange) = self.take(id) {
            if !exchange.is_decided() {
                self.log_abandoned(id, &mut exchange);
            }
            self.put_back(id, exchange);
        }
    }

    /// The HTTP context is about to go, because all is done or because the client left.
    pub(super) fn on_done(&mut self, id: u32) {
        self.begin(None);
        if let Some(exchange) = self.exchanges.remove(&id) {
            if !exchange.is_decided() {
                self.metrics.aborted(&exchange.profile);
            }
            match &exchange.phase {
                Phase::Waiting => self.connections.forget(exchange.pool, Owner::Message(id)),
                // No last chunk: what the client did not finish must not look finished.
                Phase::Scanning(scan) => self.connections.close(scan.token, self.now_ms),
                Phase::Collecting | Phase::Draining(_) | Phase::Released | Phase::Answered => {}
            }
        }
        self.settle();
    }

    /// The stream is established, to the server at `peer`.
    pub(super) fn on_connected(&mut self, token: StreamToken, peer: String) {
        self.begin(None);
        self.connections.connected(token, peer, self.now_ms);
    }

    /// Bytes from a server.
    pub(super) fn on_message(&mut self, token: StreamToken, bytes: Vec<u8>) {
        self.begin(None);
        self.connections.receive_from(Some(token));
        match self.connections.owner(token) {
            Some(owner @ (Owner::Options(_) | Owner::SelfTest(_))) => {
                self.probe_received(owner, bytes);
            }
            Some(Owner::Message(id)) => {
                if let Some(Exchange {
                    phase: Phase::Scanning(scan),
                    ..
                }) = self.exchanges.get_mut(&id)
                {
                    scan.receive(bytes, self.now_ms);
                }
                self.drive(id);
            }
            // Nothing was asked: whatever this is, the next answer would begin in the middle of it.
            None => self.connections.close(token, self.now_ms),
        }
        self.finish_receiving();
    }

    /// Bytes from a server that the host did not hand over.
    pub(super) fn on_unreadable(&mut self, token: StreamToken) {
        self.begin(None);
        self.connections.receive_from(Some(token));
        self.connections.close(token, self.now_ms);
        self.lost(token);
        self.finish_receiving();
    }

    /// Ends the callback that brought bytes; what may not be sent in it gets one of its own.
    fn finish_receiving(&mut self) {
        let waits =
            self.recall.is_wanted() || !self.handed.is_empty() || self.connections.has_untold();
        if waits && !self.recall.call() {
            self.set_tick(TICK_OPENING_MS);
        }
        self.flush();
        self.connections.receive_from(None);
    }

    /// The callback has come in which anything may be sent.
    pub(super) fn on_recall(&mut self) {
        self.begin(None);
        self.recall.answer_call();
        self.catch_up();
        self.settle();
    }

    /// Sends what had to wait.
    fn catch_up(&mut self) {
        self.connections.tell_untold(self.now_ms);
        self.hand_out();
        while let Some(owner) = self.recall.next() {
            match owner {
                Owner::Message(id) => self.drive(id),
                Owner::Options(_) | Owner::SelfTest(_) => self.drive_probe(owner),
            }
            self.hand_out();
        }
    }

    /// A connection was closed by the other side, or could not be established.
    pub(super) fn on_closed(&mut self, token: StreamToken) {
        self.begin(None);
        // What is still to be sent on it fails from now on.
        self.connections.drop_stream(token);
        self.catch_up();
        self.lost(token);
        self.settle();
    }

    /// Time has passed.
    pub(super) fn on_tick(&mut self) {
        self.begin(None);
        if !self.enlisted {
            // Here and not when it was configured: the instance that only tries the configuration never gets a tick.
            service::enlist(true);
            self.enlisted = true;
        }
        let failed = self.open_connections();
        self.catch_up();
        if let Some((owner, reason)) = failed {
            self.without_connection(owner, &reason);
        }
        self.tend_probes();
        self.watch_holding();
        self.expire();
        self.connections.expire(self.now_ms);
        self.settle();
        self.metrics.take_stock(&mut self.connections);
        self.slow_down();
    }

    /// Opens connections for those who wait. First of all in a callback, and no more after one that fails at once, for
    /// whom that is given: see [`host::open_stream`].
    fn open_connections(&mut self) -> Option<(Owner, String)> {
        while let Some(opened) = self.connections.open_next(self.now_ms) {
            match opened {
                Opened::For(owner, token) => self.handed.push_back((owner, token)),
                Opened::Failed(owner, e) => return Some((owner, format!("no connection: {e}"))),
            }
        }
        None
    }

    /// The request of that context, once it has gone on its way.
    pub(super) fn take_released(&mut self, id: u32) -> Option<Exchange> {
        let released = |exchange: &Exchange| {
            exchange.half == Half::Request && matches!(exchange.phase, Phase::Released)
        };
        self.exchanges
            .get(&id)
            .filter(|exchange| released(exchange))?;
        self.exchanges.remove(&id)
    }

    /// The messages of which nothing has come but the headers.
    pub(super) fn collecting(&self) -> Vec<u32> {
        let waits = |exchange: &Exchange| {
            matches!(exchange.phase, Phase::Collecting) && exchange.body.available == 0
        };
        self.exchanges
            .iter()
            .filter(|(_, exchange)| waits(exchange))
            .map(|(id, _)| *id)
            .collect()
    }

    /// Takes out a message, to be put back.
    pub(super) fn take(&mut self, id: u32) -> Option<Exchange> {
        self.exchanges.remove(&id)
    }

    /// Puts back what was taken.
    pub(super) fn put_back(&mut self, id: u32, exchange: Exchange) {
        self.exchanges.insert(id, exchange);
    }

    /// The message, where it is the half that the callback is about and no verdict has been applied to it.
    fn under_scan(&mut self, id: u32, half: Half) -> Option<&mut Exchange> {
        self.exchanges
            .get_mut(&id)
            .filter(|exchange| exchange.half == half)
    }

    /// What the host is to do with the message whose callback is running.
    fn leave(&mut self, id: u32, half: Half) -> Next {
        self.settle();
        self.inside = None;
        let held = self
            .exchanges
            .get(&id)
            .is_some_and(|exchange| match exchange.half {
                // The request of a response under scan has long gone on.
                of if of != half => false,
                _ => !matches!(exchange.phase, Phase::Released),
            });
        if held { Next::Pause } else { Next::Continue }
    }

    /// Moves a message on as far as it goes.
    pub(super) fn drive(&mut self, id: u32) {
        let Some(mut exchange) = self.exchanges.remove(&id) else {
            return;
        };
        self.step(id, &mut exchange);
        exchange.run_clock(self.now_ms);
        self.exchanges.insert(id, exchange);
    }

    pub(super) fn step(&mut self, id: u32, exchange: &mut Exchange) {
        if !exchange.is_decided() && exchange.body.available > exchange.limit() {
            return self.fail_oversize(id, exchange);
        }
        let limit = exchange.answer_limit();
        let source = exchange.source(id);
        match &mut exchange.phase {
            Phase::Collecting => {
                if Transaction::ready(&exchange.request, exchange.body.progress()) {
                    self.connect(id, exchange, false);
                }
            }
            Phase::Scanning(scan) => {
                let body = exchange.body.progress();
                match scan.drive(source, body, limit, &self.connections) {
                    Progress::Open => {}
                    Progress::Recall => self.recall.add(Owner::Message(id)),
                    Progress::Finished => self.finish(id, exchange),
                    Progress::Failed(cause, reason) => self.fail(id, exchange, cause, reason),
                }
            }
            Phase::Draining(_) => self.drain(id, exchange),
            Phase::Waiting | Phase::Released | Phase::Answered => {}
        }
    }

    /// Fails what has been waited for too long.
    fn expire(&mut self) {
        let expired: Vec<u32> = self
            .exchanges
            .iter()
            .filter(|(_, exchange)| !exchange.is_decided() && exchange.clock.expired(self.now_ms))
            .map(|(id, _)| *id)
            .collect();
        for id in expired {
            let Some(mut exchange) = self.exchanges.remove(&id) else {
                continue;
            };
            let reason = format!(
                "no verdict within {} ms",
                exchange.profile.response_timeout_ms
            );
            self.fail(id, &mut exchange, Cause::Timeout, reason);
            exchange.run_clock(self.now_ms);
            self.exchanges.insert(id, exchange);
        }
    }

    /// Ends a callback: serves those to whom connections were handed, and sees that the next tick comes in time.
    fn settle(&mut self) {
        self.hand_out();
        self.flush();
    }

    /// Tells the metrics, and sees that the next tick comes in time.
    fn flush(&mut self) {
        self.metrics.flush();
        if self.tick_ms != TICK_OPENING_MS && self.connections.can_open() {
            self.set_tick(TICK_OPENING_MS);
        } else if (self.tick_ms == 0 || self.tick_ms > TICK_SCANNING_MS) && self.any_undecided() {
            self.set_tick(TICK_SCANNING_MS);
        }
    }

    /// Sets the tick to what is needed now. Only a tick slows itself down, so that no request pays for it.
    fn slow_down(&mut self) {
        let wanted = if self.connections.can_open() {
            TICK_OPENING_MS
        } else if self.probes_are_out() || self.any_undecided() {
            TICK_SCANNING_MS
        } else if self.connections.any() || self.probes_will_be_due() {
            TICK_IDLE_MS
        } else {
            0
        };
        if wanted != self.tick_ms {
            self.set_tick(wanted);
        }
    }

    fn any_undecided(&self) -> bool {
        self.exchanges
            .values()
            .any(|exchange| !exchange.is_decided())
    }

    fn set_tick(&mut self, milliseconds: u32) {
        match host::enter(self.root).and_then(|()| host::set_tick_period(milliseconds)) {
            Ok(()) => self.tick_ms = milliseconds,
            Err(e) => log::error!("no time is kept: {e}"),
        }
    }

    /// Whether the callback of that context is running.
    pub(super) fn is_inside(&self, id: u32) -> bool {
        self.inside == Some(id)
    }
}
