//! Has local replies wait for the end of an upload.

use super::delivery_check::DeliveryCheck;
use super::early_reply::EarlyReply;
use super::exchange::{Exchange, Phase};
use super::local_reply::LocalReply;
use super::worker::Worker;
use crate::host::{BodyEdit, Host};
use crate::icap::Direction;

/// A client that has sent nothing for so many milliseconds is taken to be reading.
const SILENCE_MS: u64 = 1_000;

impl Exchange {
    /// Notes that `size` bytes have come of an upload that is discarded.
    pub(super) fn note_discarded(&mut self, size: u64, at_end: bool, now_ms: u64) {
        self.body.at_end |= at_end;
        if let Phase::Discarding(early) = &mut self.phase
            && size > 0
        {
            early.discarded(size);
            self.body.progress_ms = now_ms;
        }
    }

    /// Whether the local reply has waited long enough.
    pub(super) fn owes_reply(&self, now_ms: u64) -> bool {
        let Phase::Discarding(early) = &self.phase else {
            return false;
        };
        self.body.at_end
            || early.is_due(now_ms)
            || now_ms.saturating_sub(self.body.progress_ms) >= SILENCE_MS
    }
}

impl<H: Host> Worker<H> {
    /// Sends a local reply, or has it wait for the end of the upload.
    pub(super) fn reply_in_time(&mut self, id: u32, exchange: &mut Exchange, reply: LocalReply) {
        let limit = exchange.profile.early_reply_discard_bytes;
        let body = exchange.body;
        let left = body
            .announced
            .map(|announced| announced.saturating_sub(body.available));
        // Meanwhile the application might answer what it has of it.
        let has_begun = exchange
            .stream
            .take()
            .is_some_and(|stream| stream.has_begun());
        // The client of a call reads while it writes.
        let is_call = exchange.messages.take().is_some();
        let waits = exchange.direction == Direction::Request
            && !has_begun
            && !is_call
            && !body.at_end
            && left.is_none_or(|left| left <= limit)
            && limit > 0
            && self.delivery_check != DeliveryCheck::Broken
            && !self.is_awaited_by_client(id, exchange);
        if !waits {
            exchange.phase = Phase::Replied;
            return self.reply(id, reply);
        }
        let delay_ms = exchange.profile.early_reply_delay_ms;
        let reply = reply.taking_body_out(exchange.direction);
        let until_ms = self.now_ms.saturating_add(delay_ms);
        exchange.phase = Phase::Discarding(Box::new(EarlyReply::new(reply, limit, until_ms)));
        self.discard(id, exchange);
    }

    /// Whether the client sends no body before it gets a response, such as `100 Continue`. Where Envoy itself sends that,
    /// Envoy has removed the field `expect`.
    fn is_awaited_by_client(&self, id: u32, exchange: &Exchange) -> bool {
        exchange.body.available == 0
            && self
                .host
                .enter(id)
                .and_then(|()| self.host.header(Direction::Request, "expect"))
                .is_ok_and(|expected| expected.is_some())
    }

    /// Discards the bytes that have come of the upload, and sends the local reply if it has waited long enough.
    pub(super) fn discard(&mut self, id: u32, exchange: &mut Exchange) {
        let reaches_body = !exchange.is_out_of_reach;
        if reaches_body {
            let emptied = self.host.enter(id).and_then(|()| {
                self.host
                    .edit_body(Direction::Request, BodyEdit::Replace(&[]))
            });
            // Fails before the first byte: the host has no buffer yet.
            if let Err(e) = emptied {
                log::debug!("context {id}: {e}");
            }
        }
        if !exchange.owes_reply(self.now_ms) {
            return;
        }
        if let Phase::Discarding(early) = std::mem::replace(&mut exchange.phase, Phase::Replied) {
            let reply = early.into_reply();
            self.reply(
                id,
                match reaches_body {
                    true => reply,
                    false => reply.leaving_body(),
                },
            );
        }
    }

    /// Sends the local replies that have waited long enough.
    pub(super) fn send_early_replies(&mut self) {
        let now_ms = self.now_ms;
        for id in self.contexts_where(|exchange| exchange.owes_reply(now_ms)) {
            self.drive(id);
        }
    }
}
