//! The end of a gRPC call that is shown message by message: its outcome, and what of it goes on.

use super::exchange::{Exchange, Phase};
use super::grpc_ends::EarlyEnd;
use super::stream_end::NO_ROOM;
use super::worker::Worker;
use crate::config::{Cause, Enforcement};
use crate::connection::UnitId;
use crate::grpc::Broken;
use crate::host::Host;
use crate::icap::Direction;
use crate::report::{Outcome, Significance};
use crate::submission::{Failure, IcapResponse, Submission, reason_only};
use crate::verdict::BlockWith;

/// What is logged of a call as long as it goes on.
const UNFINISHED: &str =
    "messages of the call go on as they are scanned, and the call has not ended";

impl Exchange {
    /// Whether all that has come of a call has gone on, so that it may end here.
    fn is_idle_call(&self) -> bool {
        self.is_call_under_way()
            && self.messages.as_ref().is_some_and(|call| {
                call.is_done()
                    && call.has_nothing_ready()
                    && !call.awaits_bytes()
                    && call.ends.early.is_none()
            })
    }
}

impl<H: Host> Worker<H> {
    /// The call ends with a message that may not go on. Those before it do, as far as they can.
    pub(super) fn end_with(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        number: u64,
        end: EarlyEnd,
    ) {
        let Some(call) = &mut exchange.messages else {
            return;
        };
        call.end_before(number);
        match (&call.ends.early, end) {
            // What is blocked stays blocked, though the call ends before it.
            (Some(EarlyEnd::Blocked(..)), EarlyEnd::Failed(record, _)) => {
                exchange.journal.push_while_room(*record);
            }
            (_, end) => call.ends.early = Some(end),
        }
        let is_at_once = !call.has_begun() || exchange.body.at_end;
        let call = exchange.messages.as_ref();
        let is_behind = |unit: &UnitId| call.is_some_and(|it| it.shown(unit.index).is_none());
        let units = Self::units_of(exchange);
        for unit in units.into_iter().filter(is_behind).collect::<Vec<_>>() {
            self.move_unit(exchange, unit, Submission::give_up);
            exchange.units.retain(|it| it.id() != unit);
        }
        if is_at_once {
            self.end_early(id, exchange);
        }
    }

    /// Ends a call before its last message. False where no message asks for that.
    pub(super) fn end_early(&mut self, id: u32, exchange: &mut Exchange) -> bool {
        let call = exchange.messages.as_mut();
        let Some(end) = call.and_then(|it| it.ends.early.take()) else {
            return false;
        };
        self.give_up_units(exchange);
        match end {
            EarlyEnd::Blocked(record, with, response) => {
                let with = match exchange.is_call_under_way() {
                    true => BlockWith::OwnPage,
                    false => with,
                };
                self.block(id, exchange, *record, (with, *response), None);
            }
            EarlyEnd::Failed(record, failure) if failure.cause == Cause::Unscannable => {
                let cause = failure.cause;
                self.metrics.failed(&exchange.profile, cause, false);
                let own = (BlockWith::OwnPage, IcapResponse::default());
                self.block(id, exchange, *record, own, Some(cause));
            }
            EarlyEnd::Failed(record, failure) => {
                let may_open = false;
                let failure = Failure {
                    may_open,
                    ..failure
                };
                self.end_failed(id, exchange, *record, failure, None);
            }
        }
        true
    }

    /// Something else has ended a call that was to end with a message: what that message came to counts.
    pub(super) fn conclude_early(&mut self, id: u32, exchange: &mut Exchange) -> bool {
        let call = exchange.messages.as_mut();
        let Some(end) = call.and_then(|it| it.ends.early.take()) else {
            return false;
        };
        let (mut record, outcome, cause) = match end {
            EarlyEnd::Blocked(record, ..) => (record, Outcome::Blocked, None),
            EarlyEnd::Failed(record, failure) if failure.cause == Cause::Unscannable => {
                self.metrics.failed(&exchange.profile, failure.cause, false);
                (record, Outcome::Blocked, Some(failure.cause))
            }
            EarlyEnd::Failed(record, failure) => (record, Outcome::Failed, Some(failure.cause)),
        };
        record.outcome = Some(outcome);
        exchange.journal.push(*record);
        let significance = Significance::of(outcome, cause, self.is_slow(exchange));
        let conclusion = exchange.conclusion(outcome, significance);
        match cause.filter(|_| outcome == Outcome::Failed) {
            Some(cause) => self.conclude_failed(id, exchange, conclusion, (cause, false)),
            None => self.conclude(id, exchange, conclusion),
        }
        self.count_outcome(exchange);
        true
    }

