//! The host's gRPC streams behind the connections. Only the root context owns streams.

use super::{PoolId, StreamToken, Turnover};
use crate::ascending_map::AscendingMap;
use crate::bug::{Bug, bug};
use crate::host::{Host, HostResult};

/// How long a connection may take to close when told to, in milliseconds, before the host has to drop it.
const CLOSE_MS: u64 = 1_000;

/// The streams behind the connections.
#[derive(Debug)]
pub(super) struct Streams {
    /// The context that owns the streams.
    root: u32,
    /// Streams in use, each with its pool.
    open: AscendingMap<StreamToken, PoolId>,
    /// Streams that are not established yet.
    connecting: Vec<StreamToken>,
    /// Streams that are to close.
    closing: Vec<Closing>,
    /// The stream whose bytes are being read. Nothing may be sent on it.
    pub(super) receiving: Option<StreamToken>,
    /// The turnover of each pool.
    turnover: Vec<Turnover>,
}

/// A connection that is to close.
///
/// A connection is told to close only once it is established. If the filter gave it up earlier, Envoy's pool would
/// fail all other connections that are being established. Envoy's `connect_timeout` bounds the wait.
#[derive(Debug)]
struct Closing {
    token: StreamToken,
    /// The pool that the connection belonged to. The server still counts the connection.
    pool: Option<PoolId>,
    /// Until when the connection may close; `None` while it has not been told.
    until_ms: Option<u64>,
}

impl Streams {
    /// No streams yet. `root`: the context that owns them; `pools`: the number of pools.
    pub(super) fn new(root: u32, pools: usize) -> Self {
        Self {
            root,
            open: AscendingMap::default(),
            connecting: Vec::new(),
            closing: Vec::new(),
            receiving: None,
            turnover: vec![Turnover::default(); pools],
        }
    }

    /// The pool of a stream that is in use.
    pub(super) fn pool(&self, token: StreamToken) -> Option<PoolId> {
        self.open.get(token).copied()
    }

    /// Whether there is any stream, in use or closing.
    pub(super) fn any(&self) -> bool {
        !self.open.is_empty() || !self.closing.is_empty()
    }

    /// What has happened since the last call, pool by pool.
    pub(super) fn take_turnover(&mut self) -> impl Iterator<Item = Turnover> {
        self.turnover.iter_mut().map(std::mem::take)
    }

    pub(super) fn open<H: Host>(
        &mut self,
        host: &H,
        cluster: &str,
        pool: PoolId,
    ) -> HostResult<StreamToken> {
        host.enter(self.root)?;
        let token = host.open_stream(cluster)?;
        self.open.insert(token, pool);
        self.connecting.push(token);
        self.count(pool, |turnover| &mut turnover.opened);
        Ok(token)
    }

    pub(super) fn send<H: Host>(&self, host: &H, token: StreamToken, bytes: &[u8]) -> HostResult {
        host.send(token, bytes)
    }

    pub(super) fn forget(&mut self, token: StreamToken) -> Option<PoolId> {
        let pool = self.open.remove(token)?;
        self.count(pool, |turnover| &mut turnover.closed);
        Some(pool)
    }

    pub(super) fn count(&mut self, pool: PoolId, what: impl FnOnce(&mut Turnover) -> &mut u32) {
        if let Some(turnover) = self.turnover.get_mut(pool.0) {
            let counter = what(turnover);
            *counter = counter.saturating_add(1);
        }
    }

    /// How many connections of this pool are to close and have not.
    pub(super) fn closing_of(&self, pool: PoolId) -> usize {
        let of_pool = |closing: &&Closing| closing.pool == Some(pool);
        self.closing.iter().filter(of_pool).count()
    }

    /// Asks the transport role to close the connection. The host reports that close like any other.
    pub(super) fn close_soon<H: Host>(&mut self, host: &H, token: StreamToken, now_ms: u64) {
        let pool = self.forget(token);
        self.closing.push(Closing {
            token,
            pool,
            until_ms: None,
        });
        if bug(Bug::CloseWhileConnecting) && self.connecting.contains(&token) {
            self.gone(token);
            return self.reset(host, token);
        }
        if !self.connecting.contains(&token) && self.receiving != Some(token) {
            self.tell(host, token, now_ms);
        }
    }

    /// Established connections that are to close and have not been told.
    pub(super) fn pending_closes(&self) -> impl Iterator<Item = StreamToken> {
        self.closing
            .iter()
            .filter(|closing| closing.until_ms.is_none())
            .map(|closing| closing.token)
            .filter(|token| !self.connecting.contains(token))
    }

    /// Tells a connection to close if it is to close.
    pub(super) fn tell<H: Host>(&mut self, host: &H, token: StreamToken, now_ms: u64) {
        let found = self
            .closing
            .iter_mut()
            .find(|closing| closing.token == token);
        let Some(closing) = found else { return };
        closing.until_ms = Some(now_ms.saturating_add(CLOSE_MS));
        if let Err(e) = self.send(host, token, &[]) {
            log::debug!("stream {token}: {e}");
        }
    }

    /// The stream is established.
    pub(super) fn connected<H: Host>(&mut self, host: &H, token: StreamToken, now_ms: u64) {
        self.connecting.retain(|connecting| *connecting != token);
        self.tell(host, token, now_ms);
    }

    /// The stream is closed.
    pub(super) fn gone(&mut self, token: StreamToken) {
        self.connecting.retain(|connecting| *connecting != token);
        self.closing.retain(|closing| closing.token != token);
    }

    /// Drops connections that did not close when told to.
    pub(super) fn expire<H: Host>(&mut self, host: &H, now_ms: u64) {
        let late = |closing: &Closing| closing.until_ms.is_some_and(|until| until <= now_ms);
        let late: Vec<StreamToken> = self
            .closing
            .iter()
            .filter(|closing| late(closing))
            .map(|closing| closing.token)
            .collect();
        for token in late {
            self.gone(token);
            self.reset(host, token);
        }
    }

    /// Makes the host drop every stream at once. Returns the streams that were in use.
    pub(super) fn drop_all<H: Host>(&mut self, host: &H) -> Vec<StreamToken> {
        for closing in std::mem::take(&mut self.closing) {
            self.reset(host, closing.token);
        }
        self.connecting.clear();
        let open: Vec<StreamToken> = self.open.iter().map(|(token, _)| token).collect();
        for token in &open {
            self.reset(host, *token);
        }
        open
    }

    /// Makes the host drop the stream at once.
    pub(super) fn reset<H: Host>(&self, host: &H, token: StreamToken) {
        if let Err(e) = host.cancel(token) {
            log::debug!("stream {token}: {e}");
        }
    }
}
