//! The pools of one worker, each bound to the streams of its cluster.

use std::rc::Rc;

use super::streams::Streams;
use super::{
    Checkout, CheckoutOptions, ClosedConnection, Owner, Pool, PoolLimits, Released, StreamToken,
};
use crate::bug::{Bug, bug};
use crate::config::Profile;
use crate::host::{Host, HostError, HostResult};

/// Which pool of [`Connections`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PoolId(pub(super) usize);

/// What opening a connection for the next waiting request came to.
#[derive(Debug)]
pub enum Opened {
    /// The request has this stream now.
    For(Owner, StreamToken),
    /// The host could not open one, and there is nobody else to open one to.
    Failed {
        /// For whom it was.
        owner: Owner,
        /// Of which pool.
        pool: PoolId,
        /// What the host said.
        error: HostError,
    },
}

/// What has happened to connections since the last look, for the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turnover {
    /// Streams opened.
    pub opened: u32,
    /// Requests that got a kept connection.
    pub reused: u32,
    /// Streams closed, by either side.
    pub closed: u32,
}

/// How things stand in a pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stock {
    /// Connections that work.
    pub active: usize,
    /// Connections that idle.
    pub idle: usize,
    /// Requests that wait for one.
    pub pending: usize,
}

/// Every pool of a worker.
#[derive(Debug)]
pub struct Connections {
    pools: Vec<(Rc<str>, Pool)>,
    /// The pool that is first to open a connection.
    first: usize,
    streams: Streams,
}

impl Connections {
    /// No connection yet. `root` is the context that owns the streams.
    pub fn new(root: u32, profiles: &[Rc<Profile>]) -> Self {
        let mut pools: Vec<(Rc<str>, Pool)> = Vec::new();
        for profile in profiles {
            for cluster in std::iter::once(&profile.cluster).chain(&profile.response_cluster) {
                let limits = PoolLimits::of(profile);
                match pools.iter_mut().find(|(name, _)| name == cluster) {
                    Some((_, pool)) => pool.tighten(limits),
                    None => pools.push((Rc::clone(cluster), Pool::new(limits))),
                }
            }
        }
        let streams = Streams::new(root, pools.len());
        Self {
            pools,
            first: 0,
            streams,
        }
    }

    /// The pool of a profile's cluster: each has one.
    pub fn pool_of(&self, cluster: &str) -> PoolId {
        let pool = self.pools.iter().position(|(name, _)| &**name == cluster);
        PoolId(pool.unwrap_or(self.pools.len()))
    }

    /// Asks for a connection: see [`Pool::checkout`].
    pub fn checkout(
        &mut self,
        id: PoolId,
        owner: Owner,
        checkout_options: CheckoutOptions,
        now_ms: u64,
    ) -> Checkout {
        let Some((_, pool)) = self.pools.get_mut(id.0) else {
            return Checkout::Overloaded;
        };
        let checkout = pool.checkout(owner, checkout_options, now_ms);
        if matches!(checkout, Checkout::Kept(_)) {
            self.streams.count(id, |turnover| &mut turnover.reused);
        }
        checkout
    }

    /// Whether that pool takes another request: see [`Pool::takes_another`].
    pub fn takes_another(&self, id: PoolId) -> bool {
        self.pools
            .get(id.0)
            .is_some_and(|(_, pool)| pool.takes_another())
    }

    /// Opens a connection for the next request that waits and may have one. Only in a callback of the root context, and no
    /// more in it after one that failed: the next call begins with another pool.
    pub fn open_next<H: Host>(&mut self, host: &H, now_ms: u64) -> Option<Opened> {
        for offset in 0..self.pools.len() {
            let index = self
                .first
                .saturating_add(offset)
                .checked_rem(self.pools.len())?;
            let (cluster, pool) = self.pools.get_mut(index)?;
            let closing = self.streams.closing_of(PoolId(index));
            let Some(owner) = pool.next_to_open(closing, now_ms) else {
                continue;
            };
            return Some(match self.streams.open(host, cluster, PoolId(index)) {
                Ok(token) => {
                    pool.opened(token, owner, now_ms);
                    Opened::For(owner, token)
                }
                Err(error) => {
                    self.first = index.saturating_add(1);
                    pool.forget(owner);
                    Opened::Failed {
                        owner,
                        pool: PoolId(index),
                        error,
                    }
                }
            });
        }
        None
    }

