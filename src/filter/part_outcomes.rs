//! The outcomes of the parts of a message that is shown in parts, and the outcome of the message that they add up to.

use super::changed_message::held_body;
use super::exchange::{Draining, Exchange};
use super::fault::{Fault, no_room};
use super::replacement::{NewBody, Replacement};
use super::rewrite::find;
use super::worker::Worker;
use crate::bug::{Bug, bug};
use crate::config::{Cause, FailAction};
use crate::connection::UnitId;
use crate::host::{Host, HostError};
use crate::icap::Direction;
use crate::report::{Outcome, ScanRecord, Significance};
use crate::submission::{
    Change, Cx, Failure, Held, IcapResponseBody, NotKept, Record, Shown, Source, Step, Submission,
    reason_only, unusable,
};

/// Why a submission was given up, in icap_log.
const DECIDED: &str = "given up: another part of the message has decided";

impl<H: Host> Worker<H> {
    /// Notes the step of a part, and applies it to the message where the part decides.
    pub(super) fn take_part_step(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        index: u16,
        step: Step,
    ) {
        if matches!(step, Step::Pending) {
            return;
        }
        exchange.retire(index);
        let judged = matches!(step, Step::Pass(_) | Step::Change(..));
        if let Some(apart) = &mut exchange.apart {
            apart.ended(index, judged);
        }
        self.note_part(id, exchange, index, step);
    }

    fn note_part(&mut self, id: u32, exchange: &mut Exchange, index: u16, step: Step) {
        match step {
            Step::Pending => {}
            Step::Pass(record) => note(exchange, *record, Outcome::Passed),
            Step::Change(record, change) => {
                self.note_change(id, exchange, index, record, *change);
            }
            Step::Block(record, with, response) => {
                self.give_up_rest(exchange);
                self.block(id, exchange, *record, (with, *response), None);
            }
            Step::Fail(record, failure) => self.note_failure(id, exchange, *record, failure),
        }
    }

    /// The server changed a part. Only the body of the server's message takes the part's place.
    fn note_change(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        index: u16,
        mut record: Record,
        mut change: Change,
    ) {
        let unchanged = match change.trailers {
            Some(_) => Outcome::Modified,
            None => Outcome::Passed,
        };
        exchange.new_trailers = change.trailers.take().or(exchange.new_trailers.take());
        let limit = exchange.message(id, &[]).response_limit();
        let is_monitored = exchange.is_monitored();
        let Some(apart) = &mut exchange.apart else {
            return;
        };
        if apart.is_message(index) {
            // If the body is unchanged, the message goes on as it came, so that its head still names the coding.
            return match (&change.response.body, apart.shown_bytes(index)) {
                (IcapResponseBody::Same(len), shown)
                    if apart.is_decoded() && shown == Some(*len) =>
                {
                    note(exchange, *record, unchanged);
                }
                _ => apart.results.change_whole(record, change),
            };
        }
        let Change { response, rest, .. } = change;
        let shown = apart.shown_bytes(index);
        let fixed = apart.fixed(index);
        let fault = match (held_body(response.body, shown, &self.budget), fixed) {
            (Ok(None), _) => return note(exchange, *record, unchanged),
            (Ok(Some(body)), _) if body.is_empty() && shown == Some(0) => {
                return note(exchange, *record, unchanged);
            }
            (_, Some(why)) => (Cause::Protocol, why.to_owned()),
            (Ok(Some(body)), None)
                if apart.results.held_bytes().saturating_add(body.len()) <= limit =>
            {
                record.outcome = Some(Outcome::Modified);
                record.modified_content_length = Some(body.len());
                exchange.journal.push(*record);
                // A monitored message stays as it is: no need to hold the change.
                let held = match is_monitored {
                    true => Held::new(&self.budget),
                    false => body,
                };
                apart.change(index, held);
                return;
            }
            (Ok(Some(_)), None) => no_room(NotKept::TooLarge),
            (Err(fault), None) => fault,
        };
        let step = match unusable(exchange.change_begun, record, rest, fault) {
            Step::Fail(record, failure) if fixed.is_some() => {
                let may_open = false;
                let failure = Failure {
                    may_open,
                    ..failure
                };
                Step::Fail(record, failure)
            }
            step => step,
        };
        self.note_part(id, exchange, index, step);
    }

