//! Messages of gRPC calls on their way on: put into the host's buffer, and let go from there, by callbacks of the root context.
//!
//! ```text
//!  a message's own callback: its bytes are taken out, and it is held (the host is told to pause, always)
//!  a callback of the root context, when something may go on ──▶ appended, and resumed
//!  the end of the body: once all have their verdicts ──▶ appended, and resumed
//! ```
//!
//! A message is never let go by the result of its own callback once it was resumed from elsewhere: before Envoy 1.39.3 what that
//! callback brings would be lost (Envoy's issue 46841). All filters of a chain share the buffer. Envoy's router may keep a copy of what
//! has gone on there, which a resume would deliver again, and a filter before this one may hold there what was not scanned: so the buffer
//! has to be empty before anything is put there.

use super::bare_fields::LENGTH;
use super::exchange::{Exchange, Phase};
use super::grpc_messages::GrpcMessages;
use super::stream_end::{HELD_BEHIND, KEPT_BY_OTHERS};
use super::worker::Worker;
use crate::bug::{Bug, bug};
use crate::config::{Cause, Grpc};
use crate::host::Host;
use crate::icap::Direction;
use crate::report::Significance;
use crate::submission::Part;

/// How many bytes go on at once while the body still comes: less than the smallest buffer that Envoy is given in practice.
const AT_ONCE_BYTES: u64 = 32 * 1024;
/// How long a client says nothing before the first messages go on without the end of the call, in milliseconds. So calls that end at
/// once go on as a whole, which is right beside every retry policy.
const QUIET_MS: u64 = 5;

impl Exchange {
    /// Whether messages of a call have gone on, and its end has not.
    pub(super) fn is_call_under_way(&self) -> bool {
        self.messages.as_ref().is_some_and(|it| it.has_begun()) && self.is_held()
    }

    /// Whether a call waits for its client to say more before its first messages go on.
    fn waits_to_begin(&self) -> bool {
        let waits = |it: &GrpcMessages| !it.has_begun() && !it.has_nothing_ready();
        self.messages.as_deref().is_some_and(waits) && !self.body.at_end && !self.phase.is_over()
    }

    /// Notes that a tick has come for a call that waits to begin. True where its client says no more. What the client has sent
    /// meanwhile comes before the next tick.
    fn note_tick(&mut self, now_ms: u64) -> bool {
        let has_waited = now_ms.saturating_sub(self.body.progress_ms) >= QUIET_MS;
        let call = self.messages.as_mut().filter(|_| has_waited);
        call.is_some_and(|it| it.note_quiet_tick())
    }

    /// Whether the call is to end before its last message, and all before that has gone on as far as it can.
    fn ends_early(&self) -> bool {
        self.messages.as_ref().is_some_and(|call| {
            let is_put = call.is_done() && call.has_nothing_ready();
            call.ends.early.is_some() && (is_put || !call.has_begun() || self.body.at_end)
        })
    }
}

impl<H: Host> Worker<H> {
    /// Whether something is to be done for a call in a callback of the root context.
    pub(super) fn may_put(&self, exchange: &Exchange) -> bool {
        let Some(call) = &exchange.messages else {
            return false;
        };
        if exchange.phase.is_over() {
            return false;
        }
        let may_begin = call.has_begun()
            || exchange.is_decided()
            || call.is_quiet()
            // A larger call does not fit the host's buffer as a whole.
            || call.ready_bytes() > exchange.limit();
        exchange.ends_early()
            || match exchange.body.at_end {
                true => call.is_done(),
                false => may_begin && !call.has_nothing_ready(),
            }
    }

    /// Asks for a callback in which messages of the call can be put into the host's buffer.
    pub(super) fn call_for_messages(&mut self, id: u32) {
        if !self.stream_ends.contains(&id) {
            self.call_for_end(id);
        }
    }

    /// A call that goes on whatever comes has got more.
    pub(super) fn pass_messages(&mut self, id: u32, exchange: &mut Exchange) {
        if let Some(call) = &mut exchange.messages
            && call.release().is_ok()
            && self.may_put(exchange)
        {
            self.call_for_messages(id);
        }
    }

    /// Whether a call waits for its client to say more before its first messages go on.
    pub(super) fn any_call_waits_to_begin(&self) -> bool {
        let mut profiles = self.config.profiles.iter();
        profiles.any(|profile| profile.grpc == Grpc::Messages)
            && self.exchanges.values().any(|it| it.waits_to_begin())
    }

    /// Has the first messages go on of the calls whose clients say no more.
    pub(super) fn begin_quiet_calls(&mut self) {
        if !self.any_call_waits_to_begin() {
            return;
        }
        for id in self.contexts_where(Exchange::waits_to_begin) {
            let exchange = self.exchanges.get_mut(id);
            let is_quiet = exchange.is_some_and(|it| it.note_tick(self.now_ms));
            if is_quiet && !self.stream_ends.contains(&id) {
                self.stream_ends.push_back(id);
            }
        }
    }

    /// Puts what may go on of a call into the host's buffer, and lets it go on. First of all in a callback of the root context.
    pub(super) fn put_messages(&mut self, id: u32, exchange: &mut Exchange) {
        let Some(call) = &mut exchange.messages else {
            return;
        };
        if exchange.phase.is_over() {
            return;
        }
        if !is_empty(&self.host, id, exchange.direction) {
            // What stands there would go on with the call, though it was not scanned. Where nothing has gone on, nobody behind this
            // filter can have put it there: a filter before it holds it, and it is still to come.
            if call.has_begun() || exchange.body.at_end {
                // No message may be ended here: another one may still be edited in this callback.
                self.calls_to_end.push_back(id);
            }
            return;
        }
        if call.has_begun() {
            call.first = None;
        }
        if exchange.ends_early() {
            self.calls_to_end.push_back(id);
        } else if self.may_put(exchange) {
            match exchange.body.at_end {
                true => self.put_last_messages(id, exchange),
                false => self.put_some_messages(id, exchange),
            }
        }
    }

