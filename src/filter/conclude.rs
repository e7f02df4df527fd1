//! The end of a scan: the verdict is applied once, and logged.

use std::borrow::Cow;
use std::mem;

use super::answer::Answer;
use super::describe;
use super::exchange::{Draining, Exchange, Phase, Uncounted};
use super::held::Held;
use super::local_reply::NOT_SCANNED;
use super::meaning::{Meaning, block_page, judge_answer, judge_rest, replacement};
use super::scan::Scan;
use super::worker::Worker;
use crate::config::{Cause, FailAction};
use crate::connection::Wish;
use crate::host::Host;
use crate::icap::Direction;
use crate::report::{Action, Outcome, ScanRecord, Significance, failure_status};
use crate::verdict::{BlockWith, Findings, Judgement, Rest, Verdict};

/// ICAP status of a server that has too much to do (RFC 3507 section 4.3.3).
const OVERLOADED: u16 = 503;
/// How long no connection is opened after that, in milliseconds.
const OVERLOAD_PAUSE_MS: u64 = 100;

/// HTTP status of a response that could not be scanned.
const UNAVAILABLE: u16 = 503;

impl<H: Host> Worker<H> {
    /// The answer is complete.
    pub(super) fn finish(&mut self, id: u32, exchange: &mut Exchange) {
        let Phase::Scanning(mut scan) = mem::replace(&mut exchange.phase, Phase::Waiting) else {
            return;
        };
        let waits = scan.needs_rest(exchange.body.progress());
        if waits && judge_rest(exchange, &scan.answer) == Rest::Silent {
            exchange.phase = Phase::Scanning(scan);
            return;
        }
        let completed = match waits {
            true => Ok(()),
            false => scan.answer.complete(&self.host, id, exchange, &scan.budget),
        };
        if let Err((cause, reason)) = completed {
            exchange.phase = Phase::Scanning(scan);
            return self.fail(id, exchange, cause, reason);
        }
        if let Some(head) = &scan.answer.head {
            self.notice_istag(
                &exchange.profile,
                exchange.direction,
                scan.token,
                &head.headers,
            );
        }
        let Meaning {
            judgement,
            rest,
            cut_off,
        } = judge_answer(exchange, &scan.answer);
        log::debug!("context {id}: {judgement:?}");
        let mut record = self.describe(exchange, Some(&scan));
        let Judgement { verdict, findings } = judgement;
        if matches!(verdict, Verdict::Fail { .. })
            && record.icap_response_code == Some(OVERLOADED)
            && exchange.retries == 0
        {
            return self.retry_elsewhere(id, exchange, &scan, record);
        }
        if scan.transaction.reusable() && !cut_off {
            self.release(scan.token);
        } else {
            self.connections.close(&self.host, scan.token, self.now_ms);
        }
        if scan.transaction.in_preview() {
            self.metrics.preview_decided(&exchange.profile);
        }
        record.findings = Cow::Owned(findings);
        exchange.change_begun |= scan.has_begun_change();
        match verdict {
            Verdict::Pass => self.let_go_as(id, exchange, record, Action::Passed, None),
            Verdict::Modify => {
                match replacement(&self.host, id, exchange, scan.answer, &scan.budget) {
                    Ok(replacement) => {
                        let length = replacement.body.as_ref().map(Held::len);
                        record.modified_content_length =
                            Some(length.unwrap_or(exchange.body.available));
                        if exchange.is_monitored() {
                            return self.let_go_as(id, exchange, record, Action::Modified, None);
                        }
                        record.action = Action::Modified;
                        let draining = Draining {
                            replacement,
                            record,
                        };
                        self.replace(id, exchange, draining);
                    }
                    Err((cause, reason)) => {
                        self.fail_judged(id, exchange, record, rest, (cause, reason));
                    }
                }
            }
            Verdict::Block(with) => self.block(id, exchange, record, with, scan.answer),
            Verdict::Fail { cause, reason } => {
                self.fail_judged(id, exchange, record, rest, (cause, reason));
            }
        }
    }

