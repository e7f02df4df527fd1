//! The end of a scan: turns what a submission came to into the message's outcome, logs and counts it, and applies it once.

use super::changed_message::replacement;
use super::exchange::{Draining, Exchange, Uncounted};
use super::profile_page::Refusal;
use super::replacement::NewBody;
use super::server_page::server_page;
use super::worker::Worker;
use crate::bug::{Bug, bug};
use crate::config::{Cause, FailAction};
use crate::host::Host;
use crate::report::{Conclusion, Outcome, ScanRecord, Significance};
use crate::submission::{
    Change, Failure, IcapResponse, Record, Step, reason_only, record, unusable,
};
use crate::verdict::BlockWith;

impl<H: Host> Worker<H> {
    /// Acts on the step of a submission.
    pub(super) fn take_step(&mut self, id: u32, exchange: &mut Exchange, index: u16, step: Step) {
        if matches!(step, Step::Pending) {
            return;
        }
        if exchange.messages.is_some() {
            return self.take_message_step(id, exchange, index, step);
        }
        if exchange.apart.is_some() {
            self.take_part_step(id, exchange, index, step);
            return self.go_on_apart(id, exchange);
        }
        exchange.retire(index);
        if exchange.stream.is_some() {
            return self.conclude_stream(id, exchange, step);
        }
        self.conclude_step(id, exchange, step);
    }

    /// Acts on the step of a message's only submission.
    fn conclude_step(&mut self, id: u32, exchange: &mut Exchange, step: Step) {
        match step {
            Step::Pending => {}
            Step::Pass(_) if exchange.layout.is_some() => {
                let reason = "the server has first sent another body and then let the message pass";
                self.fail_closed(id, exchange, Cause::Protocol, reason);
            }
            Step::Pass(record) => self.let_go_as(id, exchange, *record, Outcome::Passed, None),
            Step::Change(record, change) => self.change(id, exchange, record, *change),
            Step::Block(record, with, response) => {
                self.block(id, exchange, *record, (with, *response), None);
            }
            Step::Fail(record, failure) => self.end_failed(id, exchange, *record, failure, None),
        }
    }

    /// Replaces the message with the server's changed one, or logs that change where the message is monitored.
    pub(super) fn change(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        mut record: Record,
        change: Change,
    ) {
        let Change { response, rest, .. } = change;
        match replacement(&self.host, id, exchange, response, &self.budget) {
            Ok(replacement) => {
                let length = replacement.body.as_ref().map(NewBody::len);
                record.modified_content_length = Some(length.unwrap_or(exchange.body.available));
                if exchange.is_monitored() && !bug(Bug::MonitorChanges) {
                    return self.let_go_as(id, exchange, *record, Outcome::Modified, None);
                }
                record.outcome = Some(Outcome::Modified);
                let draining = Draining {
                    replacement,
                    record: Some(record),
                };
                self.replace(id, exchange, draining);
            }
            Err(fault) => {
                let step = unusable(exchange.change_begun, record, rest, fault);
                self.conclude_step(id, exchange, step);
            }
        }
    }

    /// Logs the outcome, and goes on with the message as it is, because it passed or is monitored.
    pub(super) fn let_go_as(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        mut record: ScanRecord<'static>,
        outcome: Outcome,
        cause: Option<Cause>,
    ) {
        record.outcome = Some(outcome);
        exchange.journal.push(record);
        let significance = Significance::of(outcome, cause, self.is_slow(exchange));
        self.conclude(id, exchange, exchange.conclusion(outcome, significance));
        self.let_go(id, exchange);
    }

    /// A submission failed. `status`: the HTTP status for the client, in the place of the page's own.
    pub(super) fn end_failed(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        record: ScanRecord<'static>,
        failure: Failure,
        status: Option<u16>,
    ) {
        let Failure { cause, may_open } = failure;
        if cause == Cause::Unscannable {
            return self.conclude_unscannable(id, exchange, record, may_open);
        }
        exchange.journal.push(record);
        let fail_action = match may_open && exchange.layout.is_none() {
            true if bug(Bug::EveryFailureOpens) => FailAction::Open,
            true => exchange.fail_action(cause),
            false => FailAction::Closed,
        };
        self.conclude_failure(id, exchange, cause, fail_action, status);
    }

