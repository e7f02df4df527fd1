//! A host that gives what it is asked for, and counts what it is asked for.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use icap_filter::host::{
    BodyEdit, Fields, Host, HostError, HostResult, LocalResponse, MetricKind, Version,
};
use icap_filter::icap::Direction;

use crate::counting::Side;

/// The root context.
pub const ROOT: u32 = 1;
/// The address of the ICAP server.
const SERVER: &[u8] = b"127.0.0.1:1344";

/// One HTTP message of a context.
#[derive(Debug, Default)]
pub struct HeldMessage {
    fields: Vec<(&'static str, String)>,
    /// Names and values, one behind the other.
    map: Vec<u8>,
    pub body: Vec<u8>,
}

impl HeldMessage {
    /// A message without a body.
    pub fn new(fields: Vec<(&'static str, String)>) -> Self {
        let map = fields
            .iter()
            .flat_map(|(name, value)| [*name, value])
            .flat_map(str::bytes)
            .collect();
        Self {
            fields,
            map,
            body: Vec::new(),
        }
    }
}

/// What the proxy knows.
#[derive(Debug, Default)]
pub struct Proxy {
    configuration: Vec<u8>,
    /// How often each function was called. What a call about a context that is entered already costs is nothing.
    pub calls: RefCell<BTreeMap<&'static str, u64>>,
    pub messages: RefCell<BTreeMap<(u32, bool), HeldMessage>>,
    /// What was sent on each stream, and not been looked at by the server.
    pub sent: RefCell<BTreeMap<u32, Vec<u8>>>,
    /// Streams that are to be established.
    pub opening: RefCell<Vec<u32>>,
    /// The message that the running callback is about.
    pub message: RefCell<Vec<u8>>,
    /// Contexts that were let go, or answered.
    pub ended: RefCell<Vec<u32>>,
    pub enqueued: Cell<u32>,
    effective: Cell<u32>,
    streams: Cell<u32>,
    metrics: Cell<u32>,
    shared: RefCell<BTreeMap<String, (Vec<u8>, u32)>>,
}

/// The proxy as the module sees it.
#[derive(Clone, Debug)]
pub struct CountingHost(pub Rc<Proxy>);

impl Proxy {
    /// A proxy that gives the module this configuration.
    pub fn new(configuration: Vec<u8>) -> Self {
        Self {
            configuration,
            ..Self::default()
        }
    }

    /// A callback about that context begins.
    pub fn callback(&self, context: u32) {
        self.effective.set(context);
    }

    fn called(&self, call: &'static str) {
        *self.calls.borrow_mut().entry(call).or_default() += 1;
    }

    fn held_message<T>(
        &self,
        of: Direction,
        act: impl FnOnce(&mut HeldMessage) -> T,
    ) -> HostResult<T> {
        let key = (self.effective.get(), of == Direction::Response);
        match self.messages.borrow_mut().get_mut(&key) {
            Some(held_message) => Ok(act(held_message)),
            None => Err(HostError {
                call: "message",
                status: HostError::BAD_ARGUMENT,
            }),
        }
    }
}

impl CountingHost {
    /// Does a call in the host.
    fn call<T>(&self, name: &'static str, act: impl FnOnce(&Proxy) -> T) -> T {
        let _side = Side::host();
        self.0.called(name);
        act(&self.0)
    }
}

/// Bytes in memory that the host asked the module for.
fn handed(bytes: &[u8]) -> Vec<u8> {
    let _side = Side::module();
    bytes.to_vec()
}

impl Host for CountingHost {
    fn now_ms(&self) -> u64 {
        self.call("clock_time_get", |_| 1_000)
    }

    fn wall_clock_ms(&self) -> u64 {
        self.call("clock_time_get", |_| 1_700_000_000_000)
    }

    fn random(&self) -> u64 {
        self.call("random_get", |_| 7)
    }

    fn configuration(&self) -> HostResult<Vec<u8>> {
        self.call("get_buffer_bytes", |it| Ok(handed(&it.configuration)))
    }

    fn enter(&self, context: u32) -> HostResult {
        if self.0.effective.get() == context {
            return Ok(());
        }
        self.call("set_effective_context", |it| {
            it.effective.set(context);
            Ok(())
        })
    }

    fn set_tick_period(&self, _: u32) -> HostResult {
        self.call("set_tick_period", |_| Ok(()))
    }

    fn headers(&self, of: Direction) -> HostResult<Fields> {
        self.call("get_header_map_pairs", |it| {
            it.held_message(of, |held_message| {
                let _side = Side::module();
                let mut at = 0;
                let places = held_message.fields.iter().map(|(name, value)| {
                    let middle = at + name.len();
                    let place = (at..middle, middle..middle + value.len());
                    at = place.1.end;
                    place
                });
                Fields::within(held_message.map.clone(), places)
            })
        })
    }

    fn header(&self, of: Direction, name: &str) -> HostResult<Option<Vec<u8>>> {
        self.call("get_header_map_value", |it| {
            it.held_message(of, |held_message| {
                let mut fields = held_message.fields.iter();
                let found = fields.find(|(field, _)| *field == name);
                found.map(|(_, value)| handed(value.as_bytes()))
            })
        })
    }

    fn set_headers(&self, _: Direction, _: &Fields) -> HostResult {
        self.call("set_header_map_pairs", |_| Ok(()))
    }

