//! The module as the host sees it: the functions that it calls (proxy-wasm ABI 0.2.1).
//!
//! They stand here and not in an SDK because Envoy calls some of them while another is running, which a dispatcher that
//! holds on to its contexts does not survive. A function that is missing is one that the host does not call: there is none
//! for the trailing metadata of a stream, which would come in the midst of a callback that sends on it.

mod context;

use crate::filter;
use crate::host::{self, Callback, Half, Next};
use context::Context;

/// What the host takes for true.
const YES: u32 = 1;

impl From<Next> for u32 {
    fn from(next: Next) -> Self {
        match next {
            Next::Continue => 0,
            Next::Pause => 1,
        }
    }
}

/// Runs a callback about a context; `None` where there is none of that number.
fn callback<T>(context: u32, act: impl FnOnce(Context) -> T) -> Option<T> {
    let _callback = Callback::begin(context);
    match context::find(context) {
        Some(context) => Some(act(context)),
        None => {
            log::error!("icap: a callback about the context {context}, which is not known");
            None
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

unsafe extern "C" {
    fn __wasm_call_ctors();
}

#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    // SAFETY: the host calls this once, before anything else.
    unsafe { __wasm_call_ctors() };
    host::start_log(crate::report::fit_for_log);
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    host::allocate(size)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(context: u32, root: u32) {
    let _callback = Callback::begin(context);
    context::create(context, root);
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_vm_start(_: u32, _: usize) -> u32 {
    log::info!(
        "icap-filter {} (revision {}, features {})",
        env!("CARGO_PKG_VERSION"),
        env!("ICAP_FILTER_REVISION"),
        env!("ICAP_FILTER_WASM_FEATURES"),
    );
    YES
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(context: u32, _: usize) -> u32 {
    u32::from(callback(context, |context| context.on_configure()).unwrap_or(false))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(context: u32) {
    callback(context, |context| context.on_tick());
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_queue_ready(context: u32, _: u32) {
    callback(context, |context| context.on_queue_ready());
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(context: u32, _: u32, at_end: u32) -> u32 {
    on_headers(context, Half::Request, at_end)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_headers(context: u32, _: u32, at_end: u32) -> u32 {
    on_headers(context, Half::Response, at_end)
}

fn on_headers(context: u32, half: Half, at_end: u32) -> u32 {
    let at_end = at_end == YES;
    callback(context, |context| context.on_headers(half, at_end))
        .unwrap_or_else(|| filter::refuse("its context is not known"))
        .into()
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_body(context: u32, len: usize, at_end: u32) -> u32 {
    on_body(context, Half::Request, len, at_end)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_body(context: u32, len: usize, at_end: u32) -> u32 {
    on_body(context, Half::Response, len, at_end)
}

fn on_body(context: u32, half: Half, len: usize, at_end: u32) -> u32 {
    let at_end = at_end == YES;
    callback(context, |context| context.on_body(half, len, at_end))
        .unwrap_or_else(|| filter::refuse("its context is not known"))
        .into()
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_trailers(context: u32, _: u32) -> u32 {
    on_trailers(context, Half::Request)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_trailers(context: u32, _: u32) -> u32 {
    on_trailers(context, Half::Response)
}

fn on_trailers(context: u32, half: Half) -> u32 {
    callback(context, |context| context.on_trailers(half))
        .unwrap_or_else(|| filter::refuse("its context is not known"))
        .into()
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_grpc_receive_initial_metadata(context: u32, token: u32, _: u32) {
    callback(context, |context| context.on_stream_open(token));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_grpc_receive(context: u32, token: u32, len: usize) {
    callback(context, |context| context.on_stream_message(token, len));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_grpc_close(context: u32, token: u32, _status: u32) {
    callback(context, |context| context.on_stream_close(token));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_done(context: u32) -> u32 {
    callback(context, |context| context.on_done());
    YES
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_log(context: u32) {
    callback(context, |context| context.on_log());
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(context: u32) {
    let _callback = Callback::begin(context);
    context::delete(context);
}
