//! The pools of one worker, each with the streams of its cluster.

use std::rc::Rc;

use super::streams::Streams;
use super::{
    Checkout, CheckoutOptions, ClosedConnection, Owner, Pool, PoolId, PoolLimits, Released, Stock,
    StreamToken, Turnover,
};
use crate::bug::{Bug, bug};
use crate::config::Profile;
use crate::host::{Host, HostError, HostResult};

/// The result of opening a connection for the next waiting request.
#[derive(Debug)]
pub enum Opened {
    /// The request now has this stream.
    For(Owner, StreamToken),
    /// The host could not open a stream, and no other request is left to try.
    Failed {
        /// The request that waited.
        owner: Owner,
        /// Its pool.
        pool: PoolId,
        /// The host's error.
        error: HostError,
    },
}

/// Every pool of a worker.
#[derive(Debug)]
pub struct Connections {
    pools: Vec<(Rc<str>, Pool)>,
    /// The pool that opens the next connection first.
    first: usize,
    streams: Streams,
}

impl Connections {
    /// No connection yet. `root`: the context that owns the streams.
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

    /// The pool of a profile's cluster. Every cluster of a profile has a pool.
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

    /// Whether the pool accepts another request: see [`Pool::takes_another`].
    pub fn takes_another(&self, id: PoolId) -> bool {
        self.pools
            .get(id.0)
            .is_some_and(|(_, pool)| pool.takes_another())
    }

    /// Opens a connection for the next waiting request that may have one. Call this in a callback of the root context
    /// only, and not again in the callback after a failure: the next call begins with another pool.
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

    /// The requests that wait in this pool.
    pub fn waiting(&self, id: PoolId) -> Vec<Owner> {
        self.pools
            .get(id.0)
            .map_or_else(Vec::new, |(_, pool)| pool.waiting())
    }

    /// Sends bytes to the server.
    ///
    /// # Errors
    /// The stream is gone; the host is about to report its close.
    pub fn send<H: Host>(&self, host: &H, token: StreamToken, bytes: &[u8]) -> HostResult {
        self.streams.send(host, token, bytes)
    }

    /// Notes the stream whose bytes are being read; `None`: no stream's.
    pub fn receive_from(&mut self, token: Option<StreamToken>) {
        self.streams.receiving = token;
    }

    /// Whether a stream's bytes are being read. Nothing may be sent on that stream.
    pub fn receives(&self) -> bool {
        self.streams.receiving.is_some()
    }

    /// Whether this stream's bytes are being read. Nothing may be sent on it then.
    pub fn is_receiving(&self, token: StreamToken) -> bool {
        self.streams.receiving == Some(token)
    }

    /// Whether a connection waits to be told to close, because nothing may be sent on it yet.
    pub fn has_untold(&self) -> bool {
        self.streams.pending_closes().next().is_some()
    }

    /// Tells those connections to close that could not be told before.
    pub fn tell_untold<H: Host>(&mut self, host: &H, now_ms: u64) {
        let pending_closes: Vec<StreamToken> = self.streams.pending_closes().collect();
        for token in pending_closes {
            self.streams.tell(host, token, now_ms);
        }
    }

    /// The stream is established. `peer`: the address of the server.
    pub fn connected<H: Host>(&mut self, host: &H, token: StreamToken, peer: String, now_ms: u64) {
        self.streams.connected(host, token, now_ms);
        if let Some((_, pool)) = self.pool_mut(token) {
            pool.connected(token, peer, now_ms);
        }
    }

    /// The request that the connection works for.
    pub fn owner(&self, token: StreamToken) -> Option<Owner> {
        self.pool(token)?.owner(token)
    }

    /// Whether the connection has served another request before its owner.
    pub fn has_served(&self, token: StreamToken) -> bool {
        self.pool(token).is_some_and(|pool| pool.has_served(token))
    }

    /// The address of the server at the other end.
    pub fn peer(&self, token: StreamToken) -> Option<&str> {
        self.pool(token)?.peer(token)
    }

    /// The request no longer needs the connection, which may be used again.
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

