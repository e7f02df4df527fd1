//! Applies an outcome that lets a message go on, as it is or replaced.

use super::bare_fields::{LENGTH, without_length};
use super::buffer::append;
use super::exchange::{Draining, Exchange, Phase};
use super::layout::Layout;
use super::replacement::NewBody;
use super::worker::Worker;
use crate::bug::{Bug, bug};
use crate::config::Cause;
use crate::host::{BodyEdit, Host};
use crate::icap::Direction;
use crate::report::{Conclusion, Outcome, Significance};

impl<H: Host> Worker<H> {
    /// Goes on with the message as it is.
    ///
    /// ```text
    ///  in the message's own callback ──▶ Released: the callback returns Continue
    ///  in another callback, no byte of the body held, or the whole body ──▶ Released, by a resume
    ///  in another callback, a part of the body held and more to come ──▶ Cleared: goes on in its own next callback
    ///  all announced bytes have come, but Envoy has not reported the end ──▶ Cleared
    /// ```
    ///
    /// A resume in mid-body would deliver the held bytes twice where Envoy's router keeps the body too, for a retry or an
    /// internal redirect. Before Envoy 1.39.3 the next part would be lost (Envoy's issue 46841).
    pub(super) fn let_go(&mut self, id: u32, exchange: &mut Exchange) {
        if self.let_stream_go(id, exchange) || self.let_messages_go(id, exchange) {
            return;
        }
        let (conclusion, threat) = exchange.journal.told();
        self.expose(id, exchange.direction, conclusion, threat);
        let body = exchange.body;
        let may_exceed = body.available > 0 && body.is_as_announced() && !body.at_end;
        if may_exceed || (body.is_midway() && !self.is_inside(id) && !bug(Bug::MidwayResume)) {
            exchange.body.progress_ms = self.now_ms;
            exchange.phase = Phase::Cleared;
            return;
        }
        exchange.phase = Phase::Released;
        self.keep_length(id, exchange);
        if !self.is_inside(id) {
            self.resume(id, exchange.direction);
        }
    }

    /// Has the host go on with what it holds of a message.
    pub(super) fn resume(&self, id: u32, direction: Direction) {
        let entered = self.host.enter(id);
        if let Err(e) = entered.and_then(|()| self.host.resume(direction)) {
            log::debug!("context {id}: {e}");
        }
    }

    /// Goes on, unscanned, with an upload whose body turned out to be empty.
    pub(super) fn let_go_without_body(&mut self, id: u32, exchange: &mut Exchange) {
        let conclusion = Conclusion::done(Outcome::Disabled, Significance::NONE);
        self.conclude(id, exchange, conclusion);
        self.let_go(id, exchange);
    }

    /// Goes on with a monitored message that failed. If its body is longer than `content-length` says, the application must not
    /// take the rest for another message: the header is removed, so the body goes on in chunks.
    pub(super) fn let_go_monitored(&mut self, id: u32, exchange: &mut Exchange) {
        if exchange.body.exceeds_announced() {
            exchange.body.announced = None;
        }
        // A message that went on before has sent its headers.
        if exchange.is_held() {
            self.let_go(id, exchange);
        }
    }

    /// Corrects `content-length` when a message with a body goes on. A filter before this one may have changed the header while
    /// the body came (Lua's `setBytes` on a chunk does so), and the receiver would take surplus bytes for another message. If
    /// the body came in one callback and as long as announced, no filter can have changed the header since.
    pub(super) fn keep_length(&self, id: u32, exchange: &Exchange) {
        let body = exchange.body;
        if body.available == 0 || body.came_whole() {
            return;
        }
        let kept = self
            .host
            .enter(id)
            .and_then(|()| self.host.header(exchange.direction, LENGTH))
            .and_then(|found| {
                let right = match (body.at_end, &found) {
                    (true, Some(_)) => Some(body.available),
                    (true, None) => None,
                    (false, _) => body.announced,
                };
                match right.map(|length| length.to_string().into_bytes()) {
                    right if right == found => Ok(()),
                    Some(right) => self.host.set_header(exchange.direction, LENGTH, &right),
                    None => self.host.remove_header(exchange.direction, LENGTH),
                }
            });
        if let Err(e) = kept {
            log::debug!("context {id}: {e}");
        }
    }

    /// Replaces the message, once the whole original has come.
    pub(super) fn replace(&mut self, id: u32, exchange: &mut Exchange, draining: Draining) {
        exchange.phase = Phase::Draining(Box::new(draining));
        self.drain(id, exchange);
    }

