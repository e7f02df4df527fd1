//! The functions of the module that Envoy calls (proxy-wasm ABI 0.2.1).
//!
//! No SDK exports them: Envoy calls some of them while another is running, and the SDK's dispatcher panics then because it
//! borrows its contexts while they act. Envoy does not call a function that the module leaves out. The one for a stream's
//! trailing metadata is left out: Envoy would call it in the midst of a callback that sends on this stream.

use crate::abi::action;
use crate::icap::Direction;
use crate::instance::Instance;
use crate::wasm::{self, Callback, Wasm};

/// The ABI's `true`.
const YES: u32 = 1;

thread_local! {
    static INSTANCE: Instance<Wasm> = Instance::new(Wasm);
}

/// Runs a callback about `context`, which host calls then act on.
fn callback<T>(context: u32, act: impl FnOnce(&Instance<Wasm>) -> T) -> T {
    let _callback = Callback::begin(context);
    INSTANCE.with(act)
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
    wasm::start_log(crate::report::fit_for_log);
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    wasm::allocate(size)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(context: u32, root: u32) {
    callback(context, |instance| instance.on_create(context, root));
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
    u32::from(callback(context, |instance| instance.on_configure(context)))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(context: u32) {
    callback(context, |instance| instance.on_tick(context));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_queue_ready(context: u32, _: u32) {
    callback(context, |instance| instance.on_queue_ready(context));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(context: u32, _: u32, at_end: u32) -> u32 {
    on_headers(context, Direction::Request, at_end)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_headers(context: u32, _: u32, at_end: u32) -> u32 {
    on_headers(context, Direction::Response, at_end)
}

fn on_headers(context: u32, direction: Direction, at_end: u32) -> u32 {
    let at_end = at_end == YES;
    action(callback(context, |instance| {
        instance.on_headers(context, direction, at_end)
    }))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_body(context: u32, len: usize, at_end: u32) -> u32 {
    on_body(context, Direction::Request, len, at_end)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_body(context: u32, len: usize, at_end: u32) -> u32 {
    on_body(context, Direction::Response, len, at_end)
}

fn on_body(context: u32, direction: Direction, len: usize, at_end: u32) -> u32 {
    let at_end = at_end == YES;
    action(callback(context, |instance| {
        instance.on_body(context, direction, len, at_end)
    }))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_trailers(context: u32, _: u32) -> u32 {
    on_trailers(context, Direction::Request)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_trailers(context: u32, _: u32) -> u32 {
    on_trailers(context, Direction::Response)
}

fn on_trailers(context: u32, direction: Direction) -> u32 {
    action(callback(context, |instance| {
        instance.on_trailers(context, direction)
    }))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_grpc_receive_initial_metadata(context: u32, token: u32, _: u32) {
    callback(context, |instance| instance.on_stream_open(context, token));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_grpc_receive(context: u32, token: u32, len: usize) {
    callback(context, |instance| {
        instance.on_stream_message(context, token, len)
    });
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_grpc_close(context: u32, token: u32, _status: u32) {
    callback(context, |instance| instance.on_stream_close(context, token));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_done(context: u32) -> u32 {
    callback(context, |instance| instance.on_done(context));
    YES
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_log(context: u32) {
    callback(context, |instance| instance.on_log(context));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(context: u32) {
    callback(context, |instance| instance.on_delete(context));
}
