//! A verdict is applied: the message goes on, is replaced, or is answered.

use std::borrow::Cow;

use super::admit::Admission;
use super::conclude::write_log;
use super::describe::Journal;
use super::exchange::{Exchange, Phase, Replacement};
use super::repeated::say;
use super::rewrite;
use super::worker::Worker;
use crate::config::Cause;
use crate::host::{self, Half, Next};
use crate::report::{Action, Significance};

/// What the client reads where a scan failed.
pub(super) const NOT_SCANNED: &[u8] = b"The content could not be scanned.\n";

/// Header that tells what became of a message.
const ACTION_HEADER: &str = "x-icap-action";
/// Header that tells what was found in it.
const THREAT_HEADER: &str = "x-icap-threat";

/// Text as a header field can carry it, bounded: a server chose it. `None` where nothing of it is left.
fn header_text(text: &str) -> Option<String> {
    const MAX_CHARS: usize = 256;
    let text: String = text
        .chars()
        .filter(|c| *c == ' ' || c.is_ascii_graphic())
        .take(MAX_CHARS)
        .collect();
    (!text.is_empty()).then_some(text)
}

/// What tells the client or the application of an outcome.
fn exposed_fields(action: Action, threat: Option<&str>) -> host::Fields {
    let threat = threat.and_then(header_text);
    let action = (ACTION_HEADER, action.as_str().to_owned());
    [action]
        .into_iter()
        .chain(threat.map(|threat| (THREAT_HEADER, threat)))
        .map(|(name, value)| (name.as_bytes().to_vec(), value.into_bytes()))
        .collect()
}

/// Answers a message that nobody can look at: nothing of it passes.
pub fn refuse(reason: &str) -> Next {
    say(
        log::Level::Error,
        "refused",
        reason,
        format_args!("icap: a message is refused: {reason}"),
    );
    if let Err(e) = host::respond(503, "icap_refused", &Vec::new(), NOT_SCANNED) {
        log::error!("icap: {e}");
    }
    Next::Pause
}

impl Worker {
    /// Goes on with the message as it is.
    ///
    /// Where this is not the message's own callback, and a part of its body has been held but not all of it has come, many
    /// versions of Envoy would lose the next part on its way: there it goes on in that part's callback.
    pub(super) fn let_go(&mut self, id: u32, exchange: &mut Exchange) {
        self.expose(
            id,
            exchange.half,
            exchange.journal.action(),
            exchange.journal.threat(),
        );
        let midway = exchange.body.available > 0 && !exchange.body.at_end;
        if self.is_inside(id) {
            exchange.phase = Phase::Released;
        } else if midway && !self.resumes_midway {
            exchange.phase = Phase::Cleared;
        } else {
            exchange.phase = Phase::Released;
            if let Err(e) = host::enter(id).and_then(|()| host::resume(exchange.half)) {
                log::debug!("context {id}: {e}");
            }
        }
    }

    /// Puts another message in the place of this one, once it has come to its end.
    pub(super) fn replace(&mut self, id: u32, exchange: &mut Exchange, replacement: Replacement) {
        exchange.phase = Phase::Draining(Box::new(replacement));
        self.drain(id, exchange);
    }

    /// Throws away what has come of the original, and replaces it when that is all.
    pub(super) fn drain(&mut self, id: u32, exchange: &mut Exchange) {
        let Phase::Draining(replacement) = &exchange.phase else {
            return;
        };
        let half = exchange.half;
        let done = match &replacement.body {
            None => host::enter(id)
                .and_then(|()| host::set_headers(half, &replacement.headers))
                .map(|()| true),
            Some(body) if exchange.body.at_end => host::enter(id)
                .and_then(|()| host::splice_body(half, 0, usize::MAX, body))
                .and_then(|()| host::set_headers(half, &replacement.headers))
                .map(|()| true),
            Some(_) => host::enter(id)
                .and_then(|()| host::splice_body(half, 0, usize::MAX, &[]))
                .map(|()| false),
        };
        match done {
            Ok(true) => self.let_go(id, exchange),
            Ok(false) => {}
            Err(e) => {
                let reason = format!("the changed message could not be put in place: {e}");
                self.fail_closed(id, exchange, &reason);
            }
        }
    }

    /// Tells the application (in a request) or the client (in a response) what became of the message, where that is wanted.
    pub(super) fn expose(&self, id: u32, half: Half, action: Action, threat: Option<&str>) {
        let wanted = match half {
            Half::Request => self.config.expose.application,
            Half::Response => self.config.expose.client,
        };
        if !wanted {
            return;
        }
        let told = host::enter(id)
            .and_then(|()| host::set_header(half, ACTION_HEADER, action.as_str().as_bytes()))
            .and_then(|()| match threat.and_then(header_text) {
                Some(threat) => host::set_header(half, THREAT_HEADER, threat.as_bytes()),
                None => host::remove_header(half, THREAT_HEADER),
            });
        if let Err(e) = told {
            log::debug!("context {id}: {e}");
        }
    }

    /// Takes out of a request what only this filter may say.
    pub(super) fn unexpose(fields: &mut host::Fields) {
        for name in [ACTION_HEADER, THREAT_HEADER] {
            if rewrite::find(fields, name).is_none() {
                continue;
            }
            fields.retain(|(field, _)| !field.eq_ignore_ascii_case(name.as_bytes()));
            if let Err(e) = host::remove_header(Half::Request, name) {
                log::error!("icap: {e}");
            }
        }
    }

    /// Takes out of a response what only this filter may say.
    pub(super) fn unexpose_response(&self, id: u32) {
        for name in [ACTION_HEADER, THREAT_HEADER] {
            if let Err(e) = host::remove_header(Half::Response, name) {
                log::error!("context {id}: {e}");
            }
        }
    }

    /// Answers a request that can't even be looked at. Nothing is known of a profile, so that nothing may pass.
    pub(super) fn refuse(&mut self, id: u32, reason: &str) -> Admission {
        say(
            log::Level::Error,
            "refused",
            reason,
            format_args!("icap: a request is refused: {reason}"),
        );
        self.metrics.refused();
        let mut journal = Journal::new(None);
        journal.note(
            Action::Failed,
            Significance::of(Action::Failed, Some(Cause::Internal), false),
        );
        let fields = vec![(b"content-type".to_vec(), b"text/plain".to_vec())];
        let told = write_log(id, &journal.entry(""))
            .and_then(|()| host::respond(503, "icap_failed", &fields, NOT_SCANNED));
        if let Err(e) = told {
            log::error!("context {id}: {e}");
        }
        Admission::Refused
    }

    /// Answers the client in the application's stead.
    pub(super) fn answer(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        status: u16,
        details: &str,
        fields: &host::Fields,
        body: &[u8],
    ) {
        exchange.phase = Phase::Answered;
        // In place of a request the headers of this answer come to the filter like any other response's, and what is exposed is
        // set there. In place of a response they do not.
        let mut fields = Cow::Borrowed(fields);
        if exchange.half == Half::Response && self.config.expose.client {
            let exposed = exposed_fields(exchange.journal.action(), exchange.journal.threat());
            fields.to_mut().extend(exposed);
        }
        let answered = host::enter(id).and_then(|()| host::respond(status, details, &fields, body));
        if let Err(e) = answered {
            log::debug!("context {id}: {e}");
        }
    }
}
