//! Bodies larger than the buffer on their way through: taken in, shown, and let go on as the server gives them back.
//!
//! What goes on does so in the message's own callbacks alone, in the place of what such a callback brings: Envoy's router may keep a
//! copy of what has gone on, and a resume in mid-body would have it delivered twice.

use super::bare_fields::LENGTH;
use super::changed_message::new_fields;
use super::exchange::{Exchange, Phase};
use super::stream_end::{HELD_BEHIND, NO_ROOM};
use super::streaming::Streaming;
use super::worker::Worker;
use crate::bug::{Bug, bug};
use crate::config::{Cause, Enforcement};
use crate::host::{BodyEdit, Fields, Host, HostError, HostResult, Next};
use crate::icap::{Direction, HttpHead};
use crate::report::Significance;
use crate::submission::{GivenBack, Part, Submission, reason_only};

/// What is logged of a stream as long as its scan goes on.
const UNFINISHED: &str = "the body goes on while it is scanned, and the scan is not finished";

impl Exchange {
    /// Whether its body, were it larger than the buffer, would be scanned while it passes.
    pub(super) fn may_stream(&self) -> bool {
        let is_response = self.direction == Direction::Response;
        self.profile.streams(is_response) && !self.is_monitored()
    }

    /// Whether a part of it has gone on while its scan goes on, or while more of it has to be put in.
    pub(super) fn is_under_way(&self) -> bool {
        let has_begun = self.stream.as_ref().is_some_and(|it| it.has_begun());
        has_begun && self.is_held()
    }
}

impl<H: Host> Worker<H> {
    /// Begins with a message whose headers announce a body larger than the buffer: it streams, or fails.
    pub(super) fn admit_large(&mut self, id: u32, exchange: &mut Exchange, fields: &Fields) {
        if !exchange.may_stream() {
            return self.fail_oversize(id, exchange);
        }
        self.show(id, exchange, fields);
        if !exchange.is_decided() && !self.begin_stream(exchange) {
            exchange.apart = None;
            self.fail_oversize(id, exchange);
        }
    }

    /// The body turns out to be larger than the buffer: it streams from here on, or fails.
    pub(super) fn outgrow(&mut self, id: u32, exchange: &mut Exchange) {
        if !self.is_inside(id) || !exchange.may_stream() || !self.begin_stream(exchange) {
            return self.fail_oversize(id, exchange);
        }
        // Once the headers have gone on, a gate on the receiver's side could be taken for the sender's.
        self.look_for_gate(id, exchange);
        let size = exchange.body.available;
        self.take_in(id, exchange, size);
        if !exchange.is_refused() {
            self.step_units(id, exchange);
            self.pass_on(id, exchange, size);
        }
    }

    /// Has the one submission of a message read its body from a window. False where what is shown is not the body as it is, or where
    /// the host's buffer is not the original's any more.
    fn begin_stream(&self, exchange: &mut Exchange) -> bool {
        let [submission] = exchange.units.as_mut_slice() else {
            return false;
        };
        if exchange.apart.is_some() || exchange.layout.is_some() || exchange.is_decoded {
            return false;
        }
        let stream = Streaming::new(&self.budget, exchange.body.announced);
        submission.stream(stream.window());
        exchange.stream = Some(Box::new(stream));
        true
    }

    /// `size` bytes come of a body that streams, in the message's own callback. The host holds nothing else of the body.
    pub(super) fn on_streamed_body(
        &mut self,
        id: u32,
        direction: Direction,
        size: u64,
        at_end: bool,
    ) -> Next {
        self.begin(Some(id));
        self.with_message(id, |worker, exchange| {
            worker.take_part(id, exchange, size, at_end);
        });
        self.leave_body(id, direction)
    }

