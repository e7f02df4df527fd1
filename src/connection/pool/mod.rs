//! The pool of one cluster on one worker. Pure bookkeeping: the pool says what to open and close, the caller does so.

mod checkout;
mod limits;
mod owner;

use std::collections::VecDeque;

pub use checkout::{Checkout, CheckoutOptions, ClosedConnection, Released};
pub use limits::PoolLimits;
pub use owner::{Owner, StreamToken, UnitId};

use crate::ascending_map::AscendingMap;

#[derive(Debug)]
struct Connection {
    /// The request that the connection works for; `None` while the connection idles.
    owner: Option<Owner>,
    /// How many requests the connection has had.
    uses: u32,
    /// When the connection was opened.
    since_ms: u64,
    /// The server at the other end; known once the connection is established.
    peer: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Waiter {
    owner: Owner,
    checkout_options: CheckoutOptions,
    /// Since when a connection might be opened for the request.
    since_ms: u64,
}

/// The connections of one cluster and the requests that wait for one, first come first served.
#[derive(Debug)]
pub struct Pool {
    limits: PoolLimits,
    connections: AscendingMap<StreamToken, Connection>,
    /// Idle connections, oldest first, and since when each idles. The newest is reused first, so that the others can
    /// expire.
    idle: VecDeque<(StreamToken, u64)>,
    /// Connections that have just served, and whether a tick has come since.
    resting: VecDeque<(StreamToken, bool)>,
    waiting: VecDeque<Waiter>,
    /// How many connections the servers allow this worker, as far as known.
    allowed: Option<u32>,
    /// The server of the first connection, and whether there has been another.
    first_peer: Option<String>,
    several_servers: bool,
    /// When a server last gave a sign of life: a connection was established, or a request was done.
    alive_at_ms: Option<u64>,
    /// A server was overloaded: the pool opens no connection before this time.
    paused_until_ms: u64,
}

impl Pool {
    /// An empty pool.
    pub fn new(limits: PoolLimits) -> Self {
        Self {
            limits,
            connections: AscendingMap::default(),
            idle: VecDeque::new(),
            resting: VecDeque::new(),
            waiting: VecDeque::new(),
            allowed: None,
            first_peer: None,
            several_servers: false,
            alive_at_ms: None,
            paused_until_ms: 0,
        }
    }

    /// Limits the pool to the connections that the servers allow this worker, at least one.
    pub fn allow(&mut self, connections: Option<u32>) {
        self.allowed = connections.map(|connections| connections.max(1));
    }

    /// Opens no connection before this time.
    pub fn pause(&mut self, until_ms: u64) {
        self.paused_until_ms = self.paused_until_ms.max(until_ms);
    }

    /// Tightens the limits for a further user of the pool.
    pub fn tighten(&mut self, limits: PoolLimits) {
        self.limits = self.limits.strictest(limits);
    }

    /// Asks for a connection. A request for a fresh one waits in front, because it has waited before.
    pub fn checkout(
        &mut self,
        owner: Owner,
        checkout_options: CheckoutOptions,
        now_ms: u64,
    ) -> Checkout {
        let waiter = Waiter {
            owner,
            checkout_options,
            since_ms: now_ms.max(checkout_options.not_before_ms),
        };
        if checkout_options.fresh {
            self.waiting.push_front(waiter);
            return Checkout::Waiting;
        }
        if self.gives_idle()
            && let Some((token, _)) = self.idle.pop_back()
            && let Some(connection) = self.connections.get_mut(token)
        {
            connection.owner = Some(owner);
            connection.uses = connection.uses.saturating_add(1);
            return Checkout::Kept(token);
        }
        if checkout_options.again {
            self.waiting.push_front(waiter);
            return Checkout::Waiting;
        }
        if !self.takes_waiter() {
            return Checkout::Overloaded;
        }
        self.waiting.push_back(waiter);
        Checkout::Waiting
    }

    /// Whether a new request would get a connection or might wait for one.
    pub fn takes_another(&self) -> bool {
        self.gives_idle() || self.takes_waiter()
    }

    /// Whether an idle connection may be handed out. Nobody overtakes requests that wait for one.
    fn gives_idle(&self) -> bool {
        !self.idle.is_empty()
            && self
                .waiting
                .iter()
                .all(|waiter| waiter.checkout_options.fresh)
    }

