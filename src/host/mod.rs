//! What the product asks of a proxy: one trait, [`Host`]. The module asks Envoy; tests ask a proxy that they simulate.
//!
//! A call about an HTTP message acts on one context: that of the callback that is running, or the one that was
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

/// Field of the metadata by which the transport role knows a stream of this module's.
pub const STREAM_FIELD: &str = "x-icap-filter-stream";

/// A status of the proxy-wasm ABI other than `Ok`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostError {
    /// The function that gave it.
    pub call: &'static str,
    /// Its number in the ABI.
    pub status: u32,
}

impl HostError {
    /// The ABI's number for what is not there.
    pub const NOT_FOUND: u32 = 1;
    /// The ABI's number for an argument that makes no sense, such as a context that is gone.
    pub const BAD_ARGUMENT: u32 = 2;
    /// The ABI's number for a write to a value that somebody else has changed meanwhile.
    pub const CAS_MISMATCH: u32 = 8;
    /// The ABI's number for a failure of the host itself.
    pub const INTERNAL_FAILURE: u32 = 10;
    /// This product's own number for a result that is not what was asked for.
    pub const UNUSABLE: u32 = u32::MAX;
    /// The host gave less of a body than it says there is.
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

/// What the host is to do with the HTTP message that a callback was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Let it go on.
    Continue,
    /// Hold it, and keep what has come of its body.
    Pause,
}

/// A change to the body that the host holds. Envoy knows no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEdit<'a> {
    /// Takes so many bytes away at the front.
    DrainFront(usize),
    /// Puts bytes in front.
    Prepend(&'a [u8]),
    /// Puts bytes behind.
    Append(&'a [u8]),
    /// Puts bytes in the place of all that is there.
    Replace(&'a [u8]),
}

/// An answer to the client in the application's stead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalResponse<'a> {
    /// Its HTTP status.
    pub status: u16,
    /// What the host's access log gives as the details of the response code.
    pub details: &'a str,
    /// Its header fields.
    pub fields: &'a Fields,
    /// Its body.
    pub body: &'a [u8],
}

/// The version of a value that instances share; a write can be made to depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(pub u32);

impl Version {
    /// Of what is not there, and of a write that depends on none: the host writes always.
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
    /// A number that is another each time.
    fn random(&self) -> u64;
    /// The plugin configuration as it stands in the host's; empty where there is none.
    fn configuration(&self) -> HostResult<Vec<u8>>;
    /// Makes the following calls act on that context. Fails when it is gone.
    fn enter(&self, context: u32) -> HostResult;
    /// How often the root context is woken, in milliseconds; 0 for not at all.
    fn set_tick_period(&self, milliseconds: u32) -> HostResult;

    /// All header fields.
    fn headers(&self, of: Direction) -> HostResult<Fields>;
    /// The first field of that name.
    fn header(&self, of: Direction, name: &str) -> HostResult<Option<Vec<u8>>>;
    /// Replaces all header fields.
    fn set_headers(&self, of: Direction, fields: &Fields) -> HostResult;
    /// Sets a field, in the place of all of that name.
    fn set_header(&self, of: Direction, name: &str, value: &[u8]) -> HostResult;
    /// Takes out every field of that name.
    fn remove_header(&self, of: Direction, name: &str) -> HostResult;
    /// The trailer fields, once they have come.
    fn trailers(&self, of: Direction) -> HostResult<Fields>;
    /// Takes out every trailer field of that name.
    fn remove_trailer(&self, of: Direction, name: &str) -> HostResult;
    /// Appends bytes of the body that is held or just arriving; fewer than asked for where there are fewer.
    fn read_body(&self, of: Direction, start: usize, len: usize, out: &mut Vec<u8>) -> HostResult;
    /// Changes the body that is held or just arriving. An edit past the host's own limit has the host answer the client: from a
    /// callback of another context within this very call, which succeeds all the same.
    fn edit_body(&self, of: Direction, edit: BodyEdit<'_>) -> HostResult;
    /// Lets a paused message go on. Takes effect when the callback has returned.
    fn resume(&self, of: Direction) -> HostResult;
    /// Answers the client. Takes effect when the callback has returned.
    fn respond(&self, response: &LocalResponse<'_>) -> HostResult;

    /// A property (attribute) of the stream, in the host's encoding.
    fn property(&self, path: &[&str]) -> HostResult<Option<Vec<u8>>>;
    /// Sets a property, which becomes the filter state `wasm.<name>`.
    fn set_property(&self, name: &str, value: &[u8]) -> HostResult;
    /// Declares that the property `name` of a request holds a serialized `google.protobuf.Struct`.
    fn declare_struct_property(&self, name: &str) -> HostResult;

    /// Opens a stream to a cluster, which the root context owns. Where the host knows of no server it fails, and must not be
    /// called again in that callback: the worker would never come to an end.
    fn open_stream(&self, cluster: &str) -> HostResult<u32>;
    /// Sends a message on a stream, whatever context has been entered: the root context owns all.
    fn send(&self, stream: u32, message: &[u8]) -> HostResult;
    /// Drops a stream, likewise; its close is never reported.
    fn cancel(&self, stream: u32) -> HostResult;
    /// The message of `len` bytes that the running callback is about.
    fn stream_message(&self, len: usize) -> HostResult<Vec<u8>>;
    /// A field of the metadata with which the stream of the running callback was established.
    fn stream_metadata(&self, name: &str) -> HostResult<Option<Vec<u8>>>;

    /// Makes a queue of that name, whose entries wake the calling root context.
    fn register_queue(&self, name: &str) -> HostResult<u32>;
    /// Puts an empty entry into a queue: its callback comes once the host is done with what it is doing.
    fn enqueue(&self, queue: u32) -> HostResult;
    /// Takes an entry out of a queue.
    fn dequeue(&self, queue: u32) -> HostResult;
    /// A value that all instances share, and its version.
    fn shared(&self, key: &str) -> HostResult<(Option<Vec<u8>>, Version)>;
    /// Writes a value that all instances share, where it still has that version.
    fn set_shared(&self, key: &str, value: &[u8], version: Version) -> HostResult;

    /// Makes a metric known and gives its handle.
    fn define_metric(&self, kind: MetricKind, name: &str) -> HostResult<u32>;
    /// Adds to a counter or a gauge; below 0 only to a gauge.
    fn add_metric(&self, id: u32, offset: i64) -> HostResult;
    /// Records a value in a histogram.
    fn record_metric(&self, id: u32, value: u64) -> HostResult;
}
