//! The submission: its states and all transitions.

mod end;
mod heard;
mod queries;
mod streamed;

pub use streamed::GivenBack;

use std::borrow::Cow;
use std::mem;
use std::rc::Rc;

use super::attempt::{Attempt, Progress};
use super::cx::Cx;
use super::judge::{JudgedResponse, judge_response, judge_rest};
use super::record::reason_only;
use super::retry::{self, Loss, Prospect};
use super::source::{Shown, Source};
use super::step::{Effect, Record, Step, unusable, with_answer};
use crate::bug::{Bug, bug};
use crate::config::Cause;
use crate::connection::{Checkout, CheckoutOptions, Owner, PoolId, StreamToken, UnitId};
use crate::host::Host;
use crate::icap::{Request, Transaction};
use crate::report::PartName;
use crate::verdict::{Judgement, Rest, Verdict};

/// The ICAP status of an overloaded server (RFC 3507 section 4.3.3).
const OVERLOADED: u16 = 503;
/// For how long the pool opens no connection after an overload, in milliseconds.
const OVERLOAD_PAUSE_MS: u64 = 100;

/// Why an attempt lost its connection to others, for the log.
const PREEMPTED: &str = "the connection was taken for others, for the body came slowly";

/// One body shown to an ICAP service.
#[derive(Debug)]
pub struct Submission {
    id: UnitId,
    pool: PoolId,
    /// The ICAP request. Retries send the same.
    request: Rc<Request>,
    shown: Shown,
    /// The part of a form that is shown.
    part: Option<Rc<PartName>>,
    /// The number of retries so far.
    tries: u32,
    /// A server has begun to send a message in the place of the original.
    change_begun: bool,
    state: State,
}

/// The states of a submission.
///
/// ```text
///  Collecting ─first bytes can go─▶ Waiting ─connection─▶ Open ─ICAP response and body ended─▶ Done
///                                    ▲ ▲ ▲               │ │ │                               ▲
///                                    │ │ └─lost, 503: ───┘ │ └─response needs the rest─▶ Rest┘
///                                    │ │   retry           ▼ others need the connection
///                                    │ └────body ended── Parked
///                                    └─no server: retry
///  any ──failure, given up──▶ Done
/// ```
#[derive(Debug)]
enum State {
    /// The submission needs more of the body before it can send anything.
    Collecting,
    /// The submission needs a connection.
    Waiting,
    /// The submission has a connection to a server.
    Open(Box<Attempt>),
    /// The ICAP response is complete, but its meaning depends on the rest of the body, which is still arriving.
    Rest(Box<Attempt>),
    /// The submission gave its connection to others, because its body arrives slowly. It is sent again once the body
    /// has ended.
    Parked,
    /// The submission returned its last step, or was given up.
    Done,
}

impl Submission {
    /// A submission that has sent nothing. `part`: the part of a form that is shown.
    pub fn new(
        id: UnitId,
        pool: PoolId,
        request: Rc<Request>,
        shown: Shown,
        part: Option<Rc<PartName>>,
    ) -> Self {
        Self {
            id,
            pool,
            request,
            shown,
            part,
            tries: 0,
            change_begun: false,
            state: State::Collecting,
        }
    }

    /// More of the body may have arrived, or a callback has begun in which the submission may send.
    pub fn body<H: Host>(&mut self, cx: &mut Cx<'_, H>) -> Step {
        match self.state {
            State::Collecting => {
                let extent = self.extent(cx);
                match Transaction::ready(&self.request, extent.progress) {
                    true => self.connect(CheckoutOptions::default(), cx),
                    false => Step::Pending,
                }
            }
            State::Parked if self.extent(cx).progress.ended || bug(Bug::ParkedTooShort) => {
                self.connect(CheckoutOptions::AGAIN, cx)
            }
            State::Open(_) | State::Rest(_) => self.advance(cx),
            State::Waiting | State::Parked | State::Done => Step::Pending,
        }
    }

    /// Others wait for a connection, and this submission waits for a slow body: it gives up its connection. This
    /// happens at most once, because the next connection comes after the body has ended. The server must have sent
    /// nothing that counts.
    pub fn preempt<H: Host>(&mut self, cx: &mut Cx<'_, H>) -> Step {
        if self.waits_for_body(cx.message.extent).is_some()
            && self.has_said_nothing_else(cx)
            && self.take_note(cx) == Rest::Silent
        {
            let mut record = self.record(cx);
            record.outcome = None;
            record.findings = reason_only(PREEMPTED.to_owned());
            cx.effects.push(Effect::Record(record));
            cx.effects.push(Effect::Preempted);
            self.give_up(cx);
            self.state = State::Parked;
        }
        Step::Pending
    }

    /// The submission got a connection. If it waits for none any more, it gives the connection back.
    pub fn got<H: Host>(&mut self, token: StreamToken, cx: &mut Cx<'_, H>) -> Step {
        match self.state {
            State::Waiting => self.open(token, cx),
            _ => {
                cx.give_back(token);
                Step::Pending
            }
        }
    }

