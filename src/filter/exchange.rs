//! One HTTP message under scan: where it stands, and its ICAP transaction on a connection.

use std::rc::Rc;

use super::answer::{Answer, AnswerBody, NotKept};
use super::clock::ServerClock;
use super::describe::Journal;
use super::held::{Budget, Held};
use super::meaning::judge_rest;
use super::source::Source;
use crate::config::{Cause, Profile};
use crate::connection::{Connections, PoolId, StreamToken};
use crate::host::{BodyEdit, Fields, Host, HostError, HostResult};
use crate::icap::{
    Announced, AnswerError, BodyProgress, Direction, Event, Limits, Method, Request, Transaction,
    TransactionError,
};
use crate::policy::Outlook;
use crate::report::{Action, ScanRecord, Significance};
use crate::verdict::{self, Rest};

/// The most of a page for a client that is read, in bytes. In the place of a longer one the client gets the profile's own.
pub(super) const PAGE_BYTES: u64 = 1024 * 1024;

/// A request or a response, from its headers to its verdict.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) direction: Direction,
    pub(super) profile: Rc<Profile>,
    pub(super) pool: PoolId,
    /// What is asked of the ICAP server; the same for a retry.
    pub(super) request: Rc<Request>,
    pub(super) http_method: String,
    pub(super) body: Body,
    /// Of a response: the body of its request, where that has not come to its end yet.
    pub(super) request_body: Option<Body>,
    /// Since when the host is known to hold its body back.
    pub(super) held_back_ms: Option<u64>,
    pub(super) phase: Phase,
    pub(super) clock: ServerClock,
    /// Transactions that failed and were tried again.
    pub(super) retries: u32,
    /// A server has begun to send a message in its place: whatever fails from then on, the original does not go on.
    pub(super) change_begun: bool,
    /// What is to be logged, of the other direction too.
    pub(super) journal: Journal,
    /// Its outcome, as long as it is not counted: see [`Worker::put_back`](super::worker::Worker::put_back).
    pub(super) uncounted: Option<Uncounted>,
    /// It was said and counted that its scan is slow.
    pub(super) slow_said: bool,
    /// The rules that decide about its response; `None`: it goes the way of its request.
    pub(super) outlook: Option<Outlook>,
}

/// An outcome that is to be counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Uncounted {
    pub(super) action: Action,
    pub(super) significance: Significance,
    /// Of a failure: its cause, and whether the message goes on all the same.
    pub(super) failure: Option<(Cause, bool)>,
}

/// The HTTP body of the message, which stays in the host's buffer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Body {
    /// Bytes received.
    pub(super) available: u64,
    /// `content-length`, where the message has one.
    pub(super) announced: Option<u64>,
    /// The host said that nothing more comes.
    pub(super) at_end: bool,
    /// When the last byte came, or the headers did.
    pub(super) progress_ms: u64,
}

/// Where a message stands.
///
/// ```text
///  Collecting ─enough for the first bytes─▶ Waiting ─connection─▶ Scanning ─┬─▶ Released
///                                              ▲                    │      ├─▶ Answered
///                                              └──── lost, retry ───┘      └─▶ Draining ─end of body─▶ Released
///  any before a verdict ──failure──▶ Released (fail open) or Answered (fail closed)
///  on the way to Released, where the body is still coming ──▶ Cleared ─next part of the body─▶ Released
/// ```
#[derive(Debug)]
pub(super) enum Phase {
    /// More of the body is needed before anything can be sent.
    Collecting,
    /// A connection is needed.
    Waiting,
    /// The ICAP server has it.
    Scanning(Box<Scan>),
    /// It is to be replaced once the original has come to its end, which is thrown away meanwhile.
    Draining(Box<Draining>),
    /// It may go on its way, and does with the next part of its body: see [`Worker::let_go`](super::worker::Worker::let_go).
    Cleared,
    /// It goes on its way; nothing more is done to it.
    Released,
    /// The client has been answered; nothing of it goes on.
    Answered,
}

/// What takes the place of a message.
#[derive(Debug)]
pub(super) struct Replacement {
    pub(super) headers: Fields,
    /// `None`: the body stays.
    pub(super) body: Option<Held>,
}

