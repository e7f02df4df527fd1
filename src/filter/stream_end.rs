//! The end of a body that streams: its verdict, and its last part.

use super::buffer::append;
use super::changed_message::new_fields;
use super::exchange::{Exchange, Phase};
use super::worker::{TICK_OPENING_MS, Worker};
use crate::bug::{Bug, bug};
use crate::config::{Cause, FailAction};
use crate::host::{Host, HostError, HostResult};
use crate::icap::{Direction, HttpHead};
use crate::report::{Outcome, Significance};
use crate::submission::{Change, Part, Record, Step, reason_only};
use crate::verdict::BlockWith;

/// Why a stream does not come to its end beside somebody who keeps a copy of it.
pub(super) const KEPT_BY_OTHERS: &str = "a retry policy, an internal redirect or a filter after this one keeps a copy of the body, which would be \
                              delivered twice: set per_request_buffer_limit_bytes: 0 on the route";
/// Why there is no place for a changed body.
pub(super) const NO_ROOM: &str = "this worker holds as much of bodies as memory_budget_mb allows";
/// Why a stream is refused whose end came too soon.
pub(super) const HELD_BEHIND: &str = "the body ended before the application was connected to: a filter after this one may still hold the request, and \
                                      would end it too early";
/// Why trailers end a stream.
const TRAILERS: &str = "trailers follow a body that streams: its rest can't go on before them";

impl<H: Host> Worker<H> {
    /// Acts on what came of the submission of a message that streams.
    pub(super) fn conclude_stream(&mut self, id: u32, exchange: &mut Exchange, step: Step) {
        match step {
            Step::Pending => {}
            Step::Pass(record) => self.end_stream(id, exchange, record, Outcome::Passed),
            Step::Change(record, change) => self.change_stream(id, exchange, record, *change),
            Step::Block(record, with, response) => {
                let with = match exchange.is_under_way() {
                    true => BlockWith::OwnPage,
                    false => with,
                };
                self.block(id, exchange, *record, (with, *response), None);
            }
            Step::Fail(record, mut failure) => {
                failure.may_open |= bug(Bug::StreamOpens);
                self.end_failed(id, exchange, *record, failure, None);
            }
        }
    }

    /// The server's message in the place of the original is complete.
    fn change_stream(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        mut record: Record,
        change: Change,
    ) {
        let response = change.response;
        let Some(stream) = &mut exchange.stream else {
            return;
        };
        let is_first = stream.is_held();
        let completed = stream.complete(response.body);
        let length = stream.released();
        record.modified_content_length = Some(length);
        let placed = match completed {
            Err(_) => Err((Cause::Overload, NO_ROOM.to_owned())),
            Ok(()) if is_first => self.put_whole_head(id, exchange, response.http.as_ref(), length),
            Ok(()) => Ok(()),
        };
        match placed {
            Ok(()) => self.end_stream(id, exchange, record, Outcome::Modified),
            Err(fault) => self.fail_stream(id, exchange, record, fault),
        }
    }

    /// Gives a message of which nothing has gone on the head of the answer that brings it, and the length of its body.
    fn put_whole_head(
        &self,
        id: u32,
        exchange: &mut Exchange,
        head: Option<&HttpHead>,
        length: u64,
    ) -> Result<(), (Cause, String)> {
        let length = exchange.body.announced.map(|_| length);
        let fields = new_fields(&self.host, id, exchange, head, length)?;
        self.host
            .set_headers(exchange.direction, &fields)
            .map_err(|e| (Cause::Internal, e.to_string()))?;
        if exchange.has_trailers {
            self.drop_digests(id, exchange);
        }
        Ok(())
    }

