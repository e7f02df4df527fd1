//! One rule of the policy.

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
    /// Whether the rule can match.
    pub enabled: bool,
    /// The criteria about the request. All must hold; without any, every request matches.
    pub criteria: Vec<Criterion>,
    /// The criteria about the response. A rule with such criteria is about responses only.
    pub response_criteria: Vec<ResponseCriterion>,
    /// What happens to a message that matches.
    pub action: Action<P>,
    /// Which address counts as the client's for this rule.
    pub client_ip_source: ClientIpSource,
    /// Whether verdicts are enforced; `None`: as the profile says.
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
    /// Whether the rule matches this request. If programs may read the request differently, one matching reading is
    /// enough for a rule that scans; a rule that does not scan needs all.
    pub(super) fn matches(&self, request: &Memo<'_>) -> bool {
        self.enabled
            && self
                .criteria
                .iter()
                .all(|criterion| self.holds(criterion.held(request, self.client_ip_source)))
    }

    /// Whether the rule matches this response, given that it matches the request.
    pub(super) fn matches_response(&self, response: &dyn ResponseView) -> bool {
        self.response_criteria
            .iter()
            .all(|criterion| self.holds(criterion.held(response)))
    }

    /// Whether the rule is about responses only.
    pub(super) fn is_about_responses(&self) -> bool {
        !self.response_criteria.is_empty()
    }

    fn holds(&self, held: Held) -> bool {
        match held {
            Held::Yes => true,
            Held::No => false,
            // In doubt, scan.
            Held::Either => matches!(self.action, Action::Scan(_)),
        }
    }
}