impl Replacement {
    /// Puts a body in the place of that of the message that was entered, piece by piece: the host's copies stay small.
    pub(super) fn put<H: Host>(host: &H, direction: Direction, body: &Held) -> HostResult {
        let mut pieces = body.pieces();
        let first = pieces.next().unwrap_or_default();
        host.edit_body(direction, BodyEdit::Replace(first))?;
        pieces.try_for_each(|piece| host.edit_body(direction, BodyEdit::Append(piece)))
    }
}

/// A message that is to be replaced.
#[derive(Debug)]
pub(super) struct Draining {
    pub(super) replacement: Replacement,
    /// What is to be logged once it is in place.
    pub(super) record: ScanRecord<'static>,
}

/// A transaction on a connection.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) token: StreamToken,
    pub(super) transaction: Transaction,
    pub(super) answer: Answer,
    /// When the first byte went out.
    pub(super) started_ms: u64,
    /// When the last byte came in.
    pub(super) received_ms: u64,
    /// The answer has come to its end.
    pub(super) complete: bool,
    /// It is, or announces, a response to REQMOD: a page for the client.
    pub(super) page: bool,
    /// What is held of the answer is out of this.
    pub(super) budget: Budget,
    /// The connection has served another transaction before.
    used: bool,
    /// The bytes that came begin no answer.
    stray: bool,
}

/// How far the reading of an answer got.
enum Read {
    /// All bytes are read.
    NeedMore,
    /// The server wants the rest of the body.
    Continue,
    /// The answer is complete.
    Finished,
    /// It can't be read, or not be kept.
    Failed(Cause, String),
}

/// How a scan got on.
#[derive(Debug)]
pub(super) enum Progress {
    /// It needs more: of the body, of the answer, or of time.
    Open,
    /// It has something to send, which has to wait for another callback.
    Recall,
    /// The answer is complete.
    Finished,
    /// It came to nothing.
    Failed(Cause, String),
}

impl Body {
    /// What the transaction may know. Where the length is announced the end is known before the host says so.
    pub(super) fn progress(self) -> BodyProgress {
        BodyProgress {
            available: self.available,
            ended: self.at_end || self.is_as_announced(),
        }
    }

    /// `size` bytes are in the host's buffer, those that were held before among them.
    pub(super) fn grow_to(&mut self, size: u64, at_end: bool, now_ms: u64) {
        if size > self.available {
            self.progress_ms = now_ms;
        }
        self.available = size;
        self.at_end = at_end;
    }

    /// `size` further bytes go by, of a message that was let go.
    pub(super) fn pass(&mut self, size: u64, at_end: bool) {
        self.available = self.available.saturating_add(size);
        self.at_end = at_end;
    }

    /// As many bytes have come as `content-length` says.
    pub(super) fn is_as_announced(self) -> bool {
        self.announced == Some(self.available)
    }

    /// More has come than `content-length` says: an application would take the rest for another request.
    pub(super) fn exceeds_announced(self) -> bool {
        self.announced
            .is_some_and(|announced| self.available > announced)
    }

    /// A part of it is there and more is to come.
    pub(super) fn is_midway(self) -> bool {
        self.available > 0 && !self.at_end
    }
}

impl Exchange {
    /// Whether the verdict has been applied, or waits for nothing but the end of the body.
    pub(super) fn is_decided(&self) -> bool {
        matches!(
            self.phase,
            Phase::Draining(_) | Phase::Cleared | Phase::Released | Phase::Answered
        )
    }

    /// Whether the host holds it back.
    pub(super) fn is_held(&self) -> bool {
        !matches!(self.phase, Phase::Released | Phase::Answered)
    }

    /// Whether its body has made no progress for longer than the profile lets it be held.
    pub(super) fn is_stalled(&self, now_ms: u64) -> bool {
        let limit_ms = self.profile.body_progress_timeout_ms;
        limit_ms > 0
            && self.is_held()
            && !self.body.at_end
            && now_ms.saturating_sub(self.body.progress_ms) >= limit_ms
    }

    /// Lets the clock run while it is the server that is waited for.
    pub(super) fn run_clock(&mut self, now_ms: u64) {
        let running = match &self.phase {
            Phase::Collecting
            | Phase::Draining(_)
            | Phase::Cleared
            | Phase::Released
            | Phase::Answered => false,
            Phase::Waiting => true,
            Phase::Scanning(scan) => {
                !scan.complete && scan.transaction.waits_for_server(self.body.progress())
            }
        };
        self.clock.run(running, now_ms);
    }

