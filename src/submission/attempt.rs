//! One transaction on one connection: reads the ICAP response and sends the body.

use std::rc::Rc;

use super::extent::length;
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

/// The most bytes of a client's page that are read. In the place of a longer page the client gets the profile's own.
pub const PAGE_BYTES: u64 = 1024 * 1024;

/// So many bytes of a body that stand in the module go out from there: a message more costs less than copying them.
const IN_PLACE_BYTES: u64 = 16 * 1024;

/// How much is kept of a page.
pub const A_PAGE: Keep = Keep {
    limit: PAGE_BYTES,
    copied: u64::MAX,
};

/// A transaction on a connection.
#[derive(Debug)]
pub struct Attempt {
    /// The connection.
    pub token: StreamToken,
    /// Sends the ICAP request and reads the ICAP response.
    pub transaction: Transaction,
    /// The ICAP response so far.
    pub response: IcapResponse,
    /// When the first byte went out, in milliseconds.
    pub started_ms: u64,
    /// When the last byte came in.
    pub(super) received_ms: u64,
    /// The ICAP response has ended.
    pub(super) complete: bool,
    /// The ICAP response is or announces a response to REQMOD: a page for the client.
    pub(super) page: bool,
    /// The memory for the ICAP response comes out of this budget.
    pub(super) budget: Budget,
    /// The connection has served another transaction before.
    used: bool,
    /// The received bytes begin no ICAP response.
    stray: bool,
    /// The attempt has left its connection, because its ICAP response is complete.
    parted: bool,
    /// The address of the server, once the attempt has left the connection.
    peer: Option<String>,
}

/// How far the reading of an ICAP response got.
enum Read {
    /// All bytes are read, and the ICAP response goes on.
    NeedMore,
    /// The server wants the rest of the body.
    Continue,
    /// The ICAP response is complete.
    Finished,
    /// The ICAP response can't be read or can't be kept.
    Failed(Cause, String),
}

/// How far an attempt got.
#[derive(Debug)]
pub enum Progress {
    /// The attempt needs more: body, response bytes, or time.
    Open,
    /// The attempt has something to send, and has to wait for another callback to send it.
    WakeUps,
    /// The ICAP response is complete.
    Finished,
    /// The attempt failed.
    Failed(Cause, String),
}

impl Attempt {
    /// An attempt that has sent nothing. `used`: the connection has served another transaction.
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

    /// An OPTIONS request that has sent nothing.
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

    /// Leaves the connection to others: the ICAP response is complete. `peer`: the address of the server.
    pub(super) fn part(&mut self, peer: Option<String>) {
        self.parted = true;
        self.peer = peer;
    }

    /// The connection of the attempt, unless the attempt has left it.
    pub(super) fn connection(&self) -> Option<StreamToken> {
        (!self.parted).then_some(self.token)
    }

    /// The address of the server that the attempt uses or used.
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

    /// Whether the meaning of the ICAP response depends on the rest of the original body, which is still arriving:
    /// the ICAP response continues with the original, or has equalled it so far.
    pub(super) fn needs_rest(&self, body: BodyProgress) -> bool {
        let same_so_far = match &self.response.body {
            IcapResponseBody::Same(same) => *same == body.available,
            IcapResponseBody::None => body.available == 0 && self.response.announced().body,
            IcapResponseBody::Own(_) | IcapResponseBody::Lost(_) => false,
        };
        !body.ended && !self.page && (self.response.use_original_body.is_some() || same_so_far)
    }

    /// Accepts an unfinished head or unfinished trailers as those of the ICAP response: a verdict may be in them.
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

    /// The new body so far, where the original is needed no more: the attempt has sent all of the original or will
    /// send no more of it, and the ICAP response does not continue with it.
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

    /// Whether the ICAP response has equalled the original so far.
    pub(super) fn is_same_so_far(&self) -> bool {
        matches!(
            self.response.body,
            IcapResponseBody::None | IcapResponseBody::Same(_)
        )
    }

