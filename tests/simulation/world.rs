//! One run: virtual time, the events to come, and all who take part.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;

use icap_filter::instance::Instance;

use crate::envoy::connection::Connection;
use crate::envoy::host::SimHost;
use crate::envoy::message::Message;
use crate::envoy::shared::Shared;
use crate::envoy::vm::{Frame, Vm};
use crate::parties::scanner::Scanner;
use crate::plan::Plan;
use crate::random::Dice;

/// How long a run may take, in virtual microseconds.
const LONGEST_US: u64 = 300_000_000;
/// How many events a run may have.
const MOST_EVENTS: u64 = 400_000;

/// What is to happen.
#[derive(Debug)]
pub enum Event {
    /// The client of that exchange does what is next.
    Client(usize),
    /// The client leaves.
    Leave(usize),
    /// The application does what is next.
    Application(usize),
    /// Envoy gives up that exchange.
    IdleTimeout(usize),
    /// The root context of that VM is woken, if its clock has not been set anew since.
    Tick(usize, u64),
    /// An entry of its queue is there.
    Queue(usize),
    /// That connection is established, or refused.
    Connect(usize),
    /// Bytes of the filter come to the server.
    ToServer(usize, Vec<u8>),
    /// The filter's end of that connection is closed.
    ServerSeesEnd(usize),
    /// Bytes of the server come to the filter, and perhaps the end of the connection.
    ToFilter(usize, Vec<u8>, End),
    /// The server of that connection does what is next.
    Server(usize, u64),
    /// The server closes that connection if nothing happened on it since.
    IdleClose(usize, u64),
    /// That server is gone, or back.
    Outage(usize, bool),
    /// The cluster has no server, or has again.
    NoServer(bool),
}

/// How a connection ends with the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It goes on.
    No,
    /// FIN.
    Fin,
    /// RST.
    Reset,
}

struct Entry {
    at_us: u64,
    number: u64,
    event: Event,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}
impl Entry {
    fn key(&self) -> (u64, u64) {
        (self.at_us, self.number)
    }
}

/// A run.
pub struct Sim {
    pub plan: Plan,
    now_us: Cell<u64>,
    events: RefCell<BinaryHeap<Reverse<Entry>>>,
    number: Cell<u64>,
    pub instances: RefCell<Vec<Rc<Instance<SimHost>>>>,
    pub vms: RefCell<Vec<Vm>>,
    /// The callbacks that are running, the outermost first.
    pub frames: RefCell<Vec<Frame>>,
    pub messages: RefCell<Vec<Message>>,
    pub connections: RefCell<Vec<Connection>>,
    pub scanner: RefCell<Scanner>,
    pub shared: RefCell<Shared>,
    /// The clusters have servers.
    pub has_servers: Cell<bool>,
    /// Decisions of the proxy: how late, and whether a call fails.
    pub dice: Dice,
    /// How often the host failed on purpose.
    pub host_faults: Cell<u64>,
    failure: RefCell<Option<String>>,
    trace: Option<RefCell<Vec<String>>>,
}

impl std::fmt::Debug for Sim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sim")
    }
}

impl Sim {
    /// A run of that plan, of which nothing has happened.
    pub fn new(plan: Plan, traced: bool) -> Rc<Self> {
        Rc::new(Self {
            now_us: Cell::new(0),
            events: RefCell::default(),
            number: Cell::new(0),
            instances: RefCell::default(),
            vms: RefCell::default(),
            frames: RefCell::default(),
            messages: RefCell::default(),
            connections: RefCell::default(),
            scanner: RefCell::new(Scanner::new(&plan)),
            shared: RefCell::default(),
            has_servers: Cell::new(true),
            dice: Dice::new(plan.seed, "envoy", 0),
            host_faults: Cell::new(0),
            failure: RefCell::default(),
            trace: traced.then(RefCell::default),
            plan,
        })
    }

    /// Virtual microseconds.
    pub fn now_us(&self) -> u64 {
        self.now_us.get()
    }