    /// Where its body is.
    pub(super) fn source<'h, H>(&self, host: &'h H, id: u32) -> Source<'h, H> {
        Source::Host(host, id, self.direction)
    }

    /// The largest body that is scanned.
    pub(super) fn limit(&self) -> u64 {
        match self.direction {
            Direction::Request => self.profile.request_buffer_bytes,
            Direction::Response => self.profile.response_buffer_bytes,
        }
    }

    /// The largest body that is taken from an answer: it has to fit where the original was, or is a response.
    pub(super) fn answer_limit(&self) -> u64 {
        self.profile
            .request_buffer_bytes
            .max(self.profile.response_buffer_bytes)
    }

    /// What the server has said in an answer that can't be used as a whole. Notes whether a change had begun.
    pub(super) fn take_note(&mut self) -> Rest {
        let Phase::Scanning(scan) = &mut self.phase else {
            return Rest::Silent;
        };
        scan.salvage();
        self.change_begun |= scan.has_begun_change();
        match &self.phase {
            Phase::Scanning(scan) => judge_rest(self, &scan.answer),
            _ => Rest::Silent,
        }
    }

    /// Which message it is, for verdict and log.
    pub(super) fn scan_kind(&self) -> verdict::Scan {
        match self.direction {
            Direction::Request => verdict::Scan::Request,
            Direction::Response => verdict::Scan::Response,
        }
    }
}

impl Scan {
    /// A scan on a connection, of which nothing has been sent. `used`: the connection has served another transaction.
    pub(super) fn new(
        token: StreamToken,
        request: &Rc<Request>,
        now_ms: u64,
        budget: &Budget,
        used: bool,
    ) -> Self {
        Self {
            token,
            transaction: Transaction::new(Rc::clone(request), Limits::default()),
            answer: Answer::default(),
            started_ms: now_ms,
            received_ms: now_ms,
            complete: false,
            page: false,
            budget: budget.clone(),
            used,
            stray: false,
        }
    }

    /// An OPTIONS on a connection, of which nothing has been sent.
    pub(super) fn of_options(
        token: StreamToken,
        request: &Rc<Request>,
        now_ms: u64,
        budget: &Budget,
    ) -> Self {
        Self {
            transaction: Transaction::of_options(Rc::clone(request), Limits::default()),
            ..Self::new(token, request, now_ms, budget, false)
        }
    }

    /// Whether what the answer means depends on the rest of the original body, which has not come to its end yet: it goes on
    /// with it, or has been the same so far.
    pub(super) fn needs_rest(&self, body: BodyProgress) -> bool {
        let same_so_far = match &self.answer.body {
            AnswerBody::Same(same) => *same == body.available,
            AnswerBody::None => body.available == 0 && self.answer.announced().body,
            AnswerBody::Own(_) | AnswerBody::Lost(_) => false,
        };
        !body.ended && !self.page && (self.answer.use_original_body.is_some() || same_so_far)
    }

    /// Takes what there is of a head, or of trailers, that have no end for those of the answer: a verdict may be in them.
    fn salvage(&mut self) {
        if self.answer.head.is_none() {
            self.answer.head = self.transaction.unfinished_head();
        }
        if !self.complete {
            self.answer.trailers = self.transaction.unfinished_trailers();
        }
    }

    /// Whether the answer brings a message in the place of the original.
    pub(super) fn has_begun_change(&self) -> bool {
        let status = self.answer.head.as_ref().map(|head| head.status);
        matches!(status, Some(200 | 201 | 206)) && self.answer.announced().message()
    }

    /// Whether the answer has been the same as the original so far.
    pub(super) fn is_same_so_far(&self) -> bool {
        matches!(self.answer.body, AnswerBody::None | AnswerBody::Same(_))
    }

    /// Whether bytes came on a connection that had served before, which begin no answer: they belong to an earlier one that was
    /// not what it said to be, and say nothing about this message.
    pub(super) fn is_astray(&self) -> bool {
        self.used && self.stray
    }