    /// The connection that the submission was to get can't be used. Nothing was sent on it.
    pub fn spoiled<H: Host>(&mut self, cx: &mut Cx<'_, H>) -> Step {
        match self.state {
            State::Waiting => self.connect(CheckoutOptions::FRESH, cx),
            _ => Step::Pending,
        }
    }

    /// The server sent bytes.
    pub fn bytes<H: Host>(&mut self, bytes: Vec<u8>, cx: &mut Cx<'_, H>) -> Step {
        if let State::Open(attempt) = &mut self.state {
            attempt.receive(bytes, cx.now_ms);
        }
        self.advance(cx)
    }

    /// The connection closed, or could not be established.
    pub fn lost<H: Host>(&mut self, was_connected: bool, cx: &mut Cx<'_, H>) -> Step {
        // A complete ICAP response is not lost with its connection.
        let State::Open(attempt) = &self.state else {
            return Step::Pending;
        };
        let reason = attempt.loss_reason(was_connected);
        let loss = match was_connected {
            true => Loss::Closed,
            false => Loss::Unreachable,
        };
        let prospect = Prospect::of(cx.connections, self.pool, loss, cx.now_ms);
        // An ICAP response that equalled the sent body so far may be whole at the next try; such a retry happens
        // once. An ICAP response that had begun to differ stands, though it broke off.
        let repeatable = self.has_said_nothing_else(cx)
            || (prospect == Prospect::Several && !attempt.has_begun_change());
        let checkout_options = retry::after(loss, prospect, self.tries, cx.now_ms);
        match checkout_options {
            Some(checkout_options)
                if self.take_note(cx) == Rest::Silent
                    && (repeatable || bug(Bug::RetryAfterChange)) =>
            {
                self.send_anew(&reason, checkout_options, cx)
            }
            _ => self.fail(Cause::Connection, reason, cx),
        }
    }

    /// Envoy could open no connection: it has no healthy server.
    pub fn no_connection<H: Host>(&mut self, reason: &str, cx: &mut Cx<'_, H>) -> Step {
        if !matches!(self.state, State::Waiting) {
            return Step::Pending;
        }
        let prospect = Prospect::of(cx.connections, self.pool, Loss::NoServer, cx.now_ms);
        match retry::after(Loss::NoServer, prospect, self.tries, cx.now_ms) {
            Some(checkout_options) => {
                self.count_retry(cx);
                self.connect(checkout_options, cx)
            }
            None => self.fail(Cause::Connection, reason.to_owned(), cx),
        }
    }

    /// The submission fails with this cause. The part of the ICAP response that has arrived still counts.
    pub fn fail<H: Host>(&mut self, cause: Cause, reason: String, cx: &mut Cx<'_, H>) -> Step {
        if self.is_astray() {
            let checkout_options =
                retry::checkout_options(Loss::Closed, self.tries.saturating_add(1), cx.now_ms);
            return self.send_anew(&reason, checkout_options, cx);
        }
        let rest = self.take_note(cx);
        let (cause, reason, rest) = with_answer(cause, reason, rest);
        log::debug!("scan by {}: {cause:?}: {reason}", cx.message.profile.name);
        let record = self.record(cx);
        self.give_up(cx);
        unusable(self.change_begun, record, rest, (cause, reason))
    }

    /// Nobody needs the submission any more. It stops waiting for a connection. A connection that it has is closed
    /// without a last chunk, so that the server can't take the body for a complete one.
    pub fn give_up<H: Host>(&mut self, cx: &mut Cx<'_, H>) {
        match mem::replace(&mut self.state, State::Done) {
            State::Waiting => cx.connections.forget(self.pool, Owner::Unit(self.id)),
            State::Open(attempt) | State::Rest(attempt) => {
                let Some(token) = attempt.connection() else {
                    return;
                };
                if bug(Bug::LastChunkWhenGivenUp) {
                    let end = cx.connections.send(cx.host, token, b"0\r\n\r\n");
                    end.unwrap_or_default();
                }
                cx.close(token);
            }
            State::Collecting | State::Parked | State::Done => {}
        }
    }

    fn connect<H: Host>(&mut self, checkout_options: CheckoutOptions, cx: &mut Cx<'_, H>) -> Step {
        self.state = State::Waiting;
        let owner = Owner::Unit(self.id);
        match cx
            .connections
            .checkout(self.pool, owner, checkout_options, cx.now_ms)
        {
            // The connection's bytes are being read, so nothing may be sent on it now. The effect hands it over
            // later.
            Checkout::Kept(token) if cx.connections.is_receiving(token) => {
                cx.effects.push(Effect::Handed(owner, token));
                Step::Pending
            }
            Checkout::Kept(token) => self.open(token, cx),
            Checkout::Waiting => Step::Pending,
            Checkout::Overloaded => {
                let reason = "too many requests are waiting for a connection".to_owned();
                self.fail(Cause::Overload, reason, cx)
            }
        }
    }

