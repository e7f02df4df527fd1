//! An exchange: one HTTP message under scan, its state, and its submissions.

use std::borrow::Cow;
use std::rc::Rc;

use super::apart::Apart;
use super::clock::ServerClock;
use super::early_reply::EarlyReply;
use super::grpc_messages::GrpcMessages;
use super::journal::Journal;
use super::layout::Layout;
use super::replacement::Replacement;
use super::streaming::Streaming;
use crate::config::{Cause, Enforcement, FailAction, Profile};
use crate::connection::PoolId;
use crate::gate::Hold;
use crate::icap::{BodyProgress, Direction, Headers, Method, Request};
use crate::policy::Outlook;
use crate::report::{Conclusion, Outcome, Significance};
use crate::submission::{Extent, Message, Record, Submission};

/// A request or a response under scan, from its headers to its outcome.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) direction: Direction,
    pub(super) profile: Rc<Profile>,
    /// Whether the filter enforces the outcome.
    pub(super) enforcement: Enforcement,
    pub(super) pool: PoolId,
    /// The ICAP request.
    pub(super) request: Rc<Request>,
    pub(super) http_method: Cow<'static, str>,
    pub(super) body: Body,
    /// The content coding of the body, where servers see the body coded.
    pub(super) encoded: Option<Rc<str>>,
    /// Servers see the body decoded.
    pub(super) is_decoded: bool,
    /// Trailers have come.
    pub(super) has_trailers: bool,
    /// The server's trailers, which are to take their place.
    pub(super) new_trailers: Option<Headers>,
    /// Of a response: its request was scanned.
    pub(super) request_was_scanned: bool,
    /// Of a response: the body of its request, where more of that body is to come.
    pub(super) request_body: Option<Body>,
    /// Since when the host is known to hold the body back, see `delivery_check`.
    pub(super) held_back_ms: Option<u64>,
    pub(super) phase: Phase,
    /// The submissions that have not ended.
    pub(super) units: Vec<Submission>,
    /// A server has begun to send a changed message: whatever fails from then on, the original does not go on.
    pub(super) change_begun: bool,
    /// How the host's buffer is laid out once it holds the beginning of the changed message: there is no original any more.
    pub(super) layout: Option<Layout>,
    /// Its body, where that is larger than the buffer and is scanned while it passes.
    pub(super) stream: Option<Box<Streaming>>,
    /// Its messages, where it is a gRPC call that is shown message by message.
    pub(super) messages: Option<Box<GrpcMessages>>,
    /// The gate that slows the sender of that body down.
    pub(super) gate: Option<Hold>,
    /// What the host holds of its body can be touched in its own callbacks alone, see [`Next::Hold`](crate::host::Next::Hold).
    pub(super) is_out_of_reach: bool,
    pub(super) clock: ServerClock,
    /// What is to be logged, for the request and its response.
    pub(super) journal: Journal,
    /// The outcome, until it is counted: see [`Worker::put_back`](super::worker::Worker::put_back).
    pub(super) uncounted: Option<Uncounted>,
    /// An outcome of this message was counted.
    pub(super) counted: bool,
    /// The slow scan was logged and counted.
    pub(super) slow_said: bool,
    /// The rules that decide about the response; `None`: the response goes the way of its request.
    pub(super) outlook: Option<Outlook>,
    /// The parts of the message, where servers do not see it as it is.
    pub(super) apart: Option<Box<Apart>>,
}

/// An outcome that is to be counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Uncounted {
    pub(super) conclusion: Conclusion,
    /// Of a failure: its cause, and whether the message goes on (fail open).
    pub(super) failure: Option<(Cause, bool)>,
}

/// The HTTP body of the message, which stays in the host's buffer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Body {
    /// Bytes received.
    pub(super) available: u64,
    /// The value of `content-length`.
    pub(super) announced: Option<u64>,
    /// The host has reported the end of the message.
    pub(super) at_end: bool,
    /// The gate has got the end of the message, and holds it.
    pub(super) end_is_ahead: bool,
    /// When the last byte came, or the headers did.
    pub(super) progress_ms: u64,
    /// In how many callbacks the body came.
    pub(super) callbacks: u32,
}

