//! The ICAP protocol (RFC 3507), sans-IO: bytes go in, bytes and events come out. No host, no clock, no logging.
//!
//! Sending: [`encode_request_head`] and [`encode_response_head`] turn Envoy's header map into an HTTP/1.1 head,
//! [`IcapRequest`] puts the ICAP head before it, [`chunk_header`] and [`LAST_CHUNK`] frame the body.
//! Receiving: [`IcapResponseParser`] takes bytes as they arrive and gives [`Event`]s.
//! [`Transaction`] joins the two: it knows what to send next from the body so far and the server's messages.
//!
//! The tests run natively (`cargo test --lib icap`) and, except the property tests, on WebAssembly with Node:
//!
//! ```text
//! cargo install wasm-bindgen-cli --root .tools --version <that of wasm-bindgen in Cargo.lock>
//! CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=$PWD/.tools/bin/wasm-bindgen-test-runner \
//!     cargo test --lib --target wasm32-unknown-unknown icap
//! ```

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod chunked;
mod direction;
mod encapsulated;
mod encode;
mod encode_http;
mod error;
mod fields;
mod head;
mod headers;
mod http;
mod input;
mod limits;
mod options;
mod response;
mod start_line;
#[cfg(test)]
mod testing;
mod transaction;

pub use direction::Direction;
pub use encapsulated::Announced;
pub use encode::{IcapRequest, LAST_CHUNK, LAST_CHUNK_IEOF, Method, chunk_header};
pub use encode_http::{
    EncodeError, FieldList, encode_request_head, encode_response_head, is_hop_by_hop, with_length,
    with_line,
};
pub use error::{IcapResponseError, LimitKind, Snippet};
pub use headers::{Header, Headers};
pub use http::{HttpHead, RequestHead, ResponseHead};
pub use limits::{
    BODY_BYTES, CHUNK_LINE_BYTES, CHUNK_SIZE_DIGITS, CUT_FIELD_BYTES, HEAD_BYTES, HEADER_COUNT,
    HEADER_NAME_BYTES, ICAP_HEAD_BYTES, ICAP_HEAD_LINES, INTERIM_RESPONSES, LEADING_EMPTY_LINES,
    Limits, TRAILER_BYTES,
};
pub use options::{OptionsRefused, ServiceOptions, Transfer, TransferLists, istag};
pub use response::{Event, IcapResponseHead, IcapResponseParser};
pub use transaction::{
    BodyProgress, PIECE_BYTES, Request, Trailers, Transaction, TransactionError,
};
