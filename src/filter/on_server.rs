//! Callbacks about the connections to the ICAP servers: established, bytes, closed.

use super::worker::{TICK_OPENING_MS, Worker};
use crate::bug::{Bug, bug};
use crate::config::Cause;
use crate::connection::{Owner, StreamToken};
use crate::host::Host;
use crate::submission::Submission;

impl<H: Host> Worker<H> {
    /// The stream is established, to the server at `peer`.
    pub(super) fn on_connected(&mut self, token: StreamToken, peer: String) {
        self.begin(None);
        self.connections
            .connected(&self.host, token, peer, self.now_ms);
    }

    /// Bytes from a server.
    pub(super) fn on_message(&mut self, token: StreamToken, bytes: Vec<u8>) {
        self.begin(None);
        self.connections.receive_from(Some(token));
        let unused = self.handed.iter().any(|(_, handed)| *handed == token);
        match self.connections.owner(token) {
            // Whoever has the connection has not asked yet: the next answer would begin in the middle of this.
            Some(owner) if unused && !bug(Bug::StrayBytesTaken) => {
                self.handed.retain(|(_, handed)| *handed != token);
                self.connections.close(&self.host, token, self.now_ms);
                self.hand_another(owner);
            }
            Some(owner @ (Owner::Options(_) | Owner::SelfTest(_))) => {
                self.probe_received(owner, bytes);
            }
            Some(Owner::Unit(unit)) => {
                self.with_unit(unit, |submission, cx| submission.bytes(bytes, cx));
            }
            // Nothing was asked: the same.
            None => self.connections.close(&self.host, token, self.now_ms),
        }
        self.settle();
    }

    /// Bytes from a server that the host did not hand over.
    pub(super) fn on_unreadable(&mut self, token: StreamToken) {
        self.begin(None);
        self.connections.receive_from(Some(token));
        let reason = "bytes of the answer can't be read";
        match self.connections.owner(token) {
            Some(owner @ (Owner::Options(_) | Owner::SelfTest(_))) => {
                self.probe_failed(owner, reason);
            }
            Some(Owner::Unit(unit)) => {
                self.with_unit(unit, |submission, cx| {
                    submission.fail(Cause::Internal, reason.to_owned(), cx)
                });
            }
            None => {}
        }
        self.connections.close(&self.host, token, self.now_ms);
        self.settle();
    }

    /// Asks for a callback of its own for what may not be sent in the one that brings bytes.
    pub(super) fn settle_later(&mut self) {
        let waits = self.wake_ups.is_wanted()
            || !self.handed.is_empty()
            || !self.replies.is_empty()
            || self.connections.has_untold();
        if waits && !self.wake_ups.call(&self.host) {
            self.set_tick(TICK_OPENING_MS);
        }
        self.keep_time();
    }

    /// The callback has come in which anything may be sent.
    pub(super) fn on_wake_up(&mut self) {
        self.begin(None);
        self.wake_ups.take_call(&self.host);
        self.catch_up();
        self.settle();
    }

    /// Sends what had to wait.
    pub(super) fn catch_up(&mut self) {
        self.give_replies();
        self.connections.tell_untold(&self.host, self.now_ms);
        self.hand_out();
        while let Some(owner) = self.wake_ups.next() {
            match owner {
                Owner::Unit(unit) => self.with_unit(unit, Submission::body),
                Owner::Options(_) | Owner::SelfTest(_) => self.drive_probe(owner),
            }
            self.hand_out();
        }
    }

    /// A connection was closed by the other side, or could not be established.
    pub(super) fn on_closed(&mut self, token: StreamToken) {
        self.begin(None);
        // What is still to be sent on it fails from now on.
        self.connections.drop_stream(&self.host, token);
        self.catch_up();
        self.lost(token);
        self.settle();
    }
}