    /// The server can't look into the content: blocks with the profile's page, unless the profile opens this cause. What another ICAP
    /// response has begun to replace stays closed.
    fn conclude_unscannable(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        record: ScanRecord<'static>,
        may_open: bool,
    ) {
        let cause = Cause::Unscannable;
        let fail_action = exchange.fail_action(cause);
        if may_open && fail_action == FailAction::Open && exchange.layout.is_none() {
            exchange.journal.push(record);
            return self.conclude_failure(id, exchange, cause, fail_action, None);
        }
        self.metrics.failed(&exchange.profile, cause, false);
        let own = (BlockWith::OwnPage, IcapResponse::default());
        self.block(id, exchange, record, own, Some(cause));
    }

    /// The server can't look into a part of a monitored message, which would have been blocked. The part's record is in the
    /// journal already.
    pub(super) fn note_unscannable(&mut self, id: u32, exchange: &mut Exchange) {
        let cause = Cause::Unscannable;
        self.metrics.failed(&exchange.profile, cause, false);
        let slow = self.is_slow(exchange);
        let significance = Significance::of(Outcome::Blocked, Some(cause), slow);
        self.conclude(
            id,
            exchange,
            exchange.conclusion(Outcome::Blocked, significance),
        );
        self.let_go(id, exchange);
    }

    /// Blocks the message: the client gets a page as a local reply. `cause`: of the failure that blocks, if any.
    pub(super) fn block(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        mut record: ScanRecord<'static>,
        (with, response): (BlockWith, IcapResponse),
        cause: Option<Cause>,
    ) {
        if exchange.is_monitored() && !bug(Bug::MonitorBlocks) {
            return self.let_go_as(id, exchange, record, Outcome::Blocked, cause);
        }
        let page = server_page(&self.host, id, exchange, with, response);
        record.outcome = Some(Outcome::Blocked);
        record.http_response_code = page.as_ref().map(|page| page.status);
        exchange.journal.push(record);
        let significance = Significance::of(Outcome::Blocked, cause, self.is_slow(exchange));
        self.conclude(
            id,
            exchange,
            Conclusion::done(Outcome::Blocked, significance),
        );
        let page =
            page.unwrap_or_else(|| exchange.own_page(&self.host, id, Refusal::Blocked, None));
        self.reply_with_page(id, exchange, "icap_blocked", page);
    }

    /// Fails the message: closes its connections and applies the profile's failure action for `cause`. But a server's verdict
    /// that blocks still counts, and once a server has begun to send a changed message the failure closes.
    pub(super) fn fail(&mut self, id: u32, exchange: &mut Exchange, cause: Cause, reason: String) {
        self.fail_with(id, exchange, cause, reason, None);
    }

    /// Like [`fail`](Self::fail). `status`: the HTTP status for the client, in the place of the page's own.
    pub(super) fn fail_with(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        cause: Cause,
        reason: String,
        status: Option<u16>,
    ) {
        if exchange.messages.is_some() {
            return self.fail_messages(id, exchange, cause, reason, status);
        }
        if exchange.apart.is_some() {
            return self.fail_apart(id, exchange, (cause, &reason), status);
        }
        let running = Self::units_of(exchange).into_iter().find_map(|unit| {
            let step = self.fail_unit(exchange, unit, cause, &reason)?;
            Some((unit.index, step))
        });
        match running {
            Some((index, Step::Fail(record, failure))) => {
                exchange.retire(index);
                self.end_failed(id, exchange, *record, failure, status);
            }
            Some((index, step)) => self.take_step(id, exchange, index, step),
            None => {
                let record = self.failed_record(id, exchange, cause, &reason);
                let may_open = !exchange.change_begun;
                let failure = Failure { cause, may_open };
                self.end_failed(id, exchange, *record, failure, status);
            }
        }
    }

    /// Fails a message whose body is larger than the profile's buffer.
    pub(super) fn fail_oversize(&mut self, id: u32, exchange: &mut Exchange) {
        let reason = format!("the body is larger than {} bytes", exchange.limit());
        self.fail(id, exchange, Cause::Oversize, reason);
    }

    /// Adds a failure of the message to the journal.
    pub(super) fn record_failure(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        cause: Cause,
        reason: &str,
    ) {
        let record = self.failed_record(id, exchange, cause, reason);
        exchange.journal.push(*record);
    }

    /// The record of a failure of the message itself, with the data of its running transaction, if any.
    pub(super) fn failed_record(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        cause: Cause,
        reason: &str,
    ) -> Record {
        log::debug!("scan by {}: {cause:?}: {reason}", exchange.profile.name);
        let of_unit = Self::units_of(exchange).into_iter().find_map(|unit| {
            self.move_unit(exchange, unit, |submission, cx| submission.record(cx))
        });
        let mut record = of_unit.unwrap_or_else(|| {
            let message = exchange.message(id, &self.config.redact_headers);
            Box::new(record(&message, &exchange.request, None))
        });
        record.findings = reason_only(reason.to_owned());
        record
    }

