//! Which request goes to which profile: the HTTP security policy.

mod authority;
mod criterion;
mod media_type;
mod request;
mod response;
mod rule;
mod spelling;
mod string_matcher;
mod words;

pub use criterion::{Criterion, NamedMatcher, NamedTest, Protocol, Test};
pub use request::RequestView;
pub use response::{ResponseCriterion, ResponseTest, ResponseView};
pub use rule::{Action, Rule};
pub use string_matcher::{MAX_REGEX_BYTES, RegexFault, StringMatcher, StringTest};

use crate::config::{Config, Enforcement, Profile};
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

/// What is done with a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// It is scanned.
    Scan {
        /// By this profile.
        profile: Rc<Profile>,
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
pub fn decide(config: &Config, view: &dyn RequestView, route: RouteChoice) -> Decision {
    match route {
        RouteChoice::Disabled => Decision::Skip { rule: None },
        RouteChoice::Wrong(reason) => Decision::Refuse(reason),
        RouteChoice::Profile(name) => match config.profile(&name) {
            Some(profile) => scan(profile, None, None),
            None => Decision::Misconfigured(format!(
                "route metadata names the profile \"{}\", which does not exist",
                name.chars()
                    .take(128)
                    .flat_map(char::escape_debug)
                    .collect::<String>()
            )),
        },
        RouteChoice::None => by_rules(config, view),
    }
}

/// A scan by that profile; the rule may have a word of its own on what comes of it.
fn scan(
    profile: &Rc<Profile>,
    rule: Option<Rc<str>>,
    enforcement: Option<Enforcement>,
) -> Decision {
    Decision::Scan {
        profile: Rc::clone(profile),
        rule,
        enforcement: enforcement.unwrap_or(profile.enforcement),
    }
}

fn by_rules(config: &Config, view: &dyn RequestView) -> Decision {
    let Some(rules) = &config.rules else {
        return match config.profiles.first() {
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
    pub fn of(config: &Config, view: &dyn RequestView) -> Option<Self> {
        let rules = config.rules.as_ref()?;
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
    pub fn profile<'c>(&self, config: &'c Config) -> Option<&'c Rc<Profile>> {
        self.rules(config)
            .filter(|rule| rule.is_about_responses())
            .find_map(|rule| match &rule.action {
                Action::Scan(profile) => Some(profile),
                Action::Bypass => None,
            })
    }

    /// Each profile that may scan the response, and whether what comes of it is done.
    pub fn scanners<'c>(
        &self,
        config: &'c Config,
    ) -> impl Iterator<Item = (&'c Rc<Profile>, Enforcement)> {
        self.rules(config).filter_map(|rule| match &rule.action {
            Action::Scan(profile) => {
                Some((profile, rule.enforcement.unwrap_or(profile.enforcement)))
            }
            Action::Bypass => None,
        })
    }

    /// Decides about the response.
    pub fn decide(&self, config: &Config, response: &dyn ResponseView) -> Decision {
        let Some(rule) = self
            .rules(config)
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

    fn rules<'c>(&self, config: &'c Config) -> impl Iterator<Item = &'c Rule> {
        let all = config.rules.as_deref().unwrap_or_default();
        self.0.iter().filter_map(|index| all.get(*index))
    }
}
