//! How a message comes to the filter, and goes on from there.

use std::rc::Rc;

use icap_filter::host::Next;
use icap_filter::icap::Direction;

use super::super::Fields;
use super::super::vm::{About, Target};
use super::{Logged, Message, Stage};
use crate::plan::Release;
use crate::world::Sim;

impl Sim {
    /// Looks at, or changes, an exchange.
    pub fn message<T>(&self, message: usize, act: impl FnOnce(&mut Message) -> T) -> T {
        act(&mut self.messages.borrow_mut()[message])
    }

    /// A client begins.
    pub fn begin_exchange(self: &Rc<Self>, message: usize, fields: Fields, ended: bool) {
        let vm = self.message(message, |it| {
            it.stage = Stage::Open;
            it.vm
        });
        self.begin_gate(message, vm, ended);
        let context = self.create_context(vm, Target::Message(message));
        self.message(message, |it| it.context = context);
        self.headers_come(message, Direction::Request, fields, ended);
    }

    /// The headers of a message come to the filter.
    pub fn headers_come(
        self: &Rc<Self>,
        message: usize,
        of: Direction,
        fields: Fields,
        ended: bool,
    ) {
        let (vm, context) = self.message(message, |it| {
            let held_message = it.held_message(of);
            held_message.headers = fields;
            held_message.begun = true;
            held_message.ended = ended;
            it.called(match of {
                Direction::Request => "request_headers",
                Direction::Response => "response_headers",
            });
            (it.vm, it.context)
        });
        let next = self.callback(vm, context, About::Message(message, of), |it| {
            it.on_headers(context, of, ended)
        });
        self.trace(|| format!("m{message} {of:?} headers, end {ended}: {next:?}"));
        if ended {
            self.arrived(message, of);
        }
        let stops_all = !self.plan.envoy.stop_iteration;
        let shut = self.message(message, |it| {
            it.held_message(of).stops_all = stops_all && next == Next::Pause;
            it.is_shut(of)
        });
        if next == Next::Continue && !shut {
            self.forward(message, of);
        }
    }

    /// A part of a body comes to the filter.
    pub fn body_comes(self: &Rc<Self>, message: usize, of: Direction, bytes: Vec<u8>, end: bool) {
        if end {
            self.arrived(message, of);
        }
        let at_gate = self.message(message, |it| {
            let has_gate = it.gate.context != 0 && of == Direction::Request && !it.is_shut(of);
            if has_gate {
                it.upload_bytes += bytes.len() as u64;
            }
            has_gate
        });
        if !at_gate || self.passes_gate(message, &bytes, end) {
            self.body_to_filter(message, of, bytes, end);
        }
    }

    /// A part of a body comes to the filter that scans.
    pub fn body_to_filter(
        self: &Rc<Self>,
        message: usize,
        of: Direction,
        bytes: Vec<u8>,
        end: bool,
    ) {
        let limit = self.plan.envoy.buffer_limit;
        enum Then {
            Nothing,
            TooLarge,
            Call(u32, usize, usize),
        }
        let then = self.message(message, |it| {
            if of == Direction::Request && it.gate.context == 0 {
                it.upload_bytes += bytes.len() as u64;
            }
            if it.is_shut(of) {
                return Then::Nothing;
            }
            let (vm, context) = (it.vm, it.context);
            let held_message = it.held_message(of);
            if held_message.stops_all {
                held_message.stopped.push((bytes, end));
                return Then::Nothing;
            }
            held_message.ended |= end;
            let size = if held_message.buffering && !held_message.from_gate {
                held_message.buffer.extend_from_slice(&bytes);
                if held_message.buffer.len() > limit {
                    return Then::TooLarge;
                }
                held_message.buffer.len()
            } else {
                let size = bytes.len();
                held_message.chunk = Some(bytes);
                size
            };
            Then::Call(context, vm, size)
        });
        let (context, vm, size) = match then {
            Then::Nothing => return,
            Then::TooLarge => return self.too_large(message, of),
            Then::Call(context, vm, size) => (context, vm, size),
        };
        self.message(message, |it| {
            it.called(match of {
                Direction::Request => "request_body",
                Direction::Response => "response_body",
            });
        });
        let next = self.callback(vm, context, About::Message(message, of), |it| {
            it.on_body(context, of, size, end)
        });
        self.trace(|| format!("m{message} {of:?} body {size}, end {end}: {next:?}"));
        let too_large = self.message(message, |it| {
            let shut = it.is_shut(of);
            let held_message = it.held_message(of);
            let chunk = held_message.chunk.take();
            if shut {
                return None;
            }
            let mut lost = false;
            if let Some(chunk) = chunk {
                held_message.buffer.extend_from_slice(&chunk);
            } else if held_message.loses_next && next == Next::Continue {
                // Envoy's issue 46841: what came with this callback is gone.
                held_message.buffer.clear();
                lost = true;
            }
            held_message.loses_next = false;
            held_message.buffering = next == Next::Pause;
            held_message.hidden = next == Next::Hold;
            if next == Next::Pause {
                let kept = std::mem::take(&mut held_message.kept);
                held_message.buffer.splice(0..0, kept);
            }
            let over = held_message.buffer.len() > limit && !lost;
            let past = std::mem::take(&mut held_message.too_large);
            let over = over && !held_message.from_gate;
            Some(past || over && next == Next::Pause)
        });
        match too_large {
            None => {}
            Some(true) => self.too_large(message, of),
            Some(false) if next == Next::Continue => self.forward(message, of),
            Some(false) => {}
        }
    }

