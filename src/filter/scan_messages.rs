//! gRPC calls that are shown message by message: taken in as they come, shown, and judged.
//!
//! The body is taken out of the host's buffer as it comes. What may go on is put back by [`put_messages`](Worker::put_messages).

use std::rc::Rc;

use super::bare_fields::LENGTH;
use super::changed_message::held_body;
use super::exchange::Exchange;
use super::fault::{Fault, no_room};
use super::grpc_call::is_call;
use super::grpc_ends::EarlyEnd;
use super::grpc_messages::{GrpcMessages, MAX_WAITING, NextMessage, NotTaken};
use super::request_icap::Showing;
use super::rewrite::all;
use super::stream_end::{KEPT_BY_OTHERS, NO_ROOM};
use super::worker::Worker;
use crate::config::{Cause, FailAction, Grpc};
use crate::connection::UnitId;
use crate::host::{BodyEdit, Fields, Host, HostError, HostResult, Next};
use crate::icap::{Direction, Request};
use crate::report::{Outcome, PartName, ScanRecord};
use crate::submission::{
    Change, Failure, IcapResponseBody, NotKept, Record, Shown, Step, Submission, unusable,
};
use crate::verdict::clean;

/// The content type of a message: what is in it, nobody says.
const MESSAGE_TYPE: &str = "application/octet-stream";
/// How a message is marked that is compressed, where its call does not say how.
const COMPRESSED: &str = "grpc";
/// Fields that describe the call's body, and so none of its messages.
const OF_THE_BODY: [&[u8]; 4] = [
    b"content-encoding",
    b"content-length",
    b"content-type",
    b"transfer-encoding",
];

impl<H: Host> Worker<H> {
    /// Begins to show a message with these fields message by message, if it is a gRPC call and the profile wants that.
    pub(super) fn shows_messages(&self, exchange: &mut Exchange, fields: &Fields) -> bool {
        let wants = exchange.profile.grpc == Grpc::Messages && !exchange.body.at_end;
        if wants && is_call(fields) {
            let call = GrpcMessages::new(&self.budget, fields.clone());
            exchange.messages = Some(Box::new(call));
        }
        exchange.messages.is_some()
    }

    /// `size` bytes come of a call, in its own callback.
    pub(super) fn on_messages(
        &mut self,
        id: u32,
        direction: Direction,
        size: u64,
        at_end: bool,
    ) -> Next {
        self.begin(Some(id));
        self.with_message(id, |worker, exchange| {
            exchange.body.pass(size, at_end);
            if size > 0 {
                exchange.body.progress_ms = worker.now_ms;
            }
            match worker.take_out(id, direction, size) {
                Ok(bytes) => worker.take_messages(id, exchange, bytes),
                Err(e) => {
                    let reason = format!("the body could not be read: {e}");
                    worker.fail_torn(id, exchange, Cause::Internal, &reason);
                }
            }
        });
        self.leave(id, direction)
    }

    /// Takes what the running callback brings out of the host's buffer.
    fn take_out(&self, id: u32, of: Direction, size: u64) -> HostResult<Vec<u8>> {
        let len = usize::try_from(size).unwrap_or(usize::MAX);
        let mut bytes = Vec::new();
        if len > 0 {
            self.host.enter(id)?;
            self.host.read_body(of, 0, len, &mut bytes)?;
            self.host.edit_body(of, BodyEdit::Replace(&[]))?;
        }
        match bytes.len() == len {
            true => Ok(bytes),
            false => Err(HostError::SHORT_BODY),
        }
    }

    fn take_messages(&mut self, id: u32, exchange: &mut Exchange, bytes: Vec<u8>) {
        let limit = exchange.limit();
        let Some(call) = &mut exchange.messages else {
            return;
        };
        if let Some(first) = &call.first {
            // What others keep would stand in front of what comes.
            if bytes.starts_with(first) {
                return self.fail_torn(id, exchange, Cause::Internal, KEPT_BY_OTHERS);
            }
            if !bytes.is_empty() {
                call.first = None;
            }
        }
        match call.take_in(bytes, limit) {
            Ok(()) => {}
            Err(NotTaken::OverBudget) => {
                return self.fail_torn(id, exchange, Cause::Overload, NO_ROOM);
            }
            Err(NotTaken::TooMany) => {
                let reason = format!("{MAX_WAITING} messages wait for their verdicts");
                return self.fail_closed(id, exchange, Cause::Oversize, &reason);
            }
            Err(NotTaken::Broken(why)) => return self.fail_framing(id, exchange, &why),
        }
        if !self.fail_if_held_behind(id, exchange) {
            self.step(id, exchange);
        }
    }