    /// Lets something happen then; at the same time what was asked for first.
    pub fn at(&self, at_us: u64, event: Event) {
        let number = self.number.get();
        self.number.set(number + 1);
        self.events.borrow_mut().push(Reverse(Entry {
            at_us: at_us.max(self.now_us()),
            number,
            event,
        }));
    }

    /// Lets something happen so much later.
    pub fn after(&self, delay_us: u64, event: Event) {
        self.at(self.now_us() + delay_us, event);
    }

    /// The run has failed: of several failures the first counts.
    pub fn fail(&self, what: impl Into<String>) {
        let what = what.into();
        self.trace(|| format!("FAILURE: {what}"));
        self.failure.borrow_mut().get_or_insert(what);
    }

    /// Whether it has.
    pub fn has_failed(&self) -> bool {
        self.failure.borrow().is_some()
    }

    /// What has failed.
    pub fn failure(&self) -> Option<String> {
        self.failure.borrow().clone()
    }

    /// Notes what happens, where somebody wants to read it.
    pub fn trace(&self, line: impl FnOnce() -> String) {
        if let Some(trace) = &self.trace {
            let depth = self.frames.borrow().len();
            let now = self.now_us();
            let line = format!(
                "{:>9}.{:03} {}{}",
                now / 1000,
                now % 1000,
                "  ".repeat(depth),
                line()
            );
            trace.borrow_mut().push(line);
        }
    }

    /// What happened.
    pub fn take_trace(&self) -> Vec<String> {
        self.trace
            .as_ref()
            .map(|trace| trace.take())
            .unwrap_or_default()
    }

    /// Runs until all exchanges have ended and everybody has come to rest.
    pub fn run(self: &Rc<Self>) {
        self.start_proxy();
        self.start_parties();
        let mut events = 0;
        while !self.has_failed() {
            if self.all_over() {
                break;
            }
            if !self.step() {
                self.fail("nothing happens any more, and not all exchanges have ended");
            }
            events += 1;
            if events > MOST_EVENTS || self.now_us() > LONGEST_US {
                self.fail(format!(
                    "no end after {events} events: {}",
                    self.who_waits()
                ));
            }
        }
        if !self.has_failed() {
            self.rest();
        }
    }

    /// Lets time pass until idle connections are closed.
    fn rest(self: &Rc<Self>) {
        let until_us = self.now_us() + (self.plan.profile.idle_timeout_ms + 7_500) * 1000;
        let is_due = || {
            let events = self.events.borrow();
            events
                .peek()
                .is_some_and(|Reverse(next)| next.at_us <= until_us)
        };
        while !self.has_failed() && is_due() {
            self.step();
        }
        self.now_us.set(until_us.max(self.now_us()));
    }

    /// Lets the next thing happen. False where there is none.
    fn step(self: &Rc<Self>) -> bool {
        let next = self.events.borrow_mut().pop();
        let Some(Reverse(entry)) = next else {
            return false;
        };
        self.now_us.set(entry.at_us);
        match entry.event {
            Event::Client(message) => self.client_acts(message),
            Event::Leave(message) => self.client_leaves(message),
            Event::Application(message) => self.application_acts(message),
            Event::IdleTimeout(message) => self.idle_timeout(message),
            Event::Tick(vm, generation) => self.tick(vm, generation),
            Event::Queue(vm) => self.queue_is_ready(vm),
            Event::Connect(connection) => self.connected(connection),
            Event::ToServer(connection, bytes) => self.server_receives(connection, &bytes),
            Event::ServerSeesEnd(connection) => self.server_sees_end(connection),
            Event::ToFilter(connection, bytes, end) => {
                self.filter_receives(connection, bytes, end);
            }
            Event::Server(connection, step) => self.server_acts(connection, step),
            Event::IdleClose(connection, step) => self.server_closes_idle(connection, step),
            Event::Outage(server, begins) => self.outage(server, begins),
            Event::NoServer(gone) => self.has_servers.set(!gone),
        }
        self.forget_ghosts();
        true
    }
}