    /// The trailers of a message come to the filter, which end it.
    pub fn trailers_come(self: &Rc<Self>, message: usize, of: Direction, fields: Fields) {
        self.arrived(message, of);
        let at_gate = of == Direction::Request
            && self.message(message, |it| it.gate.context != 0 && !it.is_shut(of));
        if !at_gate || self.trailers_pass_gate(message, &fields) {
            self.trailers_to_filter(message, of, fields);
        }
    }

    /// The trailers of a message come to the filter that scans.
    pub fn trailers_to_filter(self: &Rc<Self>, message: usize, of: Direction, fields: Fields) {
        let shut = self.message(message, |it| {
            let shut = it.is_shut(of);
            let held_message = it.held_message(of);
            if held_message.stops_all {
                held_message.stopped_trailers = Some(fields);
                return true;
            }
            held_message.trailers = Some(fields);
            held_message.ended = true;
            shut
        });
        if shut {
            return;
        }
        let (vm, context) = self.message(message, |it| {
            it.called(match of {
                Direction::Request => "request_trailers",
                Direction::Response => "response_trailers",
            });
            (it.vm, it.context)
        });
        let next = self.callback(vm, context, About::Message(message, of), |it| {
            it.on_trailers(context, of)
        });
        self.trace(|| format!("m{message} {of:?} trailers: {next:?}"));
        let shut = self.message(message, |it| {
            let held_message = it.held_message(of);
            held_message.trailers_held = next == Next::Pause;
            if next == Next::Pause {
                let kept = std::mem::take(&mut held_message.kept);
                held_message.buffer.splice(0..0, kept);
            }
            it.is_shut(of)
        });
        if next == Next::Continue && !shut {
            self.forward(message, of);
        }
    }

    /// All of a message has come to Envoy.
    pub fn arrived(&self, message: usize, of: Direction) {
        let now = self.now_us();
        self.message(message, |it| {
            it.arrived_us[of as usize].get_or_insert(now);
        });
    }