    /// Moves a call on: shows what has come, and has go on what may.
    pub(super) fn step_messages(&mut self, id: u32, exchange: &mut Exchange) {
        let body = exchange.body;
        let Some(call) = &mut exchange.messages else {
            return;
        };
        if body.at_end {
            if call.is_empty() && body.available == 0 {
                exchange.messages = None;
                self.show_whole(id, exchange);
                return self.step_units(id, exchange);
            }
            if let Err(why) = call.end() {
                return self.fail_framing(id, exchange, &why);
            }
        }
        self.step_units(id, exchange);
        self.go_on_messages(id, exchange);
    }

    /// Shows as many messages as may be, and asks for a callback in which what may go on does.
    fn go_on_messages(&mut self, id: u32, exchange: &mut Exchange) {
        self.judge_long_message(id, exchange);
        let parallel = exchange.profile.multipart_parallel;
        while !exchange.is_decided() {
            // A call must not overload the pool by its own messages.
            if !exchange.units.is_empty() && !self.connections.takes_another(exchange.pool) {
                break;
            }
            let call = exchange.messages.as_mut();
            let Some(next) = call.and_then(|it| it.next(parallel, self.now_ms)) else {
                break;
            };
            self.show_message(id, exchange, next);
        }
        let limit = exchange.limit();
        let Some(call) = &mut exchange.messages else {
            return;
        };
        if exchange.phase.is_over() {
            return;
        }
        if call.release().is_err() {
            return self.fail_torn(id, exchange, Cause::Overload, NO_ROOM);
        }
        let held = call.held();
        if !exchange.is_decided() && held > limit.saturating_mul(2) {
            let reason = format!("{held} bytes of messages wait for their verdicts");
            return self.fail_closed(id, exchange, Cause::Oversize, &reason);
        }
        if self.may_put(exchange) {
            self.call_for_messages(id);
        }
    }

    /// Shows a message in a submission of its own.
    fn show_message(&mut self, id: u32, exchange: &mut Exchange, next: NextMessage) {
        let length = next.content.end();
        match self.request_of_message(id, exchange, length) {
            Ok(request) => {
                self.metrics.part_shown(&exchange.profile);
                let name = PartName::new(&next.number.to_string(), None);
                let unit = UnitId {
                    context: id,
                    direction: exchange.direction,
                    index: next.index,
                };
                let shown = Shown::Kept(next.content);
                let (pool, name) = (exchange.pool, Some(Rc::new(name)));
                let submission = Submission::new(unit, pool, Rc::new(request), shown, name);
                exchange.units.push(submission);
                if let Some(step) = self.move_unit(exchange, unit, Submission::body) {
                    self.take_verdict(id, exchange, next.index, step);
                }
            }
            Err((cause, reason)) => self.fail_closed(id, exchange, cause, &reason),
        }
    }

    fn request_of_message(
        &self,
        id: u32,
        exchange: &Exchange,
        length: u64,
    ) -> Result<Request, Fault> {
        let none = Fields::new();
        let fields = exchange.messages.as_ref().map_or(&none, |it| &it.fields);
        let mut shown = fields.clone();
        shown.retain(|name| !OF_THE_BODY.contains(&name));
        shown.push("content-type", MESSAGE_TYPE);
        shown.push(LENGTH, length.to_string());
        let entered = self.host.enter(id);
        entered.map_err(|e| (Cause::Internal, e.to_string()))?;
        let request_head = match exchange.direction {
            Direction::Request => None,
            Direction::Response => exchange.request.request_head.clone(),
        };
        let (request, fault) = self.request_showing(Showing {
            profile: &exchange.profile,
            direction: exchange.direction,
            message: fields,
            shown: &shown,
            request_head,
            is_part: true,
        });
        fault.map_or(Ok(request), Err)
    }

    /// Acts on the step of a submission that shows a message.
    pub(super) fn take_message_step(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        index: u16,
        step: Step,
    ) {
        self.take_verdict(id, exchange, index, step);
        self.go_on_messages(id, exchange);
    }

    fn take_verdict(&mut self, id: u32, exchange: &mut Exchange, index: u16, step: Step) {
        if matches!(step, Step::Pending) {
            return;
        }
        // A change that has begun is about this message alone.
        exchange.units.retain(|unit| unit.id().index != index);
        let shown = exchange.messages.as_ref().and_then(|it| it.shown(index));
        let Some((number, prefix)) = shown else {
            return;
        };
        let step = match prefix.is_compressed {
            true => marked(exchange, step),
            false => step,
        };
        self.note_verdict(id, exchange, number, step);
        // The time of the oldest message counts, whichever gets its verdict.
        let oldest = exchange.messages.as_ref().map(|it| it.under_scan().since());
        let since_ms = oldest.flatten().unwrap_or(self.now_ms);
        exchange.clock.restart(since_ms);
    }