    fn take_part(&mut self, id: u32, exchange: &mut Exchange, size: u64, at_end: bool) {
        if !at_end {
            self.look_for_gate(id, exchange);
        }
        let ahead = exchange.stream.as_mut().and_then(|it| it.take_ahead());
        if let Some(ahead) = ahead.filter(|_| !bug(Bug::HeldTakenTwice)) {
            return self.take_held_part(id, exchange, (size, ahead), at_end);
        }
        // What the server lags is reckoned without what it has had no time for.
        let before = exchange.body.available;
        exchange.body.pass(size, at_end);
        if size > 0 {
            exchange.body.progress_ms = self.now_ms;
        }
        let limit = exchange.limit();
        let lag = exchange.stream.as_ref().map_or(0, |it| it.lag(before));
        if lag > limit && exchange.gate.is_none() && !bug(Bug::LagUnbounded) {
            let reason =
                format!("{lag} bytes were not given back by the server, which may lag {limit}");
            return self.fail(id, exchange, Cause::Oversize, reason);
        }
        self.take_in(id, exchange, size);
        self.step(id, exchange);
        self.pass_on(id, exchange, size);
    }

    /// Takes the bytes that the running callback brings into the module.
    fn take_in(&mut self, id: u32, exchange: &mut Exchange, size: u64) {
        if !exchange.is_refused() {
            let read = read_part(&self.host, id, exchange.direction, size);
            self.take_in_read(id, exchange, read);
        }
    }

    /// Takes bytes into the module that were read.
    pub(super) fn take_in_read(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        read: HostResult<Vec<u8>>,
    ) {
        let Some(stream) = &mut exchange.stream else {
            return;
        };
        let failed = match read {
            Ok(bytes) => match stream.take_in(bytes) {
                Ok(()) => return,
                Err(_) => (Cause::Overload, NO_ROOM.to_owned()),
            },
            Err(e) => (Cause::Internal, format!("the body could not be read: {e}")),
        };
        // A part of the original is missing from here on.
        self.fail_closed(id, exchange, failed.0, &failed.1);
    }

    /// Has go on, in the place of the `size` bytes that the running callback brings, what is ready.
    pub(super) fn pass_on(&mut self, id: u32, exchange: &mut Exchange, size: u64) {
        if !exchange.is_held() {
            return;
        }
        let at_end = exchange.body.at_end;
        let is_cleared = matches!(exchange.phase, Phase::Cleared);
        if at_end && !is_cleared && !self.may_hold_end(id, exchange) {
            return self.fail(id, exchange, Cause::Internal, HELD_BEHIND.to_owned());
        }
        let Some(stream) = &mut exchange.stream else {
            return;
        };
        let keeps_length = !stream.has_begun() && stream.is_original();
        let pieces = match (stream.is_held(), at_end) {
            (true, _) => Vec::new(),
            // Nothing can be put in behind what ends the body: what is ready waits for the rest.
            (false, true) if !is_cleared => Vec::new(),
            (false, true) => stream.take_all(),
            // Only trailers follow, before which nothing can be put in.
            (false, false) if exchange.body.end_is_ahead => stream.take_all(),
            (false, false) => stream.take_with(size),
        };
        let is_last = is_cleared && (at_end || stream.is_over());
        if keeps_length {
            self.keep_length(id, exchange);
        }
        if size > 0 || !pieces.is_empty() {
            let put = put_in_place(&self.host, id, exchange.direction, &pieces);
            if let Err(e) = put {
                return self.fail_to_replace(id, exchange, &e.to_string());
            }
        }
        if is_last {
            exchange.stream = None;
            exchange.phase = Phase::Released;
        }
    }

    /// Has go on what the server has given back by now.
    pub(super) fn release_given_back(&mut self, id: u32, exchange: &mut Exchange) {
        let [submission] = exchange.units.as_slice() else {
            return;
        };
        if exchange.is_decided() {
            return;
        }
        let unit = submission.id();
        let given = self.move_unit(exchange, unit, |submission, cx| submission.given_back(cx));
        let Some(given) = given.flatten() else {
            return;
        };
        let is_first = exchange.stream.as_ref().is_some_and(|it| it.is_held());
        if is_first && given.len == 0 {
            return;
        }
        if is_first && let Err((cause, reason)) = self.begin_to_pass(id, exchange, &given) {
            return self.fail_closed(id, exchange, cause, &reason);
        }
        let Some(stream) = &mut exchange.stream else {
            return;
        };
        if exchange.gate.is_some() && given.len > stream.given() {
            exchange.clock.restart(self.now_ms);
        }
        match stream.release(given) {
            Err(_) => self.fail_closed(id, exchange, Cause::Overload, NO_ROOM),
            Ok(()) if stream.exceeds_promise() => {
                let reason = "the server gives back more than the content-length of its message";
                self.fail(id, exchange, Cause::Protocol, reason.to_owned());
            }
            Ok(()) => {}
        }
    }

