//! The plugin configuration: JSON in, checked profiles and rules out.
//!
//! [`parse`] takes the configuration as the host gives it and finds every fault at once. What fields there are, with their
//! ranges and defaults, stands in one table, from which the reference and the JSON schema are printed as well.

mod attribute;
mod authorization;
mod error;
mod header;
mod icap_header_matcher;
mod json;
mod profile;
mod protobuf_struct;
mod read_matcher;
mod read_profile;
mod read_rule;
mod reader;
#[cfg(not(target_arch = "wasm32"))]
pub mod reference;
mod reply_page;
mod route_metadata;
#[cfg(not(target_arch = "wasm32"))]
pub mod schema;
mod secrets;
mod service_url;
mod summary;
mod table;
mod template;
mod unmatchable;
mod value;

pub use crate::policy::{ClientIpSource, Enforcement};
pub use error::ConfigError;
pub use icap_header_matcher::IcapHeaderMatcher;
pub(crate) use json::Json;
pub use profile::{
    BlockResponse, Cause, FailAction, FailActions, FailResponse, HonorTransferIgnore,
    OptionsConfig, Profile, RangeRequests, Secret, SelfTestConfig, SendWhen, ServiceUrl, ShownForm,
    Streams, Trailers, UserEncoding,
};
pub use reply_page::{PageValues, ReplyPage};
pub use route_metadata::route_choice;
pub use secrets::Secrets;
pub use summary::summary;
pub use template::{Operator, Template, Values};

use crate::policy::{self, Rule};
use error::{Errors, Path};
use reader::Fields;
use std::rc::Rc;

/// What the plugin configuration makes of this instance of the module.
#[derive(Clone, Debug)]
pub enum PluginConfig {
    /// The HTTP filter.
    Filter(Config),
    /// The upstream transport filter.
    Transport,
}

/// The configuration of the HTTP filter.
#[derive(Clone, Debug)]
pub struct Config {
    /// The profiles, at least one.
    pub profiles: Vec<Rc<Profile>>,
    /// The policy; `None`: every request goes to the first profile.
    pub rules: Option<Vec<Rule<Profile>>>,
    /// Who is told the outcome in headers.
    pub expose: Expose,
    /// Headers, lower case, whose values icap_log hides beside the built-in ones.
    pub redact_headers: Vec<String>,
    /// In which forms icap_log is set.
    pub icap_log: LogForms,
    /// Other filters of ours stand in the same chain, and each keeps what the others have logged.
    pub chained: bool,
    /// What a worker may hold of answers in its memory, in bytes.
    pub memory_budget_bytes: u64,
}

/// The name of a profile or a rule in the names of statistics: characters other than ASCII letters, digits, `_` and `-` become
/// `_`.
pub fn stat_name(name: &str) -> String {
    name.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') {
                c
            } else {
                '_'
            }
        })
        .collect()
}

/// Who is told the outcome in the headers `x-icap-action` and `x-icap-threat`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expose {
    /// The client, in the response.
    pub client: bool,
    /// The application, in the request.
    pub application: bool,
}

/// In which forms icap_log is there for the access log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogForms {
    /// As JSON text.
    pub text: bool,
    /// As a protobuf `Struct`.
    pub structure: bool,
}

impl policy::Policy for Config {
    type Profile = Profile;

    fn rules(&self) -> Option<&[Rule<Profile>]> {
        self.rules.as_deref()
    }

    fn profiles(&self) -> &[Rc<Profile>] {
        &self.profiles
    }
}

impl policy::Scanning for Profile {
    fn name(&self) -> &str {
        &self.name
    }

    fn enforcement(&self) -> Enforcement {
        self.enforcement
    }
}

impl Config {
    /// The profile of that name.
    pub fn profile(&self, name: &str) -> Option<&Rc<Profile>> {
        self.profiles.iter().find(|p| &*p.name == name)
    }

    /// What holds for a message of which nobody knows the profile or the rule: it is let go only where nothing is enforced.
    pub fn strictest_enforcement(&self) -> Enforcement {
        let profiles = self.profiles.iter().map(|profile| profile.enforcement);
        let rules = self
            .rules
            .iter()
            .flatten()
            .filter_map(|rule| rule.enforcement);
        match profiles
            .chain(rules)
            .any(|each| each == Enforcement::Enforce)
        {
            true => Enforcement::Enforce,
            false => Enforcement::Monitor,
        }
    }
}

/// Reads and checks a plugin configuration.
///
/// # Errors
/// Every fault that was found, in the order of the configuration's sections; at least one.
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
    const ALLOWED: &str = "a JSON object with at least \"profiles\", or {\"role\": \"transport\"}";
    if bytes.trim_ascii().is_empty() {
        errors.add(Path::Root, "nothing", ALLOWED);
        return None;
    }
    // A StringValue comes as its text, a Struct as its serialized message.
    let json = match Json::parse(bytes).or_else(|e| protobuf_struct::read(bytes).ok_or(e)) {
        Ok(json) => json,
        Err(fault) => {
            errors.add(Path::Root, format!("no valid JSON: {fault}"), ALLOWED);
            return None;
        }
    };
    let fields = Fields::open(&json, &table::PLUGIN, Path::Root, errors)?;
    if fields.choice("role")? == "transport" {
        for name in [
            "profiles",
            "rules",
            "expose",
            "redact_headers",
            "icap_log",
            "memory_budget_mb",
            "chained",
        ] {
            if fields.has(name) {
                fields.fault(
                    name,
                    "a field of the filter role",
                    "nothing beside \"role\": \"transport\"",
                );
            }
        }
        return Some(PluginConfig::Transport);
    }
    let profiles = read_profile::profiles(&fields);
    let rules = read_rule::rules(&fields, profiles.as_deref());
    let expose = fields.object_or_empty("expose", |expose| {
        Some(Expose {
            client: expose.bool("client"),
            application: expose.bool("application"),
        })
    });
    let icap_log = fields.object_or_empty("icap_log", |log| {
        Some(LogForms {
            text: log.bool("text"),
            structure: log.bool("struct"),
        })
    });
    let chained = fields.bool("chained");
    let memory_budget_mb: u64 = fields.integer("memory_budget_mb");
    Some(PluginConfig::Filter(Config {
        chained,
        memory_budget_bytes: memory_budget_mb.saturating_mul(1024 * 1024),
        redact_headers: header::names(&fields, "redact_headers"),
        profiles: profiles?,
        rules,
        expose: expose?,
        icap_log: icap_log?,
    }))
}
