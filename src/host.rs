//! The host: every call to Envoy, and nothing else. Each gives a [`Result`]; none panics.
//!
//! A call acts on a context: that of the callback that is running, or the one that was [entered](enter) since.

use std::cell::Cell;
use std::ptr;

mod abi;
mod http;
mod log;
mod metrics;
mod shared;
mod streams;
mod wire;

pub use self::log::start_log;
pub use http::{
    Half, declare_struct_property, header, headers, property, read_body, remove_header, respond,
    resume, set_header, set_headers, set_property, splice_body,
};
pub use metrics::{MetricKind, add_metric, define_metric, record_metric};
pub use shared::{
    Version, add_shared, create_shared, dequeue, enqueue, register_queue, set_shared, shared,
};
pub use streams::{STREAM_FIELD, cancel, open_stream, send, stream_message, stream_metadata};

/// A status of the proxy-wasm ABI other than `Ok`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostError {
    /// The function that gave it.
    pub call: &'static str,
    /// Its number in the ABI: 1 not found, 2 bad argument, 10 internal failure.
    pub status: u32,
}

impl std::fmt::Display for HostError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} gave status {}", self.call, self.status)
    }
}

/// Result of a host call.
pub type HostResult<T = ()> = Result<T, HostError>;

/// Header fields in order, pseudo headers among them.
pub type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// What the host is to do with the HTTP message that a callback was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Let it go on.
    Continue,
    /// Hold it.
    Pause,
}

const BUFFER_CONFIGURATION: u32 = 7;
const NOT_FOUND: u32 = 1;

fn check(call: &'static str, status: u32) -> HostResult {
    if status == 0 {
        Ok(())
    } else {
        Err(HostError { call, status })
    }
}

/// Takes over memory that the host had allocated in the module through [`allocate`].
fn owned(data: *mut u8, size: usize) -> Vec<u8> {
    if data.is_null() || size == 0 {
        return Vec::new();
    }
    // SAFETY: the host got `data` from `allocate`, for `size` bytes, wrote them there, and hands it over.
    unsafe { Vec::from_raw_parts(data, size, size) }
}

/// Memory of the module for the host to write into. It comes back through the result of a host call.
pub fn allocate(size: usize) -> *mut u8 {
    Box::into_raw(Box::<[u8]>::new_uninit_slice(size)).cast()
}

fn fetch(
    call: &'static str,
    get: impl FnOnce(*mut *mut u8, *mut usize) -> u32,
) -> HostResult<Vec<u8>> {
    let mut data = ptr::null_mut();
    let mut size = 0;
    let status = get(&raw mut data, &raw mut size);
    check(call, status).map(|()| owned(data, size))
}

fn found(value: HostResult<Vec<u8>>) -> HostResult<Option<Vec<u8>>> {
    match value {
        Err(e) if e.status == NOT_FOUND => Ok(None),
        value => value.map(Some),
    }
}

fn read_buffer(buffer: u32, start: usize, len: usize) -> HostResult<Vec<u8>> {
    // SAFETY: the host writes one pointer and one size.
    fetch("get_buffer_bytes", |data, size| unsafe {
        abi::proxy_get_buffer_bytes(buffer, start, len, data, size)
    })
}

fn map_value(map: u32, name: &str) -> HostResult<Option<Vec<u8>>> {
    // SAFETY: `name` outlives the call; the host writes one pointer and one size.
    let value = fetch("get_header_map_value", |data, size| unsafe {
        abi::proxy_get_header_map_value(map, name.as_ptr(), name.len(), data, size)
    });
    found(value)
}

/// Milliseconds on a clock that never goes back.
pub fn now_ms() -> u64 {
    use std::sync::OnceLock;
    use std::time::Instant;
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed().as_millis();
    u64::try_from(elapsed).unwrap_or(u64::MAX)
}

thread_local! {
    /// The context that calls act on, as far as it is known.
    static EFFECTIVE: Cell<Option<u32>> = const { Cell::new(None) };
}

/// A callback that is running. The host gives each its own effective context, and its caller's back afterwards.
#[derive(Debug)]
pub struct Callback {
    outer: Option<u32>,
}

impl Callback {
    /// A callback about that context begins.
    pub fn begin(context: u32) -> Self {
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

/// Makes the following calls act on that context. Fails when it is gone, which a client can cause at any time.
pub fn enter(context: u32) -> HostResult {
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

/// How often the root context is woken; 0 for not at all.
pub fn set_tick_period(milliseconds: u32) -> HostResult {
    // SAFETY: no pointers.
    check("set_tick_period", unsafe {
        abi::proxy_set_tick_period_milliseconds(milliseconds)
    })
}

/// The plugin configuration as it stands in Envoy's.
pub fn plugin_configuration() -> HostResult<Vec<u8>> {
    match read_buffer(BUFFER_CONFIGURATION, 0, usize::MAX) {
        Err(e) if e.status == NOT_FOUND => Ok(Vec::new()),
        result => result,
    }
}