/// Where a message stands.
///
/// ```text
///  Scanning ─┬─▶ Released
///            ├─▶ Replied
///            └─▶ Draining ─end of body─▶ Released
///  any before a verdict ──failure──▶ Released (fail open) or Replied (fail closed)
///  on the way to Released, where the body is still coming ──▶ Cleared ─next part of the body─▶ Released
///  on the way to Replied, where an upload is still coming ──▶ Discarding ─end of body, or limit─▶ Replied
/// ```
#[derive(Debug)]
pub(super) enum Phase {
    /// Submissions are running, or wait for the body.
    Scanning,
    /// The replacement is ready and waits for the end of the original, which the filter discards as it comes.
    Draining(Box<Draining>),
    /// The message may go on, and does so with the next part of its body: see [`Worker::let_go`](super::worker::Worker::let_go).
    Cleared,
    /// The message goes on; the filter does nothing more to it.
    Released,
    /// The local reply waits for the end of the upload, which the filter discards.
    Discarding(Box<EarlyReply>),
    /// The client got a local reply; nothing of the message goes on.
    Replied,
}

/// A message that is to be replaced.
#[derive(Debug)]
pub(super) struct Draining {
    pub(super) replacement: Replacement,
    /// What is to be logged once the replacement is in place. `None`: logged already.
    pub(super) record: Option<Record>,
}

impl Body {
    /// How much has come, and whether that is all. With `content-length` the end is known before the host reports it.
    pub(super) fn progress(self) -> BodyProgress {
        BodyProgress {
            available: self.available,
            ended: self.at_end || self.end_is_ahead || self.is_as_announced(),
        }
    }

    /// How much has come, and how much was announced.
    pub(super) fn extent(self) -> Extent {
        Extent {
            progress: self.progress(),
            announced: self.announced,
        }
    }

    /// `size` bytes of the body are in the host's buffer, earlier ones included.
    pub(super) fn grow_to(&mut self, size: u64, at_end: bool, now_ms: u64) {
        if size > self.available {
            self.progress_ms = now_ms;
            self.callbacks = self.callbacks.saturating_add(1);
        }
        self.available = size;
        self.at_end = at_end;
    }

    /// `size` further bytes pass, of a message that goes on.
    pub(super) fn pass(&mut self, size: u64, at_end: bool) {
        self.available = self.available.saturating_add(size);
        self.at_end = at_end;
    }

    /// Whether the whole body came in one callback and is as long as announced. Then a filter before this one that changes
    /// bodies can't have taken a part of it for the whole.
    pub(super) fn came_whole(self) -> bool {
        self.at_end && self.callbacks == 1 && self.is_as_announced()
    }

    /// Whether as many bytes have come as `content-length` says.
    pub(super) fn is_as_announced(self) -> bool {
        self.announced == Some(self.available)
    }

    /// Whether more bytes have come than `content-length` says: an application would take the rest for another request.
    pub(super) fn exceeds_announced(self) -> bool {
        self.announced
            .is_some_and(|announced| self.available > announced)
    }

    /// Whether a part of the body has come and more is to come.
    pub(super) fn is_midway(self) -> bool {
        self.available > 0 && !self.at_end
    }
}

impl Phase {
    /// Whether nothing of the message is held any more, or nothing of it goes on.
    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::Released | Self::Discarding(_) | Self::Replied)
    }
}

impl Exchange {
    /// `size` bytes of the body are in the host's buffer.
    pub(super) fn grow_to(&mut self, size: u64, at_end: bool, now_ms: u64) {
        let available = match &mut self.layout {
            Some(layout) => layout.grow_to(size),
            None => size,
        };
        self.body.grow_to(available, at_end, now_ms);
    }