    /// Logs what came of the scan, and goes on with the message as it is: because it passed, or because it is monitored.
    fn let_go_as(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        mut record: ScanRecord<'static>,
        action: Action,
        cause: Option<Cause>,
    ) {
        record.action = action;
        exchange.journal.push(record);
        let significance = Significance::of(action, cause, self.is_slow(exchange));
        self.conclude(id, exchange, exchange.outcome(action, significance));
        self.let_go(id, exchange);
    }

    /// The answer came, and to nothing. Where it says that something was found the original is no substitute: it is blocked.
    fn fail_judged(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        mut record: ScanRecord<'static>,
        rest: Rest,
        (cause, reason): (Cause, String),
    ) {
        if let Rest::Found(mut findings) = rest {
            findings.reason.get_or_insert(reason);
            record.findings = Cow::Owned(findings);
            return self.block(id, exchange, record, BlockWith::OwnPage, Answer::default());
        }
        let (cause, reason) = match rest {
            Rest::Unscannable(ref why) if cause != Cause::Unscannable => {
                (Cause::Unscannable, why.clone())
            }
            _ => (cause, reason),
        };
        record.findings = reason_only(reason);
        if cause == Cause::Unscannable {
            return self.conclude_unscannable(id, exchange, record);
        }
        record.action = Action::Failed;
        exchange.journal.push(record);
        self.apply_failure(id, exchange, cause, matches!(rest, Rest::Trouble(_)), None);
    }

    /// The server can't look into the content: blocked with the profile's page, unless the profile opens this very cause.
    fn conclude_unscannable(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        mut record: ScanRecord<'static>,
    ) {
        let cause = Cause::Unscannable;
        let action = exchange.profile.fail_action(cause);
        if action == FailAction::Open {
            record.action = Action::Failed;
            exchange.journal.push(record);
            return self.conclude_failure(id, exchange, cause, action, None);
        }
        self.metrics.failed(&exchange.profile, cause, false);
        self.block_for(
            id,
            exchange,
            record,
            (BlockWith::OwnPage, Answer::default()),
            Some(cause),
        );
    }

    /// The server has too much to do: another connection, perhaps to another server, gets the message.
    fn retry_elsewhere(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        scan: &Scan,
        mut record: ScanRecord<'static>,
    ) {
        record.action = Action::Failed;
        record.findings = reason_only("the server is overloaded".to_owned());
        exchange.journal.push(record);
        self.count_retry(exchange);
        self.connections.close(&self.host, scan.token, self.now_ms);
        self.connections
            .pause(exchange.pool, self.now_ms.saturating_add(OVERLOAD_PAUSE_MS));
        self.connect(id, exchange, Wish::default());
    }

    /// Nothing of the message goes on: the client gets a page.
    fn block(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        record: ScanRecord<'static>,
        with: BlockWith,
        answer: Answer,
    ) {
        self.block_for(id, exchange, record, (with, answer), None);
    }

    /// The same, where it is for a failure with that cause.
    fn block_for(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        mut record: ScanRecord<'static>,
        (with, answer): (BlockWith, Answer),
        cause: Option<Cause>,
    ) {
        if exchange.is_monitored() {
            return self.let_go_as(id, exchange, record, Action::Blocked, cause);
        }
        let page = block_page(&self.host, id, exchange, with, answer);
        record.action = Action::Blocked;
        record.http_response_code = page.from_server.then_some(page.status);
        exchange.journal.push(record);
        let significance = Significance::of(Action::Blocked, cause, self.is_slow(exchange));
        self.conclude(id, exchange, Outcome::done(Action::Blocked, significance));
        self.answer(
            id,
            exchange,
            page.status,
            "icap_blocked",
            &page.fields,
            &page.body,
        );
    }

    /// The scan came to nothing: closes its connection and does what the profile says for `cause`, unless the server has
    /// said already that it found something, or begun to send another message in the place of this one.
    pub(super) fn fail(&mut self, id: u32, exchange: &mut Exchange, cause: Cause, reason: String) {
        self.fail_with(id, exchange, cause, reason, None);
    }

