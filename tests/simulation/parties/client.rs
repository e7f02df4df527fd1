//! The clients: they send their requests piece by piece, and may leave.

use std::rc::Rc;

use crate::envoy::Fields;
use icap_filter::icap::Direction;

use crate::envoy::message::{Message, Stage};
use crate::plan::{Body, Framing, MessagePlan};
use crate::random::Dice;
use crate::world::{Event, Sim};

/// The trailer that bodies have which have trailers.
pub const TRAILER: &str = "x-checksum";

/// Another that must not be one.
pub const NO_TRAILER: &str = "x-envoy-max-retries";

/// What comes next of a body: its bytes, and whether they are the last.
pub enum Part {
    Bytes(Vec<u8>, bool),
    Trailers(Fields),
    Nothing,
}

impl Body {
    /// Whether its end is told by the headers.
    pub fn ends_with_headers(&self) -> bool {
        self.framing == Framing::None
    }

    /// The `step`-th part, from 0 on.
    pub fn part(&self, seed: u64, step: usize) -> Part {
        let from = step * self.piece;
        let bytes = |to: usize| self.bytes(seed)[from..to].to_vec();
        let pieces = self.size.div_ceil(self.piece);
        let ends = self.framing != Framing::Trailers;
        match step {
            step if step < pieces => {
                let to = (from + self.piece).min(self.size);
                let last = step + 1 == pieces && ends && !self.end_apart;
                Part::Bytes(bytes(to), last)
            }
            step if step == pieces && ends && (self.end_apart || pieces == 0) => {
                Part::Bytes(Vec::new(), true)
            }
            step if step == pieces && !ends => {
                let id = self.id.to_string();
                let trailer = self.trailer(seed);
                Part::Trailers(vec![field(TRAILER, &trailer), field(NO_TRAILER, &id)])
            }
            _ => Part::Nothing,
        }
    }

    /// Its field for the length, where its end is told by one.
    pub fn length_field(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let told = self.framing == Framing::Length;
        told.then(|| field("content-length", &self.size.to_string()))
    }
}

/// A field.
pub fn field(name: &str, value: &str) -> (Vec<u8>, Vec<u8>) {
    (name.as_bytes().to_vec(), value.as_bytes().to_vec())
}

impl MessagePlan {
    /// The headers of its request.
    pub fn request_fields(&self) -> Fields {
        let skip = if self.bypass { "/skip" } else { "" };
        let mut fields = vec![
            field(":method", self.method),
            field(":path", &format!("{skip}/m{}/file.bin?x=1", self.id)),
            field(":scheme", "http"),
            field(":authority", "app.test"),
            field("x-number", &self.id.to_string()),
            field("x-icap-action", "ICAP_PASSED"),
        ];
        if let Some(form) = &self.request.form {
            fields.push(field("content-type", &form.content_type()));
        }
        fields.extend(self.request.length_field());
        fields
    }

    /// The headers of its response.
    pub fn response_fields(&self) -> Fields {
        let mut fields = vec![
            field(":status", &self.status.to_string()),
            field("content-type", "application/octet-stream"),
            field("x-number", &self.id.to_string()),
        ];
        fields.extend(self.response.length_field());
        fields
    }
}

impl Sim {
    /// Everybody prepares.
    pub fn start_parties(self: &Rc<Self>) {
        for (index, message) in self.plan.messages.iter().enumerate() {
            let vm = self.filter_of(message.worker);
            self.messages.borrow_mut().push(Message::new(vm));
            self.at(message.start_us, Event::Client(index));
            if let Some(leaves_us) = message.leaves_us {
                self.at(message.start_us + leaves_us, Event::Leave(index));
            }
            if let Some(timeout_us) = message.idle_timeout_us {
                self.at(message.start_us + timeout_us, Event::IdleTimeout(index));
            }
        }
        for (index, server) in self.plan.servers.iter().enumerate() {
            if let Some((from_ms, for_ms)) = server.outage_ms {
                self.at(from_ms * 1000, Event::Outage(index, true));
                self.at((from_ms + for_ms) * 1000, Event::Outage(index, false));
            }
        }
        if self.plan.faults.no_server > 0 {
            let dice = Dice::new(self.plan.seed, "no server", 0);
            let from_us = dice.below(200_000);
            let for_us = dice.pick(&[1_000, 50_000, 300_000]);
            self.at(from_us, Event::NoServer(true));
            self.at(from_us + for_us, Event::NoServer(false));
        }
    }

    /// The client does what is next.
    pub fn client_acts(self: &Rc<Self>, message: usize) {
        if self.client_is_stopped(message) {
            return;
        }
        let plan = &self.plan.messages[message];
        let (stage, step) = self.message(message, |it| {
            it.client_step += 1;
            (it.stage, it.client_step - 1)
        });
        if step == 0 && stage == Stage::ToCome {
            let ended = plan.request.ends_with_headers();
            self.trace(|| format!("client of m{message}: {} {:?}", plan.method, plan.request));
            if !ended {
                self.after(plan.request.pace_us, Event::Client(message));
            }
            return self.begin_exchange(message, plan.request_fields(), ended);
        }
        if stage != Stage::Open {
            return;
        }
        match plan.request.part(self.plan.seed, step - 1) {
            Part::Bytes(bytes, last) => {
                if !last {
                    self.after(plan.request.pace_us, Event::Client(message));
                }
                self.body_comes(message, Direction::Request, bytes, last);
            }
            Part::Trailers(fields) => {
                self.trailers_come(message, Direction::Request, fields);
            }
            Part::Nothing => {}
        }
    }

    /// The client leaves.
    pub fn client_leaves(self: &Rc<Self>, message: usize) {
        if self.message(message, |it| it.is_open()) {
            self.trace(|| format!("client of m{message} leaves"));
            self.finish(message, "downstream_remote_disconnect");
        }
    }

    /// Whether all exchanges have ended.
    pub fn all_over(&self) -> bool {
        let messages = self.messages.borrow();
        messages.iter().all(|it| it.stage == Stage::Over)
    }

    /// Who has not come to an end.
    pub fn who_waits(&self) -> String {
        let messages = self.messages.borrow();
        let waits = messages.iter().enumerate();
        let waits = waits.filter(|(_, it)| it.stage != Stage::Over);
        waits.map(|(index, _)| format!("m{index} ")).collect()
    }
}