    /// The verdict lets the message go on: to its end, unless what went on is not what was promised, or somebody else keeps a copy.
    fn end_stream(&mut self, id: u32, exchange: &mut Exchange, record: Record, outcome: Outcome) {
        if let Some(stream) = &mut exchange.stream {
            let has_promised = stream.has_released();
            stream.free();
            if has_promised && !stream.keeps_promise() {
                let reason = "the body that goes on is not as long as its content-length";
                let fault = (Cause::Protocol, reason.to_owned());
                return self.fail_stream(id, exchange, record, fault);
            }
        }
        if self.is_kept_by_others(id, exchange) {
            let fault = (Cause::Internal, KEPT_BY_OTHERS.to_owned());
            return self.fail_stream(id, exchange, record, fault);
        }
        self.let_go_as(id, exchange, *record, outcome, None);
    }

    fn fail_stream(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        mut record: Record,
        (cause, reason): (Cause, String),
    ) {
        record.outcome = Some(Outcome::Failed);
        record.findings = reason_only(reason);
        exchange.journal.push(*record);
        self.conclude_failure(id, exchange, cause, FailAction::Closed, None);
    }

    /// Whether the end of a message may be held whose beginning has gone on. Where a filter behind this one still holds that beginning,
    /// Envoy would take the message for ended as soon as that filter lets go: the application would have a part of it for the whole. None
    /// does once the router has connected to the application.
    pub(super) fn may_hold_end(&self, id: u32, exchange: &Exchange) -> bool {
        !exchange.is_under_way()
            || exchange.direction == Direction::Response
            || self.is_connected(id)
    }

    /// Whether the router has connected to the application.
    pub(super) fn is_connected(&self, id: u32) -> bool {
        let upstream = self
            .host
            .enter(id)
            .and_then(|()| self.host.property(&["upstream", "address"]));
        upstream.is_ok_and(|address| address.is_some_and(|address| !address.is_empty()))
    }

    /// Whether somebody behind this filter keeps what has gone on, so that the rest can't be put in from elsewhere without having that
    /// delivered again. The host's buffer has nothing of this filter's: it was emptied.
    fn is_kept_by_others(&self, id: u32, exchange: &Exchange) -> bool {
        let is_put_in = exchange.is_under_way() && exchange.body.at_end && !self.is_inside(id);
        if !is_put_in || bug(Bug::CopyOverlooked) {
            return false;
        }
        let mut found = Vec::new();
        let read = self
            .host
            .enter(id)
            .and_then(|()| self.host.read_body(exchange.direction, 0, 1, &mut found));
        read.is_err() || !found.is_empty()
    }

    /// Lets a message that streams go on. False where nothing of it has come: it goes the way of others.
    pub(super) fn let_stream_go(&mut self, id: u32, exchange: &mut Exchange) -> bool {
        let Some(stream) = &mut exchange.stream else {
            return false;
        };
        stream.free();
        let is_at_gate = exchange.body.end_is_ahead && !exchange.body.at_end;
        if !stream.has_begun() && stream.is_original() && stream.has_nothing_ready() && !is_at_gate
        {
            exchange.stream = None;
            return false;
        }
        if exchange.body.at_end && self.connections.receives() {
            self.put_end(id, exchange);
            return true;
        }
        exchange.body.progress_ms = self.now_ms;
        exchange.phase = Phase::Cleared;
        if exchange.body.at_end && !self.is_inside(id) {
            self.call_for_end(id);
        }
        true
    }

    /// Asks for a callback in which nothing was sent before, nor a connection opened: of a body that is too long for its buffer Envoy
    /// tells within the edit, and could not go on with either.
    pub(super) fn call_for_end(&mut self, id: u32) {
        self.stream_ends.push_back(id);
        if !self.wake_ups.call(&self.host) {
            self.set_tick(TICK_OPENING_MS);
        }
    }

    /// Puts in what is left of the bodies that wait for that. First of all in a callback.
    pub(super) fn put_stream_ends(&mut self) {
        // What asks for another such callback meanwhile gets one of its own.
        for id in std::mem::take(&mut self.stream_ends) {
            self.with_message(id, |worker, exchange| {
                if exchange.messages.is_some() {
                    worker.put_messages(id, exchange);
                } else if matches!(exchange.phase, Phase::Cleared) {
                    worker.put_end(id, exchange);
                }
            });
        }
    }

