//! Those around the proxy: clients, the application, the ICAP servers.

mod answer;
mod application;
pub mod client;
pub mod decision;
pub mod icap_request;
pub mod scanner;
pub mod transaction;
