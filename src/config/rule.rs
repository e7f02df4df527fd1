//! A rule of the policy.

use super::attribute::{boolean, choice, object, text};
use super::choice::RuleAction;
use super::criteria::Criteria;
use super::json::Json;
use super::names::{NAME_BYTES, unique_name};
use super::object::{object, or_empty};
use super::profile::Profile;
use super::reader::Fields;
use super::value::shown;
use crate::policy::{Action, ClientIpSource, Enforcement, Rule};
use std::rc::Rc;

object! {
    /// Route metadata `metadata.filter_metadata.icap_filter` wins over every rule: `{profile: NAME}` or `{disabled: true}`.
    /// Metadata that can't be meant (another key, another type, a namespace such as `icap-filter`) fails closed, and the log
    /// says why. Metadata of a virtual host is not read. A value that no request can have, and a rule behind one that takes
    /// everything, are refused. Where a request can be read in more than one way, a rule with `enable_icap` matches if one
    /// reading does, and a rule with `bypass` only if all do.
    pub(super) struct RuleFields, at "rules[]", read from fields with list: &mut RuleList<'_> {
        /// Unique; `rule_name` in icap_log.
        pub name: Rc<str> = text(NAME_BYTES);
        /// A rule that is not enabled is checked but never matches.
        pub enabled: bool = boolean().or_bool(true);
        /// All criteria given must hold; `{}` matches every request.
        pub criteria: Criteria = object::<Criteria>().named("match").otherwise("`{}`") => or_empty(Criteria::of);
        /// `enable_icap`: scan with `profile`. `bypass`: do not scan.
        let word: RuleAction = choice::<RuleAction>().named("action").avi("HTTP_SECURITY_ACTION_REQUEST_CHECK_ICAP");
        /// Name of a profile; required with `enable_icap`.
        pub action: Action<Profile> = text(NAME_BYTES).named("profile").or_nothing()
            => |fields, name| list.action(fields, name, word);
        /// As the profile's attribute, for the messages of this rule; only with `enable_icap`.
        pub enforcement: Option<Enforcement> = choice::<Enforcement>().otherwise("as the profile's");
    }
    check {
        list.check_reached(fields, name.as_deref(), enabled, criteria.as_ref());
        check_responses(fields, action.as_ref(), criteria.as_ref());
        check_enforcement(fields, action.as_ref(), enforcement.flatten());
    }
}

/// What the parser knows while it reads the rules.
pub(super) struct RuleList<'a> {
    /// The names of all profiles as written. A rule may name a profile with faults: its name is not the mistake.
    known: Vec<&'a str>,
    /// The profiles without faults.
    profiles: &'a [Rc<Profile>],
    /// The names of the rules so far.
    names: Vec<String>,
    /// The name of a rule that matches every request, once there is one.
    takes_all: Option<String>,
    /// Whether a rule behind that one has been noted.
    is_unreached_noted: bool,
}

/// Reads the rules. `profiles` is `None` if the list of profiles has a fault itself.
pub(super) fn rules(
    plugin: &Fields<'_>,
    name: &str,
    profiles: Option<&[Rc<Profile>]>,
) -> Option<Vec<Rule<Profile>>> {
    let mut list = RuleList {
        known: profile_names(plugin),
        profiles: profiles.unwrap_or_default(),
        names: Vec::new(),
        takes_all: None,
        is_unreached_noted: false,
    };
    plugin.objects(name, |fields| {
        unique_name(&fields, &mut list.names);
        let rule = RuleFields::of(&fields, &mut list)?;
        Some(Rule {
            name: rule.name,
            enabled: rule.enabled,
            criteria: rule.criteria.request,
            response_criteria: rule.criteria.response,
            client_ip_source: list.client_ip_source(&rule.action),
            enforcement: rule.enforcement,
            action: rule.action,
        })
    })
}

impl RuleList<'_> {
    /// What a rule does: `word` is its `action`, and the field `name` names its profile.
    fn action(
        &self,
        fields: &Fields<'_>,
        name: &str,
        word: Option<RuleAction>,
    ) -> Option<Action<Profile>> {
        let profile = fields.text(name);
        if let Some(profile) = profile
            && !self.known.contains(&profile)
        {
            fields.fault(name, shown(profile), "the name of a profile");
            return None;
        }
        match (word?, profile) {
            (RuleAction::Bypass, _) => Some(Action::Bypass),
            (RuleAction::EnableIcap, Some(profile)) => {
                let mut profiles = self.profiles.iter();
                let profile = profiles.find(|p| &*p.name == profile)?;
                Some(Action::Scan(Rc::clone(profile)))
            }
            (RuleAction::EnableIcap, None) => {
                if !fields.has(name) {
                    fields.fault(name, "nothing", "with enable_icap, the name of a profile");
                }
                None
            }
        }
    }

    /// Notes a rule that no request comes to, since one before it matches every request; once for the whole list.
    fn check_reached(
        &mut self,
        fields: &Fields<'_>,
        name: Option<&str>,
        enabled: Option<bool>,
        criteria: Option<&Criteria>,
    ) {
        if let Some(before) = self
            .takes_all
            .take_if(|before| Some(before.as_str()) != name)
        {
            self.is_unreached_noted = true;
            fields.fault_here(
                "a rule that no request comes to",
                format!(
                    "rules before {}, which matches every request",
                    shown(&before)
                ),
            );
        }
        if !self.is_unreached_noted
            && enabled == Some(true)
            && criteria.is_some_and(Criteria::is_empty)
        {
            self.takes_all = name.map(str::to_owned);
        }
    }

    /// The source that the rule's profile names. A rule that does not scan has no profile: it goes by the connection's peer if
    /// any profile does.
    fn client_ip_source(&self, action: &Action<Profile>) -> ClientIpSource {
        let by_peer = |profile: &Rc<Profile>| profile.client_ip_source == ClientIpSource::Peer;
        match action {
            Action::Scan(profile) => profile.client_ip_source,
            Action::Bypass if self.profiles.iter().any(by_peer) => ClientIpSource::Peer,
            Action::Bypass => ClientIpSource::Downstream,
        }
    }
}

/// Notes a rule about responses whose profile scans no responses.
fn check_responses(
    fields: &Fields<'_>,
    action: Option<&Action<Profile>>,
    criteria: Option<&Criteria>,
) {
    if let (Some(Action::Scan(profile)), Some(criteria)) = (action, criteria)
        && !criteria.response.is_empty()
        && profile.response_service.is_none()
    {
        fields.fault(
            "profile",
            format!(
                "{}, which has no response_service_url",
                shown(&profile.name)
            ),
            "for responses, a profile with response_service_url",
        );
    }
}

/// Notes an `enforcement` in a rule that does not scan.
fn check_enforcement(
    fields: &Fields<'_>,
    action: Option<&Action<Profile>>,
    enforcement: Option<Enforcement>,
) {
    if enforcement.is_some() && matches!(action, Some(Action::Bypass)) {
        fields.fault(
            "enforcement",
            "it with bypass",
            "it with enable_icap: where nothing is scanned, nothing is enforced",
        );
    }
}

fn profile_names<'a>(plugin: &Fields<'a>) -> Vec<&'a str> {
    let Some(Json::List(profiles)) = plugin.get("profiles") else {
        return Vec::new();
    };
    profiles
        .iter()
        .filter_map(|profile| match profile {
            Json::Object(fields) => fields.iter().find(|(name, _)| name == "name"),
            _ => None,
        })
        .filter_map(|(_, value)| match value {
            Json::Text(name) => Some(name.as_str()),
            _ => None,
        })
        .collect()
}
