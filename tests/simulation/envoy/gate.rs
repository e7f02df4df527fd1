//! The gate before the filter: what it holds of a request, and how that comes to the filter.

use std::rc::Rc;

use icap_filter::host::Next;
use icap_filter::icap::Direction;

use super::Fields;
use super::vm::{About, Target};
use crate::world::{Event, Sim};

const OF: Direction = Direction::Request;

/// The gate of an exchange.
#[derive(Debug, Default)]
pub struct Gate {
    /// Its context; 0: there is no gate.
    pub context: u32,
    /// What the running callback brings.
    pub chunk: Option<Vec<u8>>,
    /// What is held.
    held: Vec<u8>,
    holds: bool,
    /// The end was held.
    end: bool,
    trailers: Option<Fields>,
    /// The client is stopped: Envoy's buffer is full.
    stops_client: bool,
}

impl Sim {
    /// Makes the gate of an exchange, which sees the headers first.
    pub fn begin_gate(self: &Rc<Self>, message: usize, vm: usize, ended: bool) {
        if !self.plan.envoy.gate {
            return;
        }
        let context = self.create_gate_context(vm, message);
        self.message(message, |it| it.gate.context = context);
        let next = self.callback(vm, context, About::Gate(message), |it| {
            it.on_headers(context, OF, ended)
        });
        if next != Next::Continue {
            self.fail("a gate holds headers");
        }
    }

    /// Whether the client can't send now. It goes on when the gate opens.
    pub fn client_is_stopped(&self, message: usize) -> bool {
        let limit = self.plan.envoy.buffer_limit;
        self.message(message, |it| {
            it.gate.stops_client |= it.gate.holds && it.gate.held.len() > limit;
            it.gate.stops_client
        })
    }

    /// A part of a request comes. False where the gate holds it.
    pub fn passes_gate(self: &Rc<Self>, message: usize, bytes: &[u8], end: bool) -> bool {
        let (vm, context) = self.message(message, |it| {
            it.gate.chunk = Some(bytes.to_vec());
            (it.vm, it.gate.context)
        });
        let size = bytes.len();
        let next = self.callback(vm, context, About::Gate(message), |it| {
            it.on_body(context, OF, size, end)
        });
        self.trace(|| format!("m{message} gate {size}, end {end}: {next:?}"));
        self.message(message, |it| {
            let gate = &mut it.gate;
            gate.chunk = None;
            gate.end |= end;
            if next == Next::Hold {
                gate.held.extend_from_slice(bytes);
                gate.holds = true;
            }
        });
        if next == Next::Pause {
            self.fail("a gate holds a body so that a full buffer is answered with 413");
        }
        next == Next::Continue
    }

    /// The trailers of a request come. False where the gate holds them.
    pub fn trailers_pass_gate(self: &Rc<Self>, message: usize, fields: &Fields) -> bool {
        let (vm, context) = self.message(message, |it| (it.vm, it.gate.context));
        let next = self.callback(vm, context, About::Gate(message), |it| {
            it.on_trailers(context, OF)
        });
        self.trace(|| format!("m{message} gate, trailers: {next:?}"));
        self.message(message, |it| {
            it.gate.end = true;
            if next != Next::Continue {
                it.gate.holds = true;
                it.gate.trailers = Some(fields.clone());
            }
        });
        next == Next::Continue
    }

    /// Whether the gate holds the end of the request: Envoy takes it for complete, whoever lets something go.
    pub fn end_is_at_gate(&self, message: usize, of: Direction) -> bool {
        of == OF && self.message(message, |it| it.gate.holds && it.gate.end)
    }

    /// What the gate holds comes to the filter.
    pub fn gate_opens(self: &Rc<Self>, message: usize) {
        let opened = self.message(message, |it| {
            let keeps = it.request.kept.clone();
            let gate = &mut it.gate;
            let was = std::mem::take(&mut gate.holds);
            let held = std::mem::take(&mut gate.held);
            let stopped = std::mem::take(&mut gate.stops_client);
            let trailers = gate.trailers.take();
            let end = gate.end && trailers.is_none();
            // A later owner's copy stands in the same buffer.
            let bytes = [keeps, held].concat();
            (was && it.is_open()).then_some((bytes, end, trailers, stopped))
        });
        let Some((bytes, end, trailers, stopped)) = opened else {
            return self.fail(format!(
                "the gate of m{message} is let go, and holds nothing"
            ));
        };
        self.trace(|| format!("m{message} gate opens: {}, end {end}", bytes.len()));
        self.message(message, |it| it.request.from_gate = true);
        self.body_to_filter(message, OF, bytes, end);
        self.message(message, |it| it.request.from_gate = false);
        if let Some(fields) = trailers {
            self.trailers_to_filter(message, OF, fields);
        }
        if stopped {
            self.after(0, Event::Client(message));
        }
    }

    /// The bytes that the gate's running callback brings.
    pub fn at_gate(&self, target: Target) -> Option<Vec<u8>> {
        match target {
            Target::Gate(message) => self.message(message, |it| it.gate.chunk.clone()),
            _ => None,
        }
    }
}
