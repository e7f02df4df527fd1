//! The HTTP security policy: which request, and which response, goes to which profile.

mod authority;
mod choices;
mod criterion;
mod media_type;
mod named_matcher;
mod request;
mod response;
mod rule;
mod spelling;
mod string_matcher;
mod words;

pub use choices::{ClientIpSource, Enforcement, Protocol};
pub use criterion::{Criterion, Test};
pub use named_matcher::{NamedMatcher, NamedTest};
pub use request::RequestView;
pub use response::{ResponseCriterion, ResponseTest, ResponseView};
pub use rule::{Action, Rule};
pub use string_matcher::{MAX_REGEX_BYTES, RegexFault, StringMatcher, StringTest};

use request::Memo;
use std::rc::Rc;

/// The choice in the route's metadata, `metadata.filter_metadata.icap_filter`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RouteChoice {
    /// No choice: the rules decide.
    #[default]
    None,
    /// `{profile: NAME}`.
    Profile(String),
    /// `{disabled: true}`.
    Disabled,
    /// Metadata with an unknown key or value. The text says which.
    Wrong(String),
}

/// A profile, as the policy needs it.
pub trait Scanning {
    /// The profile's name.
    fn name(&self) -> &str;
    /// Whether verdicts are enforced, where the rule does not say.
    fn enforcement(&self) -> Enforcement;
}

/// The configuration of the policy.
pub trait Policy {
    /// The type of a profile.
    type Profile: Scanning;
    /// The rules in their order. `None`: every request goes to the first profile.
    fn rules(&self) -> Option<&[Rule<Self::Profile>]>;
    /// The profiles.
    fn profiles(&self) -> &[Rc<Self::Profile>];
}

/// The decision about a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision<P> {
    /// Scan the message.
    Scan {
        /// The profile to scan with.
        profile: Rc<P>,
        /// The rule that decided.
        rule: Option<Rc<str>>,
        /// Whether the verdict is enforced.
        enforcement: Enforcement,
    },
    /// Do not scan the message.
    Skip {
        /// The rule that decided.
        rule: Option<Rc<str>>,
    },
    /// The route's metadata names no existing profile: a failure with the cause `internal`, never a silent pass. The
    /// text says which.
    Misconfigured(String),
    /// The route's metadata is unclear, so nobody knows whether to scan: the message must not go on. The text says
    /// why.
    Refuse(String),
}

/// Decides about one request. The route's choice comes first, then the first rule that matches. Without any rules,
/// the first profile scans.
pub fn decide<C: Policy>(
    policy: &C,
    view: &dyn RequestView,
    route: RouteChoice,
) -> Decision<C::Profile> {
    match route {
        RouteChoice::Disabled => Decision::Skip { rule: None },
        RouteChoice::Wrong(reason) => Decision::Refuse(reason),
        RouteChoice::Profile(name) => match named(policy, &name) {
            Some(profile) => scan(profile, None, None),
            None => Decision::Misconfigured(format!(
                "route metadata names the profile \"{}\", which does not exist",
                name.chars()
                    .take(128)
                    .flat_map(char::escape_debug)
                    .collect::<String>()
            )),
        },
        RouteChoice::None => by_rules(policy, view),
    }
}

fn named<'c, C: Policy>(policy: &'c C, name: &str) -> Option<&'c Rc<C::Profile>> {
    let mut profiles = policy.profiles().iter();
    profiles.find(|profile| profile.name() == name)
}

/// A scan by this profile. The rule may choose the enforcement itself.
fn scan<P: Scanning>(
    profile: &Rc<P>,
    rule: Option<Rc<str>>,
    enforcement: Option<Enforcement>,
) -> Decision<P> {
    Decision::Scan {
        profile: Rc::clone(profile),
        rule,
        enforcement: enforcement.unwrap_or(profile.enforcement()),
    }
}

fn by_rules<C: Policy>(policy: &C, view: &dyn RequestView) -> Decision<C::Profile> {
    let Some(rules) = policy.rules() else {
        return match policy.profiles().first() {
            Some(profile) => scan(profile, None, None),
            None => Decision::Misconfigured("there is no profile".to_owned()),
        };
    };
    let request = Memo::new(view);
    let mut rules = rules.iter().filter(|rule| !rule.is_about_responses());
    let Some(rule) = rules.find(|rule| rule.matches(&request)) else {
        return Decision::Skip { rule: None };
    };
    let name = Some(Rc::clone(&rule.name));
    match &rule.action {
        Action::Scan(profile) => scan(profile, name, rule.enforcement),
        Action::Bypass => Decision::Skip { rule: name },
    }
}

/// The rules that may decide about the response to a request: those that match the request, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook(Vec<usize>);

impl Outlook {
    /// `None`: no rule is about responses. Then a response is scanned if its request was.
    pub fn of<C: Policy>(policy: &C, view: &dyn RequestView) -> Option<Self> {
        let rules = policy.rules()?;
        if !rules.iter().any(Rule::is_about_responses) {
            return None;
        }
        let request = Memo::new(view);
        let mut matching = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            if rule.matches(&request) {
                matching.push(index);
                // A rule that accepts every response ends the list.
                if !rule.is_about_responses() {
                    break;
                }
            }
        }
        Some(Self(matching))
    }

    /// The profile that may scan the response: the one of the first rule about responses that scans.
    pub fn profile<'c, C: Policy>(&self, policy: &'c C) -> Option<&'c Rc<C::Profile>> {
        self.rules(policy)
            .filter(|rule| rule.is_about_responses())
            .find_map(|rule| match &rule.action {
                Action::Scan(profile) => Some(profile),
                Action::Bypass => None,
            })
    }

    /// Each profile that may scan the response, and whether its verdicts are enforced.
    pub fn scanners<'c, C: Policy>(
        &self,
        policy: &'c C,
    ) -> impl Iterator<Item = (&'c Rc<C::Profile>, Enforcement)> {
        self.rules(policy).filter_map(|rule| match &rule.action {
            Action::Scan(profile) => {
                let enforcement = rule.enforcement.unwrap_or(profile.enforcement());
                Some((profile, enforcement))
            }
            Action::Bypass => None,
        })
    }

    /// Decides about the response.
    pub fn decide<C: Policy>(
        &self,
        policy: &C,
        response: &dyn ResponseView,
    ) -> Decision<C::Profile> {
        let Some(rule) = self
            .rules(policy)
            .find(|rule| rule.matches_response(response))
        else {
            return Decision::Skip { rule: None };
        };
        // A rule about requests was already logged for the request.
        let name = rule.is_about_responses().then(|| Rc::clone(&rule.name));
        match &rule.action {
            Action::Scan(profile) => scan(profile, name, rule.enforcement),
            Action::Bypass => Decision::Skip { rule: name },
        }
    }

    fn rules<'c, C: Policy>(&self, policy: &'c C) -> impl Iterator<Item = &'c Rule<C::Profile>> {
        let all = policy.rules().unwrap_or_default();
        self.0.iter().filter_map(|index| all.get(*index))
    }
}
