//! Answers to a client that come from the proxy: asked for by the filter, or by Envoy's own decision.

use std::rc::Rc;

use icap_filter::icap::Direction;

use super::Fields;
use super::vm::Reply;
use crate::world::Sim;

impl Sim {
    /// A body is larger than Envoy may hold: Envoy answers.
    pub fn too_large(self: &Rc<Self>, message: usize, of: Direction) {
        self.trace(|| format!("m{message} {of:?} is past Envoy's limit"));
        let (status, details) = match of {
            Direction::Request => (413, "request_payload_too_large"),
            Direction::Response => (500, "response_payload_too_large"),
        };
        self.envoy_replies(message, status, details);
    }

    /// Envoy answers by itself.
    pub fn envoy_replies(self: &Rc<Self>, message: usize, status: u16, details: &str) {
        self.reply_now(
            message,
            Reply {
                status,
                details: details.to_owned(),
                fields: Fields::new(),
                body: b"envoy".to_vec(),
            },
        );
    }

    /// Answers the client. In place of a request the answer passes the filter; of a response that has begun it does not.
    pub fn reply_now(self: &Rc<Self>, message: usize, mut reply: Reply) {
        if self.is_grpc(message) {
            // The answer's status is a field, and there is no page.
            reply.status = 200;
            reply.body = Vec::new();
        }
        let Some(passes_filter) =
            self.message(message, |it| it.is_open().then_some(!it.response.begun))
        else {
            return;
        };
        self.trace(|| {
            format!(
                "m{message} is answered {} ({})",
                reply.status, reply.details
            )
        });
        self.note_decision(message, Direction::Request);
        self.note_decision(message, Direction::Response);
        if self.message(message, |it| it.client.head.is_some()) {
            // The client has a part of a response already.
            self.message(message, |it| it.details = reply.details);
            return self.finish(message, "");
        }
        let mut fields = vec![(b":status".to_vec(), reply.status.to_string().into_bytes())];
        fields.extend(reply.fields);
        let ended = reply.body.is_empty();
        self.message(message, |it| {
            it.replied = true;
            it.details = reply.details;
        });
        if passes_filter {
            // As a response does: a filter may hold it.
            self.message(message, |it| {
                it.local_body = Some(reply.body.clone());
                it.passed_reply = Some(reply.body.clone());
            });
            self.headers_come(message, Direction::Response, fields, ended);
            self.check_hidden(message);
            if !ended {
                self.body_comes(message, Direction::Response, reply.body, true);
            }
            return;
        }
        self.message(message, |it| {
            it.response.done = true;
            it.local_body = None;
            it.client.head = Some(fields);
            it.client.body = reply.body;
            it.client.complete = true;
        });
        self.finish(message, "");
    }

    /// Whether a message says of itself that it is a gRPC call, which Envoy answers in its own way.
    fn is_grpc(&self, message: usize) -> bool {
        let form = self.plan.messages[message].request.form.as_ref();
        form.is_some_and(|form| form.is_call)
    }

    /// The body of a request that is answered is no longer in Envoy's buffer: an error page's application would be shown it.
    fn check_hidden(&self, message: usize) {
        // In the midst of another callback the filter has no way to it.
        let nested = !self.frames.borrow().is_empty();
        let shown = self.message(message, |it| {
            let request = &it.request;
            let held = !request.buffer.is_empty()
                || request.chunk.as_ref().is_some_and(|it| !it.is_empty());
            held && (request.buffering || request.chunk.is_some())
                && !request.headers_sent
                && !request.stops_all
                && !it.host_fault
        });
        if shown && !nested {
            self.fail(format!(
                "m{message} is answered, and its body is still in Envoy's buffer"
            ));
        }
    }

    /// No byte has passed for too long.
    pub fn idle_timeout(self: &Rc<Self>, message: usize) {
        let waits = self.message(message, |it| it.is_open() && it.client.head.is_none());
        if waits {
            self.envoy_replies(message, 408, "stream_idle_timeout");
        }
    }
}
