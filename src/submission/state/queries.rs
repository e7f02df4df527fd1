//! What there is to know of a submission.

use super::super::attempt::Attempt;
use super::super::cx::Cx;
use super::super::icap_response::OwnBody;
use super::super::judge::Original;
use super::super::record::record;
use super::super::source::{Extent, Shown, Source};
use super::super::step::Record;
use super::{State, Submission};
use crate::connection::{PoolId, StreamToken, UnitId};
use crate::host::Host;
use crate::icap::{HttpHead, ResponseHead};

impl Submission {
    /// Its name.
    pub fn id(&self) -> UnitId {
        self.id
    }

    /// The record of its transaction as it stands, for the log.
    pub fn record<H: Host>(&self, cx: &Cx<'_, H>) -> Record {
        let attempt = match &self.state {
            State::Open(attempt) | State::Rest(attempt) => Some(&**attempt),
            State::Collecting | State::Waiting | State::Parked | State::Done => None,
        };
        self.record_of(attempt, cx)
    }

    /// Whether nothing of it was sent yet, nor a connection wanted.
    pub fn is_collecting(&self) -> bool {
        matches!(self.state, State::Collecting)
    }

    /// Whether it waits for a connection.
    pub fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting)
    }

    /// Whether a server has begun to send a message in the place of the original: whatever fails from then on, the original does
    /// not go on.
    pub fn has_begun_change(&self) -> bool {
        self.change_begun
    }

    /// Whether it is the server that is waited for, and not the rest of the body. `message`: how much there is of its body.
    pub fn waits_for_server(&self, message: Extent) -> bool {
        match &self.state {
            State::Waiting => true,
            State::Open(attempt) => {
                let extent = self.shown.extent(message);
                attempt.transaction.waits_for_server(extent.progress)
            }
            State::Collecting | State::Rest(_) | State::Parked | State::Done => false,
        }
    }

    /// Since when it is on a connection where it has nothing to do now but wait for more of the body, in milliseconds; `None`: it
    /// has none, or waits for the server. `message`: how much there is of the body of its message.
    pub fn waits_for_body(&self, message: Extent) -> Option<u64> {
        match &self.state {
            State::Open(attempt) if !self.waits_for_server(message) => Some(attempt.started_ms),
            _ => None,
        }
    }

    /// What the server has sent so far in the place of a body that is shown whole, where nothing is needed any more of what has come
    /// of that. `message`: how much there is of it.
    pub fn own_body(&mut self, message: Extent) -> Option<&mut OwnBody> {
        match (&mut self.state, &self.shown) {
            (State::Open(attempt), Shown::Whole | Shown::Rest { .. }) => {
                attempt.own_body(message.progress)
            }
            _ => None,
        }
    }

    /// Whether what the server sends may be a page for the client, and so a block: a response of another status, and in the place of
    /// an upload whatever is HTML or no response.
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

    /// What comes of the body from `from` on stands at `at` in the host's buffer, and nothing else of it does.
    pub fn moved(&mut self, from: u64, at: u64) {
        self.shown = Shown::Rest { from, at };
    }

    /// The pool that its connections come from.
    pub fn pool(&self) -> PoolId {
        self.pool
    }

    /// The connection that it is on.
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
        self.shown.extent(cx.message.extent)
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
