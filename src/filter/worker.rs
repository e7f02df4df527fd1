//! The state of the filter on one worker: the messages under scan and all that they share. Other files add the callbacks.

use std::collections::VecDeque;
use std::rc::Rc;

use super::delivery_check::DeliveryCheck;
use super::exchange::{Exchange, Phase};
use super::inbox::Inbox;
use super::instances::Instances;
use super::local_reply::LocalReply;
use super::metrics::Metrics;
use super::service::{self, Service};
use super::wake_ups::WakeUps;
use crate::ascending_map::AscendingMap;
use crate::bug::{Bug, bug};
use crate::config::Config;
use crate::connection::{Connections, Owner, StreamToken};
use crate::gate::Gates;
use crate::host::Host;
use crate::submission::{Budget, Effect};

/// Milliseconds between root ticks while a connection is to be opened: only the root context can open one.
pub(super) const TICK_OPENING_MS: u32 = 1;
/// Milliseconds between root ticks while messages are under scan: bounds how late the worker notices a time-out.
pub(super) const TICK_SCANNING_MS: u32 = 50;
/// Milliseconds between root ticks while connections idle, or the host does not have all counts: bounds how old its counters
/// are.
pub(super) const TICK_IDLE_MS: u32 = 1_000;

/// The state that the root context and the HTTP contexts of one worker share.
///
/// The callbacks are in `on_http`, `on_server` and `on_tick`. Each takes the input, moves its message on
/// ([`drive`](Self::drive)), and then serves those that got a connection by that ([`settle`](Self::settle)). Every step first
/// enters the context that its host calls are about.
#[derive(Debug)]
pub(super) struct Worker<H> {
    pub(super) host: H,
    pub(super) root: u32,
    pub(super) config: Rc<Config>,
    pub(super) connections: Connections,
    pub(super) metrics: Metrics,
    /// The memory for ICAP responses and decoders.
    pub(super) budget: Budget,
    pub(super) services: Vec<Service>,
    /// Whether this worker has had a request. Envoy's main thread runs the module too, and never gets one.
    pub(super) serves: bool,
    /// Whether a service limits the connections (`Max-Connections`).
    pub(super) limited: bool,
    /// Whether Envoy delivers bodies while headers are held.
    pub(super) delivery_check: DeliveryCheck,
    /// This filter stands among the upstream filters of an ICAP cluster, where it can't work.
    pub(super) is_upstream: bool,
    /// What this instance knows of itself and the others.
    pub(super) instances: Instances,
    pub(super) exchanges: AscendingMap<u32, Box<Exchange>>,
    /// Connections that were handed on, and the owners that are to use them.
    pub(super) handed: VecDeque<(Owner, StreamToken)>,
    /// Empty between transitions; kept to save allocations.
    pub(super) effects: Vec<Effect>,
    /// The owners that have something to send in a wake-up.
    pub(super) wake_ups: WakeUps,
    /// Local replies that may not be sent in the running callback: see [`reply`](Self::reply).
    pub(super) replies: VecDeque<(u32, LocalReply)>,
    /// Messages that stream and wait for a callback in which the rest of their body can be put in.
    pub(super) stream_ends: VecDeque<u32>,
    /// gRPC calls that are to end before their last message.
    pub(super) calls_to_end: VecDeque<u32>,
    /// The gates of this instance.
    pub(super) gates: Gates,
    /// Messages whose gates are to open.
    pub(super) gates_to_open: VecDeque<u32>,
    /// The events that Envoy reports while this worker is in a callback.
    pub(super) inbox: Inbox,
    /// The HTTP context whose callback is running: its message goes on by the callback's result, not by a resume.
    pub(super) inside: Option<u32>,
    pub(super) tick_ms: u32,
    /// When the running callback began.
    pub(super) now_ms: u64,
}

