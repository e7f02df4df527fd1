//! Answers that are due before the upload has ended. Envoy closes the connection behind such an answer, and a client that writes
//! all before it reads sees nothing but that. So they wait, within bounds, until the upload has ended: it is thrown away as it comes.

use super::delivery_check::DeliveryCheck;
use super::exchange::{Exchange, Phase};
use super::local_reply::LocalReply;
use super::worker::Worker;
use crate::host::{BodyEdit, Host};
use crate::icap::Direction;

/// A client that has sent nothing for so long reads, or never will.
const SILENCE_MS: u64 = 1_000;

/// An answer that waits for the end of the upload.
#[derive(Debug)]
pub(super) struct EarlyReply {
    reply: LocalReply,
    /// How many more bytes are thrown away before it is given all the same.
    left: u64,
    /// When it is given at the latest.
    until_ms: u64,
}

impl Exchange {
    /// Notes that `size` bytes have come of an upload that is thrown away.
    pub(super) fn throw_away(&mut self, size: u64, at_end: bool, now_ms: u64) {
        self.body.at_end |= at_end;
        if let Phase::Discarding(early) = &mut self.phase
            && size > 0
        {
            early.left = early.left.saturating_sub(size);
            self.body.progress_ms = now_ms;
        }
    }

    /// Whether an answer has waited long enough.
    pub(super) fn owes_reply(&self, now_ms: u64) -> bool {
        let Phase::Discarding(early) = &self.phase else {
            return false;
        };
        self.body.at_end
            || early.left == 0
            || now_ms >= early.until_ms
            || now_ms.saturating_sub(self.body.progress_ms) >= SILENCE_MS
    }
}

impl<H: Host> Worker<H> {
    /// Gives an answer, or has it wait for the end of the upload.
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
        let waits = exchange.direction == Direction::Request
            && !has_begun
            && !body.at_end
            && left.is_none_or(|left| left <= limit)
            && limit > 0
            && self.delivery_check != DeliveryCheck::Broken
            && !self.is_awaited_by_client(id, exchange);
        if !waits {
            exchange.phase = Phase::Answered;
            return self.reply(id, reply);
        }
        let delay_ms = exchange.profile.early_reply_delay_ms;
        exchange.phase = Phase::Discarding(Box::new(EarlyReply {
            reply: reply.taking_body_out(exchange.direction),
            left: limit,
            until_ms: self.now_ms.saturating_add(delay_ms),
        }));
        self.discard(id, exchange);
    }

    /// Whether the client sends nothing before it has got an answer, were it only `100 Continue`. Where Envoy gives that by
    /// itself it has taken the field away.
    fn is_awaited_by_client(&self, id: u32, exchange: &Exchange) -> bool {
        exchange.body.available == 0
            && self
                .host
                .enter(id)
                .and_then(|()| self.host.header(Direction::Request, "expect"))
                .is_ok_and(|expected| expected.is_some())
    }

    /// Throws away what has come of the upload, and gives the answer if it has waited long enough.
    pub(super) fn discard(&mut self, id: u32, exchange: &mut Exchange) {
        let emptied = self.host.enter(id).and_then(|()| {
            self.host
                .edit_body(Direction::Request, BodyEdit::Replace(&[]))
        });
        // Before the first byte there is no buffer.
        if let Err(e) = emptied {
            log::debug!("context {id}: {e}");
        }
        if !exchange.owes_reply(self.now_ms) {
            return;
        }
        if let Phase::Discarding(early) = std::mem::replace(&mut exchange.phase, Phase::Answered) {
            self.reply(id, early.reply);
        }
    }

    /// Gives the answers that have waited long enough.
    pub(super) fn give_early_replies(&mut self) {
        let now_ms = self.now_ms;
        for id in self.those(|exchange| exchange.owes_reply(now_ms)) {
            self.drive(id);
        }
    }
}
