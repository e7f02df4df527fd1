//! The metrics of a worker: each is counted for the whole filter and for its profile.
//!
//! Counters and values of histograms are gathered here. The host gets them at each tick of the root context and when the worker has
//! no more messages; it gets the gauges of the connections at a tick. A hundred calls in a row cost the host less than a few calls in
//! each request.

use std::rc::Rc;

use crate::config::{Cause, Config, Profile};
use crate::connection::{Connections, PoolId, Stock};
use crate::host::{Host, MetricKind};
use crate::policy::Rule;
use crate::report::{Conclusion, Counter, GAUGES, Gauge, Histogram, Kind, StatNames};

/// The most values of histograms that the worker keeps to itself.
const MOST_OBSERVED: usize = 512;

/// The metrics of one scope: of the whole filter, or of a profile.
#[derive(Debug)]
struct Scope {
    /// Of a profile: its name, and the pools of its clusters for requests and for responses. Profiles may share pools.
    profile: Option<(Rc<str>, [PoolId; 2])>,
    names: StatNames,
    counters: Vec<Option<u32>>,
    gauges: Vec<Option<u32>>,
    histograms: Vec<Option<u32>>,
    /// What the host's counters do not have yet.
    counted: [u32; Counter::ALL],
    /// This worker's share of each gauge: Envoy adds the workers up.
    gauged: [i64; GAUGES.len()],
}

/// The matches of a rule.
#[derive(Debug)]
struct RuleCounter {
    rule: Rc<str>,
    id: Option<u32>,
    counted: u32,
}

/// The metrics of a worker.
#[derive(Debug)]
pub(super) struct Metrics {
    /// The scope of the whole filter, then those of the profiles.
    scopes: Vec<Scope>,
    /// How often each rule decided.
    rules: Vec<RuleCounter>,
    /// Values of histograms that the host does not have yet: the histogram and the value.
    observed: Vec<(u32, u64)>,
    /// Something was counted that the host does not have yet.
    news: bool,
    /// An outcome is among the counts that the host does not have yet.
    is_due: bool,
}

impl Metrics {
    pub(super) fn new<H: Host>(
        host: &H,
        config: &Config,
        pool_of: impl Fn(&str) -> PoolId,
    ) -> Self {
        let total = Scope::define(host, StatNames::total(), None);
        let profiles = config.profiles.iter().map(|profile| {
            let pools = [false, true].map(|responses| pool_of(profile.cluster_for(responses)));
            let named = (Rc::clone(&profile.name), pools);
            Scope::define(host, StatNames::of_profile(&profile.name), Some(named))
        });
        Self {
            scopes: std::iter::once(total).chain(profiles).collect(),
            rules: config
                .rules
                .iter()
                .flatten()
                .map(|rule| RuleCounter::define(host, rule))
                .collect(),
            observed: Vec::new(),
            news: false,
            is_due: false,
        }
    }

    /// A rule decided about a request.
    pub(super) fn rule_matched(&mut self, name: &str) {
        self.news = true;
        if let Some(rule) = self.rules.iter_mut().find(|rule| &*rule.rule == name) {
            rule.counted = rule.counted.saturating_add(1);
        }
    }

    /// A message is to be scanned.
    pub(super) fn requested(&mut self, profile: &Profile) {
        self.count(Some(profile), Counter::Requests);
    }

    /// A message was not scanned.
    pub(super) fn disabled(&mut self) {
        self.count(None, Counter::Disabled);
    }

    /// A message without a profile was refused.
    pub(super) fn refused(&mut self) {
        self.count(None, Counter::Requests);
        self.count(None, Counter::Failed);
        self.count_cause(None, Cause::Internal);
        self.is_due = true;
    }

    /// A submission was sent anew.
    pub(super) fn retried(&mut self, profile: &Profile) {
        self.count(Some(profile), Counter::Retries);
    }

    /// A connection was taken from an upload that comes slowly.
    pub(super) fn preempted(&mut self, profile: &Profile) {
        self.count(Some(profile), Counter::Preempted);
    }

    /// A body larger than the buffer begins to go on while it is scanned.
    pub(super) fn streamed(&mut self, profile: &Profile) {
        self.count(Some(profile), Counter::Streamed);
    }

    /// A client left before the verdict.
    pub(super) fn aborted(&mut self, profile: &Profile) {
        self.count(Some(profile), Counter::Aborted);
        self.is_due = true;
    }

    /// The server needed no more than the preview.
    pub(super) fn preview_decided(&mut self, profile: &Profile) {
        self.count(Some(profile), Counter::PreviewDecided);
    }

