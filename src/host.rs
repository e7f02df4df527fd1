//! The host: every call to Envoy, and nothing else. Each gives a [`Result`]; none panics.
//!
//! The functions of the SDK panic on any status that they do not list, and a panic takes a whole worker down. So the
//! calls that a client, a server or the timing of a close can make fail are declared here. Only the opening of a stream
//! goes through the SDK, which has to learn whose stream it is.

use std::cell::Cell;
use std::ptr;

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

/// Which half of the HTTP exchange a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// The request.
    Request,
    /// The response.
    Response,
}

/// Kinds of metrics of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

mod abi;
mod wire;

const BUFFER_GRPC: u32 = 5;
const BUFFER_CONFIGURATION: u32 = 7;
const MAP_GRPC_INITIAL_METADATA: u32 = 4;
const NOT_FOUND: u32 = 1;
const CAS_MISMATCH: u32 = 8;

impl Half {
    fn body(self) -> u32 {
        match self {
            Self::Request => 0,
            Self::Response => 1,
        }
    }

    fn headers(self) -> u32 {
        match self {
            Self::Request => 0,
            Self::Response => 2,
        }
    }

    fn stream(self) -> u32 {
        match self {
            Self::Request => 0,
            Self::Response => 1,
        }
    }
}

fn check(call: &'static str, status: u32) -> HostResult {
    if status == 0 {
        Ok(())
    } else {
        Err(HostError { call, status })
    }
}

