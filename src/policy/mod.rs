//! Which request goes to which profile: the HTTP security policy.

mod authority;
mod criterion;
mod media_type;
mod request;
mod rule;
mod spelling;
mod string_matcher;
mod words;

pub use criterion::{Criterion, NamedMatcher, NamedTest, Protocol, Test};
pub use request::RequestView;
pub use rule::{Action, Rule};
pub use string_matcher::{MAX_REGEX_BYTES, RegexFault, StringMatcher, StringTest};

use crate::config::{Config, Profile};
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
            Some(profile) => Decision::Scan {
                profile: Rc::clone(profile),
                rule: None,
            },
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

fn by_rules(config: &Config, view: &dyn RequestView) -> Decision {
    let Some(rules) = &config.rules else {
        return match config.profiles.first() {
            Some(profile) => Decision::Scan {
                profile: Rc::clone(profile),
                rule: None,
            },
            None => Decision::Misconfigured("there is no profile".to_owned()),
        };
    };
    let request = Memo::new(view);
    let Some(rule) = rules.iter().find(|rule| rule.matches(&request)) else {
        return Decision::Skip { rule: None };
    };
    let name = Some(Rc::clone(&rule.name));
    match &rule.action {
        Action::Scan(profile) => Decision::Scan {
            profile: Rc::clone(profile),
            rule: name,
        },
        Action::Bypass => Decision::Skip { rule: name },
    }
}
