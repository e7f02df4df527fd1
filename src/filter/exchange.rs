//! One HTTP message under scan: where it stands, and what of it is shown to servers.

use std::borrow::Cow;
use std::rc::Rc;

use super::apart::Apart;
use super::clock::ServerClock;
use super::early_reply::EarlyReply;
use super::journal::Journal;
use super::layout::Layout;
use super::replacement::Replacement;
use super::streaming::Streaming;
use crate::config::{Cause, Enforcement, FailAction, Profile};
use crate::connection::PoolId;
use crate::icap::{BodyProgress, Direction, Method, Request};
use crate::policy::Outlook;
use crate::report::{Conclusion, Outcome, Significance};
use crate::submission::{Extent, Message, Record, Submission};

/// A request or a response, from its headers to its verdict.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) direction: Direction,
    pub(super) profile: Rc<Profile>,
    /// Whether what comes of its scan is done.
    pub(super) enforcement: Enforcement,
    pub(super) pool: PoolId,
    /// What is asked of the ICAP server.
    pub(super) request: Rc<Request>,
    pub(super) http_method: Cow<'static, str>,
    pub(super) body: Body,
    /// The content coding of its body, where that is shown as it is.
    pub(super) encoded: Option<Rc<str>>,
    /// Its body is shown decoded.
    pub(super) is_decoded: bool,
    /// Trailers have come.
    pub(super) has_trailers: bool,
    /// Of a response: its request was scanned.
    pub(super) request_was_scanned: bool,
    /// Of a response: the body of its request, where that has not come to its end yet.
    pub(super) request_body: Option<Body>,
    /// Since when the host is known to hold its body back.
    pub(super) held_back_ms: Option<u64>,
    pub(super) phase: Phase,
    /// What of it is shown to servers, until that has ended.
    pub(super) units: Vec<Submission>,
    /// A server has begun to send another message in its place: whatever fails from then on, the original does not go on.
    pub(super) change_begun: bool,
    /// What the host holds is the beginning of that message, so laid out: there is no original any more.
    pub(super) layout: Option<Layout>,
    /// Its body, where that is larger than the buffer and is scanned while it passes.
    pub(super) stream: Option<Box<Streaming>>,
    pub(super) clock: ServerClock,
    /// What is to be logged, of the other direction too.
    pub(super) journal: Journal,
    /// Its outcome, as long as it is not counted: see [`Worker::put_back`](super::worker::Worker::put_back).
    pub(super) uncounted: Option<Uncounted>,
    /// An outcome of it was counted.
    pub(super) counted: bool,
    /// It was said and counted that its scan is slow.
    pub(super) slow_said: bool,
    /// The rules that decide about its response; `None`: it goes the way of its request.
    pub(super) outlook: Option<Outlook>,
    /// What it is taken apart into, where it is not shown as it is.
    pub(super) apart: Option<Box<Apart>>,
}

/// An outcome that is to be counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Uncounted {
    pub(super) conclusion: Conclusion,
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
    /// In how many callbacks it came.
    pub(super) callbacks: u32,
}

/// Where a message stands.
///
/// ```text
///  Scanning ─┬─▶ Released
///            ├─▶ Answered
///            └─▶ Draining ─end of body─▶ Released
///  any before a verdict ──failure──▶ Released (fail open) or Answered (fail closed)
///  on the way to Released, where the body is still coming ──▶ Cleared ─next part of the body─▶ Released
///  on the way to Answered, where an upload is still coming ──▶ Discarding ─end of body, or enough─▶ Answered
/// ```
#[derive(Debug)]
pub(super) enum Phase {
    /// Its submissions are on their way.
    Scanning,
    /// It is to be replaced once the original has come to its end, which is thrown away meanwhile.
    Draining(Box<Draining>),
    /// It may go on its way, and does with the next part of its body: see [`Worker::let_go`](super::worker::Worker::let_go).
    Cleared,
    /// It goes on its way; nothing more is done to it.
    Released,
    /// The client's answer waits for the end of the upload, of which nothing goes on.
    Discarding(Box<EarlyReply>),
    /// The client has been answered; nothing of it goes on.
    Answered,
}

/// A message that is to be replaced.
#[derive(Debug)]
pub(super) struct Draining {
    pub(super) replacement: Replacement,
    /// What is to be logged once it is in place.
    /// `None`: it is logged already.
    pub(super) record: Option<Record>,
}

