//! One transaction on one connection: what is read of the ICAP response, and what is sent of the body.

use std::rc::Rc;

use super::held::Budget;
use super::icap_response::{IcapResponse, IcapResponseBody, Keep, NotKept, OwnBody};
use super::source::Source;
use crate::bug::{Bug, bug};
use crate::config::Cause;
use crate::connection::{Connections, StreamToken};
use crate::host::{Host, HostError};
use crate::icap::{
    Announced, BodyProgress, Event, IcapResponseError, Limits, Method, Request, Transaction,
    TransactionError,
};

/// The most of a page for a client that is read, in bytes. In the place of a longer one the client gets the profile's own.
pub const PAGE_BYTES: u64 = 1024 * 1024;

/// What is kept of a page.
pub const A_PAGE: Keep = Keep {
    limit: PAGE_BYTES,
    copied: u64::MAX,
};

/// A transaction on a connection.
#[derive(Debug)]
pub struct Attempt {
    /// The connection.
    pub token: StreamToken,
    /// What is sent and read.
    pub transaction: Transaction,
    /// What has come of the ICAP response.
    pub response: IcapResponse,
    /// When the first byte went out, in milliseconds.
    pub started_ms: u64,
    /// When the last byte came in.
    pub(super) received_ms: u64,
    /// The ICAP response has come to its end.
    pub(super) complete: bool,
    /// It is, or announces, a response to REQMOD: a page for the client.
    pub(super) page: bool,
    /// What is held of the ICAP response is out of this.
    pub(super) budget: Budget,
    /// The connection has served another transaction before.
    used: bool,
    /// The bytes that came begin no answer.
    stray: bool,
    /// It has no connection any more: its ICAP response is complete.
    parted: bool,
    /// Then, the address of the server.
    peer: Option<String>,
}

/// How far the reading of an ICAP response got.
enum Read {
    /// All bytes are read.
    NeedMore,
    /// The server wants the rest of the body.
    Continue,
    /// The ICAP response is complete.
    Finished,
    /// It can't be read, or not be kept.
    Failed(Cause, String),
}

/// How an attempt got on.
#[derive(Debug)]
pub enum Progress {
    /// It needs more: of the body, of the ICAP response, or of time.
    Open,
    /// It has something to send, which has to wait for another callback.
    WakeUps,
    /// The ICAP response is complete.
    Finished,
    /// It came to nothing.
    Failed(Cause, String),
}

impl Attempt {
    /// An attempt on a connection, of which nothing has been sent. `used`: the connection has served another transaction.
    pub fn new(
        token: StreamToken,
        request: &Rc<Request>,
        now_ms: u64,
        budget: &Budget,
        used: bool,
    ) -> Self {
        Self {
            token,
            transaction: Transaction::new(Rc::clone(request), Limits::default()),
            response: IcapResponse::default(),
            started_ms: now_ms,
            received_ms: now_ms,
            complete: false,
            page: false,
            budget: budget.clone(),
            used,
            stray: false,
            parted: false,
            peer: None,
        }
    }