    /// A part failed. If that failure opens, or the message is monitored, the other parts still get their verdicts: one part that
    /// can't be scanned must not let an infected part pass.
    fn note_failure(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        mut record: ScanRecord<'static>,
        failure: Failure,
    ) {
        let opens = exchange.profile.fail_action(failure.cause) == FailAction::Open;
        let waits = (opens && failure.may_open) || exchange.is_monitored();
        match &mut exchange.apart {
            Some(apart) if waits => {
                apart.results.fail_open(failure.cause, !opens);
                if failure.cause == Cause::Unscannable && !opens {
                    record.outcome = Some(Outcome::Blocked);
                }
                exchange.journal.push(record);
            }
            _ => match self.block_among_rest(exchange, failure.cause) {
                Some((index, step)) => {
                    exchange.journal.push(record);
                    self.note_part(id, exchange, index, step);
                }
                None => {
                    self.give_up_rest(exchange);
                    self.end_failed(id, exchange, record, failure, None);
                }
            },
        }
    }

    /// Ends the other parts because one failed, and gives the first of them whose server blocks already: a failure does not
    /// undo that verdict.
    fn block_among_rest(&mut self, exchange: &mut Exchange, cause: Cause) -> Option<(u16, Step)> {
        for unit in Self::units_of(exchange) {
            let end = |submission: &mut Submission, cx: &mut Cx<'_, H>| {
                submission.connection()?;
                Some(submission.fail(cause, DECIDED.to_owned(), cx))
            };
            match self.move_unit(exchange, unit, end).flatten() {
                Some(step @ Step::Block(..)) => {
                    exchange.retire(unit.index);
                    return Some((unit.index, step));
                }
                Some(Step::Fail(record, _)) => {
                    exchange.retire(unit.index);
                    note_given_up(exchange, *record);
                }
                // The submission has no connection yet, or would be sent anew.
                _ => {}
            }
        }
        None
    }

    /// Concludes the message: all parts have ended, and none of them has decided.
    pub(super) fn conclude_apart(&mut self, id: u32, exchange: &mut Exchange) {
        let monitored = exchange.is_monitored();
        let Some(apart) = &mut exchange.apart else {
            return;
        };
        if let Some((Cause::Unscannable, true)) = apart.results.failed_open() {
            self.note_unscannable(id, exchange);
        } else if let Some((cause, _)) = apart.results.failed_open() {
            let fail_action = match exchange.change_begun {
                true => FailAction::Closed,
                false => FailAction::Open,
            };
            self.conclude_failure(id, exchange, cause, fail_action, None);
        } else if let Some((record, change)) = apart.results.take_whole_change() {
            exchange.apart = None;
            self.change(id, exchange, record, *change);
        } else if apart.results.is_changed() && !monitored && !bug(Bug::ChangedPartIgnored) {
            match self.changed_form(id, exchange) {
                Ok(replacement) => {
                    let record = None;
                    let draining = Draining {
                        replacement,
                        record,
                    };
                    self.replace(id, exchange, draining);
                }
                Err((cause, reason)) => self.fail_closed(id, exchange, cause, &reason),
            }
        } else {
            let outcome = match apart.results.is_changed() || exchange.new_trailers.is_some() {
                true => Outcome::Modified,
                false => Outcome::Passed,
            };
            if let Err(e) = self.replace_trailers(id, exchange) {
                return self.fail_to_replace(id, exchange, &e.to_string());
            }
            let significance = Significance::of(outcome, None, self.is_slow(exchange));
            self.conclude(id, exchange, exchange.conclusion(outcome, significance));
            self.let_go(id, exchange);
        }
    }

    /// The form with the changed parts in their places.
    fn changed_form(&self, id: u32, exchange: &mut Exchange) -> Result<Replacement, Fault> {
        let internal = |e: HostError| (Cause::Internal, e.to_string());
        let limit = exchange.message(id, &[]).response_limit();
        let changes = exchange
            .apart
            .as_mut()
            .and_then(|apart| apart.take_changes());
        let Some((form, changes)) = changes else {
            return Err((Cause::Internal, "there is no form".to_owned()));
        };
        let source = Source::Host(&self.host, id, Direction::Request, &Shown::Whole);
        let read = |range| {
            let mut bytes = Vec::new();
            source.read(range, &mut bytes).ok().map(|()| bytes)
        };
        let available = exchange.body.available;
        let body = NewBody::Patched(form.changed(changes, available, &self.budget, read)?);
        if body.len() > limit {
            return Err(no_room(NotKept::TooLarge));
        }
        self.host.enter(id).map_err(internal)?;
        let mut headers = self.host.headers(Direction::Request).map_err(internal)?;
        if find(&headers, "content-length").is_some() {
            headers.retain(|name| name != b"content-length");
            headers.push("content-length", body.len().to_string());
        }
        let body = Some(body);
        Ok(Replacement { headers, body })
    }

    /// Fails a message that is shown in parts, for a reason of its own. What the servers have said of its parts by then still
    /// counts.
    pub(super) fn fail_apart(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        (cause, reason): (Cause, &str),
        status: Option<u16>,
    ) {
        let mut failed: Vec<(Record, Failure)> = Vec::new();
        let asked = |submission: &&Submission| submission.connection().is_some();
        let asked: Vec<UnitId> = exchange
            .units
            .iter()
            .filter(asked)
            .map(Submission::id)
            .collect();
        for unit in asked {
            match self.fail_unit(exchange, unit, cause, reason) {
                Some(step @ Step::Block(..)) => {
                    exchange.retire(unit.index);
                    for (record, _) in failed {
                        exchange.journal.push(*record);
                    }
                    return self.note_part(id, exchange, unit.index, step);
                }
                Some(Step::Fail(record, failure)) => {
                    exchange.retire(unit.index);
                    failed.push((record, failure));
                }
                // The submission would be sent anew.
                _ => {}
            }
        }
        self.give_up_units(exchange);
        // A server's own failure tells more than that of the message.
        let telling = failed
            .iter()
            .position(|(_, failure)| failure.cause != cause);
        let reported = match failed.is_empty() {
            true => None,
            false => Some(failed.swap_remove(telling.unwrap_or(0))),
        };
        for (record, _) in failed {
            exchange.journal.push(*record);
        }
        let (record, failure) = reported.unwrap_or_else(|| {
            let record = self.failed_record(id, exchange, cause, reason);
            let may_open = true;
            (record, Failure { cause, may_open })
        });
        let may_open = failure.may_open && !exchange.change_begun;
        let failure = Failure {
            may_open,
            ..failure
        };
        self.end_failed(id, exchange, *record, failure, status);
    }

    /// Gives up the parts that are still under scan.
    fn give_up_rest(&mut self, exchange: &mut Exchange) {
        for unit in Self::units_of(exchange) {
            let given_up = self.move_unit(exchange, unit, |submission, cx| {
                let record = submission.connection().map(|_| submission.record(cx));
                submission.give_up(cx);
                record
            });
            exchange.retire(unit.index);
            if let Some(record) = given_up.flatten() {
                note_given_up(exchange, *record);
            }
        }
    }
}

fn note_given_up(exchange: &mut Exchange, mut record: ScanRecord<'static>) {
    record.outcome = None;
    record.findings = reason_only(DECIDED.to_owned());
    exchange.journal.push(record);
}

fn note(exchange: &mut Exchange, mut record: ScanRecord<'static>, outcome: Outcome) {
    record.outcome = Some(outcome);
    exchange.journal.push(record);
}
