//! A rule of the policy.

use super::criterion::Criterion;
use super::request::Memo;
use crate::config::Profile;
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
    pub(super) fn matches(&self, request: &Memo<'_>) -> bool {
        self.enabled && self.criteria.iter().all(|c| c.holds(request))
    }
}