    fn note_verdict(&mut self, id: u32, exchange: &mut Exchange, number: u64, step: Step) {
        let monitored = exchange.is_monitored();
        match step {
            Step::Pending => {}
            Step::Pass(record) => pass(exchange, number, *record, (Outcome::Passed, None)),
            Step::Change(record, change) => {
                self.note_change_of(id, exchange, number, record, *change);
            }
            Step::Block(record, ..) if monitored => {
                pass(exchange, number, *record, (Outcome::Blocked, None));
            }
            Step::Block(record, with, response) => {
                let end = EarlyEnd::Blocked(record, with, response);
                self.end_with(id, exchange, number, end);
            }
            Step::Fail(record, failure) => {
                let opens =
                    failure.may_open && exchange.fail_action(failure.cause) == FailAction::Open;
                if opens || monitored {
                    let outcome = match failure.cause {
                        Cause::Unscannable if !opens => Outcome::Blocked,
                        _ => Outcome::Failed,
                    };
                    let end = (outcome, Some(failure.cause));
                    return pass(exchange, number, *record, end);
                }
                let end = EarlyEnd::Failed(record, failure);
                self.end_with(id, exchange, number, end);
            }
        }
    }

    /// The server has changed a message. Only the body of what it sends takes the message's place.
    fn note_change_of(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        number: u64,
        mut record: Record,
        change: Change,
    ) {
        let limit = exchange.message(id, &[]).response_limit();
        let Change { response, rest, .. } = change;
        let shown = match &response.body {
            IcapResponseBody::Same(len) => Some(*len),
            _ => None,
        };
        let fault = match held_body(response.body, shown, &self.budget) {
            Ok(None) => return pass(exchange, number, *record, (Outcome::Passed, None)),
            Ok(Some(body)) if body.len() <= limit.min(u64::from(u32::MAX)) => {
                record.modified_content_length = Some(body.len());
                pass(exchange, number, *record, (Outcome::Modified, None));
                if !exchange.is_monitored()
                    && let Some(call) = &mut exchange.messages
                {
                    call.decide(number, Some(body));
                }
                return;
            }
            Ok(Some(_)) => no_room(NotKept::TooLarge),
            Err(fault) => fault,
        };
        let step = unusable(true, record, rest, fault);
        self.note_verdict(id, exchange, number, step);
    }

    /// A message is longer than what may be held: it passes as it comes, or ends the call.
    fn judge_long_message(&mut self, id: u32, exchange: &mut Exchange) {
        while let Some(number) = exchange.messages.as_ref().and_then(|it| it.too_long())
            && !exchange.is_decided()
        {
            let cause = Cause::Oversize;
            let reason = format!("the message is longer than {} bytes", exchange.limit());
            let mut record = self.failed_record(id, exchange, cause, &reason);
            record.part = Some(Rc::new(PartName::new(&number.to_string(), None)));
            let opens = exchange.fail_action(cause) == FailAction::Open;
            if opens || exchange.is_monitored() {
                pass(exchange, number, *record, (Outcome::Failed, Some(cause)));
                if let Some(call) = &mut exchange.messages {
                    call.pass(number);
                }
            } else {
                let may_open = false;
                let failure = Failure { cause, may_open };
                self.end_with(id, exchange, number, EarlyEnd::Failed(record, failure));
            }
        }
    }
}

/// Notes that a message goes on with that outcome, and the cause of its failure.
fn pass(
    exchange: &mut Exchange,
    number: u64,
    mut record: ScanRecord<'static>,
    (outcome, cause): (Outcome, Option<Cause>),
) {
    record.outcome = Some(outcome);
    exchange.journal.push_while_room(record);
    if let Some(call) = &mut exchange.messages {
        call.note(outcome, cause);
        call.decide(number, None);
    }
}

/// The step about a message that was shown compressed.
fn marked(exchange: &Exchange, mut step: Step) -> Step {
    let fields = exchange.messages.as_ref().map(|it| &it.fields);
    let coding = fields.and_then(|it| all(it, "grpc-encoding"));
    let coding = match &coding {
        Some(coding) => clean(coding),
        None => COMPRESSED.to_owned(),
    };
    let record = match &mut step {
        Step::Pending => return step,
        Step::Pass(record)
        | Step::Change(record, _)
        | Step::Block(record, ..)
        | Step::Fail(record, _) => record,
    };
    record.encoded = Some(coding.into());
    step
}
