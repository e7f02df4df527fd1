//! Answers to the client in the application's stead: local replies.

use super::admit::Admission;
use super::exchange::{Exchange, Phase};
use super::expose::exposed_fields;
use super::journal::Journal;
use super::page::Page;
use super::repeated::say;
use super::worker::{TICK_OPENING_MS, Worker};
use crate::bug::{Bug, bug};
use crate::config::{Cause, Secrets};
use crate::host::{BodyEdit, Fields, Host, HostResult, LocalResponse, Next};
use crate::icap::Direction;
use crate::report::{Conclusion, Outcome, Significance};

/// What the client reads where a scan failed.
const NOT_SCANNED: &[u8] = b"The content could not be scanned.\n";

/// An answer to a client.
#[derive(Debug)]
pub(super) struct LocalReply {
    page: Page,
    /// What Envoy's access log gives as the details of the response code.
    details: &'static str,
    /// Whose body the host still holds. Envoy would show it to the application of an error page that it redirects to.
    held: Option<Direction>,
}

impl LocalReply {
    /// The same, with whatever the host holds of that message's body by then taken out before.
    pub(super) fn taking_body_out(self, direction: Direction) -> Self {
        Self {
            held: Some(direction),
            ..self
        }
    }

    /// Gives it to the client of that message.
    fn give<H: Host>(&self, host: &H, id: u32) -> HostResult {
        host.enter(id)?;
        if let Some(direction) = self.held
            && let Err(e) = host.edit_body(direction, BodyEdit::Replace(&[]))
        {
            log::debug!("context {id}: {e}");
        }
        host.respond(&LocalResponse {
            status: self.page.status,
            details: self.details,
            fields: &self.page.fields,
            body: &self.page.body,
        })
    }
}

/// Answers a message that nobody can look at: nothing of it passes.
pub fn refuse<H: Host>(host: &H, reason: &str) -> Next {
    say(
        host.now_ms(),
        log::Level::Error,
        "refused",
        reason,
        format_args!("icap: a message is refused: {reason}"),
    );
    if let Err(e) = host.respond(&LocalResponse {
        status: 503,
        details: "icap_refused",
        fields: &Fields::new(),
        body: NOT_SCANNED,
    }) {
        log::error!("icap: {e}");
    }
    Next::Pause
}

impl<H: Host> Worker<H> {
    /// Answers the client in the application's stead.
    pub(super) fn reply_with_page(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        details: &'static str,
        mut page: Page,
    ) {
        let held = exchange.body.available > 0 || matches!(exchange.phase, Phase::Draining(_));
        // In place of a request the headers of this answer come to the filter like any other response's, and what is exposed is
        // set there. In place of a response they do not.
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

    /// Gives the answer now, or where the callback of another message is running as soon as that is over: Envoy stops whichever
    /// message's callback is running when an answer is given, and that one would lose a part of its body.
    pub(super) fn reply(&mut self, id: u32, reply: LocalReply) {
        if self.inside.is_some_and(|running| running != id) {
            self.reply_later(id, reply);
        } else if let Err(e) = reply.give(&self.host, id) {
            log::debug!("context {id}: {e}");
        }
    }

    fn reply_later(&mut self, id: u32, reply: LocalReply) {
        self.replies.push_back((id, reply));
        if !self.wake_ups.call(&self.host) {
            self.set_tick(TICK_OPENING_MS);
        }
    }

    /// Refuses what may have come in the midst of another callback, in which no answer may be given.
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

    /// Gives the answers that had to wait.
    pub(super) fn give_replies(&mut self) {
        while let Some((id, reply)) = self.replies.pop_front() {
            if let Err(e) = reply.give(&self.host, id) {
                log::debug!("context {id}: {e}");
            }
        }
    }

    /// Answers a request that can't even be looked at. Nothing is known of a profile, so that nothing may pass.
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
        // Whatever became of the log: without an answer the client would wait for ever.
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
