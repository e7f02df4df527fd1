//! An HTTP exchange in the proxy: its headers, bodies and trailers on their way through the filter, in both directions.

mod flow;

use std::collections::BTreeMap;

use icap_filter::icap::Direction;

use super::Fields;
use super::gate::Gate;

/// An exchange.
#[derive(Debug)]
pub struct Message {
    pub vm: usize,
    pub context: u32,
    pub request: HeldMessage,
    pub response: HeldMessage,
    pub gate: Gate,
    /// What the gate has told of itself.
    pub gate_told: Option<Vec<u8>>,
    /// What the filter has set for the access log.
    pub properties: BTreeMap<String, Vec<u8>>,
    /// `response.code_details`.
    pub details: String,
    pub stage: Stage,
    /// Somebody other than the application answers the client.
    pub replied: bool,
    /// With that body, which passes the filter as a response does.
    pub local_body: Option<Vec<u8>>,
    /// The last body that passed the filter so, though something else may have answered the client since.
    pub passed_reply: Option<Vec<u8>>,
    pub client: Received,
    pub application: Received,
    /// What the access log has got.
    pub logged: Option<Logged>,
    /// The host failed on purpose in a call about it.
    pub host_fault: bool,
    /// Bytes of the upload that Envoy has got.
    pub upload_bytes: u64,
    /// When the last byte of each direction came to Envoy, or its sender left.
    pub arrived_us: [Option<u64>; 2],
    /// When what becomes of each direction was decided.
    pub decided_us: [Option<u64>; 2],
    /// Whether nothing more will be decided.
    pub settled: [bool; 2],
    /// What the client, and the application, do next.
    pub client_step: usize,
    pub application_step: usize,
    /// The filter's callbacks about it, in their order; several of a kind in a row count once.
    pub callbacks: Vec<&'static str>,
}

/// Where an exchange stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The client has not begun.
    ToCome,
    Open,
    Over,
}

/// What the filter has said of an exchange when its access log was written.
#[derive(Clone, Debug)]
pub struct Logged(pub BTreeMap<String, Vec<u8>>);

/// One direction of an exchange.
#[derive(Debug, Default)]
pub struct HeldMessage {
    pub headers: Fields,
    pub trailers: Option<Fields>,
    /// Its headers have come to the filter.
    pub begun: bool,
    /// Its headers are out of the filter's reach.
    pub headers_gone: bool,
    /// Its headers have gone on.
    pub headers_sent: bool,
    /// What Envoy holds of the body.
    pub buffer: Vec<u8>,
    /// The last body callback held the body: the filter may reach the buffer from anywhere.
    pub buffering: bool,
    /// The last body callback held the body so that the filter can't reach it.
    pub hidden: bool,
    /// What comes now was held by the gate: its size is of no matter to Envoy.
    pub from_gate: bool,
    /// What the running callback brings, where nothing is held.
    pub chunk: Option<Vec<u8>>,
    /// Nothing more comes.
    pub ended: bool,
    /// Its trailers are held.
    pub trailers_held: bool,
    /// The filter has let it go from elsewhere.
    pub resumed: bool,
    /// Envoy loses the next part if its callback lets that go.
    pub loses_next: bool,
    /// Envoy delivers this again with the next part.
    pub again: Vec<u8>,
    /// What a later owner of the body keeps of what has gone on: it stands in front of what the filter holds from then on.
    pub kept: Vec<u8>,
    /// An edit in its own callback went past the limit.
    pub too_large: bool,
    /// The whole of it has gone on, or nothing more of it will.
    pub done: bool,
    /// What was deferred because the headers stop everything.
    pub stopped: Vec<(Vec<u8>, bool)>,
    pub stopped_trailers: Option<Fields>,
    /// Headers hold the body back too.
    pub stops_all: bool,
}

/// What somebody has got of a message.
#[derive(Clone, Debug, Default)]
pub struct Received {
    pub head: Option<Fields>,
    pub body: Vec<u8>,
    pub trailers: Option<Fields>,
    pub complete: bool,
    /// It was cut off.
    pub reset: bool,
    /// The filter had said what becomes of it before the first byte.
    pub was_logged: bool,
}

impl Message {
    /// An exchange that is to come.
    pub fn new(vm: usize) -> Self {
        Self {
            vm,
            context: 0,
            request: HeldMessage::default(),
            response: HeldMessage::default(),
            gate: Gate::default(),
            gate_told: None,
            properties: BTreeMap::new(),
            details: String::new(),
            stage: Stage::ToCome,
            replied: false,
            local_body: None,
            passed_reply: None,
            client: Received::default(),
            application: Received::default(),
            logged: None,
            host_fault: false,
            upload_bytes: 0,
            arrived_us: [None; 2],
            decided_us: [None; 2],
            settled: [false; 2],
            client_step: 0,
            application_step: 0,
            callbacks: Vec::new(),
        }
    }

    /// Whether nothing more will be decided about that direction: its end has gone on, or its client was answered.
    pub fn is_settled(&mut self, of: Direction) -> bool {
        let answered = self.replied || !self.is_open();
        answered || self.held_message(of).done
    }

    /// A callback about it begins.
    pub fn called(&mut self, callback: &'static str) {
        if self.callbacks.last() != Some(&callback) {
            self.callbacks.push(callback);
        }
    }

    pub fn held_message(&mut self, of: Direction) -> &mut HeldMessage {
        match of {
            Direction::Request => &mut self.request,
            Direction::Response => &mut self.response,
        }
    }

    /// Who gets the message of that direction.
    pub fn receiver(&mut self, of: Direction) -> &mut Received {
        match of {
            Direction::Request => &mut self.application,
            Direction::Response => &mut self.client,
        }
    }

    pub fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }

    /// Whether nothing of that direction comes to the filter any more.
    fn is_shut(&self, of: Direction) -> bool {
        !self.is_open() || of == Direction::Request && (self.replied || self.request.done)
    }
}
