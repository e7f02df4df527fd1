//! The calls to the proxy, as one trait [`Host`]. In the module the proxy is Envoy, in tests a simulated one.
//!
//! A call about an HTTP message acts on the effective context: that of the running callback, or the one
//! [entered](Host::enter) since. Every call can fail, and none panics: a client may leave at any moment.

mod counter;
mod fields;
#[cfg(test)]
mod memory;

pub use counter::{add_shared, create_shared};
pub use fields::Fields;
#[cfg(test)]
pub(crate) use memory::MemoryHost;

use crate::icap::Direction;

/// The metadata field by which the transport role knows a stream that the filter role opened.
pub const STREAM_FIELD: &str = "x-icap-filter-stream";

/// A status of the proxy-wasm ABI other than `Ok`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostError {
    /// The host function that gave the status.
    pub call: &'static str,
    /// The status, by its number in the ABI.
    pub status: u32,
}

impl HostError {
    /// The ABI's number for a value that does not exist.
    pub const NOT_FOUND: u32 = 1;
    /// The ABI's number for an invalid argument, such as a context that is gone.
    pub const BAD_ARGUMENT: u32 = 2;
    /// The ABI's number for a write to a value that another instance has changed meanwhile.
    pub const CAS_MISMATCH: u32 = 8;
    /// The ABI's number for a failure of the host itself.
    pub const INTERNAL_FAILURE: u32 = 10;
    /// This product's own number for a result that is not as asked for.
    pub const UNUSABLE: u32 = u32::MAX;
    /// The host gave fewer bytes of a body than it had announced.
    pub const SHORT_BODY: Self = Self {
        call: "get_buffer_bytes",
        status: Self::UNUSABLE,
    };
}

impl std::fmt::Display for HostError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} gave status {}", self.call, self.status)
    }
}

impl std::error::Error for HostError {}

/// Result of a host call.
pub type HostResult<T = ()> = Result<T, HostError>;

/// What the host does with the HTTP message after the callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The message goes on.
    Continue,
    /// The host holds the message, and buffers its body so far.
    Pause,
    /// The host holds the body, and stops reading from its sender where its buffer is full. The bytes can't be read again.
    Hold,
}

