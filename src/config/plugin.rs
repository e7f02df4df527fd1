//! The plugin configuration itself, as far as the HTTP filter takes it.

use super::attribute::{Kind, boolean, choice, integer, object, objects, of};
use super::choice::Role;
use super::header;
use super::names::unique_name;
use super::object::{object, or_empty};
use super::profile::Profile;
use super::reader::Fields;
use super::rule::{RuleFields, rules};
use crate::policy::{self, Enforcement, Rule};
use std::rc::Rc;

object! {
    /// The plugin configuration is one JSON object, given to the Wasm filter as a `google.protobuf.Struct` or as a
    /// `google.protobuf.StringValue` that holds the JSON text. The roles `transport` and `gate` take `role` and nothing else.
    #[derive(Clone, Debug)]
    pub struct Config, at "", read from fields {
        /// `filter`: the HTTP filter that has requests scanned. `transport`: the upstream filter of the cluster that leads to the
        /// ICAP servers; it needs a `vm_id` of its own. `gate`: a second filter, directly before the HTTP filter and with its `vm_id`,
        /// that slows uploads down which [stream](operations.md#a-gate); for responses it stands directly behind.
        let role: Role = choice::<Role>().or_text("filter");
        /// The ICAP services and how requests are shown to them. Names are unique. Required for the filter role.
        pub profiles: Vec<Rc<Profile>> = objects::<Profile>(1, 100) => read_profiles;
        /// The HTTP security policy; the first rule that matches decides. Where none matches, the request is not scanned
        /// (`ICAP_DISABLED`). Names are unique.
        pub rules: Option<Vec<Rule<Profile>>> =
            objects::<RuleFields>(0, 1000).otherwise("every request goes to the first profile")
            => |fields, name| Some(rules(fields, name, profiles.as_deref()));
        /// Headers that tell the outcome to client or application.
        pub expose: Expose = object::<Expose>().otherwise("all `false`") => or_empty(Expose::of);
        /// Further headers whose values icap_log shows as `***`, beside `authorization`, `proxy-authorization`, `cookie`,
        /// `set-cookie` and `x-authenticated-user`.
        pub redact_headers: Vec<String> = of(Kind::HeaderNames).otherwise("`[]`")
            => |fields, name| Some(header::names(fields, name));
        /// In which forms icap_log is there for the access log.
        pub icap_log: LogForms = object::<LogForms>().otherwise("text alone") => or_empty(LogForms::of);
        /// How much of the ICAP servers' answers a worker may hold at a time. Past it a message fails with the cause `overload`,
        /// and is never forwarded. A worker's virtual machine ends at about 1 GiB.
        pub memory_budget_bytes: u64 = integer(16, 512, "MiB").named("memory_budget_mb").or(256)
            => |fields, name| Some(fields.integer::<u64>(name).saturating_mul(1024 * 1024));
        /// Other filters of ours stand in the same chain, such as one for DLP behind one for antivirus. Each entry of
        /// `request_logs` has its `profile`, and each filter keeps the entries of the others' profiles: write it into all of
        /// them, and no name of a profile twice. See [chains](chain.md).
        pub chained: bool = boolean().or_bool(false);
    }
}

object! {
    /// The headers are `x-icap-action` (such as `ICAP_PASSED`) and `x-icap-threat` (where there is one). Where `enforcement` is
    /// `monitor` an outcome that changes anything reads `ICAP_BLOCKED; enforced=false`. Headers of these names that come from a
    /// client are removed in any case, those that come from an application where `client` is on.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Expose, at "expose", read from fields {
        /// Add them to the response that the client gets.
        pub client: bool = boolean().or_bool(false);
        /// Add them to the request that the application gets.
        pub application: bool = boolean().or_bool(false);
    }
}

object! {
    /// Switch on what the access log prints, see [envoy/access-log.md](../envoy/access-log.md): each form costs time for each
    /// request. With both `false` there is the outcome alone, as `wasm.icap_action`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct LogForms, at "icap_log", read from fields {
        /// Set the filter state `wasm.icap_log`: JSON text, for a `text_format_source`.
        pub text: bool = boolean().or_bool(true);
        /// Set the filter state `wasm.icap_log_struct`: a protobuf `Struct`, for a `json_format`.
        pub structure: bool = boolean().named("struct").or_bool(false);
    }
}

/// The profiles without faults. `None`: the list itself is missing or wrong.
fn read_profiles(plugin: &Fields<'_>, name: &str) -> Option<Vec<Rc<Profile>>> {
    let mut names: Vec<String> = Vec::new();
    plugin.objects(name, |fields| {
        unique_name(&fields, &mut names);
        Profile::of(&fields).map(Rc::new)
    })
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

    /// For a message whose profile and rule are unknown: the message goes on only if nothing at all is enforced.
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