    /// A file of a form is shown on its own.
    pub(super) fn part_shown(&mut self, profile: &Profile) {
        self.count(Some(profile), Counter::Parts);
    }

    /// A service gave no usable OPTIONS response.
    pub(super) fn options_failed(&mut self, profile: &Profile) {
        self.count(Some(profile), Counter::OptionsFailed);
    }

    /// A service did not block the test file.
    pub(super) fn self_test_failed(&mut self, profile: &Profile) {
        self.count(Some(profile), Counter::SelftestFailed);
    }

    /// A service changed its ISTag.
    pub(super) fn istag_changed(&mut self, profile: &Profile) {
        self.count(Some(profile), Counter::IstagChanged);
    }

    /// A scan failed. `open`: its message goes on all the same.
    pub(super) fn failed(&mut self, profile: &Profile, cause: Cause, open: bool) {
        self.count_cause(Some(profile), cause);
        if cause == Cause::Oversize {
            self.count(Some(profile), Counter::Oversize);
        }
        if open {
            self.count(Some(profile), Counter::FailedOpen);
        }
    }

    /// A scan takes longer than the profile's threshold.
    pub(super) fn slow(&mut self, profile: &Profile) {
        self.count(Some(profile), Counter::Slow);
    }

    /// A message has its outcome. `slow`: its scan was slow, and that was not counted yet.
    pub(super) fn concluded<H: Host>(
        &mut self,
        host: &H,
        profile: &Profile,
        (conclusion, slow): (Conclusion, bool),
        latency_ms: Option<u64>,
        body_bytes: u64,
    ) {
        self.count(
            Some(profile),
            Counter::of_outcome(conclusion.outcome, conclusion.enforced),
        );
        self.is_due = true;
        if slow {
            self.slow(profile);
        }
        if let Some(latency_ms) = latency_ms {
            self.observe(profile, Histogram::LatencyMs, latency_ms);
            self.observe(profile, Histogram::BodyBytes, body_bytes);
        }
        if self.observed.len() >= MOST_OBSERVED {
            self.tell_observed(host);
        }
    }

    /// Whether something was counted that the host does not have yet.
    pub(super) fn has_news(&self) -> bool {
        self.news
    }

    /// The worker has no message: tells the host what was counted, if there is an outcome among it.
    pub(super) fn flush_idle<H: Host>(&mut self, host: &H) {
        if self.is_due {
            self.flush(host);
        }
    }

    /// Tells the host what was counted.
    pub(super) fn flush<H: Host>(&mut self, host: &H) {
        self.scopes.iter_mut().for_each(|scope| scope.flush(host));
        self.rules.iter_mut().for_each(|rule| rule.flush(host));
        self.tell_observed(host);
        self.news = false;
        self.is_due = false;
    }

    /// Tells the host what was counted, and the numbers of connections.
    pub(super) fn take_stock<H: Host>(&mut self, host: &H, connections: &mut Connections) {
        let pools: Vec<_> = connections.take_stock().collect();
        for scope in &mut self.scopes {
            let mut sum = Stock::default();
            for (pool, stock, turnover) in &pools {
                if !scope.has_pool(*pool) {
                    continue;
                }
                sum.active = sum.active.saturating_add(stock.active);
                sum.idle = sum.idle.saturating_add(stock.idle);
                sum.pending = sum.pending.saturating_add(stock.pending);
                scope.count(Counter::ConnectionsOpened.place(), turnover.opened);
                scope.count(Counter::ConnectionsReused.place(), turnover.reused);
                scope.count(Counter::ConnectionsClosed.place(), turnover.closed);
            }
            scope.gauge(host, sum);
        }
        self.flush(host);
    }

    /// Tells the host the rest, and subtracts this worker's share from the gauges.
    pub(super) fn retire<H: Host>(&mut self, host: &H, connections: &mut Connections) {
        self.take_stock(host, connections);
        for scope in &mut self.scopes {
            scope.gauge(host, Stock::default());
        }
    }

    /// This worker's shares of the gauges, by their full names.
    pub(super) fn gauges(&self) -> Vec<(String, i64)> {
        self.scopes.iter().flat_map(Scope::shares).collect()
    }

    /// Another instance has subtracted this worker's share from the gauges: the worker adds it again at the next tick.
    pub(super) fn forget_gauges(&mut self) {
        for scope in &mut self.scopes {
            scope.gauged = [0; GAUGES.len()];
        }
    }

    fn count(&mut self, profile: Option<&Profile>, counter: Counter) {
        self.count_at(profile, counter.place());
    }

    fn count_cause(&mut self, profile: Option<&Profile>, cause: Cause) {
        self.count_at(profile, Counter::place_of_cause(cause));
    }