    /// Discards the bytes that have come of the original, and puts the replacement in place once the whole original has come.
    pub(super) fn drain(&mut self, id: u32, exchange: &mut Exchange) {
        if self.place_early_change(id, exchange) {
            return;
        }
        let brings_body = matches!(&exchange.phase, Phase::Draining(draining) if draining.replacement.body.is_some());
        if brings_body && exchange.body.at_end && !bug(Bug::NestedRefusalUnlogged) {
            // If Envoy's buffer has no room for the edit, Envoy sends a local reply and logs, all within the edit.
            self.log_outcome(id, exchange, Significance::of_cause(Cause::Oversize));
        }
        let Phase::Draining(draining) = &exchange.phase else {
            return;
        };
        let replacement = &draining.replacement;
        let direction = exchange.direction;
        let entered = self.host.enter(id);
        let placed = match &replacement.body {
            // A patched body needs the whole original.
            Some(NewBody::Patched(_)) if !exchange.body.at_end => return,
            Some(NewBody::Placed(_)) if !exchange.body.at_end => {
                if let Err(e) = self.tidy_up(id, exchange) {
                    self.fail_to_replace(id, exchange, &e.to_string());
                }
                return;
            }
            // Before the first byte of the original the host has no buffer.
            Some(NewBody::Other(_)) if !exchange.body.at_end && exchange.body.available == 0 => {
                return;
            }
            Some(NewBody::Other(_)) if !exchange.body.at_end => {
                let emptied =
                    entered.and_then(|()| self.host.edit_body(direction, BodyEdit::Replace(&[])));
                match emptied {
                    // So that each further byte counts as progress of the body.
                    Ok(()) => exchange.body.available = 0,
                    Err(e) => self.fail_to_replace(id, exchange, &e.to_string()),
                }
                return;
            }
            Some(NewBody::Placed(own)) => {
                let put = |layout: &mut Layout| {
                    layout.compact(&self.host, direction)?;
                    append(&self.host, direction, own.held.pieces())
                };
                let layout = exchange.layout.as_mut();
                entered.and_then(|()| layout.map_or(Ok(()), put))
            }
            Some(body) => {
                let available = exchange.body.available;
                let put = entered.and_then(|()| body.put(&self.host, direction, available));
                if bug(Bug::EditFailureIgnored) {
                    Ok(())
                } else {
                    put
                }
            }
            None => entered,
        }
        .and_then(|()| {
            // HTTP/1 has no trailers beside a content-length.
            let has_length = !exchange.has_trailers || exchange.body.announced.is_some();
            match has_length {
                true => self.host.set_headers(direction, &replacement.headers),
                false => {
                    let fields = without_length(&replacement.headers);
                    self.host.set_headers(direction, &fields)
                }
            }
        });
        if self.inbox.has_ended(id) {
            return self.refused_by_envoy(id, exchange);
        }
        match placed {
            Ok(()) => self.conclude_change(id, exchange),
            Err(e) => self.fail_to_replace(id, exchange, &e.to_string()),
        }
    }

    /// The changed message is in place: logs it and lets it go on.
    fn conclude_change(&mut self, id: u32, exchange: &mut Exchange) {
        let Phase::Draining(draining) = std::mem::replace(&mut exchange.phase, Phase::Scanning)
        else {
            return;
        };
        // From here on the changed body counts.
        exchange.layout = None;
        let Draining {
            replacement,
            record,
        } = *draining;
        if let Err(e) = self.replace_trailers(id, exchange) {
            return self.fail_to_replace(id, exchange, &e.to_string());
        }
        if exchange.has_trailers && replacement.body.is_some() {
            self.drop_digests(id, exchange);
        }
        let length = replacement
            .body
            .as_ref()
            .map_or(exchange.body.available, NewBody::len);
        exchange.body.available = length;
        // So that `keep_length` checks the length of the changed body.
        exchange.body.callbacks = 0;
        exchange.body.announced = exchange.body.announced.map(|_| length);
        if let Some(record) = record {
            exchange.journal.push(*record);
        }
        let significance = Significance::of(Outcome::Modified, None, self.is_slow(exchange));
        self.conclude(
            id,
            exchange,
            Conclusion::done(Outcome::Modified, significance),
        );
        self.let_go(id, exchange);
    }

    /// The replacement failed. The original is no longer whole, so nothing of it may go on, whatever the profile says.
    pub(super) fn fail_to_replace(&mut self, id: u32, exchange: &mut Exchange, error: &str) {
        let reason = format!("the changed message could not be put in place: {error}");
        self.fail_closed(id, exchange, Cause::Internal, &reason);
    }

    /// Envoy's buffer had no room for the changed body: Envoy has sent a local reply.
    pub(super) fn refused_by_envoy(&mut self, id: u32, exchange: &mut Exchange) {
        exchange.phase = Phase::Replied;
        if self.conclude_early(id, exchange) {
            return;
        }
        let reason = "what was to be put in place is larger than Envoy's buffer limit";
        self.record_failure(id, exchange, Cause::Oversize, reason);
        let significance = Significance::of(Outcome::Failed, Some(Cause::Oversize), false);
        let conclusion = Conclusion::done(Outcome::Failed, significance);
        self.conclude_failed(id, exchange, conclusion, (Cause::Oversize, false));
    }
}