    /// The filter has let a message go from elsewhere.
    pub fn resume_now(self: &Rc<Self>, message: usize, of: Direction) {
        if self.end_is_at_gate(message, of) {
            return self.fail(format!(
                "m{message} is let go while its end is at the gate: Envoy takes it for complete"
            ));
        }
        let release = self.plan.envoy.release;
        let keeps_copy = self.plan.envoy.keeps_copy && of == Direction::Request;
        let is_call = self.plan.is_call(&self.plan.messages[message], of);
        let stopped = self.message(message, |it| {
            if it.is_shut(of) || it.held_message(of).done {
                return None;
            }
            let held_message = it.held_message(of);
            if held_message.buffering && !held_message.ended {
                match release {
                    // Its copy is put into the buffer below.
                    Release::V1_40 if is_call => {}
                    Release::V1_36 => held_message.loses_next = true,
                    Release::V1_40 if keeps_copy => {
                        held_message.again = held_message.buffer.clone()
                    }
                    Release::V1_40 => {}
                }
            }
            held_message.resumed = true;
            held_message.stops_all = false;
            held_message.trailers_held = false;
            Some((
                std::mem::take(&mut held_message.stopped),
                held_message.stopped_trailers.take(),
            ))
        });
        let Some((stopped, trailers)) = stopped else {
            return;
        };
        self.forward(message, of);
        if is_call {
            // The router's copy stands in the buffer from now on, in sight of the filter.
            self.message(message, |it| {
                let held_message = it.held_message(of);
                if held_message.buffering {
                    held_message.buffer = std::mem::take(&mut held_message.kept);
                }
            });
        }
        for (bytes, end) in stopped {
            if of == Direction::Request {
                // They are counted again.
                self.message(message, |it| {
                    if it.gate.context == 0 {
                        it.upload_bytes -= bytes.len() as u64;
                    }
                });
            }
            self.body_to_filter(message, of, bytes, end);
        }
        if let Some(trailers) = trailers {
            self.trailers_to_filter(message, of, trailers);
        }
    }

    /// What is held of a message goes on.
    fn forward(self: &Rc<Self>, message: usize, of: Direction) {
        let seed_logged = |it: &Message| it.properties.contains_key("icap_log");
        let keeps_copy = self.plan.envoy.keeps_copy && of == Direction::Request;
        let (begins, ends) = self.message(message, |it| {
            let logged = seed_logged(it);
            let held_message = it.held_message(of);
            let begins = !held_message.headers_sent;
            held_message.headers_sent = true;
            held_message.headers_gone = true;
            let ends = held_message.ended && !held_message.trailers_held && !held_message.done;
            let head = begins.then(|| held_message.headers.clone());
            let mut bytes = std::mem::take(&mut held_message.again);
            bytes.append(&mut held_message.buffer);
            let trailers = held_message.trailers.clone().filter(|_| ends);
            held_message.done |= ends;
            if keeps_copy {
                held_message.kept.extend_from_slice(&bytes);
            }
            let receiver = it.receiver(of);
            if let Some(head) = head {
                receiver.head = Some(head);
                receiver.was_logged = logged;
            }
            receiver.body.extend_from_slice(&bytes);
            receiver.trailers = receiver.trailers.take().or(trailers);
            receiver.complete |= ends;
            (begins, ends)
        });
        if begins {
            self.trace(|| format!("m{message} {of:?} goes on"));
            self.note_decision(message, of);
        }
        if ends {
            self.note_decision(message, of);
        }
        match of {
            Direction::Request => self.application_gets(message, begins, ends),
            Direction::Response if ends => self.finish(message, "via_upstream"),
            Direction::Response => {}
        }
    }

    /// The exchange is over: it is logged, and its context goes.
    pub fn finish(self: &Rc<Self>, message: usize, details: &str) {
        let Some((vm, context)) = self.message(message, |it| {
            if !it.is_open() {
                return None;
            }
            it.stage = Stage::Over;
            if it.details.is_empty() {
                it.details = details.to_owned();
            }
            it.request.headers_gone = true;
            it.response.headers_gone = true;
            it.called("log");
            Some((it.vm, it.context))
        }) else {
            return;
        };
        self.note_decision(message, Direction::Request);
        self.note_decision(message, Direction::Response);
        self.callback(vm, context, About::End(message), |it| {
            it.on_log(context);
        });
        self.message(message, |it| {
            it.logged = Some(Logged(it.properties.clone()));
            let application = &mut it.application;
            application.reset = application.head.is_some() && !application.complete;
            let client = &mut it.client;
            client.reset = !client.complete;
        });
        self.trace(|| {
            let log = self.message(message, |it| it.properties.get("icap_log").cloned());
            let log = String::from_utf8_lossy(&log.unwrap_or_default()).into_owned();
            let details = self.message(message, |it| it.details.clone());
            format!("m{message} is over ({details}): {log}")
        });
        self.delete_context(vm, context, About::End(message));
        let gate = self.message(message, |it| it.gate.context);
        if gate != 0 {
            self.delete_context(vm, gate, About::End(message));
        }
    }
}