    /// Puts in what is left of a body that has come to its end, and lets it go on, from a callback that is not the message's own.
    fn put_end(&mut self, id: u32, exchange: &mut Exchange) {
        let Some(mut stream) = exchange.stream.take() else {
            return;
        };
        let keeps_length = !stream.has_begun() && stream.is_original();
        let pieces = stream.take_all();
        let direction = exchange.direction;
        if !pieces.is_empty() {
            // Envoy answers by itself, and logs, within the edit that its buffer has no room for.
            self.log_outcome(id, exchange, Significance::of_cause(Cause::Oversize));
        }
        let put = self.put_behind(id, direction, &pieces);
        if self.inbox.has_ended(id) {
            return self.refused_by_envoy(id, exchange);
        }
        if let Err(e) = put {
            return self.fail_to_replace(id, exchange, &e.to_string());
        }
        if !pieces.is_empty() {
            self.log_again(id, exchange);
        }
        if keeps_length {
            self.keep_length(id, exchange);
        }
        exchange.phase = Phase::Released;
        self.resume(id, direction);
    }

    /// Puts pieces behind what the host holds of a body.
    pub(super) fn put_behind(&self, id: u32, of: Direction, pieces: &[Part]) -> HostResult {
        self.host.enter(id)?;
        append(&self.host, of, pieces.iter().map(|part| &**part))
    }

    /// Trailers end the body of a message that streams. False where they must not: what is left of the body has no way before them, for
    /// its headers have gone.
    pub(super) fn admits_trailers(&mut self, id: u32, exchange: &mut Exchange) -> bool {
        let is_cleared = matches!(exchange.phase, Phase::Cleared);
        let is_late = exchange.stream.as_ref().is_some_and(|stream| {
            stream.has_begun() && !(is_cleared && stream.has_nothing_ready())
        });
        if is_late {
            exchange.body.at_end = true;
            self.fail(id, exchange, Cause::Internal, TRAILERS.to_owned());
        }
        !is_late
    }

    /// Has the rest of a message that streams go on with its trailers, whose callback is running, where it may go on.
    pub(super) fn put_end_before_trailers(&mut self, id: u32, exchange: &mut Exchange) {
        if !matches!(exchange.phase, Phase::Cleared) {
            return;
        }
        let Some(mut stream) = exchange.stream.take() else {
            return;
        };
        if !stream.has_begun() && stream.is_original() {
            self.keep_length(id, exchange);
        }
        let pieces = stream.take_all();
        let direction = exchange.direction;
        let put = match exchange.is_out_of_reach && !pieces.is_empty() {
            true => Err(HostError::SHORT_BODY),
            false => self.put_behind(id, direction, &pieces),
        };
        match put {
            Ok(()) => exchange.phase = Phase::Released,
            Err(e) => self.fail_to_replace(id, exchange, &e.to_string()),
        }
    }

    /// What of its body has gone on of a message that streams, as far as its outcome lets it.
    pub(super) fn streamed_bytes(exchange: &Exchange, outcome: Outcome) -> Option<u64> {
        let stream = exchange.stream.as_ref().filter(|it| it.has_released())?;
        Some(match outcome {
            Outcome::Passed | Outcome::Modified => stream.released(),
            Outcome::Disabled | Outcome::Blocked | Outcome::Failed => stream.gone(),
        })
    }

    /// Whether a message is a request that streams, or a call, and has begun to go on.
    pub(super) fn is_request_under_way(&self, id: u32) -> bool {
        self.exchanges.get(id).is_some_and(|exchange| {
            exchange.direction == Direction::Request
                && (exchange.is_under_way() || exchange.is_call_under_way())
        })
    }
}