    /// Whether a used connection brought bytes that begin no ICAP response. They belong to an earlier transaction,
    /// and say nothing about this message.
    pub(super) fn is_astray(&self) -> bool {
        self.used && self.stray
    }

    /// Why the attempt lost its connection, for the log.
    pub(super) fn loss_reason(&self, was_connected: bool) -> String {
        match self.transaction.end_of_input() {
            _ if !was_connected => "no connection to the server".to_owned(),
            Err(e) if self.transaction.responded() => format!("connection lost: {e}"),
            _ => "connection lost before the ICAP response".to_owned(),
        }
    }

    /// Takes bytes of the ICAP response; [`drive`](Self::drive) reads them.
    pub fn receive(&mut self, bytes: Vec<u8>, now_ms: u64) {
        self.received_ms = now_ms;
        self.transaction.receive(bytes);
    }

    /// Reads received bytes and sends what it can, until neither makes progress.
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
                // Only `100 Continue` allows more sending than at the last try.
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

    /// Reads the received part of the ICAP response.
    fn read<H: Host>(&mut self, mut source: Source<'_, H>, body: BodyProgress, keep: Keep) -> Read {
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
                    let kept = &mut self.response.body;
                    kept.push(bytes, body.available, keep, &self.budget, &mut source);
                    if let IcapResponseBody::Lost(why) = kept {
                        // The rest would change nothing: a page blocks by its presence.
                        return match self.page {
                            true => Read::Finished,
                            false => Read::Failed(why.cause(), why.sentence().to_owned()),
                        };
                    }
                }
                Ok(Some(Event::End {
                    trailers,
                    icap_trailers,
                    use_original_body,
                })) => {
                    let partial = self
                        .response
                        .head
                        .as_ref()
                        .is_some_and(|it| it.status == 206);
                    self.response.trailers = trailers;
                    self.response.icap_trailers = icap_trailers;
                    self.response.use_original_body = use_original_body.filter(|_| partial);
                    return Read::Finished;
                }
                Err(e) => {
                    self.stray = matches!(
                        e,
                        TransactionError::Response(IcapResponseError::StatusLine { .. })
                    );
                    return Read::Failed(Cause::Protocol, format!("unreadable ICAP response: {e}"));
                }
            }
        }
    }

    /// Sends what the transaction can send now.
    fn send<H: Host>(
        &mut self,
        host: &H,
        source: Source<'_, H>,
        body: BodyProgress,
        connections: &Connections,
    ) -> Result<(), HostError> {
        let token = self.token;
        let send = |bytes: &[u8]| connections.send(host, token, bytes);
        let mut out = Vec::new();
        loop {
            let (mut in_place, mut sent) = (false, Ok(()));
            let read = |range, out: &mut Vec<u8>| match source.window() {
                Some(window) if length(&range) >= IN_PLACE_BYTES => {
                    in_place = true;
                    sent = send(out);
                    out.clear();
                    window.visit(range, &mut |part| {
                        if sent.is_ok() {
                            sent = send(part);
                        }
                        Ok(())
                    })
                }
                _ => source.read(range, out),
            };
            self.transaction.transmit(body, &mut out, read)?;
            // What frames a part that went out from where it stands goes out with what frames the next.
            if !in_place {
                if out.is_empty() {
                    return Ok(());
                }
                sent = send(&out);
                out.clear();
            }
            if let Err(e) = sent {
                // The host is about to report the close of this stream; that event handles the loss.
                log::debug!("stream {token}: {e}");
                return Ok(());
            }
        }
    }
}

impl NotKept {
    /// The cause of the failure.
    pub fn cause(self) -> Cause {
        match self {
            Self::TooLarge => Cause::Oversize,
            Self::OverBudget => Cause::Overload,
            Self::Unreadable => Cause::Internal,
        }
    }

    /// The reason, for the log.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::TooLarge => "the changed body is larger than what may be held",
            Self::OverBudget => {
                "this worker holds as many bytes of ICAP responses as memory_budget_mb allows"
            }
            Self::Unreadable => "the original body could not be read",
        }
    }
}