    fn count_at(&mut self, profile: Option<&Profile>, place: usize) {
        self.news = true;
        for scope in self.scopes.iter_mut().filter(|scope| scope.covers(profile)) {
            scope.count(place, 1);
        }
    }

    /// Records a value for the profile only: each value costs a host call.
    fn observe(&mut self, profile: &Profile, histogram: Histogram, value: u64) {
        let scope = self.scopes.iter().find(|scope| scope.is_of(profile));
        if let Some(id) = scope.and_then(|scope| scope.histograms.get(histogram as usize))
            && let Some(id) = *id
        {
            self.observed.push((id, value));
        }
    }

    fn tell_observed<H: Host>(&mut self, host: &H) {
        for (id, value) in self.observed.drain(..) {
            if let Err(e) = host.record_metric(id, value) {
                log::debug!("metric: {e}");
            }
        }
    }
}

impl RuleCounter {
    fn define<H: Host>(host: &H, rule: &Rule<Profile>) -> Self {
        let id = host.define_metric(MetricKind::Counter, &StatNames::of_rule(&rule.name));
        if let Err(e) = &id {
            log::error!("the matches of the rule {} are not counted: {e}", rule.name);
        }
        Self {
            rule: Rc::clone(&rule.name),
            id: id.ok(),
            counted: 0,
        }
    }

    fn flush<H: Host>(&mut self, host: &H) {
        add(host, self.id, i64::from(std::mem::take(&mut self.counted)));
    }
}

impl Scope {
    fn define<H: Host>(
        host: &H,
        names: StatNames,
        profile: Option<(Rc<str>, [PoolId; 2])>,
    ) -> Self {
        let mut scope = Self {
            profile,
            names: names.clone(),
            counters: Vec::new(),
            gauges: Vec::new(),
            histograms: Vec::new(),
            counted: [0; Counter::ALL],
            gauged: [0; GAUGES.len()],
        };
        for (kind, name) in names.iter() {
            let (kind, of_kind) = match kind {
                Kind::Counter => (MetricKind::Counter, &mut scope.counters),
                Kind::Gauge => (MetricKind::Gauge, &mut scope.gauges),
                Kind::Histogram => (MetricKind::Histogram, &mut scope.histograms),
            };
            let id = host.define_metric(kind, &name);
            if let Err(e) = &id {
                log::error!("metric {name}: {e}");
            }
            of_kind.push(id.ok());
        }
        scope
    }

    /// Whether this scope counts the events of that profile.
    fn covers(&self, profile: Option<&Profile>) -> bool {
        self.profile.is_none() || profile.is_some_and(|profile| self.is_of(profile))
    }

    /// Whether this is the scope of that profile.
    fn is_of(&self, profile: &Profile) -> bool {
        let named = self.profile.as_ref();
        named.is_some_and(|(name, _)| Rc::ptr_eq(name, &profile.name) || *name == profile.name)
    }

    /// Whether this scope counts the connections of that pool.
    fn has_pool(&self, pool: PoolId) -> bool {
        self.profile
            .as_ref()
            .is_none_or(|(_, of_profile)| of_profile.contains(&pool))
    }

    fn count(&mut self, place: usize, n: u32) {
        if let Some(counted) = self.counted.get_mut(place) {
            *counted = counted.saturating_add(n);
        }
    }

    fn gauge<H: Host>(&mut self, host: &H, stock: Stock) {
        for ((metric, id), gauged) in GAUGES.iter().zip(&self.gauges).zip(&mut self.gauged) {
            let value = match metric.id {
                Gauge::ConnectionsActive => stock.active,
                Gauge::ConnectionsIdle => stock.idle,
                Gauge::Pending => stock.pending,
            };
            let value = i64::try_from(value).unwrap_or(i64::MAX);
            add(host, *id, value.saturating_sub(*gauged));
            *gauged = value;
        }
    }

    /// This worker's shares of the gauges, other than 0.
    fn shares(&self) -> impl Iterator<Item = (String, i64)> {
        let names = self.names.iter().filter(|(kind, _)| *kind == Kind::Gauge);
        let shares = names.zip(&self.gauged).filter(|(_, share)| **share != 0);
        shares.map(|((_, name), share)| (name, *share))
    }

    fn flush<H: Host>(&mut self, host: &H) {
        for (id, counted) in self.counters.iter().zip(&mut self.counted) {
            add(host, *id, i64::from(std::mem::take(counted)));
        }
    }
}

fn add<H: Host>(host: &H, id: Option<u32>, n: i64) {
    if let Some(id) = id.filter(|_| n != 0)
        && let Err(e) = host.add_metric(id, n)
    {
        log::debug!("metric: {e}");
    }
}
