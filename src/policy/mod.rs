//! Which request goes to which profile: the HTTP security policy.

mod authority;
mod choices;
mod criterion;
mod media_type;
mod request;
mod response;
mod rule;
mod spelling;
mod string_matcher;
mod words;

pub use choices::{ClientIpSource, Enforcement};
pub use criterion::{Criterion, NamedMatcher, NamedTest, Protocol, Test};
pub use request::RequestView;
pub use response::{ResponseCriterion, ResponseTest, ResponseView};
pub use rule::{Action, Rule};
pub use string_matcher::{MAX_REGEX_BYTES, RegexFault, StringMatcher, StringTest};

use request::Memo;
use std::rc::Rc;

/// What the route's metadata says, `metadata.filter_metadata.icap_filter`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RouteChoice {
    /// Nothing: the rules decide.
    #[default]
    None,
    /// `{profile: NAME}`.
    Profile(String),
    /// `{disabled: true}`.
    Disabled,
    /// Something that can't be meant, as the text says.
    Wrong(String),
}

/// A profile, as far as the policy has to know it.
pub trait Scanning {
    /// Its name.
    fn name(&self) -> &str;
    /// Whether what comes of a scan is done, where the rule does not say.
    fn enforcement(&self) -> Enforcement;
}

/// What there is to decide by.
pub trait Policy {
    /// What a scan goes by.
    type Profile: Scanning;
    /// The rules in their order; `None`: every request goes to the first profile.
    fn rules(&self) -> Option<&[Rule<Self::Profile>]>;
    /// The profiles.
    fn profiles(&self) -> &[Rc<Self::Profile>];
}

/// What is done with a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision<P> {
    /// It is scanned.
    Scan {
        /// By this profile.
        profile: Rc<P>,
        /// The rule that said so.
        rule: Option<Rc<str>>,
        /// Whether what comes of it is done.
        enforcement: Enforcement,
    },
    /// It is not scanned.
    Skip {
        /// The rule that said so.
        rule: Option<Rc<str>>,
    },
    /// The route's metadata is wrong, as the text says: a failure with the cause `internal`, never a silent pass.
    Misconfigured(String),
    /// The route's metadata can't be meant, as the text says: nobody knows whether to scan, so nothing goes on.
    Refuse(String),
}

/// Decides about one request: the route's choice, else the first rule that matches, else, where there are no rules at all,
/// the first profile.
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

/// A scan by that profile; the rule may have a word of its own on what comes of it.
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

/// What the rules have to say of the response to a request: those that match the request, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook(Vec<usize>);

impl Outlook {
    /// `None`: no rule is about responses, and a response is scanned where its request was.
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
                // One that takes every response ends the list.
                if !rule.is_about_responses() {
                    break;
                }
            }
        }
        Some(Self(matching))
    }

    /// The profile that may scan the response: of the first rule among them that scans responses by what they are.
    pub fn profile<'c, C: Policy>(&self, policy: &'c C) -> Option<&'c Rc<C::Profile>> {
        self.rules(policy)
            .filter(|rule| rule.is_about_responses())
            .find_map(|rule| match &rule.action {
                Action::Scan(profile) => Some(profile),
                Action::Bypass => None,
            })
    }

    /// Each profile that may scan the response, and whether what comes of it is done, where its rule says so.
    pub fn scanners<'c, C: Policy>(
        &self,
        policy: &'c C,
    ) -> impl Iterator<Item = (&'c Rc<C::Profile>, Option<Enforcement>)> {
        self.rules(policy).filter_map(|rule| match &rule.action {
            Action::Scan(profile) => Some((profile, rule.enforcement)),
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
        // A rule about requests has been told of by its request.
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
