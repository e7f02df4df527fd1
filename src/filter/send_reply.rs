//! Sends local replies when and where Envoy allows it.

use super::admit::Admission;
use super::exchange::{Exchange, Phase};
use super::expose::exposed_fields;
use super::journal::Journal;
use super::local_reply::{LocalReply, NOT_SCANNED};
use super::page::Page;
use super::repeated::say;
use super::worker::{TICK_OPENING_MS, Worker};
use crate::bug::{Bug, bug};
use crate::config::{Cause, Secrets};
use crate::host::{Fields, Host, LocalResponse};
use crate::icap::Direction;
use crate::report::{Conclusion, Outcome, Significance};

impl<H: Host> Worker<H> {
    /// Sends `page` as a local reply, now or when the upload has ended.
    pub(super) fn reply_with_page(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        details: &'static str,
        mut page: Page,
    ) {
        let held = (exchange.body.available > 0 || matches!(exchange.phase, Phase::Draining(_)))
            && !exchange.is_out_of_reach
            && exchange.messages.is_none();
        // Envoy shows the filter the headers of a local reply to a request, like any response's, and `expose` acts there. Envoy
        // does not show those of a local reply in the place of a response.
        if exchange.direction == Direction::Response && self.config.expose.client {
            let (conclusion, threat) = exchange.journal.told();
            page.fields
                .extend(exposed_fields(conclusion, threat).iter());
        }
        let reply = LocalReply {
            page,
            details,
            held: (held && !bug(Bug::BodyLeftForErrorPage)).then_some(exchange.direction),
        };
        self.reply_in_time(id, exchange, reply);
    }

    /// Sends a local reply, now or, if the callback of another message is running, after that callback: Envoy stops the message
    /// whose callback is running when a local reply is sent, and that message would lose a part of its body.
    pub(super) fn reply(&mut self, id: u32, reply: LocalReply) {
        if self.inside.is_some_and(|running| running != id) {
            self.reply_later(id, reply);
        } else if let Err(e) = reply.send(&self.host, id) {
            log::debug!("context {id}: {e}");
        }
    }

    fn reply_later(&mut self, id: u32, reply: LocalReply) {
        self.replies.push_back((id, reply));
        if !self.wake_ups.call(&self.host) {
            self.set_tick(TICK_OPENING_MS);
        }
    }

    /// Refuses a message in a callback of its own, because its present callback may be within another, where no local reply may
    /// be sent.
    pub(super) fn refuse_later(&mut self, id: u32) {
        let reply = LocalReply {
            page: Page {
                status: 503,
                fields: Fields::new(),
                body: NOT_SCANNED.to_vec(),
            },
            details: "icap_refused",
            held: None,
        };
        self.reply_later(id, reply);
    }

    /// Sends the local replies that had to wait.
    pub(super) fn send_waiting_replies(&mut self) {
        while let Some((id, reply)) = self.replies.pop_front() {
            if let Err(e) = reply.send(&self.host, id) {
                log::debug!("context {id}: {e}");
            }
        }
    }

    /// Refuses a message that the filter can't look at. No profile is known that would let it pass.
    pub(super) fn refuse(&mut self, id: u32, reason: &str) -> Admission {
        say(
            self.now_ms,
            log::Level::Error,
            "refused",
            reason,
            format_args!("icap: a request is refused: {reason}"),
        );
        self.metrics.refused();
        let mut journal = Journal::new(None, &Secrets::default());
        journal.note(Conclusion::done(
            Outcome::Failed,
            Significance::of(Outcome::Failed, Some(Cause::Internal), false),
        ));
        let fields = Fields::from_iter([("content-type", "text/plain")]);
        let conclusion = journal.conclusion();
        let logged = journal.write(&self.host, id, &self.config, "", conclusion);
        // Even if the log failed: without a response the client would wait for ever.
        let told = self.host.respond(&LocalResponse {
            status: 503,
            details: "icap_failed",
            fields: &fields,
            body: NOT_SCANNED,
        });
        for e in [logged, told].into_iter().filter_map(Result::err) {
            log::error!("context {id}: {e}");
        }
        Admission::Refused
    }
}
