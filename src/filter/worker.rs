//! One worker's share of the filter: the messages under scan, the connections, and the events that move them.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use super::delivery_check::DeliveryCheck;
use super::exchange::{Exchange, Phase};
use super::inbox::Inbox;
use super::instances::Instances;
use super::local_reply::LocalReply;
use super::metrics::Metrics;
use super::service::{self, Service};
use super::wake_ups::WakeUps;
use crate::bug::{Bug, bug};
use crate::config::Config;
use crate::connection::{Connections, Owner, StreamToken};
use crate::host::Host;
use crate::submission::{Budget, Effect};

/// Root ticks while a request waits for a connection to be opened, in milliseconds: only the root context can open one.
pub(super) const TICK_OPENING_MS: u32 = 1;
/// Root ticks while messages are under scan: bounds how late a time-out is noticed.
pub(super) const TICK_SCANNING_MS: u32 = 50;
/// Root ticks while connections idle, or where something was counted that the host has not been told: bounds how old its counters
/// are.
pub(super) const TICK_IDLE_MS: u32 = 1_000;

/// The state that the root context and the HTTP contexts of one worker share.
///
/// Its callbacks are in `on_http`, `on_server` and `on_tick`. Every callback follows one rule: take the input,
/// [`drive`](Self::drive) the message it is about, then [`settle`](Self::settle) what that set free. Every step first enters
/// the context that its host calls are about.
#[derive(Debug)]
pub(super) struct Worker<H> {
    pub(super) host: H,
    pub(super) root: u32,
    pub(super) config: Rc<Config>,
    pub(super) connections: Connections,
    pub(super) metrics: Metrics,
    /// What may be held of answers.
    pub(super) budget: Budget,
    pub(super) services: Vec<Service>,
    /// Whether this worker has had any request. Envoy's main thread runs the module too, and never has one.
    pub(super) serves: bool,
    /// Whether a service limits the connections.
    pub(super) limited: bool,
    /// Whether bodies come while headers are held.
    pub(super) delivery_check: DeliveryCheck,
    /// This filter stands among the upstream filters of an ICAP cluster, where it can't work.
    pub(super) is_upstream: bool,
    /// This instance among the others.
    pub(super) instances: Instances,
    pub(super) exchanges: BTreeMap<u32, Box<Exchange>>,
    /// Connections that were handed on and messages that they were handed to.
    pub(super) handed: VecDeque<(Owner, StreamToken)>,
    /// Empty between transitions; kept for its room.
    pub(super) effects: Vec<Effect>,
    /// Those who have something to send, in a callback of their own.
    pub(super) wake_ups: WakeUps,
    /// Answers to clients that may not be given in the callback that is running: see [`reply`](Self::reply).
    pub(super) replies: VecDeque<(u32, LocalReply)>,
    /// Messages that stream and wait for a callback in which the rest of their body can be put in.
    pub(super) stream_ends: VecDeque<u32>,
    /// What Envoy reports while this worker is in a callback.
    pub(super) inbox: Inbox,
    /// The HTTP context whose callback is running: it goes on by what the callback returns, not by a resume.
    pub(super) inside: Option<u32>,
    pub(super) tick_ms: u32,
    /// When the callback that is running began.
    pub(super) now_ms: u64,
}

impl<H: Host> Worker<H> {
    pub(super) fn new(host: H, root: u32, config: Rc<Config>, inbox: Inbox) -> Self {
        let connections = Connections::new(root, &config.profiles);
        Self {
            root,
            budget: Budget::new(config.memory_budget_bytes),
            metrics: Metrics::new(&host, &config, |cluster| connections.pool_of(cluster)),
            services: service::services(&config.profiles, |cluster| connections.pool_of(cluster)),
            serves: false,
            limited: false,
            delivery_check: DeliveryCheck::Unknown,
            is_upstream: false,
            instances: Instances::default(),
            connections,
            config,
            exchanges: BTreeMap::new(),
            handed: VecDeque::new(),
            effects: Vec::new(),
            wake_ups: WakeUps::new(&host),
            replies: VecDeque::new(),
            stream_ends: VecDeque::new(),
            inbox,
            inside: None,
            tick_ms: 0,
            now_ms: host.now_ms(),
            host,
        }
    }

