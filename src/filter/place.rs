//! Puts a large changed body into the host's buffer while the body comes, so that the module holds little of it.

use super::exchange::{Exchange, Phase};
use super::layout::Layout;
use super::replacement::NewBody;
use super::worker::Worker;
use crate::config::Cause;
use crate::host::{Host, HostResult};
use crate::report::Significance;
use crate::submission::OwnBody;

impl<H: Host> Worker<H> {
    /// Puts the held part of a changed body into the host's buffer, once this part is large and the original's bytes so far are
    /// no longer needed. There is no original from then on.
    ///
    /// Runs only in the message's own callback, or in one that brings a server's bytes. In every other callback the filter may
    /// have sent something before, and if the body is too long Envoy reports that within the edit.
    pub(super) fn place_large_change(&mut self, id: u32, exchange: &mut Exchange) {
        if exchange.stream.is_some() {
            return self.release_given_back(id, exchange);
        }
        let may_edit = self.is_inside(id) || self.connections.receives();
        if !may_edit
            || exchange.is_decided()
            || exchange.is_monitored()
            || exchange.apart.is_some()
            || exchange.body.available == 0
        {
            return;
        }
        let large = exchange.message(id, &[]).large().max(1);
        let extent = exchange.body.extent();
        let is_large =
            |own: &mut OwnBody| own.held.len().saturating_sub(own.held.placed()) >= large;
        let is_shown_as_download = exchange.is_shown_as_download();
        let [submission] = exchange.units.as_mut_slice() else {
            return;
        };
        if !submission.own_body(extent).is_some_and(is_large)
            || submission.gets_page(is_shown_as_download)
        {
            return;
        }
        if exchange.layout.is_none() {
            // If Envoy's buffer has no room for the edit, Envoy sends a local reply and logs, all within the edit.
            self.log_outcome(id, exchange, Significance::of_cause(Cause::Oversize));
        }
        let placed = self
            .host
            .enter(id)
            .and_then(|()| self.place(exchange, large));
        if self.inbox.has_ended(id) {
            self.give_up_units(exchange);
            self.refused_by_envoy(id, exchange);
        } else if let Err(e) = placed {
            self.fail_to_replace(id, exchange, &e.to_string());
        }
    }

    /// Moves the held part into the host's buffer. The caller has entered the context.
    fn place(&mut self, exchange: &mut Exchange, large: u64) -> HostResult {
        let (direction, body, limit) = (exchange.direction, exchange.body, exchange.limit());
        let Some(submission) = exchange.units.first_mut() else {
            return Ok(());
        };
        let Some(own) = submission.own_body(body.extent()) else {
            return Ok(());
        };
        let layout = exchange
            .layout
            .get_or_insert_with(|| Layout::of(own.same, body.available));
        let pieces = own.held.take_out();
        let more = pieces.iter().map(|piece| piece.len() as u64).sum();
        if body.at_end || layout.is_wasteful(more, limit, large) {
            layout.compact(&self.host, direction)?;
        }
        layout.append(&self.host, direction, &pieces)?;
        submission.moved(body.available, layout.size());
        Ok(())
    }

    /// Puts a large changed body, which the server sent before the first byte of the original, into the host's buffer when that
    /// byte comes: a client may take long for the rest. Gives whether it did so. Runs only in the message's own callback.
    pub(super) fn place_early_change(&mut self, id: u32, exchange: &mut Exchange) -> bool {
        let large = exchange.message(id, &[]).large().max(1);
        let (direction, available) = (exchange.direction, exchange.body.available);
        if !self.is_inside(id) || available == 0 || exchange.body.at_end {
            return false;
        }
        let Phase::Draining(draining) = &mut exchange.phase else {
            return false;
        };
        let body = &mut draining.replacement.body;
        let Some(NewBody::Other(mut held)) = body.take_if(|body| is_large(body, large)) else {
            return false;
        };
        let pieces = held.take_out();
        *body = Some(NewBody::Placed(OwnBody {
            same: 0,
            held,
            from: None,
        }));
        // If Envoy's buffer has no room for the edit, Envoy sends a local reply and logs, all within the edit.
        self.log_outcome(id, exchange, Significance::of_cause(Cause::Oversize));
        let mut layout = Layout::of(0, available);
        let placed = self.host.enter(id).and_then(|()| {
            layout.compact(&self.host, direction)?;
            layout.append(&self.host, direction, &pieces)
        });
        exchange.layout = Some(layout);
        if self.inbox.has_ended(id) {
            self.refused_by_envoy(id, exchange);
        } else if let Err(e) = placed {
            self.fail_to_replace(id, exchange, &e.to_string());
        }
        true
    }

    /// Removes the bytes of the original that have come since: when they take too much room, and at the end of the body.
    pub(super) fn tidy_up(&mut self, id: u32, exchange: &mut Exchange) -> HostResult {
        let large = exchange.message(id, &[]).large();
        let (direction, limit) = (exchange.direction, exchange.limit());
        let at_end = exchange.body.at_end;
        match &mut exchange.layout {
            Some(layout) if at_end || layout.is_wasteful(large, limit, large) => {
                self.host.enter(id)?;
                layout.compact(&self.host, direction)
            }
            _ => Ok(()),
        }
    }
}

/// Whether a body is held, and has at least `large` bytes.
fn is_large(body: &NewBody, large: u64) -> bool {
    matches!(body, NewBody::Other(held) if held.len() >= large)
}