    /// The same, where the client gets another status than the cause's own.
    pub(super) fn fail_with(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        cause: Cause,
        reason: String,
        status: Option<u16>,
    ) {
        if self.retry_astray(id, exchange, &reason) {
            return;
        }
        let rest = exchange.take_note();
        // What is wrong with the message itself is not made good by anything that the server says.
        let its_own = matches!(cause, Cause::BadRequest | Cause::Oversize);
        let (cause, reason) = match rest {
            Rest::Found(findings) => return self.block_cut_off(id, exchange, findings, reason),
            _ if its_own => (cause, reason),
            Rest::Trouble(ref trouble) => (Cause::ServerError, format!("{trouble}; {reason}")),
            Rest::Unscannable(why) => {
                return self.conclude_cut_off(id, exchange, format!("{why}; {reason}"));
            }
            Rest::Silent => (cause, reason),
        };
        self.record_failure(exchange, cause, &reason);
        self.give_up_connection(id, exchange);
        self.apply_failure(
            id,
            exchange,
            cause,
            matches!(rest, Rest::Trouble(_)),
            status,
        );
    }

    /// An answer that broke off or can't be read has said before that the server can't look into the content.
    fn conclude_cut_off(&mut self, id: u32, exchange: &mut Exchange, reason: String) {
        let Phase::Scanning(scan) = mem::replace(&mut exchange.phase, Phase::Waiting) else {
            return;
        };
        self.connections.close(&self.host, scan.token, self.now_ms);
        let mut record = self.describe(exchange, Some(&scan));
        record.findings = reason_only(reason);
        self.conclude_unscannable(id, exchange, record);
    }

    /// Blocks by an answer that broke off or can't be read.
    fn block_cut_off(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        mut findings: Findings,
        reason: String,
    ) {
        log::debug!("scan by {}: blocked: {reason}", exchange.profile.name);
        let Phase::Scanning(scan) = mem::replace(&mut exchange.phase, Phase::Waiting) else {
            return;
        };
        self.connections.close(&self.host, scan.token, self.now_ms);
        findings.reason.get_or_insert(reason);
        let mut record = self.describe(exchange, Some(&scan));
        record.findings = Cow::Owned(findings);
        self.block(id, exchange, record, BlockWith::OwnPage, scan.answer);
    }

    /// The body is larger than what may be held.
    pub(super) fn fail_oversize(&mut self, id: u32, exchange: &mut Exchange) {
        let reason = format!("the body is larger than {} bytes", exchange.limit());
        self.fail(id, exchange, Cause::Oversize, reason);
    }

    /// Notes a transaction that failed, tried again or not.
    pub(super) fn record_failure(&mut self, exchange: &mut Exchange, cause: Cause, reason: &str) {
        log::debug!("scan by {}: {cause:?}: {reason}", exchange.profile.name);
        let scan = match &exchange.phase {
            Phase::Scanning(scan) => Some(&**scan),
            _ => None,
        };
        let mut record = self.describe(exchange, scan);
        record.action = Action::Failed;
        record.findings = reason_only(reason.to_owned());
        exchange.journal.push(record);
    }

    /// The original is no longer whole: whatever the profile says, nothing of it may go on.
    pub(super) fn fail_closed(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        cause: Cause,
        reason: &str,
    ) {
        self.record_failure(exchange, cause, reason);
        self.conclude_failure(id, exchange, cause, FailAction::Closed, None);
    }

    /// Does what the profile says for `cause`. Closed in any case where another message has begun in the place of this one,
    /// unless it is a report of the server's own `trouble`.
    fn apply_failure(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        cause: Cause,
        trouble: bool,
        status: Option<u16>,
    ) {
        let action = match exchange.change_begun && !trouble {
            true => FailAction::Closed,
            false => exchange.profile.fail_action(cause),
        };
        self.conclude_failure(id, exchange, cause, action, status);
    }

