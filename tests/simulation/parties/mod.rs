//! Those around the proxy: clients, the application, the ICAP servers.

mod application;
pub mod client;
pub mod decision;
mod given_trailers;
pub mod icap_request;
mod icap_response;
pub mod scanner;
pub mod transaction;