    /// Whether the message has its outcome. At most the rest of its body is awaited.
    pub(super) fn is_decided(&self) -> bool {
        matches!(
            self.phase,
            Phase::Draining(_)
                | Phase::Cleared
                | Phase::Released
                | Phase::Discarding(_)
                | Phase::Replied
        )
    }

    /// Whether the message goes on as it came, whatever the outcome.
    pub(super) fn is_monitored(&self) -> bool {
        self.enforcement == Enforcement::Monitor
    }

    /// The conclusion of an outcome of this message.
    pub(super) fn conclusion(&self, outcome: Outcome, significance: Significance) -> Conclusion {
        Conclusion {
            outcome,
            significance,
            enforced: !self.is_monitored(),
        }
    }

    /// Whether the client gets a local reply, so that nothing of the message goes on.
    pub(super) fn is_refused(&self) -> bool {
        matches!(self.phase, Phase::Discarding(_) | Phase::Replied)
    }

    /// Whether the host still holds the message, and the message may still go on.
    pub(super) fn is_held(&self) -> bool {
        !self.is_refused() && !matches!(self.phase, Phase::Released)
    }

    /// Whether the body has made no progress for `body_progress_timeout_ms`.
    pub(super) fn is_stalled(&self, now_ms: u64) -> bool {
        let limit_ms = self.profile.body_progress_timeout_ms;
        limit_ms > 0
            && self.is_held()
            // A monitored message goes on with its next part, however late that comes.
            && !(self.is_monitored() && self.is_decided())
            && !self.body.at_end
            && !self.is_slowed_down()
            && self.messages.as_ref().is_none_or(|it| it.awaits_bytes())
            && now_ms.saturating_sub(self.body.progress_ms) >= limit_ms
    }

    /// Runs the clock while the message waits for a server.
    pub(super) fn run_clock(&mut self, now_ms: u64) {
        self.clock.run(self.waits_for_server(), now_ms);
    }

    /// Whether the message waits for a server, and not for the rest of the body.
    pub(super) fn waits_for_server(&self) -> bool {
        let extent = self.body.extent();
        let waits = || self.units.iter().any(|unit| unit.waits_for_server(extent));
        !self.is_decided() && (self.is_slowed_down() || waits())
    }

    /// Whether its gate is shut, so that nothing of its body comes.
    pub(super) fn is_slowed_down(&self) -> bool {
        self.gate.as_ref().is_some_and(Hold::is_shut)
    }

    /// Whether nothing of the message was sent to a server yet.
    pub(super) fn is_collecting(&self) -> bool {
        !self.is_decided() && self.units.iter().all(Submission::is_collecting)
    }

    /// Drops the submission of that index, which has ended.
    pub(super) fn retire(&mut self, index: u16) {
        let ended = |unit: &mut Submission| unit.id().index == index;
        for unit in self.units.extract_if(.., ended) {
            self.change_begun |= unit.has_begun_change();
        }
    }

    /// The message as a submission sees it. `redacted`: the ICAP headers whose values are not logged.
    pub(super) fn message<'a>(&'a self, context: u32, redacted: &'a [String]) -> Message<'a> {
        Message {
            context,
            direction: self.direction,
            profile: &self.profile,
            http_method: &self.http_method,
            encoded: &self.encoded,
            redacted,
            extent: self.body.extent(),
            is_apart: self.apart.is_some() || self.messages.is_some(),
        }
    }

    /// What becomes of it where its scan fails for that cause.
    pub(super) fn fail_action(&self, cause: Cause) -> FailAction {
        let is_response = self.direction == Direction::Response;
        self.profile.fail_action_for(cause, is_response)
    }

    /// The largest body that is scanned, in bytes.
    pub(super) fn limit(&self) -> u64 {
        let is_response = self.direction == Direction::Response;
        self.profile.buffer_bytes(is_response)
    }

    /// Whether the message is an upload that is shown as a download (RESPMOD).
    pub(super) fn is_shown_as_download(&self) -> bool {
        self.direction == Direction::Request && self.request.method == Method::Respmod
    }
}