impl<H: Host> Worker<H> {
    pub(super) fn new(host: H, root: u32, config: Rc<Config>, inbox: Inbox, gates: Gates) -> Self {
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
            exchanges: AscendingMap::default(),
            handed: VecDeque::new(),
            effects: Vec::new(),
            wake_ups: WakeUps::new(&host),
            replies: VecDeque::new(),
            stream_ends: VecDeque::new(),
            calls_to_end: VecDeque::new(),
            gates,
            gates_to_open: VecDeque::new(),
            inbox,
            inside: None,
            tick_ms: 0,
            now_ms: host.now_ms(),
            host,
        }
    }

    /// Asks for the first tick, which sends OPTIONS to the services.
    pub(super) fn start(&mut self) {
        Instances::prepare(&self.host);
        self.set_tick(TICK_OPENING_MS);
    }

    /// The host is about to delete the root context.
    pub(super) fn stop(&mut self) {
        self.metrics.retire(&self.host, &mut self.connections);
        self.leave_instances();
    }

    /// A callback begins. `inside`: its HTTP context, if any.
    pub(super) fn begin(&mut self, inside: Option<u32>) {
        self.now_ms = self.host.now_ms();
        self.inside = inside;
    }

    /// Takes an exchange out, to be put back.
    pub(super) fn take(&mut self, id: u32) -> Option<Box<Exchange>> {
        self.exchanges.remove(id)
    }

    /// Puts an exchange back. Counts its outcome once the message goes on, is cleared to go on, or gets a local reply: before
    /// that the message may come to another outcome.
    pub(super) fn put_back(&mut self, id: u32, mut exchange: Box<Exchange>) {
        if !exchange.is_held() || matches!(exchange.phase, Phase::Cleared) {
            self.count_outcome(&mut exchange);
        }
        self.exchanges.insert(id, exchange);
    }

    /// Runs `act` on a message, if that is still there, and then sets its clock.
    pub(super) fn with_message(&mut self, id: u32, act: impl FnOnce(&mut Self, &mut Exchange)) {
        let Some(mut exchange) = self.take(id) else {
            return;
        };
        act(self, &mut exchange);
        self.tend_gate(id, &mut exchange);
        exchange.run_clock(self.now_ms);
        self.put_back(id, exchange);
    }

    /// Ends a callback's work: serves the owners to which connections were handed, and sees that the next tick comes in time. In
    /// a callback that brings a server's bytes, the owners wait for a wake-up.
    pub(super) fn settle(&mut self) {
        if self.connections.receives() && !bug(Bug::SettledWhileReceiving) {
            return self.settle_later();
        }
        self.hand_out();
        self.keep_time();
    }

    /// The host's callback is over, and so are the events that came within it.
    pub(super) fn end(&mut self) {
        self.connections.receive_from(None);
    }

    /// Tells the host the counts if no message waits, and sees that the next tick comes in time.
    pub(super) fn keep_time(&mut self) {
        if !self.any_waits() {
            self.metrics.flush_idle(&self.host);
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

    /// Whether the next tick opens a connection, or wakes a connection that rests.
    pub(super) fn wants_tick_soon(&self) -> bool {
        self.connections.can_open(self.now_ms)
            || self.connections.any_rests()
            || self.any_call_waits_to_begin()
    }

    /// Whether a message is held, or a local reply waits for the end of its upload.
    pub(super) fn any_waits(&self) -> bool {
        let mut exchanges = self.exchanges.values();
        exchanges
            .any(|exchange| exchange.is_held() || matches!(exchange.phase, Phase::Discarding(_)))
    }

    /// The contexts of the messages for which `is` holds.
    pub(super) fn contexts_where(&self, is: impl Fn(&Exchange) -> bool) -> Vec<u32> {
        let found = self.exchanges.iter().filter(|(_, exchange)| is(exchange));
        found.map(|(id, _)| id).collect()
    }

    /// Sets the milliseconds between root ticks.
    pub(super) fn set_tick(&mut self, milliseconds: u32) {
        match self
            .host
            .enter(self.root)
            .and_then(|()| self.host.set_tick_period(milliseconds))
        {
            Ok(()) => self.tick_ms = milliseconds,
            Err(e) => log::error!("icap: the tick period can't be set: {e}"),
        }
    }

    /// Whether the callback of that context is running.
    pub(super) fn is_inside(&self, id: u32) -> bool {
        self.inside == Some(id)
    }
}