/// Takes over memory that the host had allocated in the module through `proxy_on_memory_allocate`.
fn owned(data: *mut u8, size: usize) -> Vec<u8> {
    if data.is_null() || size == 0 {
        return Vec::new();
    }
    // SAFETY: the host allocated `data` with the module's own allocator, as `size` bytes, and hands it over.
    unsafe { Vec::from_raw_parts(data, size, size) }
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

/// A callback about that context begins: calls act on it. Every callback has to say so first.
pub fn begin(context: u32) {
    EFFECTIVE.set(Some(context));
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

fn read_buffer(buffer: u32, start: usize, len: usize) -> HostResult<Vec<u8>> {
    // SAFETY: the host writes one pointer and one size.
    fetch("get_buffer_bytes", |data, size| unsafe {
        abi::proxy_get_buffer_bytes(buffer, start, len, data, size)
    })
}

/// Bytes of the body that is buffered or just arriving; fewer than asked for where there are fewer.
pub fn read_body(half: Half, start: usize, len: usize) -> HostResult<Vec<u8>> {
    read_buffer(half.body(), start, len)
}

/// Replaces `len` bytes from `start` on. Envoy takes only `start` 0, or an append.
pub fn splice_body(half: Half, start: usize, len: usize, bytes: &[u8]) -> HostResult {
    // SAFETY: `bytes` outlives the call.
    check("set_buffer_bytes", unsafe {
        abi::proxy_set_buffer_bytes(half.body(), start, len, bytes.as_ptr(), bytes.len())
    })
}

/// The plugin configuration as it stands in Envoy's.
pub fn plugin_configuration() -> HostResult<Vec<u8>> {
    match read_buffer(BUFFER_CONFIGURATION, 0, usize::MAX) {
        Err(e) if e.status == NOT_FOUND => Ok(Vec::new()),
        result => result,
    }
}

/// The message that `on_grpc_stream_message` is about.
pub fn stream_message(len: usize) -> HostResult<Vec<u8>> {
    read_buffer(BUFFER_GRPC, 0, len)
}

/// All header fields.
pub fn headers(half: Half) -> HostResult<Fields> {
    // SAFETY: the host writes one pointer and one size.
    let map = fetch("get_header_map_pairs", |data, size| unsafe {
        abi::proxy_get_header_map_pairs(half.headers(), data, size)
    })?;
    wire::decode_map(&map).ok_or(HostError {
        call: "get_header_map_pairs",
        status: u32::MAX,
    })
}

/// Replaces all header fields.
pub fn set_headers(half: Half, fields: &Fields) -> HostResult {
    let map = wire::encode_map(fields.iter().map(|(n, v)| (n.as_slice(), v.as_slice())));
    // SAFETY: `map` outlives the call.
    check("set_header_map_pairs", unsafe {
        abi::proxy_set_header_map_pairs(half.headers(), map.as_ptr(), map.len())
    })
}

/// The first field of that name.
pub fn header(half: Half, name: &str) -> HostResult<Option<Vec<u8>>> {
    map_value(half.headers(), name)
}

/// A field of the metadata with which a stream was established.
pub fn stream_metadata(name: &str) -> HostResult<Option<Vec<u8>>> {
    map_value(MAP_GRPC_INITIAL_METADATA, name)
}

fn map_value(map: u32, name: &str) -> HostResult<Option<Vec<u8>>> {
    // SAFETY: `name` outlives the call; the host writes one pointer and one size.
    let value = fetch("get_header_map_value", |data, size| unsafe {
        abi::proxy_get_header_map_value(map, name.as_ptr(), name.len(), data, size)
    });
    found(value)
}

fn found(value: HostResult<Vec<u8>>) -> HostResult<Option<Vec<u8>>> {
    match value {
        Err(e) if e.status == NOT_FOUND => Ok(None),
        value => value.map(Some),
    }
}

/// Sets a field, in the place of all of that name.
pub fn set_header(half: Half, name: &str, value: &[u8]) -> HostResult {
    // SAFETY: both outlive the call.
    check("replace_header_map_value", unsafe {
        abi::proxy_replace_header_map_value(
            half.headers(),
            name.as_ptr(),
            name.len(),
            value.as_ptr(),
            value.len(),
        )
    })
}

/// Takes out every field of that name.
pub fn remove_header(half: Half, name: &str) -> HostResult {
    // SAFETY: `name` outlives the call.
    check("remove_header_map_value", unsafe {
        abi::proxy_remove_header_map_value(half.headers(), name.as_ptr(), name.len())
    })
}

/// A property (attribute) of the stream, in the host's encoding.
pub fn property(path: &[&str]) -> HostResult<Option<Vec<u8>>> {
    let path = path.join("\0");
    // SAFETY: `path` outlives the call; the host writes one pointer and one size.
    found(fetch("get_property", |data, size| unsafe {
        abi::proxy_get_property(path.as_ptr(), path.len(), data, size)
    }))
}

/// Sets a property, which becomes the filter state `wasm.<name>`.
pub fn set_property(name: &str, value: &[u8]) -> HostResult {
    // SAFETY: both outlive the call.
    check("set_property", unsafe {
        abi::proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len())
    })
}

/// Declares that the property `name` of a request holds a serialized `google.protobuf.Struct`.
pub fn declare_struct_property(name: &str) -> HostResult {
    const SCHEMA: &str = "type.googleapis.com/google.protobuf.Struct";
    const PROTOBUF: u8 = 3;
    const REQUEST_SPAN: u8 = 1;
    // envoy.source.extensions.common.wasm.DeclarePropertyArguments: name = 1, type = 3, schema = 4, span = 5.
    let mut arguments = Vec::new();
    for (tag, text) in [(0x0a, name), (0x22, SCHEMA)] {
        arguments.push(tag);
        arguments.push(u8::try_from(text.len()).unwrap_or(0));
        arguments.extend_from_slice(text.as_bytes());
    }
    arguments.extend_from_slice(&[0x18, PROTOBUF, 0x28, REQUEST_SPAN]);
    let function = "declare_property";
    // SAFETY: both outlive the call; the host writes one pointer and one size.
    fetch("declare_property", |data, size| unsafe {
        abi::proxy_call_foreign_function(
            function.as_ptr(),
            function.len(),
            arguments.as_ptr(),
            arguments.len(),
            data,
            size,
        )
    })
    .map(drop)
}

/// Lets a paused stream go on. Takes effect when the callback has returned.
pub fn resume(half: Half) -> HostResult {
    // SAFETY: no pointers.
    check("continue_stream", unsafe {
        abi::proxy_continue_stream(half.stream())
    })
}

/// Answers the client. Takes effect when the callback has returned.
pub fn respond(status: u16, details: &str, headers: &Fields, body: &[u8]) -> HostResult {
    let headers = wire::encode_map(headers.iter().map(|(n, v)| (n.as_slice(), v.as_slice())));
    // SAFETY: all outlive the call.
    check("send_local_response", unsafe {
        abi::proxy_send_local_response(
            u32::from(status),
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            -1,
        )
    })
}

/// Opens a stream to a cluster. Only in a callback of the context that is to own it.
pub fn open_stream(cluster: &str) -> HostResult<u32> {
    // A bare cluster name can by chance be a readable GrpcService message ("icap_pool" is one, with an unknown field),
    // so the message is written out: envoy_grpc = 1 { cluster_name = 1 }.
    let mut name = vec![0x0a];
    wire::varint(cluster.len(), &mut name);
    name.extend_from_slice(cluster.as_bytes());
    let mut service = vec![0x0a];
    wire::varint(name.len(), &mut service);
    service.extend_from_slice(&name);
    // SAFETY: the SDK hands pointer and length to the host and does not look at the text.
    let service = unsafe { String::from_utf8_unchecked(service) };
    proxy_wasm::hostcalls::open_grpc_stream(&service, "icap", "icap", Vec::new()).map_err(
        |status| HostError {
            call: "grpc_stream",
            status: status as u32,
        },
    )
}

/// Sends a message on a stream of the effective context.
pub fn send(token: u32, message: &[u8]) -> HostResult {
    // SAFETY: `message` outlives the call.
    check("grpc_send", unsafe {
        abi::proxy_grpc_send(token, message.as_ptr(), message.len(), 0)
    })
}

/// Resets a stream of the effective context.
pub fn cancel(token: u32) -> HostResult {
    // SAFETY: no pointers.
    check("grpc_cancel", unsafe { abi::proxy_grpc_cancel(token) })
}

/// Makes a queue of that name, whose entries call `on_queue_ready` of the calling root context. Shared by all workers,
/// where the name is the same.
pub fn register_queue(name: &str) -> HostResult<u32> {
    let mut queue = 0;
    // SAFETY: `name` outlives the call; the host writes one number.
    check("register_shared_queue", unsafe {
        abi::proxy_register_shared_queue(name.as_ptr(), name.len(), &raw mut queue)
    })?;
    Ok(queue)
}

/// Puts an empty entry into a queue: its callback comes once the host is done with what it is doing.
pub fn enqueue(queue: u32) -> HostResult {
    // SAFETY: no byte is read.
    check("enqueue_shared_queue", unsafe {
        abi::proxy_enqueue_shared_queue(queue, ptr::NonNull::dangling().as_ptr(), 0)
    })
}

/// Takes an entry out of a queue.
pub fn dequeue(queue: u32) -> HostResult {
    // SAFETY: the host writes a pointer and a number.
    fetch("dequeue_shared_queue", |data, size| unsafe {
        abi::proxy_dequeue_shared_queue(queue, data, size)
    })
    .map(drop)
}

/// Adds to a number that all workers share, and gives the result. It never goes below 0.
pub fn add_shared(key: &str, offset: i64) -> HostResult<u64> {
    /// Other workers may come in between; each try that fails means that one of them got through.
    const TRIES: u32 = 64;
    let mut result = Err(HostError {
        call: "set_shared_data",
        status: CAS_MISMATCH,
    });
    for _ in 0..TRIES {
        let mut version = 0;
        // SAFETY: `key` outlives the call; the host writes one pointer and two numbers.
        let data = found(fetch("get_shared_data", |data, size| unsafe {
            abi::proxy_get_shared_data(key.as_ptr(), key.len(), data, size, &raw mut version)
        }))?;
        let bytes = data.and_then(|data| <[u8; 8]>::try_from(data).ok());
        let value = bytes
            .map_or(0, u64::from_le_bytes)
            .saturating_add_signed(offset);
        if offset == 0 {
            return Ok(value);
        }
        let bytes = value.to_le_bytes();
        // SAFETY: both outlive the call.
        result = check("set_shared_data", unsafe {
            abi::proxy_set_shared_data(
                key.as_ptr(),
                key.len(),
                bytes.as_ptr(),
                bytes.len(),
                version,
            )
        })
        .map(|()| value);
        if !matches!(
            result,
            Err(HostError {
                status: CAS_MISMATCH,
                ..
            })
        ) {
            break;
        }
    }
    result
}

/// Makes a metric known and gives its handle.
pub fn define_metric(kind: MetricKind, name: &str) -> HostResult<u32> {
    let kind = match kind {
        MetricKind::Counter => 0,
        MetricKind::Gauge => 1,
        MetricKind::Histogram => 2,
    };
    let mut id = 0;
    // SAFETY: `name` outlives the call; the host writes one number.
    check("define_metric", unsafe {
        abi::proxy_define_metric(kind, name.as_ptr(), name.len(), &raw mut id)
    })
    .map(|()| id)
}

/// Adds to a counter or a gauge; below 0 only to a gauge.
pub fn add_metric(id: u32, offset: i64) -> HostResult {
    // SAFETY: no pointers.
    check("increment_metric", unsafe {
        abi::proxy_increment_metric(id, offset)
    })
}

/// Records a value in a histogram.
pub fn record_metric(id: u32, value: u64) -> HostResult {
    // SAFETY: no pointers.
    check("record_metric", unsafe {
        abi::proxy_record_metric(id, value)
    })
}