/// A change to the body that the host holds. Envoy offers no other changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEdit<'a> {
    /// Removes so many bytes at the front.
    DrainFront(usize),
    /// Puts bytes in front.
    Prepend(&'a [u8]),
    /// Puts bytes behind.
    Append(&'a [u8]),
    /// Puts bytes in the place of the whole body.
    Replace(&'a [u8]),
}

/// A local reply: a response to the client that does not come from the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalResponse<'a> {
    /// Its HTTP status.
    pub status: u16,
    /// The response code details in the host's access log.
    pub details: &'a str,
    /// Its header fields.
    pub fields: &'a Fields,
    /// Its body.
    pub body: &'a [u8],
}

/// The version of a value that instances share. A write can require that the version is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(pub u32);

impl Version {
    /// The version of a value that does not exist. A write with this version always succeeds.
    pub const ANY: Self = Self(0);
}

/// Kinds of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

/// The proxy.
pub trait Host: std::fmt::Debug {
    /// Milliseconds on a clock of this instance that never goes back.
    fn now_ms(&self) -> u64;
    /// Milliseconds since 1970, on a clock that all instances share.
    fn wall_clock_ms(&self) -> u64;
    /// A random number.
    fn random(&self) -> u64;
    /// The plugin configuration as it stands in the host's configuration; empty where there is none.
    fn configuration(&self) -> HostResult<Vec<u8>>;
    /// Makes the following calls act on that context. Fails when the context is gone.
    fn enter(&self, context: u32) -> HostResult;
    /// Sets the milliseconds between two ticks of the root context; 0 for no tick.
    fn set_tick_period(&self, milliseconds: u32) -> HostResult;

    /// All header fields.
    fn headers(&self, of: Direction) -> HostResult<Fields>;
    /// The first field of that name.
    fn header(&self, of: Direction, name: &str) -> HostResult<Option<Vec<u8>>>;
    /// Replaces all header fields.
    fn set_headers(&self, of: Direction, fields: &Fields) -> HostResult;
    /// Sets a field, in the place of all fields of that name.
    fn set_header(&self, of: Direction, name: &str, value: &[u8]) -> HostResult;
    /// Removes every field of that name.
    fn remove_header(&self, of: Direction, name: &str) -> HostResult;
    /// The trailer fields, once they have come.
    fn trailers(&self, of: Direction) -> HostResult<Fields>;
    /// Replaces all trailer fields, once they have come.
    fn set_trailers(&self, of: Direction, fields: &Fields) -> HostResult;
    /// Removes every trailer field of that name.
    fn remove_trailer(&self, of: Direction, name: &str) -> HostResult;
    /// Appends to `out` up to `len` bytes of the body that is held or just arriving: fewer where the body has fewer.
    fn read_body(&self, of: Direction, start: usize, len: usize, out: &mut Vec<u8>) -> HostResult;
    /// Changes the body that is held or just arriving. If the edit exceeds the host's buffer limit, the host sends a local
    /// reply, in a callback of another context even within this call. The call succeeds all the same.
    fn edit_body(&self, of: Direction, edit: BodyEdit<'_>) -> HostResult;
    /// Lets a paused message go on, once the callback has returned.
    fn resume(&self, of: Direction) -> HostResult;
    /// Sends a local reply, once the callback has returned.
    fn respond(&self, response: &LocalResponse<'_>) -> HostResult;

    /// A property (attribute) of the stream, in the host's encoding.
    fn property(&self, path: &[&str]) -> HostResult<Option<Vec<u8>>>;
    /// Sets a property, which becomes the filter state `wasm.<name>`.
    fn set_property(&self, name: &str, value: &[u8]) -> HostResult;
    /// Declares that the property `name` of a request holds a serialized `google.protobuf.Struct`.
    fn declare_struct_property(&self, name: &str) -> HostResult;

    /// Opens a stream to a cluster; the root context owns the stream. The call fails where the host knows no server. Do not
    /// call it again in that callback: the worker would spin for ever.
    fn open_stream(&self, cluster: &str) -> HostResult<u32>;
    /// Sends a message on a stream of the root context, whichever context is the effective one.
    fn send(&self, stream: u32, message: &[u8]) -> HostResult;
    /// Resets a stream of the root context, whichever context is the effective one. The host does not report its close.
    fn cancel(&self, stream: u32) -> HostResult;
    /// The message of `len` bytes that the running callback is about.
    fn stream_message(&self, len: usize) -> HostResult<Vec<u8>>;
    /// A field of the metadata with which the stream of the running callback was established.
    fn stream_metadata(&self, name: &str) -> HostResult<Option<Vec<u8>>>;

    /// Makes a queue of that name. Each entry wakes the root context that calls.
    fn register_queue(&self, name: &str) -> HostResult<u32>;
    /// Puts an empty entry into a queue. Its callback comes once the host is done with its present work.
    fn enqueue(&self, queue: u32) -> HostResult;
    /// Takes an entry out of a queue.
    fn dequeue(&self, queue: u32) -> HostResult;
    /// A value that all instances share, and its version.
    fn shared(&self, key: &str) -> HostResult<(Option<Vec<u8>>, Version)>;
    /// Writes a value that all instances share, if it still has that version.
    fn set_shared(&self, key: &str, value: &[u8], version: Version) -> HostResult;

    /// Makes a metric known and gives its handle.
    fn define_metric(&self, kind: MetricKind, name: &str) -> HostResult<u32>;
    /// Adds to a counter or a gauge. Only a gauge takes a negative offset.
    fn add_metric(&self, id: u32, offset: i64) -> HostResult;
    /// Records a value in a histogram.
    fn record_metric(&self, id: u32, value: u64) -> HostResult;
}