    /// Closes idle connections where a request waits for a fresh one and there is no room.
    pub fn evict<H: Host>(&mut self, host: &H, now_ms: u64) {
        for (_, pool) in &mut self.pools {
            if let Some(token) = pool.evict(now_ms) {
                self.streams.close_soon(host, token, now_ms);
            }
        }
    }

    /// Those who wait in that pool.
    pub fn waiting(&self, id: PoolId) -> Vec<Owner> {
        self.pools
            .get(id.0)
            .map_or_else(Vec::new, |(_, pool)| pool.waiting())
    }

    /// Sends bytes to the server.
    ///
    /// # Errors
    /// The stream is gone; its close is about to be reported.
    pub fn send<H: Host>(&self, host: &H, token: StreamToken, bytes: &[u8]) -> HostResult {
        self.streams.send(host, token, bytes)
    }

    /// The bytes of that stream are being read, or of none any more.
    pub fn receive_from(&mut self, token: Option<StreamToken>) {
        self.streams.receiving = token;
    }

    /// Whether the bytes of a stream are being read: nothing may be sent on that one.
    pub fn receives(&self) -> bool {
        self.streams.receiving.is_some()
    }

    /// Whether the bytes of that stream are being read: nothing may be sent on it.
    pub fn is_receiving(&self, token: StreamToken) -> bool {
        self.streams.receiving == Some(token)
    }

    /// Whether a connection is to be told to close, as soon as something may be sent on it.
    pub fn has_untold(&self) -> bool {
        self.streams.pending_closes().next().is_some()
    }

    /// Tells those to close that could not be told before.
    pub fn tell_untold<H: Host>(&mut self, host: &H, now_ms: u64) {
        let pending_closes: Vec<StreamToken> = self.streams.pending_closes().collect();
        for token in pending_closes {
            self.streams.tell(host, token, now_ms);
        }
    }

    /// The stream is established, to the server at `peer`.
    pub fn connected<H: Host>(&mut self, host: &H, token: StreamToken, peer: String, now_ms: u64) {
        self.streams.connected(host, token, now_ms);
        if let Some((_, pool)) = self.pool_mut(token) {
            pool.connected(token, peer, now_ms);
        }
    }

    /// The request that a connection works for.
    pub fn owner(&self, token: StreamToken) -> Option<Owner> {
        self.pool(token)?.owner(token)
    }

    /// Whether a connection has served another before its owner.
    pub fn has_served(&self, token: StreamToken) -> bool {
        self.pool(token).is_some_and(|pool| pool.has_served(token))
    }

    /// The address of the server at the other end.
    pub fn peer(&self, token: StreamToken) -> Option<&str> {
        self.pool(token)?.peer(token)
    }

    /// The request is done with the connection, which may be used again.
    pub fn release<H: Host>(&mut self, host: &H, token: StreamToken, now_ms: u64) -> Released {
        let Some((id, pool)) = self.pool_mut(token) else {
            return Released::Retired;
        };
        let released = pool.release(token, now_ms);
        match released {
            Released::Kept | Released::Resting => {}
            Released::HandedTo(_) => self.streams.count(id, |turnover| &mut turnover.reused),
            Released::Retired => self.streams.close_soon(host, token, now_ms),
        }
        released
    }

    /// A tick has come: connections that have rested work for those who wait, who are given with them.
    pub fn end_rests(&mut self, now_ms: u64) -> Vec<(Owner, StreamToken)> {
        let mut handed = Vec::new();
        for (index, (_, pool)) in self.pools.iter_mut().enumerate() {
            while let Some((token, released)) = pool.end_rest(now_ms) {
                if let Released::HandedTo(owner) = released {
                    self.streams
                        .count(PoolId(index), |turnover| &mut turnover.reused);
                    handed.push((owner, token));
                }
            }
        }
        handed
    }

    /// Whether connections rest.
    pub fn any_rests(&self) -> bool {
        self.pools.iter().any(|(_, pool)| pool.rests())
    }

    /// Closes a connection, whatever state it is in.
    pub fn close<H: Host>(&mut self, host: &H, token: StreamToken, now_ms: u64) {
        if let Some((_, pool)) = self.pool_mut(token) {
            if !bug(Bug::ActiveForEver) {
                pool.remove(token);
            }
            self.streams.close_soon(host, token, now_ms);
        }
    }

    /// Makes the host drop a stream that it says is closed: it keeps it until it is told. Sending on it fails from now on.
    pub fn drop_stream<H: Host>(&self, host: &H, token: StreamToken) {
        self.streams.reset(host, token);
    }