    fn conclude_failure(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        cause: Cause,
        action: FailAction,
        status: Option<u16>,
    ) {
        let slow = self.is_slow(exchange);
        let significance = Significance::of(Action::Failed, Some(cause), slow);
        let open = action == FailAction::Open && !exchange.is_monitored();
        let outcome = exchange.outcome(Action::Failed, significance);
        self.conclude_failed(id, exchange, outcome, (cause, open));
        match action {
            _ if exchange.is_monitored() => self.let_go_monitored(id, exchange),
            FailAction::Open => self.let_go(id, exchange),
            FailAction::Closed => {
                let status = status.unwrap_or(match exchange.direction {
                    Direction::Request => failure_status(cause),
                    // It is the application that sent too much, not the client.
                    Direction::Response => UNAVAILABLE,
                });
                let text: &[u8] = match cause {
                    Cause::Oversize => b"The content is too large to be scanned.\n",
                    Cause::BadRequest => b"The request can't be scanned.\n",
                    _ => NOT_SCANNED,
                };
                let fields = vec![(b"content-type".to_vec(), b"text/plain".to_vec())];
                self.answer(id, exchange, status, "icap_failed", &fields, text);
            }
        }
    }

    /// Writes icap_log of a failure that is about to be an outcome, or is not.
    pub(super) fn log_outcome(&self, id: u32, exchange: &mut Exchange, significance: Significance) {
        let outcome = Outcome::done(Action::Failed, significance);
        self.write_log(id, exchange, outcome);
    }

    fn write_log(&self, id: u32, exchange: &mut Exchange, outcome: Outcome) {
        let profile = &exchange.profile.name;
        let journal = &mut exchange.journal;
        let written = journal.write(&self.host, id, &self.config, profile, outcome);
        if let Err(e) = written {
            log::debug!("context {id}: {e}");
        }
    }

    /// Writes icap_log of a failure, and has it counted with its cause. The second half: the message goes on all the same.
    pub(super) fn conclude_failed(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        outcome: Outcome,
        failure: (Cause, bool),
    ) {
        self.conclude(id, exchange, outcome);
        if let Some(uncounted) = &mut exchange.uncounted {
            uncounted.failure = Some(failure);
        }
    }

    /// Counts an outcome that is not counted yet: once for each message, whatever becomes of it after its verdict.
    pub(super) fn count_outcome(&mut self, exchange: &mut Exchange) {
        let Some(uncounted) = exchange.uncounted.take().filter(|_| !exchange.counted) else {
            return;
        };
        exchange.counted = true;
        if let Some((cause, open)) = uncounted.failure {
            self.metrics.failed(&exchange.profile, cause, open);
        }
        let slow =
            uncounted.outcome.significance.contains(Significance::SLOW) && !exchange.slow_said;
        exchange.slow_said |= slow;
        self.metrics.concluded(
            &self.host,
            &exchange.profile,
            (uncounted.outcome, slow),
            exchange.journal.last_latency_ms(),
            exchange.body.available,
        );
    }

    /// Writes icap_log of an outcome, and has it counted.
    pub(super) fn conclude(&mut self, id: u32, exchange: &mut Exchange, outcome: Outcome) {
        exchange.uncounted = Some(Uncounted {
            outcome,
            failure: None,
        });
        exchange.journal.note(outcome);
        self.write_log(id, exchange, exchange.journal.outcome());
    }

    /// The record of a transaction, or of a message that never had one.
    fn describe(&self, exchange: &Exchange, scan: Option<&Scan>) -> ScanRecord<'static> {
        let peer = scan.and_then(|scan| self.connections.peer(scan.token));
        let mut record = describe::record(exchange, scan, peer, &self.config.redact_headers);
        if self.config.chained {
            record.profile = Some(Cow::Owned(exchange.profile.name.to_string()));
        }
        record
    }

    pub(super) fn is_slow(&self, exchange: &Exchange) -> bool {
        exchange.clock.spent(self.now_ms) > exchange.profile.slow_threshold_ms
    }
}

fn reason_only(reason: String) -> Cow<'static, Findings> {
    Cow::Owned(Findings {
        reason: Some(reason),
        ..Findings::default()
    })
}
