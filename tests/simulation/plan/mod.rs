//! What a run consists of, as data: a seed makes it, shrinking takes parts out of it.

mod content;
mod faults;
mod form;
mod generate;
mod profile;

use icap_filter::icap::Direction;

pub use content::{Body, EDIT, EVIL, Framing, Label};
pub use faults::Faults;
pub use form::{Form, Shown};
pub use profile::{ProfilePlan, Responses};

/// A run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed of every random decision.
    pub seed: u64,
    /// The proxy.
    pub envoy: EnvoyPlan,
    /// The configuration of the filter.
    pub profile: ProfilePlan,
    /// The ICAP servers.
    pub servers: Vec<ServerPlan>,
    /// The HTTP exchanges.
    pub messages: Vec<MessagePlan>,
    /// What may go wrong.
    pub faults: Faults,
}

/// A release of Envoy, as far as they differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// 1.36.4: a resume in mid-body from elsewhere loses the next part; a close comes twice where the end comes with data.
    V1_36,
    /// 1.40.0.
    V1_40,
}

/// The proxy.
#[derive(Clone, Copy, Debug)]
pub struct EnvoyPlan {
    /// Its release.
    pub release: Release,
    /// Worker threads.
    pub workers: usize,
    /// `per_connection_buffer_limit_bytes`.
    pub buffer_limit: usize,
    /// A later owner of the body keeps a copy: a retry policy, an internal redirect.
    pub keeps_copy: bool,
    /// `allow_on_headers_stop_iteration`.
    pub stop_iteration: bool,
    /// A gate for requests stands before the filter.
    pub gate: bool,
}

/// An ICAP server.
#[derive(Clone, Copy, Debug)]
pub struct ServerPlan {
    /// It serves responses alone, where they have a cluster of their own.
    pub for_responses: bool,
    /// How long a connection takes to be established, in microseconds.
    pub connect_us: u64,
    /// How long bytes take on their way, in microseconds.
    pub latency_us: u64,
    /// How long a decision takes, in microseconds at most.
    pub work_us: u64,
    /// It decides by the preview alone where it can.
    pub trusts_preview: bool,
    /// It may decide before all has come of a body that it has asked for.
    pub is_hasty: bool,
    /// What OPTIONS says of the preview.
    pub preview: Option<u32>,
    /// What OPTIONS says of connections.
    pub max_connections: Option<u32>,
    /// OPTIONS offers 206.
    pub allow_206: bool,
    /// OPTIONS says that trailers may follow a body.
    pub takes_trailers: bool,
    /// It closes its connection after an answer once in so many times, and says so.
    pub close_one_in: u64,
    /// The answer comes in pieces of so many bytes at most; 0: whole.
    pub split: usize,
    /// The server is gone from so many milliseconds on, for so long.
    pub outage_ms: Option<(u64, u64)>,
    /// It gives a message back while it still comes.
    pub echoes: bool,
    /// It does not notice the test file.
    pub sleeps: bool,
}

/// What the metadata of a route says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Nothing.
    Silent,
    /// The profile.
    Profile,
    /// A profile that there is not.
    Unknown,
    /// That nothing is scanned.
    Disabled,
    /// Something that can't be meant.
    Misspelt,
}

/// An HTTP exchange.
#[derive(Clone, Debug)]
pub struct MessagePlan {
    /// Its number, whatever others there are.
    pub id: u64,
    /// The worker that has it.
    pub worker: usize,
    /// When the client begins, in microseconds.
    pub start_us: u64,
    /// The method.
    pub method: &'static str,
    /// A rule lets it pass unscanned.
    pub bypass: bool,
    /// What its route's metadata says.
    pub route: Route,
    /// The upload.
    pub request: Body,
    /// The download.
    pub response: Body,
    /// The status of the application's response.
    pub status: u16,
    /// How long the application takes, in microseconds.
    pub think_us: u64,
    /// The application answers before it has read the request.
    pub early_response: bool,
    /// When the client leaves, in microseconds after it began.
    pub leaves_us: Option<u64>,
    /// When Envoy gives up the exchange, in microseconds after it began.
    pub idle_timeout_us: Option<u64>,
}

impl Plan {
    /// What servers are to be shown of that request, if it has a body.
    pub fn shown(&self, message: &MessagePlan) -> Vec<Shown> {
        match &message.request.form {
            Some(form) if self.takes_apart(form) => form.all_shown(),
            _ => vec![Shown::Whole],
        }
    }

    /// Whether the body of that message is larger than the buffer, and is scanned while it passes.
    pub fn is_streamed(&self, message: &MessagePlan, of: Direction) -> bool {
        let (body, limit) = match of {
            Direction::Request => (&message.request, self.profile.request_kb),
            Direction::Response => (&message.response, self.profile.response_kb),
        };
        let is_apart = body
            .form
            .as_ref()
            .is_some_and(|form| self.takes_apart(form));
        self.is_call(message, of)
            || self.profile.streams(of) && body.size > limit * 1024 && !is_apart
    }

    /// Whether that request can be read in two ways, and its parts are what is shown.
    pub fn is_ambiguous(&self, message: &MessagePlan) -> bool {
        let form = message.request.form.as_ref();
        form.is_some_and(|form| self.takes_apart(form) && form.flaw.is_some())
    }

    fn takes_apart(&self, form: &Form) -> bool {
        match form.is_call {
            true => self.profile.calls,
            false => self.profile.parts,
        }
    }

    /// Whether that message is a gRPC call that is shown message by message.
    pub fn is_call(&self, message: &MessagePlan, of: Direction) -> bool {
        let form = message.request.form.as_ref();
        of == Direction::Request
            && self.profile.calls
            && !self.profile.monitor
            && form.is_some_and(|form| form.is_call)
    }
}

impl MessagePlan {
    /// Whether it is to go on unscanned.
    pub fn is_skipped(&self) -> bool {
        match self.route {
            Route::Silent => self.bypass,
            Route::Disabled => true,
            Route::Profile | Route::Unknown | Route::Misspelt => false,
        }
    }
}

impl Route {
    /// The metadata, as Envoy hands it over: `envoy.config.core.v3.Metadata`.
    pub fn metadata(self) -> Option<Vec<u8>> {
        let text = |value: &str| tagged(0x1a, value.as_bytes());
        let (key, value) = match self {
            Self::Silent => return None,
            Self::Profile => ("profile", text("av")),
            Self::Unknown => ("profile", text("va")),
            Self::Disabled => ("disabled", vec![0x20, 1]),
            Self::Misspelt => ("disable", vec![0x20, 1]),
        };
        let field = [tagged(0x0a, key.as_bytes()), tagged(0x12, &value)].concat();
        let structure = tagged(0x0a, &field);
        let entry = [tagged(0x0a, b"icap_filter"), tagged(0x12, &structure)].concat();
        Some(tagged(0x0a, &entry))
    }
}

/// A field of a protobuf message, with its length.
fn tagged(tag: u8, bytes: &[u8]) -> Vec<u8> {
    [&[tag, bytes.len() as u8], bytes].concat()
}