    fn set_header(&self, _: Direction, _: &str, _: &[u8]) -> HostResult {
        self.call("replace_header_map_value", |_| Ok(()))
    }

    fn trailers(&self, _: Direction) -> HostResult<Fields> {
        self.call("get_header_map_pairs", |_| Ok(Fields::new()))
    }

    fn set_trailers(&self, _: Direction, _: &Fields) -> HostResult {
        self.call("set_header_map_pairs", |_| Ok(()))
    }

    fn remove_trailer(&self, _: Direction, _: &str) -> HostResult {
        self.call("remove_header_map_value", |_| Ok(()))
    }

    fn remove_header(&self, _: Direction, _: &str) -> HostResult {
        self.call("remove_header_map_value", |_| Ok(()))
    }

    fn read_body(&self, of: Direction, start: usize, len: usize, out: &mut Vec<u8>) -> HostResult {
        self.call("get_buffer_bytes", |it| {
            it.held_message(of, |held_message| {
                let end = held_message.body.len().min(start + len);
                let bytes = &held_message.body[start.min(end)..end];
                let _side = Side::module();
                out.reserve(len);
                out.extend_from_slice(bytes);
            })
        })
    }

    fn edit_body(&self, of: Direction, edit: BodyEdit<'_>) -> HostResult {
        self.call("set_buffer_bytes", |it| {
            it.held_message(of, |held_message| match edit {
                BodyEdit::DrainFront(len) => drop(held_message.body.drain(..len)),
                BodyEdit::Prepend(bytes) => {
                    drop(held_message.body.splice(0..0, bytes.iter().copied()))
                }
                BodyEdit::Append(bytes) => held_message.body.extend_from_slice(bytes),
                BodyEdit::Replace(bytes) => held_message.body = bytes.to_vec(),
            })
        })
    }

    fn resume(&self, _: Direction) -> HostResult {
        self.call("continue_stream", |it| {
            it.ended.borrow_mut().push(it.effective.get());
            Ok(())
        })
    }

    fn respond(&self, _: &LocalResponse<'_>) -> HostResult {
        self.call("send_local_response", |it| {
            it.ended.borrow_mut().push(it.effective.get());
            Ok(())
        })
    }

    fn property(&self, path: &[&str]) -> HostResult<Option<Vec<u8>>> {
        self.call("get_property", |_| {
            Ok((path == ["source", "address"]).then(|| handed(b"192.0.2.7:40000")))
        })
    }

    fn set_property(&self, _: &str, _: &[u8]) -> HostResult {
        self.call("set_property", |_| Ok(()))
    }

    fn declare_struct_property(&self, _: &str) -> HostResult {
        self.call("call_foreign_function", |_| Ok(()))
    }

    fn open_stream(&self, _: &str) -> HostResult<u32> {
        self.call("grpc_stream", |it| {
            it.streams.set(it.streams.get() + 4);
            let token = it.streams.get() | 1;
            it.opening.borrow_mut().push(token);
            Ok(token)
        })
    }

    fn send(&self, stream: u32, message: &[u8]) -> HostResult {
        self.call("grpc_send", |it| {
            let mut sent = it.sent.borrow_mut();
            sent.entry(stream).or_default().extend_from_slice(message);
            Ok(())
        })
    }

    fn cancel(&self, _: u32) -> HostResult {
        self.call("grpc_cancel", |_| Ok(()))
    }

    fn stream_message(&self, _: usize) -> HostResult<Vec<u8>> {
        self.call("get_buffer_bytes", |it| Ok(handed(&it.message.borrow())))
    }

    fn stream_metadata(&self, _: &str) -> HostResult<Option<Vec<u8>>> {
        self.call("get_header_map_value", |_| Ok(Some(handed(SERVER))))
    }

    fn register_queue(&self, _: &str) -> HostResult<u32> {
        self.call("register_shared_queue", |_| Ok(1))
    }

    fn enqueue(&self, _: u32) -> HostResult {
        self.call("enqueue_shared_queue", |it| {
            it.enqueued.set(it.enqueued.get() + 1);
            Ok(())
        })
    }

    fn dequeue(&self, _: u32) -> HostResult {
        self.call("dequeue_shared_queue", |_| Ok(()))
    }

    fn shared(&self, key: &str) -> HostResult<(Option<Vec<u8>>, Version)> {
        self.call("get_shared_data", |it| {
            let shared = it.shared.borrow();
            Ok(shared
                .get(key)
                .map_or((None, Version::ANY), |(value, version)| {
                    (Some(handed(value)), Version(*version))
                }))
        })
    }

    fn set_shared(&self, key: &str, value: &[u8], _: Version) -> HostResult {
        self.call("set_shared_data", |it| {
            let mut shared = it.shared.borrow_mut();
            let version = shared.get(key).map_or(0, |(_, version)| *version);
            shared.insert(key.to_owned(), (value.to_vec(), version + 1));
            Ok(())
        })
    }

    fn define_metric(&self, _: MetricKind, _: &str) -> HostResult<u32> {
        self.call("define_metric", |it| {
            it.metrics.set(it.metrics.get() + 1);
            Ok(it.metrics.get())
        })
    }

    fn add_metric(&self, _: u32, _: i64) -> HostResult {
        self.call("increment_metric", |_| Ok(()))
    }

    fn record_metric(&self, _: u32, _: u64) -> HostResult {
        self.call("record_metric", |_| Ok(()))
    }
}