    /// Fails the message closed, whatever the profile says: for instance because the original is no longer whole.
    pub(super) fn fail_closed(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        cause: Cause,
        reason: &str,
    ) {
        if self.end_early(id, exchange) {
            return;
        }
        self.record_failure(id, exchange, cause, reason);
        self.give_up_units(exchange);
        self.conclude_failure(id, exchange, cause, FailAction::Closed, None);
    }

    pub(super) fn conclude_failure(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        cause: Cause,
        fail_action: FailAction,
        status: Option<u16>,
    ) {
        let slow = self.is_slow(exchange);
        let significance = Significance::of(Outcome::Failed, Some(cause), slow);
        let open = fail_action == FailAction::Open && !exchange.is_monitored();
        let conclusion = exchange.conclusion(Outcome::Failed, significance);
        self.conclude_failed(id, exchange, conclusion, (cause, open));
        match fail_action {
            _ if exchange.is_monitored() => self.let_go_monitored(id, exchange),
            FailAction::Open => self.let_go(id, exchange),
            FailAction::Closed => {
                let page = exchange.own_page(&self.host, id, Refusal::Failed(cause), status);
                self.reply_with_page(id, exchange, "icap_failed", page);
            }
        }
    }

    /// Writes icap_log of a failure before it is known whether that failure becomes the outcome.
    pub(super) fn log_outcome(&self, id: u32, exchange: &mut Exchange, significance: Significance) {
        let conclusion = exchange.conclusion(Outcome::Failed, significance);
        let conclusion = exchange.journal.with(conclusion);
        self.write_log(id, exchange, conclusion);
    }

    /// Writes icap_log again, because more is known of the outcome by now.
    pub(super) fn log_again(&self, id: u32, exchange: &mut Exchange) {
        self.write_log(id, exchange, exchange.journal.conclusion());
    }

    fn write_log(&self, id: u32, exchange: &mut Exchange, conclusion: Conclusion) {
        if let Some(bytes) = Self::streamed_bytes(exchange, conclusion.outcome) {
            exchange.journal.note_streamed(bytes);
        }
        let profile = &exchange.profile.name;
        let journal = &mut exchange.journal;
        let written = journal.write(&self.host, id, &self.config, profile, conclusion);
        if let Err(e) = written {
            log::debug!("context {id}: {e}");
        }
    }

    /// Writes icap_log of a failure, and has the failure counted. `failure`: its cause, and whether it opens.
    pub(super) fn conclude_failed(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        conclusion: Conclusion,
        failure: (Cause, bool),
    ) {
        self.conclude(id, exchange, conclusion);
        if let Some(uncounted) = &mut exchange.uncounted {
            uncounted.failure = Some(failure);
        }
    }

    /// Counts the message's outcome, once: what happens to the message later does not count.
    pub(super) fn count_outcome(&mut self, exchange: &mut Exchange) {
        let Some(uncounted) = exchange
            .uncounted
            .take()
            .filter(|_| !exchange.counted || bug(Bug::OutcomeCountedTwice))
        else {
            return;
        };
        exchange.counted = true;
        if let Some((cause, open)) = uncounted.failure {
            self.metrics.failed(&exchange.profile, cause, open);
        }
        let slow = uncounted
            .conclusion
            .significance
            .contains(Significance::SLOW)
            && !exchange.slow_said;
        exchange.slow_said |= slow;
        self.metrics.concluded(
            &self.host,
            &exchange.profile,
            (uncounted.conclusion, slow),
            exchange.journal.last_latency_ms(),
            exchange.body.available,
        );
    }

    /// Writes icap_log of an outcome, and has the outcome counted.
    pub(super) fn conclude(&mut self, id: u32, exchange: &mut Exchange, conclusion: Conclusion) {
        exchange.uncounted = Some(Uncounted {
            conclusion,
            failure: None,
        });
        exchange.journal.note(conclusion);
        // Frees the changed parts, too.
        exchange.apart = None;
        if bug(Bug::LoggedTooLate) && !self.is_inside(id) {
            return;
        }
        self.write_log(id, exchange, exchange.journal.conclusion());
    }

    pub(super) fn is_slow(&self, exchange: &Exchange) -> bool {
        exchange.clock.spent(self.now_ms) > exchange.profile.slow_threshold_ms
    }
}