    /// The first bytes are about to go on: with the head that the server has made, and logged.
    fn begin_to_pass(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        given: &GivenBack,
    ) -> Result<(), (Cause, String)> {
        let promised = self.put_head(id, exchange, given.head.as_ref(), given.head_differs)?;
        if let Some(stream) = &mut exchange.stream {
            stream.begin(promised);
        }
        exchange.change_begun = true;
        exchange.units.iter_mut().for_each(Submission::released);
        self.metrics.streamed(&exchange.profile);
        let mut record = self.failed_record(id, exchange, Cause::Internal, UNFINISHED);
        record.outcome = None;
        record.findings = reason_only(UNFINISHED.to_owned());
        record.streamed = Some(0);
        exchange.journal.push(*record);
        self.log_outcome(id, exchange, Significance::NONE);
        exchange.journal.take_back();
        Ok(())
    }

    /// Gives the message the head that the server has made of its own; the `content-length` with which it goes on.
    pub(super) fn put_head(
        &mut self,
        id: u32,
        exchange: &Exchange,
        head: Option<&HttpHead>,
        differs: bool,
    ) -> Result<Option<u64>, (Cause, String)> {
        let announced = exchange.body.announced;
        let declared = head.and_then(HttpHead::content_length);
        // Without a length of its own the message keeps none.
        let promised = announced.and(declared);
        if !differs && (promised == announced || head.is_none()) {
            return Ok(announced);
        }
        let mut fields = new_fields(&self.host, id, exchange, head, promised)?;
        if promised.is_none() {
            fields.retain(|name| name != LENGTH.as_bytes());
        }
        self.host
            .set_headers(exchange.direction, &fields)
            .map_err(|e| (Cause::Internal, e.to_string()))?;
        Ok(promised)
    }

    /// A response comes while its request still streams: the application answers early. It goes on, unless it is to be scanned too.
    pub(super) fn on_response_to_stream(&mut self, id: u32) -> Next {
        let is_scanned = self.exchanges.get(id).is_some_and(|exchange| {
            exchange.profile.response_service.is_some() || exchange.outlook.is_some()
        });
        if !is_scanned {
            let is_call = self
                .exchanges
                .get(id)
                .is_some_and(|it| it.messages.is_some());
            match is_call {
                // What the call comes to is not known yet.
                true if self.config.expose.client => self.unexpose_response(id),
                true => {}
                false => self.mark_response(id),
            }
            return Next::Continue;
        }
        self.begin(Some(id));
        self.with_message(id, |worker, exchange| {
            // The client waits no longer: its answer would not be the application's.
            exchange.body.at_end = true;
            // In monitor mode either: the request could go on no more.
            exchange.enforcement = Enforcement::Enforce;
            let reason = "the application answered before the end of the request, which goes on as it comes, and both are to be scanned";
            worker.fail_closed(id, exchange, Cause::Internal, reason);
        });
        self.settle();
        self.inside = None;
        Next::Pause
    }
}

/// The bytes that the running callback brings.
fn read_part<H: Host>(host: &H, id: u32, of: Direction, size: u64) -> HostResult<Vec<u8>> {
    let len = usize::try_from(size).map_err(|_| HostError::SHORT_BODY)?;
    let mut bytes = Vec::with_capacity(len);
    if len > 0 {
        host.enter(id)?;
        host.read_body(of, 0, len, &mut bytes)?;
    }
    match bytes.len() == len {
        true => Ok(bytes),
        false => Err(HostError::SHORT_BODY),
    }
}

/// Puts pieces in the place of what the running callback brings.
fn put_in_place<H: Host>(host: &H, id: u32, of: Direction, pieces: &[Part]) -> HostResult {
    host.enter(id)?;
    let mut pieces = pieces.iter();
    let first = pieces.next().map_or(&[][..], |part| part);
    host.edit_body(of, BodyEdit::Replace(first))?;
    pieces.try_for_each(|piece| host.edit_body(of, BodyEdit::Append(piece)))
}