    /// Ends the calls that are to end before their last message. Behind all edits of a callback, for it may close connections.
    pub(super) fn end_calls(&mut self) {
        while let Some(id) = self.calls_to_end.pop_front() {
            self.with_message(id, |worker, exchange| {
                let Some(call) = &exchange.messages else {
                    return;
                };
                let is_kept = call.has_begun() || exchange.body.at_end;
                if is_kept && !is_empty(&worker.host, id, exchange.direction) {
                    worker.fail_torn(id, exchange, Cause::Internal, KEPT_BY_OTHERS);
                } else if exchange.ends_early() {
                    worker.end_early(id, exchange);
                } else if worker.may_put(exchange) {
                    // The buffer could not be read before.
                    worker.call_for_messages(id);
                }
            });
        }
    }

    fn put_some_messages(&mut self, id: u32, exchange: &mut Exchange) {
        let Some(call) = &mut exchange.messages else {
            return;
        };
        let begins = !call.has_begun();
        let pieces = call.take(AT_ONCE_BYTES);
        if begins {
            // What goes on later may be longer or shorter.
            self.put_length(id, exchange, None);
        }
        let is_open = begins && !exchange.is_decided();
        if is_open {
            // Envoy answers by itself, and logs, within the edit that its buffer has no room for.
            self.log_outcome(id, exchange, Significance::of_cause(Cause::Oversize));
        }
        if !self.put_pieces(id, exchange, &pieces) {
            return;
        }
        if is_open {
            self.log_unfinished(id, exchange);
        }
        self.resume(id, exchange.direction);
        // At least to see whether somebody keeps a copy.
        self.call_for_messages(id);
    }

    fn put_last_messages(&mut self, id: u32, exchange: &mut Exchange) {
        let Some(call) = &mut exchange.messages else {
            return;
        };
        let begins = !call.has_begun();
        let pieces = call.take(u64::MAX);
        if !pieces.is_empty() && !exchange.is_decided() {
            // Envoy answers by itself, and logs, within the edit that its buffer has no room for.
            self.log_outcome(id, exchange, Significance::of_cause(Cause::Oversize));
        }
        if begins {
            let length = pieces.iter().map(|piece| piece.len() as u64).sum();
            self.put_length(id, exchange, Some(length));
        }
        if !self.put_pieces(id, exchange, &pieces) {
            return;
        }
        if !exchange.is_decided() {
            self.conclude_messages(id, exchange);
        }
        if begins {
            let (conclusion, threat) = exchange.journal.told();
            self.expose(id, exchange.direction, conclusion, threat);
        }
        exchange.phase = Phase::Released;
        exchange.messages = None;
        self.resume(id, exchange.direction);
    }

    /// Puts pieces of a call into the host's buffer. False where the call has ended with that.
    fn put_pieces(&mut self, id: u32, exchange: &mut Exchange, pieces: &[Part]) -> bool {
        let put = self.put_behind(id, exchange.direction, pieces);
        if self.inbox.has_ended(id) {
            self.give_up_units(exchange);
            self.refused_by_envoy(id, exchange);
            return false;
        }
        if let Err(e) = put {
            let reason = format!("messages could not be put in place: {e}");
            self.fail_torn(id, exchange, Cause::Internal, &reason);
            return false;
        }
        true
    }

    /// Corrects or removes `content-length` of a call that has one.
    fn put_length(&self, id: u32, exchange: &mut Exchange, length: Option<u64>) {
        exchange.body.announced = None;
        let length = length.filter(|_| !exchange.has_trailers);
        let of = exchange.direction;
        let put =
            self.host
                .enter(id)
                .and_then(|()| match (self.host.header(of, LENGTH)?, length) {
                    (None, _) => Ok(()),
                    (Some(_), None) => self.host.remove_header(of, LENGTH),
                    (Some(_), Some(length)) => {
                        self.host
                            .set_header(of, LENGTH, length.to_string().as_bytes())
                    }
                });
        if let Err(e) = put {
            log::debug!("context {id}: {e}");
        }
    }

    /// Whether a call must not go on whose end has come: it may be that a filter behind this one still holds what has gone on, and would
    /// end it too early.
    pub(super) fn fail_if_held_behind(&mut self, id: u32, exchange: &mut Exchange) -> bool {
        let is_unsure = exchange
            .messages
            .as_ref()
            .is_some_and(|it| it.first.is_some());
        let may_be_held = is_unsure
            && exchange.body.at_end
            && exchange.direction == Direction::Request
            && !self.is_connected(id);
        if may_be_held {
            self.fail_torn(id, exchange, Cause::Internal, HELD_BEHIND);
        }
        may_be_held
    }
}

/// Whether the host holds nothing of a body.
fn is_empty<H: Host>(host: &H, id: u32, of: Direction) -> bool {
    if bug(Bug::CallCopyOverlooked) {
        return true;
    }
    let mut found = Vec::new();
    let read = host
        .enter(id)
        .and_then(|()| host.read_body(of, 0, 1, &mut found));
    read.is_ok() && found.is_empty()
}