    /// Makes the host drop every stream at once, without a word to whoever has it.
    pub fn drop_all<H: Host>(&mut self, host: &H) {
        for token in self.streams.drop_all(host) {
            if let Some((_, pool)) = self.pool_mut(token) {
                pool.remove(token);
            }
            self.streams.forget(token);
        }
    }

    /// The host says that the connection is closed, or could not be established. `None` where this side closed it.
    pub fn closed(&mut self, token: StreamToken) -> Option<ClosedConnection> {
        self.streams.gone(token);
        let closed = self.pool_mut(token)?.1.remove(token);
        self.streams.forget(token);
        closed
    }

    /// Keeps to what the servers of that pool allow this worker.
    pub fn allow(&mut self, id: PoolId, connections: Option<u32>) {
        if let Some((_, pool)) = self.pools.get_mut(id.0) {
            pool.allow(connections);
        }
    }

    /// Whether that pool has had connections to more than one server.
    pub fn has_several_servers(&self, id: PoolId) -> bool {
        self.pools
            .get(id.0)
            .is_some_and(|(_, pool)| pool.has_several_servers())
    }

    /// Whether a server of that pool has been heard of within that time.
    pub fn was_alive_within(&self, id: PoolId, time_ms: u64, now_ms: u64) -> bool {
        self.pools
            .get(id.0)
            .is_some_and(|(_, pool)| pool.was_alive_within(time_ms, now_ms))
    }

    /// Whether requests wait in that pool that can have no connection before another is done with its own.
    pub fn starves(&self, id: PoolId) -> bool {
        self.pools.get(id.0).is_some_and(|(_, pool)| pool.starves())
    }

    /// Whether a message has waited in that pool for so long that others are to make room: see [`Pool::is_overdue`].
    pub fn is_overdue(&self, id: PoolId, patience_ms: u64, now_ms: u64) -> bool {
        self.pools
            .get(id.0)
            .is_some_and(|(_, pool)| pool.is_overdue(patience_ms, now_ms))
    }

    /// Opens no connection in that pool before that time.
    pub fn pause(&mut self, id: PoolId, until_ms: u64) {
        if let Some((_, pool)) = self.pools.get_mut(id.0) {
            pool.pause(until_ms);
        }
    }

    /// The request waits no more.
    pub fn forget(&mut self, id: PoolId, owner: Owner) {
        if let Some((_, pool)) = self.pools.get_mut(id.0) {
            pool.forget(owner);
        }
    }

    /// Closes what has idled for too long, and drops what was told to close and did not.
    pub fn expire<H: Host>(&mut self, host: &H, now_ms: u64) {
        for (_, pool) in &mut self.pools {
            while let Some(token) = pool.expire(now_ms) {
                self.streams.close_soon(host, token, now_ms);
            }
        }
        self.streams.expire(host, now_ms);
    }

    /// Whether a connection is there that time can act on.
    pub fn any(&self) -> bool {
        self.streams.any()
    }

    /// Whether a request waits for which a connection can be opened.
    pub fn can_open(&self, now_ms: u64) -> bool {
        self.pools.iter().any(|(_, pool)| pool.can_open(now_ms))
    }

    /// How things stand in each pool, and what has happened in it since the last call.
    pub fn take_stock(&mut self) -> impl Iterator<Item = (PoolId, Stock, Turnover)> {
        let turnover = self.streams.take_turnover();
        self.pools
            .iter()
            .zip(turnover)
            .enumerate()
            .map(|(id, ((_, pool), turnover))| {
                let stock = Stock {
                    active: pool.active(),
                    idle: pool.idle(),
                    pending: pool.pending(),
                };
                (PoolId(id), stock, turnover)
            })
    }

    fn pool(&self, token: StreamToken) -> Option<&Pool> {
        self.pools
            .get(self.streams.pool(token)?.0)
            .map(|(_, pool)| pool)
    }

    fn pool_mut(&mut self, token: StreamToken) -> Option<(PoolId, &mut Pool)> {
        let id = self.streams.pool(token)?;
        self.pools.get_mut(id.0).map(|(_, pool)| (id, pool))
    }
}

impl PoolLimits {
    /// The bounds that a profile asks for.
    fn of(profile: &Profile) -> Self {
        Self {
            max_connections: profile.max_connections,
            max_pending: profile.max_pending,
            idle_timeout_ms: profile.idle_timeout_ms,
            max_requests: profile.max_requests_per_connection,
            max_age_ms: profile.max_connection_age_ms,
            quarantine: profile.quarantine,
        }
    }
}