    /// Takes bytes of the answer; [`drive`](Self::drive) reads them.
    pub(super) fn receive(&mut self, bytes: Vec<u8>, now_ms: u64) {
        self.received_ms = now_ms;
        self.transaction.receive(bytes);
    }

    /// Reads what has come and sends what can be sent, until neither gives more.
    pub(super) fn drive<H: Host>(
        &mut self,
        host: &H,
        source: Source<'_, H>,
        body: BodyProgress,
        limit: u64,
        connections: &Connections,
    ) -> Progress {
        if self.complete {
            return Progress::Finished;
        }
        loop {
            let progress = self.read(source, body, limit);
            if let Read::Finished = progress {
                self.complete = true;
                return Progress::Finished;
            }
            if let Read::Failed(cause, reason) = progress {
                return Progress::Failed(cause, reason);
            }
            if connections.is_receiving(self.token) {
                // Only with the server's leave is there more to send than when it was last tried.
                return match progress {
                    Read::Continue => Progress::Recall,
                    _ => Progress::Open,
                };
            }
            if let Err(e) = self.send(host, source, body, connections) {
                return Progress::Failed(
                    Cause::Internal,
                    format!("the body could not be read: {e}"),
                );
            }
            if let Read::NeedMore = progress {
                return Progress::Open;
            }
        }
    }

    /// Reads the answer as far as it has come.
    fn read<H: Host>(&mut self, source: Source<'_, H>, body: BodyProgress, limit: u64) -> Read {
        loop {
            match self.transaction.poll() {
                Ok(None) => return Read::NeedMore,
                Ok(Some(Event::Continue)) => return Read::Continue,
                Ok(Some(Event::Head(head))) => {
                    self.page = self.transaction.method() == Method::Reqmod
                        && Announced::by(&head.headers).response;
                    self.answer.head = Some(head);
                }
                Ok(Some(Event::Http(http))) => self.answer.http = Some(http),
                Ok(Some(Event::Body(bytes))) => {
                    let limit = if self.page { PAGE_BYTES } else { limit };
                    let read = |range| {
                        let mut original = Vec::new();
                        source.read(range, &mut original).ok().map(|()| original)
                    };
                    let kept = &mut self.answer.body;
                    kept.push(bytes, body.available, limit, &self.budget, read);
                    if let AnswerBody::Lost(why) = kept {
                        // More of it would change nothing. That there is a page is enough to block.
                        return match self.page {
                            true => Read::Finished,
                            false => Read::Failed(why.cause(), why.sentence().to_owned()),
                        };
                    }
                }
                Ok(Some(Event::End {
                    trailers,
                    use_original_body,
                })) => {
                    let partial = self.answer.head.as_ref().is_some_and(|it| it.status == 206);
                    self.answer.trailers = trailers;
                    self.answer.use_original_body = use_original_body.filter(|_| partial);
                    return Read::Finished;
                }
                Err(e) => {
                    self.stray =
                        matches!(e, TransactionError::Answer(AnswerError::StatusLine { .. }));
                    return Read::Failed(Cause::Protocol, format!("unreadable answer: {e}"));
                }
            }
        }
    }

    /// Sends what the transaction has to send.
    fn send<H: Host>(
        &mut self,
        host: &H,
        source: Source<'_, H>,
        body: BodyProgress,
        connections: &Connections,
    ) -> Result<(), HostError> {
        loop {
            let mut out = Vec::new();
            self.transaction
                .transmit(body, &mut out, |range, out| source.read(range, out))?;
            if out.is_empty() {
                return Ok(());
            }
            if let Err(e) = connections.send(host, self.token, &out) {
                // The close of this stream is about to be reported: that is where it is dealt with.
                log::debug!("stream {}: {e}", self.token);
                return Ok(());
            }
        }
    }
}

impl NotKept {
    /// What a scan fails with.
    pub(super) fn cause(self) -> Cause {
        match self {
            Self::TooLarge => Cause::Oversize,
            Self::OverBudget => Cause::Overload,
            Self::Unreadable => Cause::Internal,
        }
    }

    /// Why, for the log.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::TooLarge => "the changed body is larger than what may be held",
            Self::OverBudget => "this worker holds as much of answers as memory_budget_mb allows",
            Self::Unreadable => "the original body could not be read",
        }
    }
}