    /// Fails a call that can't go on as it came, in monitor mode either: bytes of it are lost, or would come twice.
    pub(super) fn fail_torn(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        cause: Cause,
        reason: &str,
    ) {
        exchange.enforcement = Enforcement::Enforce;
        self.fail_closed(id, exchange, cause, reason);
    }

    /// The body is no sequence of messages.
    pub(super) fn fail_framing(&mut self, id: u32, exchange: &mut Exchange, why: &Broken) {
        let cause = match exchange.direction {
            Direction::Request => Cause::BadRequest,
            // The client did not cause the failure.
            Direction::Response => Cause::Internal,
        };
        self.fail_closed(id, exchange, cause, &why.to_string());
    }

    /// Fails a call for a reason of its own: where a server is late, the messages that it was shown, each by the failure action.
    pub(super) fn fail_messages(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        cause: Cause,
        reason: String,
        status: Option<u16>,
    ) {
        let has_come = exchange.messages.as_ref().is_some_and(|it| !it.is_empty());
        if !has_come && exchange.body.available == 0 {
            exchange.messages = None;
            return self.fail_with(id, exchange, cause, reason, status);
        }
        let is_late = cause == Cause::Timeout && exchange.clock.expired(self.now_ms);
        let since_ms = self
            .now_ms
            .saturating_sub(exchange.profile.response_timeout_ms);
        let call = exchange.messages.as_ref().filter(|_| is_late);
        let late = call.map_or(Vec::new(), |it| it.under_scan().longest(since_ms));
        if late.is_empty() {
            return self.fail_closed(id, exchange, cause, &reason);
        }
        let mut units = Self::units_of(exchange);
        units.retain(|it| late.contains(&it.index));
        for unit in units {
            if let Some(step) = self.fail_unit(exchange, unit, cause, &reason) {
                self.take_message_step(id, exchange, unit.index, step);
            }
        }
    }

    /// Has go on what is here of a call, and what still comes. False where nothing of its body has come: it goes the way of others.
    pub(super) fn let_messages_go(&mut self, id: u32, exchange: &mut Exchange) -> bool {
        let Some(call) = &mut exchange.messages else {
            return false;
        };
        if exchange.body.available == 0 {
            exchange.messages = None;
            return false;
        }
        if call.let_all_go().is_err() {
            self.fail_torn(id, exchange, Cause::Overload, NO_ROOM);
            return true;
        }
        exchange.body.progress_ms = self.now_ms;
        exchange.phase = Phase::Cleared;
        self.call_for_messages(id);
        true
    }

    /// All messages of a call may go on: the gravest of their outcomes is that of the call.
    pub(super) fn conclude_messages(&mut self, id: u32, exchange: &mut Exchange) {
        let Some(call) = &exchange.messages else {
            return;
        };
        let (outcome, cause) = call.ends.sum();
        let significance = Significance::of(outcome, cause, self.is_slow(exchange));
        let conclusion = exchange.conclusion(outcome, significance);
        match cause.filter(|_| outcome == Outcome::Failed) {
            Some(cause) => {
                let opens = !exchange.is_monitored();
                self.conclude_failed(id, exchange, conclusion, (cause, opens));
            }
            None => self.conclude(id, exchange, conclusion),
        }
    }

    /// Logs that the first messages of a call go on.
    pub(super) fn log_unfinished(&mut self, id: u32, exchange: &mut Exchange) {
        let mut record = self.failed_record(id, exchange, Cause::Internal, UNFINISHED);
        record.outcome = None;
        record.findings = reason_only(UNFINISHED.to_owned());
        exchange.journal.push(*record);
        self.log_outcome(id, exchange, Significance::NONE);
        exchange.journal.take_back();
    }

    /// A call is over before its client has ended it, while nothing of it was under scan: what has gone on was scanned.
    pub(super) fn close_idle_call(&mut self, id: u32, exchange: &mut Exchange) -> bool {
        let is_idle = exchange.is_idle_call();
        if is_idle {
            self.conclude_messages(id, exchange);
            exchange.phase = Phase::Released;
        }
        is_idle
    }
}
