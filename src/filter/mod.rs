//! The HTTP filter: hold a message, show it to the ICAP server, apply the verdict once.

mod answer;
mod clock;
mod file_name;
mod held;
mod instance_record;
mod placeholders;
pub mod rewrite;
mod upload;

mod abandon;
mod admit;
mod apply;
mod ask;
mod chain;
mod conclude;
mod connect;
mod describe;
mod exchange;
mod expose;
mod holding;
mod inbox;
mod instances;
mod local_reply;
mod meaning;
mod metrics;
mod on_http;
mod on_server;
mod on_tick;
mod probe;
mod recall;
mod repeated;
mod role;
mod scan;
mod self_test;
mod service;
mod source;
mod view;
mod worker;
mod write_log;

pub use answer::{Answer, AnswerBody, NotKept, copy};
pub use clock::ServerClock;
pub use file_name::file_name;
pub use held::{Budget, Held, OverBudget, PIECE_BYTES};
pub use instance_record::{DEAD_AFTER_MS, InstanceRecord};
pub use local_reply::refuse;
pub use placeholders::MessageValues;
pub use role::FilterRole;

/// Property that becomes the filter state `wasm.icap_log`: JSON text.
pub const LOG_PROPERTY: &str = "icap_log";
/// Property that becomes the filter state `wasm.icap_log_struct`: a serialized `google.protobuf.Struct`.
pub const LOG_STRUCT_PROPERTY: &str = "icap_log_struct";
/// Property that becomes the filter state `wasm.icap_action`: the outcome alone, such as `ICAP_PASSED`.
pub const ACTION_PROPERTY: &str = "icap_action";
/// Property that becomes the filter state `wasm.icap_significant`: `true` where the entry has a significance, else `false`.
pub const SIGNIFICANT_PROPERTY: &str = "icap_significant";