    fn open<H: Host>(&mut self, token: StreamToken, cx: &mut Cx<'_, H>) -> Step {
        let used = cx.connections.has_served(token);
        let attempt = Attempt::new(token, &self.request, cx.now_ms, cx.budget, used);
        self.state = State::Open(Box::new(attempt));
        self.advance(cx)
    }

    /// Reads received bytes and sends what can be sent.
    fn advance<H: Host>(&mut self, cx: &mut Cx<'_, H>) -> Step {
        let body = self.extent(cx).progress;
        let (State::Open(attempt) | State::Rest(attempt)) = &mut self.state else {
            return Step::Pending;
        };
        let source = Source::Host(
            cx.host,
            cx.message.context,
            cx.message.direction,
            &self.shown,
        );
        let keep = cx.message.keep(&self.shown);
        match attempt.drive(cx.host, source, body, keep, cx.connections) {
            Progress::Open => Step::Pending,
            Progress::WakeUps => {
                cx.effects.push(Effect::WakeUp(self.id));
                Step::Pending
            }
            Progress::Finished => self.finish(cx),
            Progress::Failed(cause, reason) => self.fail(cause, reason, cx),
        }
    }

    /// The ICAP response is complete.
    fn finish<H: Host>(&mut self, cx: &mut Cx<'_, H>) -> Step {
        let (State::Open(mut attempt) | State::Rest(mut attempt)) =
            mem::replace(&mut self.state, State::Done)
        else {
            return Step::Pending;
        };
        let body = self.extent(cx).progress;
        let waits = attempt.needs_rest(body);
        if waits && judge_rest(self.original(cx), &attempt.response) == Rest::Silent {
            self.rest(attempt, cx);
            return Step::Pending;
        }
        let completed = match waits {
            true => Ok(()),
            false => attempt.response.complete(
                self.source(cx),
                body.available,
                cx.message.keep(&self.shown),
                cx.budget,
            ),
        };
        if let Err((cause, reason)) = completed {
            self.state = State::Rest(attempt);
            return self.fail(cause, reason, cx);
        }
        if attempt.connection().is_some() {
            cx.notice_istag(&attempt);
        }
        let JudgedResponse {
            judgement,
            rest,
            cut_off,
        } = judge_response(self.original(cx), &attempt.response);
        log::debug!("context {}: {judgement:?}", self.id.context);
        let mut record = self.record_of(Some(&attempt), cx);
        let Judgement { verdict, findings } = judgement;
        if matches!(verdict, Verdict::Fail { .. })
            && record.icap_response_code == Some(OVERLOADED)
            && (self.tries == 0 || bug(Bug::RetriedForEver))
        {
            return self.leave_overloaded(&attempt, record, cx);
        }
        cx.leave(&attempt, !cut_off);
        if attempt.transaction.in_preview() {
            cx.effects.push(Effect::PreviewDecided);
        }
        self.change_begun |= attempt.has_begun_change();
        record.findings = Cow::Owned(findings);
        self.step_of(verdict, rest, record, attempt.response, cx)
    }

    /// The ICAP response is complete, and its meaning depends on the rest of the body. The submission gives up its
    /// connection now, because the client may take any time to send that rest.
    fn rest<H: Host>(&mut self, mut attempt: Box<Attempt>, cx: &mut Cx<'_, H>) {
        if attempt.connection().is_some() && !bug(Bug::RestKeepsConnection) {
            cx.notice_istag(&attempt);
            let peer = attempt.server(cx.connections).map(str::to_owned);
            // An ICAP response that equals the original so far may have been meant to go on.
            cx.leave(&attempt, attempt.response.use_original_body.is_some());
            attempt.part(peer);
        }
        self.state = State::Rest(attempt);
    }

    /// The server is overloaded. The submission tries another connection, perhaps to another server.
    fn leave_overloaded<H: Host>(
        &mut self,
        attempt: &Attempt,
        mut record: Record,
        cx: &mut Cx<'_, H>,
    ) -> Step {
        record.findings = reason_only("the server is overloaded".to_owned());
        cx.effects.push(Effect::Record(record));
        self.count_retry(cx);
        cx.leave(attempt, false);
        let until_ms = cx.now_ms.saturating_add(OVERLOAD_PAUSE_MS);
        cx.connections.pause(self.pool, until_ms);
        self.connect(CheckoutOptions::default(), cx)
    }

    /// Sends the submission again after it lost its connection.
    fn send_anew<H: Host>(
        &mut self,
        reason: &str,
        checkout_options: CheckoutOptions,
        cx: &mut Cx<'_, H>,
    ) -> Step {
        let mut record = self.record(cx);
        record.findings = reason_only(reason.to_owned());
        cx.effects.push(Effect::Record(record));
        self.give_up(cx);
        self.count_retry(cx);
        self.connect(checkout_options, cx)
    }

    fn count_retry<H>(&mut self, cx: &mut Cx<'_, H>) {
        self.tries = self.tries.saturating_add(1);
        cx.effects.push(Effect::Retried);
    }
}
