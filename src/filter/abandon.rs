//! Messages that end before their verdict: Envoy answers by itself, the client leaves, or the body makes no progress.

use super::exchange::{Exchange, Phase};
use super::worker::Worker;
use crate::bug::{Bug, bug};
use crate::config::Cause;
use crate::host::{BodyEdit, Host};
use crate::icap::Direction;
use crate::report::{Outcome, Significance};
use crate::submission::Submission;

/// Details of Envoy's access log for a body past Envoy's own buffer limit.
const TOO_LARGE: &str = "request_payload_too_large";
/// Those of a response that comes from the application.
const FROM_APPLICATION: &str = "via_upstream";
/// What the details of all of Envoy's time-outs have in them.
const TIME_OUT: [&str; 2] = ["timeout", "max_duration"];
/// What the details have in them where the client left.
const CLIENT_LEFT: [&str; 4] = [
    "downstream",
    "remote_reset",
    "codec_error",
    "client_disconnect",
];
/// The most of these details that icap_log repeats, in characters.
const MAX_DETAILS: usize = 64;

impl Exchange {
    /// Whom a held message waits for, as the end of a sentence.
    fn awaited(&self) -> &'static str {
        match self.waits_for_server() {
            true if self.units.iter().any(Submission::is_waiting) => {
                "for a connection to the ICAP server"
            }
            true => "for the answer of the ICAP server",
            false => match self.direction {
                Direction::Request => "for the rest of the client's body",
                Direction::Response => "for the rest of the application's body",
            },
        }
    }
}

impl<H: Host> Worker<H> {
    /// The headers of a response come while the request is still held: Envoy, or a filter before this one, answers the client.
    pub(super) fn notice_envoy_reply(&mut self, id: u32) {
        if self.forget_early_reply(id) {
            self.hide_body(id);
        }
        let held = self
            .exchanges
            .get(&id)
            .is_some_and(|exchange| exchange.direction == Direction::Request && exchange.is_held());
        let is_early =
            self.is_request_under_way(id) && response_details(&self.host) == FROM_APPLICATION;
        if is_early {
            // Its request streams.
        } else if held {
            self.begin(Some(id));
            self.with_message(id, |worker, exchange| {
                worker.end_by_envoy(id, exchange);
                if exchange.body.available > 0 {
                    worker.hide_body(id);
                }
            });
            self.settle();
            self.inside = None;
        } else {
            self.notice_refused_change(id);
        }
    }

    /// Takes the body of a request out of Envoy's buffer: an error page that Envoy redirects to would be shown it.
    fn hide_body(&self, id: u32) {
        let edit = BodyEdit::Replace(&[]);
        if let Err(e) = self.host.edit_body(Direction::Request, edit) {
            log::debug!("context {id}: {e}");
        }
    }

    /// Envoy has answered a message whose answer was waiting. False where none was.
    fn forget_early_reply(&mut self, id: u32) -> bool {
        if let Some(exchange) = self.exchanges.get_mut(&id)
            && matches!(exchange.phase, Phase::Discarding(_))
        {
            exchange.phase = Phase::Answered;
            return true;
        }
        false
    }

    /// A changed body that was put in place in the message's own callback is refused after that callback.
    fn notice_refused_change(&mut self, id: u32) {
        let changed = self.exchanges.get(&id).is_some_and(|exchange| {
            exchange.direction == Direction::Request
                && matches!(exchange.phase, Phase::Released)
                && !exchange.is_monitored()
                && exchange.journal.conclusion().outcome == Outcome::Modified
        });
        if changed && response_details(&self.host) == TOO_LARGE {
            self.begin(Some(id));
            self.with_message(id, |worker, exchange| worker.refused_by_envoy(id, exchange));
            self.settle();
            self.inside = None;
        }
    }

    /// The same within a callback that is over by now: nothing of the message can be reached any more.
    pub(super) fn on_envoy_replied(&mut self, id: u32) {
        self.forget_early_reply(id);
        self.begin(None);
        self.with_message(id, |worker, exchange| {
            if exchange.is_held() {
                worker.end_by_envoy(id, exchange);
            }
        });
        self.settle();
    }

    fn end_by_envoy(&mut self, id: u32, exchange: &mut Exchange) {
        let details = response_details(&self.host);
        let awaited = exchange.awaited();
        let (cause, reason) = if details == TOO_LARGE {
            let reason = "Envoy's own buffer limit is smaller than the body: per_connection_buffer_limit_bytes of the \
                          listener, initial_stream_window_size of HTTP/2, or request_body_buffer_limit of the route";
            (Cause::Oversize, reason.to_owned())
        } else if TIME_OUT.iter().any(|word| details.contains(word)) {
            let reason = format!(
                "a time-out of Envoy's own ({details}) ended the message, which waited {awaited}"
            );
            (Cause::Timeout, reason)
        } else {
            let reason =
                format!("Envoy itself answered ({details}) the message, which waited {awaited}");
            (Cause::Internal, reason)
        };
        self.record_failure(id, exchange, cause, &reason);
        self.give_up_units(exchange);
        exchange.phase = Phase::Answered;
        let significance = Significance::of(Outcome::Failed, Some(cause), false);
        let mut conclusion = exchange.conclusion(Outcome::Failed, significance);
        conclusion.enforced |= bug(Bug::MonitoredEndEnforced);
        self.conclude_failed(id, exchange, conclusion, (cause, false));
    }

    /// The access log is about to be written for a message that is still held: there will be no verdict.
    pub(super) fn log_abandoned(&mut self, id: u32, exchange: &mut Exchange) {
        let details = response_details(&self.host);
        let awaited = exchange.awaited();
        let reason = if details.is_empty() || CLIENT_LEFT.iter().any(|word| details.contains(word))
        {
            format!("the client left while the message waited {awaited}")
        } else {
            format!("Envoy ended the message ({details}) while it waited {awaited}")
        };
        self.record_failure(id, exchange, Cause::Internal, &reason);
        let conclusion = exchange.conclusion(Outcome::Failed, Significance::FAILED);
        exchange.journal.note(conclusion);
        self.log_outcome(id, exchange, Significance::FAILED);
    }

    /// Ends the messages whose body has made no progress for too long.
    pub(super) fn expire_stalled(&mut self) {
        let now_ms = self.now_ms;
        for id in self.those(|exchange| exchange.is_stalled(now_ms)) {
            self.with_message(id, |worker, exchange| {
                let limit_ms = exchange.profile.body_progress_timeout_ms;
                let reason = format!("no byte of the body came for {limit_ms} ms");
                if exchange.is_decided() {
                    // It can't go on in the middle of its body but with the next part, which does not come.
                    worker.fail_closed(id, exchange, Cause::Timeout, &reason);
                } else {
                    worker.fail(id, exchange, Cause::Timeout, reason);
                }
            });
        }
    }
}

/// The details of the response code in Envoy's access log, fit for a log; empty where there are none.
fn response_details<H: Host>(host: &H) -> String {
    let details = host.property(&["response", "code_details"]);
    let details = details.ok().flatten().unwrap_or_default();
    let graphic = |c: &char| c.is_ascii_graphic();
    String::from_utf8_lossy(&details)
        .chars()
        .filter(graphic)
        .take(MAX_DETAILS)
        .collect()
}