    /// A tick has come. Rested connections go to waiting requests; the result names both.
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

    /// Whether any connection rests.
    pub fn any_rests(&self) -> bool {
        self.pools.iter().any(|(_, pool)| pool.rests())
    }

    /// Closes a connection in any state.
    pub fn close<H: Host>(&mut self, host: &H, token: StreamToken, now_ms: u64) {
        if let Some((_, pool)) = self.pool_mut(token) {
            if !bug(Bug::ActiveForEver) {
                pool.remove(token);
            }
            self.streams.close_soon(host, token, now_ms);
        }
    }

    /// Makes the host drop a stream that it reported as closed; the host keeps such streams otherwise. A later send
    /// on the stream fails.
    pub fn drop_stream<H: Host>(&self, host: &H, token: StreamToken) {
        self.streams.reset(host, token);
    }

    /// Makes the host drop every stream at once. Owners are not told.
    pub fn drop_all<H: Host>(&mut self, host: &H) {
        for token in self.streams.drop_all(host) {
            if let Some((_, pool)) = self.pool_mut(token) {
                pool.remove(token);
            }
            self.streams.forget(token);
        }
    }

    /// The host reports that the connection closed or could not be established. `None`: the filter had closed it.
    pub fn closed(&mut self, token: StreamToken) -> Option<ClosedConnection> {
        self.streams.gone(token);
        let closed = self.pool_mut(token)?.1.remove(token);
        self.streams.forget(token);
        closed
    }

    /// Limits the pool to the connections that its servers allow this worker.
    pub fn allow(&mut self, id: PoolId, connections: Option<u32>) {
        if let Some((_, pool)) = self.pools.get_mut(id.0) {
            pool.allow(connections);
        }
    }

    /// Whether this pool has had connections to more than one server.
    pub fn has_several_servers(&self, id: PoolId) -> bool {
        self.pools
            .get(id.0)
            .is_some_and(|(_, pool)| pool.has_several_servers())
    }

    /// Whether a server of this pool gave a sign of life within this time.
    pub fn was_alive_within(&self, id: PoolId, time_ms: u64, now_ms: u64) -> bool {
        self.pools
            .get(id.0)
            .is_some_and(|(_, pool)| pool.was_alive_within(time_ms, now_ms))
    }

    /// Whether requests wait in this pool that get no connection before another request frees one.
    pub fn starves(&self, id: PoolId) -> bool {
        self.pools.get(id.0).is_some_and(|(_, pool)| pool.starves())
    }

    /// Whether a message has waited too long in this pool, so that others must make room: see [`Pool::is_overdue`].
    pub fn is_overdue(&self, id: PoolId, patience_ms: u64, now_ms: u64) -> bool {
        self.pools
            .get(id.0)
            .is_some_and(|(_, pool)| pool.is_overdue(patience_ms, now_ms))
    }

    /// Opens no connection in this pool before this time.
    pub fn pause(&mut self, id: PoolId, until_ms: u64) {
        if let Some((_, pool)) = self.pools.get_mut(id.0) {
            pool.pause(until_ms);
        }
    }

    /// The request no longer waits.
    pub fn forget(&mut self, id: PoolId, owner: Owner) {
        if let Some((_, pool)) = self.pools.get_mut(id.0) {
            pool.forget(owner);
        }
    }

    /// Closes connections that idled too long, and drops those that did not close when told to.
    pub fn expire<H: Host>(&mut self, host: &H, now_ms: u64) {
        for (_, pool) in &mut self.pools {
            while let Some(token) = pool.expire(now_ms) {
                self.streams.close_soon(host, token, now_ms);
            }
        }
        self.streams.expire(host, now_ms);
    }

    /// Whether there is a connection that time can act on.
    pub fn any(&self) -> bool {
        self.streams.any()
    }

    /// Whether a connection can be opened for a waiting request.
    pub fn can_open(&self, now_ms: u64) -> bool {
        self.pools.iter().any(|(_, pool)| pool.can_open(now_ms))
    }

    /// The stock of each pool, and its turnover since the last call.
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
    /// The limits that a profile asks for.
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