impl Body {
    /// What the transaction may know. Where the length is announced the end is known before the host says so.
    pub(super) fn progress(self) -> BodyProgress {
        BodyProgress {
            available: self.available,
            ended: self.at_end || self.is_as_announced(),
        }
    }

    /// How much there is of it.
    pub(super) fn extent(self) -> Extent {
        Extent {
            progress: self.progress(),
            announced: self.announced,
        }
    }

    /// `size` bytes are in the host's buffer, those that were held before among them.
    pub(super) fn grow_to(&mut self, size: u64, at_end: bool, now_ms: u64) {
        if size > self.available {
            self.progress_ms = now_ms;
            self.callbacks = self.callbacks.saturating_add(1);
        }
        self.available = size;
        self.at_end = at_end;
    }

    /// `size` further bytes go by, of a message that was let go.
    pub(super) fn pass(&mut self, size: u64, at_end: bool) {
        self.available = self.available.saturating_add(size);
        self.at_end = at_end;
    }

    /// It came in one callback, to its end, and as long as was announced: whoever changes bodies on their way has had no part of it
    /// to take for the whole.
    pub(super) fn came_whole(self) -> bool {
        self.at_end && self.callbacks == 1 && self.is_as_announced()
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
    /// `size` bytes are in the host's buffer.
    pub(super) fn grow_to(&mut self, size: u64, at_end: bool, now_ms: u64) {
        let available = match &mut self.layout {
            Some(layout) => layout.grow_to(size),
            None => size,
        };
        self.body.grow_to(available, at_end, now_ms);
    }

    /// Whether the verdict has been applied, or waits for nothing but the end of the body.
    pub(super) fn is_decided(&self) -> bool {
        matches!(
            self.phase,
            Phase::Draining(_)
                | Phase::Cleared
                | Phase::Released
                | Phase::Discarding(_)
                | Phase::Answered
        )
    }

    /// Whether it goes on as it came, whatever comes of its scan.
    pub(super) fn is_monitored(&self) -> bool {
        self.enforcement == Enforcement::Monitor
    }

    /// What is logged where this came of its scan.
    pub(super) fn conclusion(&self, outcome: Outcome, significance: Significance) -> Conclusion {
        Conclusion {
            outcome,
            significance,
            enforced: !self.is_monitored(),
        }
    }

    /// Whether nothing of it goes on any more.
    pub(super) fn is_refused(&self) -> bool {
        matches!(self.phase, Phase::Discarding(_) | Phase::Answered)
    }

    /// Whether the host holds it back, and something may still become of it.
    pub(super) fn is_held(&self) -> bool {
        !self.is_refused() && !matches!(self.phase, Phase::Released)
    }

    /// Whether its body has made no progress for longer than the profile lets it be held.
    pub(super) fn is_stalled(&self, now_ms: u64) -> bool {
        let limit_ms = self.profile.body_progress_timeout_ms;
        limit_ms > 0
            && self.is_held()
            // Monitored, it goes on with its next part, however late that comes.
            && !(self.is_monitored() && self.is_decided())
            && !self.body.at_end
            && now_ms.saturating_sub(self.body.progress_ms) >= limit_ms
    }

    /// Lets the clock run while it is a server that is waited for.
    pub(super) fn run_clock(&mut self, now_ms: u64) {
        self.clock.run(self.waits_for_server(), now_ms);
    }

    /// Whether it is a server that is waited for, and not the rest of the body.
    pub(super) fn waits_for_server(&self) -> bool {
        let extent = self.body.extent();
        !self.is_decided() && self.units.iter().any(|unit| unit.waits_for_server(extent))
    }

    /// Whether nothing of it was sent yet.
    pub(super) fn is_collecting(&self) -> bool {
        !self.is_decided() && self.units.iter().all(Submission::is_collecting)
    }

    /// That submission has ended.
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
            is_apart: self.apart.is_some(),
        }
    }

    /// What becomes of it where its scan fails for that cause.
    pub(super) fn fail_action(&self, cause: Cause) -> FailAction {
        let is_response = self.direction == Direction::Response;
        self.profile.fail_action_for(cause, is_response)
    }

    /// The largest body that is held.
    pub(super) fn limit(&self) -> u64 {
        let is_response = self.direction == Direction::Response;
        self.profile.buffer_bytes(is_response)
    }

    /// Whether it is an upload that is shown as a download.
    pub(super) fn is_shown_as_download(&self) -> bool {
        self.direction == Direction::Request && self.request.method == Method::Respmod
    }
}
