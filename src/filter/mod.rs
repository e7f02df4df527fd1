//! The filter role: holds an HTTP message, shows it to an ICAP server, and applies the verdict once.

mod apart;
mod bare_fields;
mod clock;
mod coded;
mod file_name;
mod form;
mod framed;
mod instance_record;
mod placeholders;
pub mod rewrite;
mod upload;

mod abandon;
mod admit;
mod admit_response;
mod buffer;
mod chain;
mod changed_form;
mod changed_message;
mod check_delivery;
mod delay_reply;
mod delivery_check;
mod early_reply;
mod end_messages;
mod exchange;
mod expose;
mod fault;
mod forward;
mod grpc_call;
mod grpc_ends;
mod grpc_messages;
mod grpc_shown;
mod icap_request;
mod inbox;
mod indivisible;
mod instances;
mod journal;
mod layout;
mod learn_options;
mod local_reply;
mod look_after_instances;
mod metrics;
mod on_http;
mod on_server;
mod on_tick;
mod open_exchange;
mod outcome;
mod page;
mod part_outcomes;
mod part_request;
mod part_results;
mod parts;
mod place;
mod preempt;
mod probe;
mod profile_page;
mod put_messages;
mod range;
mod repeated;
mod replacement;
mod request_icap;
mod role;
mod run_self_test;
mod scan_messages;
mod self_test;
mod send_reply;
mod server_page;
mod service;
mod stream_body;
mod stream_end;
mod stream_gate;
mod streaming;
mod take_apart;
mod tend_probes;
mod trailers;
mod units;
mod values;
mod view;
mod wake_ups;
mod worker;
mod write_log;

pub use clock::ServerClock;
pub use file_name::file_name;
pub use instance_record::{DEAD_AFTER_MS, InstanceRecord};
pub use local_reply::refuse;
pub use placeholders::MessageValues;
pub use role::FilterRole;

/// Property that becomes the filter state `wasm.icap_log`: JSON text.
pub const LOG_PROPERTY: &str = "icap_log";
/// Property that becomes the filter state `wasm.icap_log_struct`: a serialized `google.protobuf.Struct`.
pub const LOG_STRUCT_PROPERTY: &str = "icap_log_struct";
/// Property that becomes the filter state `wasm.icap_action`: the outcome alone, such as `ICAP_PASSED`.
pub const OUTCOME_PROPERTY: &str = "icap_action";
/// Property that becomes the filter state `wasm.icap_significant`: `true` where icap_log has a significance, else not set.
pub const SIGNIFICANT_PROPERTY: &str = "icap_significant";
