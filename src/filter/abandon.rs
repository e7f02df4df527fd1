//! Messages that end before their verdict: Envoy sends a local reply, the client leaves, or the body makes no progress.

use super::exchange::{Exchange, Phase};
use super::worker::Worker;
use crate::bug::{Bug, bug};
use crate::config::Cause;
use crate::host::{BodyEdit, Host};
use crate::icap::Direction;
use crate::report::{Outcome, Significance};
use crate::submission::Submission;

/// Response code details of Envoy for a body past Envoy's own buffer limit: of a request, and of a response.
const TOO_LARGE: &str = "request_payload_too_large";
const RESPONSE_TOO_LARGE: &str = "response_payload_too_large";
/// The response code details of a response that comes from the application.
const FROM_APPLICATION: &str = "via_upstream";
/// The response code details of each of Envoy's time-outs contain one of these words.
const TIME_OUT: [&str; 2] = ["timeout", "max_duration"];
/// The response code details contain one of these words where the client left.
const CLIENT_LEFT: [&str; 4] = [
    "downstream",
    "remote_reset",
    "codec_error",
    "client_disconnect",
];
/// How many characters of these details icap_log repeats at most.
const MAX_DETAILS: usize = 64;

impl Exchange {
    /// What a held message waits for, as the end of a sentence in icap_log.
    fn awaited(&self) -> &'static str {
        match self.waits_for_server() {
            true if self.units.iter().any(Submission::is_waiting) => {
                "for a connection to the ICAP server"
            }
            true => "for the response of the ICAP server",
            false => match self.direction {
                Direction::Request => "for the rest of the client's body",
                Direction::Response => "for the rest of the application's body",
            },
        }
    }
}

impl<H: Host> Worker<H> {
    /// The headers of a response come. If the request is still held, the response is a local reply of Envoy or of a filter
    /// before this one.
    pub(super) fn notice_envoy_reply(&mut self, id: u32) {
        if self.forget_early_reply(id)
            && !self.exchanges.get(id).is_some_and(|it| it.is_out_of_reach)
        {
            self.hide_body(id);
        }
        let held = self
            .exchanges
            .get(id)
            .is_some_and(|exchange| exchange.direction == Direction::Request && exchange.is_held());
        let is_early =
            self.is_request_under_way(id) && response_details(&self.host) == FROM_APPLICATION;
        if is_early {
            // Its request streams.
        } else if held {
            self.begin(Some(id));
            self.with_message(id, |worker, exchange| {
                worker.end_by_envoy(id, exchange);
                if exchange.body.available > 0 && !exchange.is_out_of_reach {
                    worker.hide_body(id);
                }
            });
            self.settle();
            self.inside = None;
        } else {
            self.notice_refused_change(id);
        }
    }

    /// Takes the body of a request out of Envoy's buffer: Envoy may redirect its local reply to an error page, whose
    /// application would get the body.
    fn hide_body(&self, id: u32) {
        let edit = BodyEdit::Replace(&[]);
        if let Err(e) = self.host.edit_body(Direction::Request, edit) {
            log::debug!("context {id}: {e}");
        }
    }

    /// Envoy has sent a local reply while this filter's own was waiting. False where none was waiting.
    fn forget_early_reply(&mut self, id: u32) -> bool {
        if let Some(exchange) = self.exchanges.get_mut(id)
            && matches!(exchange.phase, Phase::Discarding(_))
        {
            exchange.phase = Phase::Replied;
            return true;
        }
        false
    }

    /// Envoy refuses a changed body that is too large. If the body was put in place in the message's own callback, Envoy does
    /// so only after that callback.
    fn notice_refused_change(&mut self, id: u32) {
        let changed = self.exchanges.get(id).is_some_and(|exchange| {
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

    /// Envoy has sent a local reply within another callback, which is over by now: Envoy has nothing of the message any more.
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
        if self.conclude_early(id, exchange) {
            self.give_up_units(exchange);
            exchange.phase = Phase::Replied;
            return;
        }
        let details = response_details(&self.host);
        let awaited = exchange.awaited();
        let (cause, reason) = if details == TOO_LARGE {
            let reason = "Envoy's own buffer limit is smaller than the body: per_connection_buffer_limit_bytes of the \
                          listener, initial_stream_window_size of HTTP/2, or request_body_buffer_limit of the route";
            (Cause::Oversize, reason.to_owned())
        } else if details == RESPONSE_TOO_LARGE {
            let reason = "Envoy's own buffer limit is smaller than the response: per_connection_buffer_limit_bytes of the \
                          listener or the cluster";
            (Cause::Oversize, reason.to_owned())
        } else if TIME_OUT.iter().any(|word| details.contains(word)) {
            let reason = format!(
                "a time-out of Envoy's own ({details}) ended the message, which waited {awaited}"
            );
            (Cause::Timeout, reason)
        } else {
            let reason =
                format!("Envoy itself replied ({details}) to the message, which waited {awaited}");
            (Cause::Internal, reason)
        };
        self.record_failure(id, exchange, cause, &reason);
        self.give_up_units(exchange);
        exchange.phase = Phase::Replied;
        let significance = Significance::of(Outcome::Failed, Some(cause), false);
        let mut conclusion = exchange.conclusion(Outcome::Failed, significance);
        conclusion.enforced |= bug(Bug::MonitoredEndEnforced);
        self.conclude_failed(id, exchange, conclusion, (cause, false));
    }

    /// Envoy is about to write the access log of a message that is still held: no verdict will come.
    pub(super) fn log_abandoned(&mut self, id: u32, exchange: &mut Exchange) {
        if self.conclude_early(id, exchange) {
            return;
        }
        let details = response_details(&self.host);
        if details == RESPONSE_TOO_LARGE {
            return self.end_by_envoy(id, exchange);
        }
        let awaited = exchange.awaited();
        let reason = if details.is_empty() || CLIENT_LEFT.iter().any(|word| details.contains(word))
        {
            format!("the client left while the message waited {awaited}")
        } else {
            format!("Envoy ended the message ({details}) while it waited {awaited}")
        };
        self.record_failure(id, exchange, Cause::Internal, &reason);
        let conclusion =
            exchange.conclusion(Outcome::Failed, Significance::of_cause(Cause::Internal));
        exchange.journal.note(conclusion);
        self.log_outcome(id, exchange, Significance::of_cause(Cause::Internal));
    }

    /// Ends the messages whose body has made no progress for too long.
    pub(super) fn expire_stalled(&mut self) {
        let now_ms = self.now_ms;
        for id in self.contexts_where(|exchange| exchange.is_stalled(now_ms)) {
            self.with_message(id, |worker, exchange| {
                let limit_ms = exchange.profile.body_progress_timeout_ms;
                let reason = format!("no byte of the body came for {limit_ms} ms");
                if exchange.is_decided() {
                    // In mid-body the message could go on only with the next part, which does not come.
                    worker.fail_closed(id, exchange, Cause::Timeout, &reason);
                } else {
                    worker.fail(id, exchange, Cause::Timeout, reason);
                }
            });
        }
    }
}

/// Envoy's response code details, without characters that do not belong into a log; empty where there are none.
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
