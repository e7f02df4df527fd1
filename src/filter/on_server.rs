//! The worker's part of the callbacks about a connection to an ICAP server: established, bytes, closed, wake-ups.

use super::worker::{TICK_OPENING_MS, Worker};
use crate::bug::{Bug, bug};
use crate::config::Cause;
use crate::connection::{Owner, StreamToken};
use crate::host::Host;
use crate::submission::Submission;

impl<H: Host> Worker<H> {
    /// A connection is established, to the server at `peer`.
    pub(super) fn on_connected(&mut self, token: StreamToken, peer: String) {
        self.begin(None);
        self.connections
            .connected(&self.host, token, peer, self.now_ms);
    }

    /// Bytes have come from a server.
    pub(super) fn on_message(&mut self, token: StreamToken, bytes: Vec<u8>) {
        self.begin(None);
        self.connections.receive_from(Some(token));
        let unused = self.handed.iter().any(|(_, handed)| *handed == token);
        match self.connections.owner(token) {
            // The owner has not sent its ICAP request yet: these bytes would count as the start of its ICAP response.
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
            // Nobody has sent an ICAP request: the same.
            None => self.connections.close(&self.host, token, self.now_ms),
        }
        self.settle();
    }

    /// Bytes have come from a server, and the module could not read them from the host.
    pub(super) fn on_unreadable(&mut self, token: StreamToken) {
        self.begin(None);
        self.connections.receive_from(Some(token));
        let reason = "bytes of the ICAP response can't be read";
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

    /// Asks for a wake-up if something is to be sent that may not be sent in the callback that brings bytes.
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

    /// A wake-up: in this callback the worker may send on any connection.
    pub(super) fn on_wake_up(&mut self) {
        self.begin(None);
        self.wake_ups.take_call(&self.host);
        self.put_stream_ends();
        self.catch_up();
        self.settle();
        self.open_gates();
    }

    /// Sends what had to wait.
    pub(super) fn catch_up(&mut self) {
        self.end_calls();
        self.send_waiting_replies();
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

    /// The other side has closed a connection, or the connection could not be established.
    pub(super) fn on_closed(&mut self, token: StreamToken) {
        self.begin(None);
        // From now on sends on this connection fail.
        self.connections.drop_stream(&self.host, token);
        self.catch_up();
        self.lost(token);
        self.settle();
    }
}
