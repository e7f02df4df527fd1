//! A rule of the policy.

use super::criterion::Criterion;
use super::criterion::Held;
use super::request::Memo;
use super::response::{ResponseCriterion, ResponseView};
use super::{ClientIpSource, Enforcement};
use std::rc::Rc;

/// One entry of `rules`, compiled.
#[derive(Clone, Debug)]
pub struct Rule<P> {
    /// Unique name.
    pub name: Rc<str>,
    /// Whether it can match.
    pub enabled: bool,
    /// What must hold, all of it; nothing: every request matches.
    pub criteria: Vec<Criterion>,
    /// What must hold of the response. A rule with such criteria is about responses alone.
    pub response_criteria: Vec<ResponseCriterion>,
    /// What is done with a request that matches.
    pub action: Action<P>,
    /// Which address is the client's for this rule.
    pub client_ip_source: ClientIpSource,
    /// Whether what comes of a scan is done; `None`: as the profile says.
    pub enforcement: Option<Enforcement>,
}

/// What a rule does.
#[derive(Clone, Debug)]
pub enum Action<P> {
    /// `enable_icap`: scan with this profile.
    Scan(Rc<P>),
    /// `bypass`: do not scan.
    Bypass,
}

impl<P> Rule<P> {
    /// Whether the rule is for this request. Where the request can be read in more than one way, a rule that scans is if one
    /// reading matches, and a rule that does not scan only if all do.
    pub(super) fn matches(&self, request: &Memo<'_>) -> bool {
        self.enabled
            && self
                .criteria
                .iter()
                .all(|criterion| self.holds(criterion.held(request, self.client_ip_source)))
    }

    /// Whether the rule, which matches the request, is for its response.
    pub(super) fn matches_response(&self, response: &dyn ResponseView) -> bool {
        self.response_criteria
            .iter()
            .all(|criterion| self.holds(criterion.held(response)))
    }

    /// Whether the rule is for responses alone.
    pub(super) fn is_about_responses(&self) -> bool {
        !self.response_criteria.is_empty()
    }

    fn holds(&self, held: Held) -> bool {
        match held {
            Held::Yes => true,
            Held::No => false,
            // Who is not sure does not let pass.
            Held::Either => matches!(self.action, Action::Scan(_)),
        }
    }
}
