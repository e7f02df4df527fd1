//! What a message asks of its submission beside the transitions.

use super::super::attempt::Attempt;
use super::super::cx::Cx;
use super::super::extent::Extent;
use super::super::icap_response::OwnBody;
use super::super::judge::Original;
use super::super::record::record;
use super::super::source::{Shown, Source};
use super::super::step::Record;
use super::{State, Submission};
use crate::connection::{PoolId, StreamToken, UnitId};
use crate::host::Host;
use crate::icap::{HttpHead, ResponseHead};

impl Submission {
    /// The name of the submission.
    pub fn id(&self) -> UnitId {
        self.id
    }

    /// The record of the transaction as it stands, for the log.
    pub fn record<H: Host>(&self, cx: &Cx<'_, H>) -> Record {
        let attempt = match &self.state {
            State::Open(attempt) | State::Rest(attempt) => Some(&**attempt),
            State::Collecting | State::Waiting | State::Parked | State::Done => None,
        };
        self.record_of(attempt, cx)
    }

    /// Whether the submission has sent nothing and wants no connection yet.
    pub fn is_collecting(&self) -> bool {
        matches!(self.state, State::Collecting)
    }

    /// Whether the submission waits for a connection.
    pub fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting)
    }

    /// Whether a server has begun to send a message in the place of the original. From then on the original must not
    /// go on, whatever fails.
    pub fn has_begun_change(&self) -> bool {
        self.change_begun
    }

    /// Whether the submission waits for the server, not for the rest of the body. `message`: how much there is of the
    /// message's body.
    pub fn waits_for_server(&self, message: Extent) -> bool {
        match &self.state {
            State::Waiting => true,
            State::Open(attempt) => {
                let extent = self.extent_of(message);
                attempt.transaction.waits_for_server(extent.progress)
            }
            State::Collecting | State::Rest(_) | State::Parked | State::Done => false,
        }
    }

    /// Since when the submission has a connection and only waits for more of the body, in milliseconds. `None`: it
    /// has no connection, or waits for the server. `message`: how much there is of the message's body.
    pub fn waits_for_body(&self, message: Extent) -> Option<u64> {
        match &self.state {
            State::Open(attempt) if !self.waits_for_server(message) => Some(attempt.started_ms),
            _ => None,
        }
    }

    /// The new body so far, where the whole body is shown and the arrived part of the original is needed no more.
    /// `message`: how much there is of the original.
    pub fn own_body(&mut self, message: Extent) -> Option<&mut OwnBody> {
        let progress = self.extent_of(message).progress;
        match (&mut self.state, &self.shown) {
            (State::Open(attempt), Shown::Whole | Shown::Rest { .. }) => attempt.own_body(progress),
            _ => None,
        }
    }

    /// Whether the server's HTTP message may be a page for the client, and so a block: a response with another
    /// status; for an upload also HTML, or anything that is no response.
    pub fn gets_page(&self, is_upload: bool) -> bool {
        let (State::Open(attempt) | State::Rest(attempt)) = &self.state else {
            return false;
        };
        let Some(HttpHead::Response(head)) = &attempt.response.http else {
            return is_upload;
        };
        let shown = self.request.response_head.as_deref();
        let shown = shown.and_then(ResponseHead::parse);
        shown.is_none_or(|shown| shown.status != head.status) || (is_upload && head.is_html())
    }

    /// The host's buffer has changed: the body from `from` on stands at `at`, and the rest of the body is gone.
    pub fn moved(&mut self, from: u64, at: u64) {
        self.shown = Shown::Rest { from, at };
    }

    /// The pool that gives the connections.
    pub fn pool(&self) -> PoolId {
        self.pool
    }

    /// The connection that the submission has.
    pub fn connection(&self) -> Option<StreamToken> {
        match &self.state {
            State::Open(attempt) | State::Rest(attempt) => attempt.connection(),
            State::Collecting | State::Waiting | State::Parked | State::Done => None,
        }
    }

    pub(super) fn record_of<H: Host>(&self, attempt: Option<&Attempt>, cx: &Cx<'_, H>) -> Record {
        let attempt = attempt.map(|attempt| (attempt, attempt.server(cx.connections)));
        let mut record = record(&cx.message, &self.request, attempt);
        record.part.clone_from(&self.part);
        Box::new(record)
    }

    pub(super) fn extent<H>(&self, cx: &Cx<'_, H>) -> Extent {
        self.extent_of(cx.message.extent)
    }

    /// How much there is of the shown body, when there is so much of the message. The body has not ended as long as the
    /// message's trailers are to follow it.
    fn extent_of(&self, message: Extent) -> Extent {
        let mut extent = self.shown.extent(message);
        extent.progress.ended &= self.request.has_ended();
        extent
    }

    pub(super) fn original<'a, H>(&'a self, cx: &'a Cx<'_, H>) -> Original<'a> {
        Original {
            message: &cx.message,
            request: &self.request,
            extent: self.extent(cx),
        }
    }

    pub(super) fn source<'a, H>(&'a self, cx: &'a Cx<'_, H>) -> Source<'a, H> {
        let message = &cx.message;
        Source::Host(cx.host, message.context, message.direction, &self.shown)
    }
}
