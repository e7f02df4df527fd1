//! A rule of the policy.

use super::criterion::Criterion;
use super::criterion::Held;
use super::request::Memo;
use crate::config::{ClientIpSource, Profile};
use std::rc::Rc;

/// One entry of `rules`, compiled.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Unique name.
    pub name: Rc<str>,
    /// Whether it can match.
    pub enabled: bool,
    /// What must hold, all of it; nothing: every request matches.
    pub criteria: Vec<Criterion>,
    /// What is done with a request that matches.
    pub action: Action,
    /// Which address is the client's for this rule.
    pub client_ip_source: ClientIpSource,
}

/// What a rule does.
#[derive(Clone, Debug)]
pub enum Action {
    /// `enable_icap`: scan with this profile.
    Scan(Rc<Profile>),
    /// `bypass`: do not scan.
    Bypass,
}

impl Rule {
    /// Whether the rule is for this request. Where the request can be read in more than one way, a rule that scans is if one
    /// reading matches, and a rule that does not scan only if all do.
    pub(super) fn matches(&self, request: &Memo<'_>) -> bool {
        // Who is not sure does not let pass.
        let scans = matches!(self.action, Action::Scan(_));
        let holds = |held| match held {
            Held::Yes => true,
            Held::No => false,
            Held::Either => scans,
        };
        self.enabled
            && self
                .criteria
                .iter()
                .all(|criterion| holds(criterion.held(request, self.client_ip_source)))
    }
}