    /// Whether another request may wait. Requests that are about to get a new connection do not count as pending.
    fn takes_waiter(&self) -> bool {
        self.waiting.len() < self.room().saturating_add(self.limits.max_pending as usize)
    }

    /// The request to open a connection for now, if there is one. The caller opens a stream and calls
    /// [`opened`](Self::opened), or gives the request up with [`forget`](Self::forget). `closing`: connections that
    /// have left the pool, but not the server yet.
    pub fn next_to_open(&self, closing: usize, now_ms: u64) -> Option<Owner> {
        self.due(now_ms)
            .filter(|_| self.room() > closing)
            .map(|waiter| waiter.owner)
    }

    /// The first waiting request that a connection may be opened for now.
    fn due(&self, now_ms: u64) -> Option<&Waiter> {
        self.waiting
            .iter()
            .find(|waiter| waiter.checkout_options.not_before_ms <= now_ms)
            .filter(|_| self.paused_until_ms <= now_ms)
    }

    /// An idle connection that must close to make room for a request that needs a fresh one.
    pub fn evict(&mut self, now_ms: u64) -> Option<StreamToken> {
        if self.room() > 0
            || !self
                .due(now_ms)
                .is_some_and(|waiter| waiter.checkout_options.fresh)
        {
            return None;
        }
        let (token, _) = self.idle.pop_front()?;
        self.connections.remove(token);
        Some(token)
    }

    /// The host has opened the stream for `owner`.
    pub fn opened(&mut self, token: StreamToken, owner: Owner, now_ms: u64) {
        self.forget(owner);
        self.connections.insert(
            token,
            Connection {
                owner: Some(owner),
                uses: 1,
                since_ms: now_ms,
                peer: None,
            },
        );
    }

    /// The connection is established.
    pub fn connected(&mut self, token: StreamToken, peer: String, now_ms: u64) {
        self.alive_at_ms = Some(now_ms);
        match &self.first_peer {
            None => self.first_peer = Some(peer.clone()),
            Some(first) => self.several_servers |= *first != peer,
        }
        if let Some(connection) = self.connections.get_mut(token) {
            connection.peer = Some(peer);
        }
    }

    /// The server at the other end.
    pub fn peer(&self, token: StreamToken) -> Option<&str> {
        self.connections.get(token)?.peer.as_deref()
    }

    /// Whether there have been connections to more than one server: another server may do what one could not.
    pub fn has_several_servers(&self) -> bool {
        self.several_servers
    }

    /// Whether a server gave a sign of life within this time.
    pub fn was_alive_within(&self, time_ms: u64, now_ms: u64) -> bool {
        self.alive_at_ms
            .is_some_and(|at_ms| now_ms.saturating_sub(at_ms) <= time_ms)
    }

    /// The request that the connection works for.
    pub fn owner(&self, token: StreamToken) -> Option<Owner> {
        self.connections.get(token)?.owner
    }

    /// Whether the connection has served another request before its owner.
    pub fn has_served(&self, token: StreamToken) -> bool {
        self.connections
            .get(token)
            .is_some_and(|connection| connection.uses > 1)
    }

    /// The request is done with the connection, which may be used again.
    pub fn release(&mut self, token: StreamToken, now_ms: u64) -> Released {
        self.alive_at_ms = Some(now_ms);
        let over = self.connections.len() > self.bound();
        let Some(connection) = self.connections.get_mut(token) else {
            return Released::Retired;
        };
        let worn = connection.uses >= self.limits.max_requests
            || now_ms.saturating_sub(connection.since_ms) >= self.limits.max_age_ms;
        if worn || over {
            self.connections.remove(token);
            return Released::Retired;
        }
        if self.limits.quarantine {
            connection.owner = None;
            self.resting.push_back((token, false));
            return Released::Resting;
        }
        self.put_to_use(token, now_ms)
    }

    /// A tick has come. Ends the rest of a connection that also rested at the tick before; call until `None`. The
    /// first tick may follow the ICAP response within one turn of Envoy's event loop. Between two ticks lies a whole
    /// turn, in which Envoy delivers any bytes that a server sent behind its ICAP response.
    pub fn end_rest(&mut self, now_ms: u64) -> Option<(StreamToken, Released)> {
        let rested = self.resting.iter().position(|(_, ticked)| *ticked);
        let Some((token, _)) = rested.and_then(|at| self.resting.remove(at)) else {
            for (_, ticked) in &mut self.resting {
                *ticked = true;
            }
            return None;
        };
        Some((token, self.put_to_use(token, now_ms)))
    }

