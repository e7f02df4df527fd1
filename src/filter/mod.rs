//! The HTTP filter: hold a message, show it to the ICAP server, apply the verdict once.

mod answer;
mod clock;
mod file_name;
mod held;
mod instance_record;
mod placeholders;
pub mod rewrite;

#[cfg(target_os = "wasi")]
mod abandon;
#[cfg(target_os = "wasi")]
mod admit;
#[cfg(target_os = "wasi")]
mod apply;
#[cfg(target_os = "wasi")]
mod ask;
#[cfg(target_os = "wasi")]
mod conclude;
#[cfg(target_os = "wasi")]
mod connect;
#[cfg(target_os = "wasi")]
mod describe;
#[cfg(target_os = "wasi")]
mod exchange;
#[cfg(target_os = "wasi")]
mod expose;
#[cfg(target_os = "wasi")]
mod holding;
#[cfg(target_os = "wasi")]
mod inbox;
#[cfg(target_os = "wasi")]
mod instances;
#[cfg(target_os = "wasi")]
mod local_reply;
#[cfg(target_os = "wasi")]
mod meaning;
#[cfg(target_os = "wasi")]
mod metrics;
#[cfg(target_os = "wasi")]
mod on_http;
#[cfg(target_os = "wasi")]
mod on_server;
#[cfg(target_os = "wasi")]
mod on_tick;
#[cfg(target_os = "wasi")]
mod probe;
#[cfg(target_os = "wasi")]
mod recall;
#[cfg(target_os = "wasi")]
mod repeated;
#[cfg(target_os = "wasi")]
mod role;
#[cfg(target_os = "wasi")]
mod self_test;
#[cfg(target_os = "wasi")]
mod service;
#[cfg(target_os = "wasi")]
mod source;
#[cfg(target_os = "wasi")]
mod worker;

pub use answer::{Answer, AnswerBody, NotKept, copy};
pub use clock::ServerClock;
pub use file_name::file_name;
pub use held::{Budget, Held, OverBudget, PIECE_BYTES};
pub use instance_record::{DEAD_AFTER_MS, InstanceRecord};
#[cfg(target_os = "wasi")]
pub use local_reply::refuse;
pub use placeholders::MessageValues;
#[cfg(target_os = "wasi")]
pub use role::FilterRole;

/// Property that becomes the filter state `wasm.icap_log`: JSON text.
pub const LOG_PROPERTY: &str = "icap_log";
/// Property that becomes the filter state `wasm.icap_log_struct`: a serialized `google.protobuf.Struct`.
pub const LOG_STRUCT_PROPERTY: &str = "icap_log_struct";
/// Property that becomes the filter state `wasm.icap_action`: the outcome alone, such as `ICAP_PASSED`.
pub const ACTION_PROPERTY: &str = "icap_action";
/// Property that becomes the filter state `wasm.icap_significant`: `true` where the entry has a significance, else `false`.
pub const SIGNIFICANT_PROPERTY: &str = "icap_significant";