    /// An OPTIONS on a connection, of which nothing has been sent.
    pub fn of_options(
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

    /// Its ICAP response is complete, and its connection is for others. `peer`: the address of the server.
    pub(super) fn part(&mut self, peer: Option<String>) {
        self.parted = true;
        self.peer = peer;
    }

    /// The connection that it is on, if it still is.
    pub(super) fn connection(&self) -> Option<StreamToken> {
        (!self.parted).then_some(self.token)
    }

    /// The address of the server that it is with, or was.
    pub(super) fn server<'a>(&'a self, connections: &'a Connections) -> Option<&'a str> {
        match self.parted {
            true => self.peer.as_deref(),
            false => connections.peer(self.token),
        }
    }

    /// From the first byte sent to the last one received, in milliseconds.
    pub(super) fn latency_ms(&self) -> u64 {
        self.received_ms.saturating_sub(self.started_ms)
    }

    /// Whether what the ICAP response means depends on the rest of the original body, which has not come to its end yet: it goes on
    /// with it, or has been the same so far.
    pub(super) fn needs_rest(&self, body: BodyProgress) -> bool {
        let same_so_far = match &self.response.body {
            IcapResponseBody::Same(same) => *same == body.available,
            IcapResponseBody::None => body.available == 0 && self.response.announced().body,
            IcapResponseBody::Own(_) | IcapResponseBody::Lost(_) => false,
        };
        !body.ended && !self.page && (self.response.use_original_body.is_some() || same_so_far)
    }

    /// Takes what there is of a head, or of trailers, that have no end for those of the ICAP response: a verdict may be in them.
    pub(super) fn salvage(&mut self) {
        if self.response.head.is_none() {
            self.response.head = self.transaction.unfinished_head();
        }
        if !self.complete {
            self.response.trailers = self.transaction.unfinished_trailers();
        }
    }

    /// Whether the ICAP response brings a message in the place of the original.
    pub(super) fn has_begun_change(&self) -> bool {
        let status = self.response.head.as_ref().map(|head| head.status);
        matches!(status, Some(200 | 201 | 206)) && self.response.announced().message()
    }

    /// What the ICAP response has brought so far in the place of the original, where the original is needed no more: all that there is of it
    /// was sent, or will not be, and nothing of it is to follow.
    pub(super) fn own_body(&mut self, body: BodyProgress) -> Option<&mut OwnBody> {
        let status = self.response.head.as_ref().map(|head| head.status);
        let transaction = &self.transaction;
        let is_sent = transaction.complete_body_sent()
            || transaction.in_preview()
            || !transaction.waits_for_server(body);
        let is_change = self.has_begun_change() && !self.page && status != Some(206);
        match &mut self.response.body {
            IcapResponseBody::Own(own) if is_sent && is_change => Some(own),
            _ => None,
        }
    }

    /// Whether the ICAP response has been the same as the original so far.
    pub(super) fn is_same_so_far(&self) -> bool {
        matches!(
            self.response.body,
            IcapResponseBody::None | IcapResponseBody::Same(_)
        )
    }

    /// Whether bytes came on a connection that had served before, which begin no answer: they belong to an earlier one that was
    /// not what it said to be, and say nothing about this message.
    pub(super) fn is_astray(&self) -> bool {
        self.used && self.stray
    }

    /// Takes bytes of the ICAP response; [`drive`](Self::drive) reads them.
    pub fn receive(&mut self, bytes: Vec<u8>, now_ms: u64) {
        self.received_ms = now_ms;
        self.transaction.receive(bytes);
    }

    /// Reads what has come and sends what can be sent, until neither gives more.
    pub fn drive<H: Host>(
        &mut self,
        host: &H,
        source: Source<'_, H>,
        body: BodyProgress,
        keep: Keep,
        connections: &Connections,
    ) -> Progress {
        if self.complete {
            return Progress::Finished;
        }
        loop {
            let progress = self.read(source, body, keep);
            if let Read::Finished = progress {
                self.complete = true;
                return Progress::Finished;
            }
            if let Read::Failed(cause, reason) = progress {
                return Progress::Failed(cause, reason);
            }
            if connections.is_receiving(self.token) && !bug(Bug::SendWhileReceiving) {
                // Only with the server's leave is there more to send than when it was last tried.
                return match progress {
                    Read::Continue => Progress::WakeUps,
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

    /// Reads the ICAP response as far as it has come.
    fn read<H: Host>(&mut self, source: Source<'_, H>, body: BodyProgress, keep: Keep) -> Read {
        loop {
            match self.transaction.poll() {
                Ok(None) => return Read::NeedMore,
                Ok(Some(Event::Continue)) => return Read::Continue,
                Ok(Some(Event::Head(head))) => {
                    self.page = self.transaction.method() == Method::Reqmod
                        && Announced::by(&head.headers).response;
                    self.response.head = Some(head);
                }
                Ok(Some(Event::Http(http))) => self.response.http = Some(http),
                Ok(Some(Event::Body(bytes))) => {
                    let keep = if self.page { A_PAGE } else { keep };
                    let read = |range| {
                        let mut original = Vec::new();
                        source.read(range, &mut original).ok().map(|()| original)
                    };
                    let kept = &mut self.response.body;
                    kept.push(bytes, body.available, keep, &self.budget, read);
                    if let IcapResponseBody::Lost(why) = kept {
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
                    let partial = self
                        .response
                        .head
                        .as_ref()
                        .is_some_and(|it| it.status == 206);
                    self.response.trailers = trailers;
                    self.response.use_original_body = use_original_body.filter(|_| partial);
                    return Read::Finished;
                }
                Err(e) => {
                    self.stray = matches!(
                        e,
                        TransactionError::Response(IcapResponseError::StatusLine { .. })
                    );
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
    /// What an attempt fails with.
    pub fn cause(self) -> Cause {
        match self {
            Self::TooLarge => Cause::Oversize,
            Self::OverBudget => Cause::Overload,
            Self::Unreadable => Cause::Internal,
        }
    }

    /// Why, for the log.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::TooLarge => "the changed body is larger than what may be held",
            Self::OverBudget => "this worker holds as much of answers as memory_budget_mb allows",
            Self::Unreadable => "the original body could not be read",
        }
    }
}
