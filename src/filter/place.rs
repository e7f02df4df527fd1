//! A large body that takes the place of a whole one is put there while it comes: the module holds little of it.

use super::exchange::Exchange;
use super::layout::Layout;
use super::worker::Worker;
use crate::host::{Host, HostResult};
use crate::report::Significance;
use crate::submission::OwnBody;

impl<H: Host> Worker<H> {
    /// Puts what a server has sent so far into the host's buffer, where what has come of the original is needed no more, and what is
    /// held has become large. There is no original from then on.
    ///
    /// Only in the message's own callback, and in one that brings bytes of a server: in no other has nothing been sent before, and
    /// of a body that is too long for its buffer Envoy tells within the edit.
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
            // Envoy answers by itself, and logs, within the edit that its buffer has no room for.
            self.log_outcome(id, exchange, Significance::BODY_SIZE);
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

    /// Puts it there. The context was entered.
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

    /// The original still comes, in the place of which another stands: what of it is of no use goes, all of it in the end.
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