    /// Whether any connection rests.
    pub fn rests(&self) -> bool {
        !self.resting.is_empty()
    }

    /// Gives a free connection to the next waiting request, or lets it idle.
    fn put_to_use(&mut self, token: StreamToken, now_ms: u64) -> Released {
        let Some(connection) = self.connections.get_mut(token) else {
            return Released::Retired;
        };
        let next = self
            .waiting
            .iter()
            .position(|waiter| !waiter.checkout_options.fresh);
        if let Some(waiter) = next.and_then(|next| self.waiting.remove(next)) {
            connection.owner = Some(waiter.owner);
            connection.uses = connection.uses.saturating_add(1);
            return Released::HandedTo(waiter.owner);
        }
        connection.owner = None;
        self.idle.push_back((token, now_ms));
        Released::Kept
    }

    /// Removes a connection that closed or is about to be closed.
    pub fn remove(&mut self, token: StreamToken) -> Option<ClosedConnection> {
        let connection = self.connections.remove(token)?;
        self.idle.retain(|(idle, _)| *idle != token);
        self.resting.retain(|(resting, _)| *resting != token);
        Some(ClosedConnection {
            owner: connection.owner,
            was_connected: connection.peer.is_some(),
        })
    }

    /// The waiting requests, in their order.
    pub fn waiting(&self) -> Vec<Owner> {
        self.waiting.iter().map(|waiter| waiter.owner).collect()
    }

    /// The request no longer waits.
    pub fn forget(&mut self, owner: Owner) {
        self.waiting.retain(|waiter| waiter.owner != owner);
    }

    /// Removes a connection that idled too long, became too old, or is one too many; call until `None`.
    pub fn expire(&mut self, now_ms: u64) -> Option<StreamToken> {
        let over = self.connections.len() > self.bound();
        let limits = self.limits;
        let is_over = |&(token, idle_since): &(StreamToken, u64)| {
            let since = self.connections.get(token).map(|known| known.since_ms);
            over || now_ms.saturating_sub(idle_since) >= limits.idle_timeout_ms
                || since.is_none_or(|since| now_ms.saturating_sub(since) >= limits.max_age_ms)
        };
        let index = self.idle.iter().position(is_over)?;
        let (token, _) = self.idle.remove(index)?;
        self.connections.remove(token);
        Some(token)
    }

    /// The number of waiting requests.
    pub fn pending(&self) -> usize {
        self.waiting.len()
    }

    /// The number of connections that idle or rest.
    pub fn idle(&self) -> usize {
        self.idle.len().saturating_add(self.resting.len())
    }

    /// The number of connections that work for a request.
    pub fn active(&self) -> usize {
        self.connections.len().saturating_sub(self.idle())
    }

    /// Whether the pool can do something now for a waiting request, and so needs a tick soon.
    pub fn can_open(&self, now_ms: u64) -> bool {
        self.due(now_ms).is_some_and(|waiter| {
            self.room() > 0 || (waiter.checkout_options.fresh && !self.idle.is_empty())
        })
    }

    /// Whether requests wait that get no connection before another request frees one.
    pub fn starves(&self) -> bool {
        !self.waiting.is_empty() && self.room() == 0
    }

    /// Whether a message's body has waited for this long, with no room to open a connection for it.
    pub fn is_overdue(&self, patience_ms: u64, now_ms: u64) -> bool {
        let overdue = |waiter: &&Waiter| {
            let waited_ms = now_ms.checked_sub(waiter.since_ms);
            matches!(waiter.owner, Owner::Unit(_))
                && waited_ms.is_some_and(|waited_ms| waited_ms >= patience_ms)
        };
        self.paused_until_ms <= now_ms
            && self
                .waiting
                .iter()
                .filter(overdue)
                .nth(self.room())
                .is_some()
    }

    /// How many more connections may be opened.
    fn room(&self) -> usize {
        self.bound().saturating_sub(self.connections.len())
    }

    /// How many connections there may be in all.
    fn bound(&self) -> usize {
        self.allowed.map_or(self.limits.max_connections, |allowed| {
            allowed.min(self.limits.max_connections)
        }) as usize
    }
}

#[cfg(test)]
mod tests;
