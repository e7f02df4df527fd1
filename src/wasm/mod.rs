//! Envoy as a [`Host`], by the functions of the proxy-wasm ABI. Only this folder and `module` know WebAssembly.

mod abi;
mod call;
mod http;
mod landing;
mod log;
mod metrics;
mod shared;
mod streams;
mod wire;

use std::cell::Cell;

use self::call::{check, read_buffer};
pub(crate) use self::log::start_log;
use crate::abi::BUFFER_CONFIGURATION;
use crate::host::{
    BodyEdit, Fields, Host, HostError, HostResult, LocalResponse, MetricKind, Version,
};
use crate::icap::Direction;

/// Envoy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wasm;

impl Host for Wasm {
    fn now_ms(&self) -> u64 {
        now_ms()
    }

    fn wall_clock_ms(&self) -> u64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(1, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
    }

    fn random(&self) -> u64 {
        use std::hash::{BuildHasher, Hasher, RandomState};
        RandomState::new().build_hasher().finish()
    }

    fn configuration(&self) -> HostResult<Vec<u8>> {
        match read_buffer(BUFFER_CONFIGURATION, 0, usize::MAX) {
            Err(e) if e.status == HostError::NOT_FOUND => Ok(Vec::new()),
            result => result,
        }
    }

    fn enter(&self, context: u32) -> HostResult {
        enter(context)
    }

    fn set_tick_period(&self, milliseconds: u32) -> HostResult {
        // SAFETY: no pointers.
        check("set_tick_period", unsafe {
            abi::proxy_set_tick_period_milliseconds(milliseconds)
        })
    }

    fn headers(&self, of: Direction) -> HostResult<Fields> {
        http::headers(of)
    }

    fn header(&self, of: Direction, name: &str) -> HostResult<Option<Vec<u8>>> {
        http::header(of, name)
    }

    fn set_headers(&self, of: Direction, fields: &Fields) -> HostResult {
        http::set_headers(of, fields)
    }

    fn set_header(&self, of: Direction, name: &str, value: &[u8]) -> HostResult {
        http::set_header(of, name, value)
    }

    fn remove_header(&self, of: Direction, name: &str) -> HostResult {
        http::remove_header(of, name)
    }

    fn trailers(&self, of: Direction) -> HostResult<Fields> {
        http::trailers(of)
    }

    fn set_trailers(&self, of: Direction, fields: &Fields) -> HostResult {
        http::set_trailers(of, fields)
    }

    fn remove_trailer(&self, of: Direction, name: &str) -> HostResult {
        http::remove_trailer(of, name)
    }

    fn read_body(&self, of: Direction, start: usize, len: usize, out: &mut Vec<u8>) -> HostResult {
        http::read_body(of, start, len, out)
    }

    fn edit_body(&self, of: Direction, edit: BodyEdit<'_>) -> HostResult {
        http::edit_body(of, edit)
    }

    fn resume(&self, of: Direction) -> HostResult {
        http::resume(of)
    }

    fn respond(&self, response: &LocalResponse<'_>) -> HostResult {
        http::respond(response)
    }

    fn property(&self, path: &[&str]) -> HostResult<Option<Vec<u8>>> {
        http::property(path)
    }

    fn set_property(&self, name: &str, value: &[u8]) -> HostResult {
        http::set_property(name, value)
    }

    fn declare_struct_property(&self, name: &str) -> HostResult {
        http::declare_struct_property(name)
    }

    fn open_stream(&self, cluster: &str) -> HostResult<u32> {
        streams::open_stream(cluster)
    }

    fn send(&self, stream: u32, message: &[u8]) -> HostResult {
        streams::send(stream, message)
    }

    fn cancel(&self, stream: u32) -> HostResult {
        streams::cancel(stream)
    }

    fn stream_message(&self, len: usize) -> HostResult<Vec<u8>> {
        streams::stream_message(len)
    }

    fn stream_metadata(&self, name: &str) -> HostResult<Option<Vec<u8>>> {
        streams::stream_metadata(name)
    }

    fn register_queue(&self, name: &str) -> HostResult<u32> {
        shared::register_queue(name)
    }

    fn enqueue(&self, queue: u32) -> HostResult {
        shared::enqueue(queue)
    }

    fn dequeue(&self, queue: u32) -> HostResult {
        shared::dequeue(queue)
    }

    fn shared(&self, key: &str) -> HostResult<(Option<Vec<u8>>, Version)> {
        shared::shared(key)
    }

    fn set_shared(&self, key: &str, value: &[u8], version: Version) -> HostResult {
        shared::set_shared(key, value, version)
    }

    fn define_metric(&self, kind: MetricKind, name: &str) -> HostResult<u32> {
        metrics::define_metric(kind, name)
    }

    fn add_metric(&self, id: u32, offset: i64) -> HostResult {
        metrics::add_metric(id, offset)
    }

    fn record_metric(&self, id: u32, value: u64) -> HostResult {
        metrics::record_metric(id, value)
    }
}

/// Gives the host memory of the module to write into. The module gets it back as the result of a host call.
pub(crate) fn allocate(size: usize) -> *mut u8 {
    landing::take(size).unwrap_or_else(|| Box::into_raw(Box::<[u8]>::new_uninit_slice(size)).cast())
}

/// Milliseconds on a clock that never goes back.
fn now_ms() -> u64 {
    use std::sync::OnceLock;
    use std::time::Instant;
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed().as_millis();
    u64::try_from(elapsed).unwrap_or(u64::MAX)
}

thread_local! {
    /// The effective context. `None`: not known.
    static EFFECTIVE: Cell<Option<u32>> = const { Cell::new(None) };
}

/// A callback that is running. For its time the host sets its own effective context, and afterwards the caller's again.
#[derive(Debug)]
pub(crate) struct Callback {
    outer: Option<u32>,
}

impl Callback {
    /// A callback about that context begins.
    pub(crate) fn begin(context: u32) -> Self {
        Self {
            outer: EFFECTIVE.replace(Some(context)),
        }
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        EFFECTIVE.set(self.outer);
    }
}

/// Makes the following calls act on that context. Fails when the context is gone, which a client can cause at any time.
fn enter(context: u32) -> HostResult {
    if EFFECTIVE.get() == Some(context) {
        return Ok(());
    }
    // SAFETY: no pointers.
    let entered = check("set_effective_context", unsafe {
        abi::proxy_set_effective_context(context)
    });
    EFFECTIVE.set(entered.is_ok().then_some(context));
    entered
}