    /// The host is to wake the root context, which asks the services.
    pub(super) fn start(&mut self) {
        Instances::prepare(&self.host);
        self.set_tick(TICK_OPENING_MS);
    }

    /// The root context is about to go.
    pub(super) fn stop(&mut self) {
        self.metrics.retire(&self.host, &mut self.connections);
        self.leave_instances();
    }

    /// A callback begins; of an HTTP context, where `inside` names one.
    pub(super) fn begin(&mut self, inside: Option<u32>) {
        self.now_ms = self.host.now_ms();
        self.inside = inside;
    }

    /// Takes out a message, to be put back.
    pub(super) fn take(&mut self, id: u32) -> Option<Box<Exchange>> {
        self.exchanges.remove(&id)
    }

    /// Puts back what was taken. Its outcome is counted once the host holds it no longer: one that waits for its own next
    /// callback may still come to another end.
    pub(super) fn put_back(&mut self, id: u32, mut exchange: Box<Exchange>) {
        if !exchange.is_held() || matches!(exchange.phase, Phase::Cleared) {
            self.count_outcome(&mut exchange);
        }
        self.exchanges.insert(id, exchange);
    }

    /// Lets `act` change a message that is still there, and its clock go by what has become of it.
    pub(super) fn with_message(&mut self, id: u32, act: impl FnOnce(&mut Self, &mut Exchange)) {
        let Some(mut exchange) = self.take(id) else {
            return;
        };
        act(self, &mut exchange);
        exchange.run_clock(self.now_ms);
        self.put_back(id, exchange);
    }

    /// Ends what a callback was about: serves those to whom connections were handed, and sees that the next tick comes in time.
    pub(super) fn settle(&mut self) {
        if self.connections.receives() && !bug(Bug::SettledWhileReceiving) {
            return self.settle_later();
        }
        self.hand_out();
        self.keep_time();
    }

    /// The host's callback is over, and what came within it.
    pub(super) fn end(&mut self) {
        self.connections.receive_from(None);
    }

    /// Tells the metrics where there is time for it, and sees that the next tick comes in time.
    pub(super) fn keep_time(&mut self) {
        if self.metrics.is_due() && !self.any_waits() {
            self.metrics.flush(&self.host);
        }
        if self.tick_ms != TICK_OPENING_MS && self.wants_tick_soon() {
            self.set_tick(TICK_OPENING_MS);
        } else if (self.tick_ms == 0 || self.tick_ms > TICK_SCANNING_MS)
            && self.any_waits()
            && !bug(Bug::NoTickForHeld)
        {
            self.set_tick(TICK_SCANNING_MS);
        } else if (self.tick_ms == 0 || self.tick_ms > TICK_IDLE_MS) && self.metrics.has_news() {
            self.set_tick(TICK_IDLE_MS);
        }
    }

    /// Whether the next tick opens a connection, or ends the rest of one.
    pub(super) fn wants_tick_soon(&self) -> bool {
        self.connections.can_open(self.now_ms) || self.connections.any_rests()
    }

    /// Whether a message is held, or an answer waits.
    pub(super) fn any_waits(&self) -> bool {
        let mut exchanges = self.exchanges.values();
        exchanges
            .any(|exchange| exchange.is_held() || matches!(exchange.phase, Phase::Discarding(_)))
    }

    /// The contexts of the messages of which that is true.
    pub(super) fn those(&self, is: impl Fn(&Exchange) -> bool) -> Vec<u32> {
        let found = self.exchanges.iter().filter(|(_, exchange)| is(exchange));
        found.map(|(id, _)| *id).collect()
    }

    /// How often the root context is woken.
    pub(super) fn set_tick(&mut self, milliseconds: u32) {
        match self
            .host
            .enter(self.root)
            .and_then(|()| self.host.set_tick_period(milliseconds))
        {
            Ok(()) => self.tick_ms = milliseconds,
            Err(e) => log::error!("no time is kept: {e}"),
        }
    }

    /// Whether the callback of that context is running.
    pub(super) fn is_inside(&self, id: u32) -> bool {
        self.inside == Some(id)
    }
}
