//! One HTTP message under scan: where it stands, and its ICAP transaction on a connection.

use std::rc::Rc;

use super::clock::ServerClock;
use super::describe::Journal;
use super::held::Held;
use super::meaning::judge_rest;
use super::scan::Scan;
use super::source::Source;
use crate::config::{Cause, Enforcement, Profile};
use crate::connection::PoolId;
use crate::host::{BodyEdit, Fields, Host, HostResult};
use crate::icap::{BodyProgress, Direction, Method, Request};
use crate::policy::Outlook;
use crate::report::{Action, Outcome, ScanRecord, Significance};
use crate::verdict::{self, Rest};

/// The most of a page for a client that is read, in bytes. In the place of a longer one the client gets the profile's own.
pub(super) const PAGE_BYTES: u64 = 1024 * 1024;

/// A request or a response, from its headers to its verdict.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) direction: Direction,
    pub(super) profile: Rc<Profile>,
    /// Whether what comes of its scan is done.
    pub(super) enforcement: Enforcement,
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
    /// An outcome of it was counted.
    pub(super) counted: bool,
    /// It was said and counted that its scan is slow.
    pub(super) slow_said: bool,
    /// The rules that decide about its response; `None`: it goes the way of its request.
    pub(super) outlook: Option<Outlook>,
}

/// An outcome that is to be counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Uncounted {
    pub(super) outcome: Outcome,
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

    /// Whether it goes on as it came, whatever comes of its scan.
    pub(super) fn is_monitored(&self) -> bool {
        self.enforcement == Enforcement::Monitor
    }

    /// What is logged where this came of its scan.
    pub(super) fn outcome(&self, action: Action, significance: Significance) -> Outcome {
        Outcome {
            action,
            significance,
            enforced: !self.is_monitored(),
        }
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
            // Monitored, it goes on with its next part, however late that comes.
            && !(self.is_monitored() && self.is_decided())
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

    /// Whether it is an upload that is shown as a download.
    pub(super) fn is_shown_as_download(&self) -> bool {
        self.scan_kind() == verdict::Scan::Upload
    }

    /// Which message it is, for verdict and log.
    pub(super) fn scan_kind(&self) -> verdict::Scan {
        match (self.direction, self.request.method) {
            (Direction::Request, Method::Respmod) => verdict::Scan::Upload,
            (Direction::Request, _) => verdict::Scan::Request,
            (Direction::Response, _) => verdict::Scan::Response,
        }
    }
}
