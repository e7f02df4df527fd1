//! The plugin configuration: JSON in, checked profiles and rules out.
//!
//! [`parse`] takes the configuration as the host gives it and finds all faults at once. Each attribute is declared once, in
//! its object: `Config` in `plugin.rs`, `Profile` in `profile.rs`, the objects within it beside them. The declaration gives
//! the field in Rust, its reader, its row in the reference and its part of the JSON schema. `object.rs` says how to write one.
//! A failure cause is a row in `cause.rs`.

mod attribute;
mod authorization;
mod cause;
mod choice;
mod criteria;
mod error;
mod extractors;
mod header;
mod icap_header_matcher;
mod json;
mod misspelling;
mod names;
mod object;
mod plugin;
mod probes;
mod profile;
mod protobuf_struct;
mod reader;
#[cfg(not(target_arch = "wasm32"))]
pub mod reference;
mod replies;
mod reply_page;
mod route_metadata;
mod rule;
#[cfg(not(target_arch = "wasm32"))]
pub mod schema;
mod secrets;
#[cfg(not(target_arch = "wasm32"))]
mod sections;
mod service_url;
mod string_matcher;
mod summary;
mod template;
mod token;
mod unmatchable;
mod value;

pub use crate::policy::{ClientIpSource, Enforcement};
pub use cause::{Cause, FailActions, FailurePage, Told};
pub use choice::{
    FailAction, Grpc, HonorTransferIgnore, RangeRequests, SendWhen, ShownForm, Streams, Trailers,
    UserEncoding,
};
pub use error::ConfigError;
pub use icap_header_matcher::IcapHeaderMatcher;
pub(crate) use json::Json;
pub use names::stat_name;
pub use plugin::{Config, Expose, LogForms};
pub use probes::{OptionsConfig, SelfTestConfig};
pub use profile::Profile;
pub use replies::{BlockResponse, FailResponse};
pub use reply_page::{PageValues, ReplyPage};
pub use route_metadata::route_choice;
pub use secrets::{Secret, Secrets};
pub use service_url::ServiceUrl;
pub use summary::summary;
pub use template::{Operator, Template, Values};

use attribute::Object;
use error::{Errors, Path};
use reader::Fields;

/// A plugin configuration, by the role that it gives to this instance of the module.
#[derive(Clone, Debug)]
pub enum PluginConfig {
    /// The HTTP filter.
    Filter(Config),
    /// The upstream transport filter.
    Transport,
    /// The filter that slows senders of bodies down.
    Gate,
}

/// Reads and checks a plugin configuration.
///
/// # Errors
/// All faults, at least one, in the order of the attributes.
pub fn parse(bytes: &[u8]) -> Result<PluginConfig, Vec<ConfigError>> {
    let errors = Errors::default();
    let config = read(bytes, &errors);
    let faults = errors.into_vec();
    match config {
        Some(config) if faults.is_empty() => Ok(config),
        _ => Err(faults),
    }
}

fn read(bytes: &[u8], errors: &Errors) -> Option<PluginConfig> {
    const ALLOWED: &str = "a JSON object with at least \"profiles\", {\"role\": \"transport\"} or {\"role\": \"gate\"}";
    if bytes.trim_ascii().is_empty() {
        errors.add(Path::Root, "nothing", ALLOWED);
        return None;
    }
    // Envoy hands over a StringValue as its text, a Struct as a serialized message.
    let json = match Json::parse(bytes).or_else(|e| protobuf_struct::read(bytes).ok_or(e)) {
        Ok(json) => json,
        Err(fault) => {
            errors.add(Path::Root, format!("no valid JSON: {fault}"), ALLOWED);
            return None;
        }
    };
    let fields = Fields::open(&json, Config::SECTION, Path::Root, errors)?;
    let alone = match fields.get("role") {
        Some(Json::Text(role)) if role == "transport" => Some(PluginConfig::Transport),
        Some(Json::Text(role)) if role == "gate" => Some(PluginConfig::Gate),
        _ => None,
    };
    if let Some(config) = alone {
        for attribute in Config::SECTION.attributes() {
            if attribute.name != "role" && fields.has(attribute.name) {
                fields.fault(
                    attribute.name,
                    "a field of the filter role",
                    "nothing beside \"role\"",
                );
            }
        }
        return Some(config);
    }
    Config::of(&fields).map(PluginConfig::Filter)
}
