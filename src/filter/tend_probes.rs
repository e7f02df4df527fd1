//! Sends the probes that are due, and takes their ICAP responses.

use std::rc::Rc;

use super::probe::Probe;
use super::self_test::test_file;
use super::service::Service;
use super::worker::Worker;
use crate::connection::{Checkout, CheckoutOptions, Owner, StreamToken};
use crate::host::Host;
use crate::icap::{BodyProgress, Request};
use crate::submission::{A_PAGE, Attempt, Budget, Progress, Source};

/// How long a probe may take, the wait for a connection included, in milliseconds.
const PROBE_TIMEOUT_MS: u64 = 5_000;
/// How long a probe may take while requests wait for its connection, in milliseconds.
const PROBE_PATIENCE_MS: u64 = 500;

impl<H: Host> Worker<H> {
    /// Sends the probes that are due, and gives up those that take too long. An instance without requests, as on Envoy's main
    /// thread, probes once only.
    pub(super) fn tend_probes(&mut self) {
        self.share_connections();
        for index in 0..self.services.len() {
            for owner in [Owner::Options(index), Owner::SelfTest(index)] {
                if self
                    .probe(owner)
                    .is_some_and(|probe| probe.is_late(self.now_ms))
                {
                    self.probe_failed(owner, "no ICAP response in time");
                } else if self.probe_is_in_the_way(owner) {
                    let reason = "no ICAP response while requests wait for the connection";
                    self.probe_failed(owner, reason);
                } else if self.probe_is_due(owner) {
                    self.send_probe(owner);
                }
            }
        }
    }

    /// Whether requests wait for the connection that a slow probe occupies.
    fn probe_is_in_the_way(&self, owner: Owner) -> bool {
        let Some(index) = owner.service() else {
            return false;
        };
        let pool = self.services.get(index).map(|service| service.pool);
        match self.probe(owner) {
            Some(Probe::Asked { attempt, .. }) => {
                self.now_ms.saturating_sub(attempt.started_ms) >= PROBE_PATIENCE_MS
                    && pool.is_some_and(|pool| self.connections.starves(pool))
            }
            _ => false,
        }
    }

    fn probe_is_due(&self, owner: Owner) -> bool {
        let Some(index) = owner.service() else {
            return false;
        };
        let Some(service) = self.services.get(index) else {
            return false;
        };
        match owner {
            Owner::Options(_) => {
                service.options_cache.is_due(self.now_ms)
                    && (self.serves || service.options().is_none())
            }
            _ => service
                .self_test
                .as_ref()
                .is_some_and(|test| test.is_due(self.now_ms, self.serves)),
        }
    }

    fn send_probe(&mut self, owner: Owner) {
        let Some(index) = owner.service() else {
            return;
        };
        let Some(service) = self.services.get_mut(index) else {
            return;
        };
        if let Owner::Options(_) = owner {
            service.options_cache.asked();
        }
        let pool = service.pool;
        let until_ms = self.now_ms.saturating_add(PROBE_TIMEOUT_MS);
        if let Some(probe) = self.probe_mut(owner) {
            *probe = Probe::Waiting { until_ms };
        }
        let checkout_options = CheckoutOptions::default();
        match self
            .connections
            .checkout(pool, owner, checkout_options, self.now_ms)
        {
            Checkout::Kept(token) => self.probe_connected(owner, token),
            Checkout::Waiting => {}
            Checkout::Overloaded => self.probe_failed(owner, "too many requests are waiting"),
        }
    }

    /// A probe got a connection: sends the probe.
    pub(super) fn probe_connected(&mut self, owner: Owner, token: StreamToken) {
        let request = match owner {
            Owner::Options(index) => self.services.get(index).map(Service::options_request),
            Owner::SelfTest(index) => {
                let random = self.host.random();
                let service = self.services.get(index);
                service.map(|service| service.self_test_request(random))
            }
            Owner::Unit(_) => None,
        };
        let (now_ms, budget) = (self.now_ms, self.budget.clone());
        match (request, self.probe_mut(owner)) {
            (Some(request), Some(probe @ Probe::Waiting { .. })) => {
                let Probe::Waiting { until_ms } = *probe else {
                    return;
                };
                let attempt = Box::new(attempt_of(owner, token, &request, now_ms, &budget));
                *probe = Probe::Asked { attempt, until_ms };
                self.drive_probe(owner);
            }
            _ => self.release(token),
        }
    }

    /// Bytes have come of the ICAP response to a probe.
    pub(super) fn probe_received(&mut self, owner: Owner, bytes: Vec<u8>) {
        let now_ms = self.now_ms;
        if let Some(Probe::Asked { attempt, .. }) = self.probe_mut(owner) {
            attempt.receive(bytes, now_ms);
        }
        self.drive_probe(owner);
    }

    /// Moves a probe on as far as possible.
    pub(super) fn drive_probe(&mut self, owner: Owner) {
        let body = match owner {
            Owner::SelfTest(_) => test_file(),
            Owner::Options(_) | Owner::Unit(_) => Vec::new(),
        };
        let whole = BodyProgress {
            available: body.len() as u64,
            ended: true,
        };
        let (mut attempt, until_ms) = match self.probe_mut(owner) {
            Some(probe @ Probe::Asked { .. }) => match probe.take() {
                Probe::Asked { attempt, until_ms } => (attempt, until_ms),
                Probe::Idle | Probe::Waiting { .. } => return,
            },
            _ => return,
        };
        let progress = attempt.drive(
            &self.host,
            Source::Memory(&body),
            whole,
            A_PAGE,
            &self.connections,
        );
        let token = attempt.token;
        let reusable = attempt.transaction.reusable();
        match progress {
            Progress::Open | Progress::WakeUps => {
                if matches!(progress, Progress::WakeUps) {
                    self.wake_ups.add(owner);
                }
                if let Some(probe) = self.probe_mut(owner) {
                    *probe = Probe::Asked { attempt, until_ms };
                }
                return;
            }
            Progress::Failed(_, reason) => self.probe_missed(owner, &reason),
            Progress::Finished => match owner {
                Owner::Options(index) => self.options_responded(index, &attempt),
                Owner::SelfTest(index) => self.self_test_responded(index, &attempt),
                Owner::Unit(_) => {}
            },
        }
        // An instance without requests, as on Envoy's main thread, keeps no connection: the workers need it, above all where a
        // server takes one connection at a time.
        if reusable && self.serves {
            self.release(token);
        } else {
            self.connections.close(&self.host, token, self.now_ms);
        }
    }

    /// A probe failed: closes its connection.
    pub(super) fn probe_failed(&mut self, owner: Owner, reason: &str) {
        match self.probe_mut(owner).map(Probe::take) {
            None | Some(Probe::Idle) => return,
            Some(Probe::Waiting { .. }) => {
                let Some(index) = owner.service() else {
                    return;
                };
                if let Some(pool) = self.services.get(index).map(|service| service.pool) {
                    self.connections.forget(pool, owner);
                }
            }
            Some(Probe::Asked { attempt, .. }) => {
                self.connections
                    .close(&self.host, attempt.token, self.now_ms)
            }
        }
        self.probe_missed(owner, reason);
    }

    fn probe_missed(&mut self, owner: Owner, reason: &str) {
        match owner {
            Owner::Options(index) => self.options_missed(index, reason),
            Owner::SelfTest(index) => self.self_test_missed(index, reason),
            Owner::Unit(_) => {}
        }
    }

    fn probe(&self, owner: Owner) -> Option<&Probe> {
        match owner {
            Owner::Options(index) => Some(&self.services.get(index)?.options_probe),
            Owner::SelfTest(index) => Some(&self.services.get(index)?.self_test.as_ref()?.probe),
            Owner::Unit(_) => None,
        }
    }

    fn probe_mut(&mut self, owner: Owner) -> Option<&mut Probe> {
        match owner {
            Owner::Options(index) => Some(&mut self.services.get_mut(index)?.options_probe),
            Owner::SelfTest(index) => {
                Some(&mut self.services.get_mut(index)?.self_test.as_mut()?.probe)
            }
            Owner::Unit(_) => None,
        }
    }

    /// Whether a probe is on its way.
    pub(super) fn probes_are_out(&self) -> bool {
        let is_out = |probe: &Probe| !matches!(probe, Probe::Idle);
        self.services.iter().any(|service| {
            is_out(&service.options_probe)
                || service
                    .self_test
                    .as_ref()
                    .is_some_and(|test| is_out(&test.probe))
        })
    }

    /// Whether a later tick will make a probe due.
    pub(super) fn probes_will_be_due(&self) -> bool {
        self.services.iter().any(|service| {
            (service.options_cache.waits() && (self.serves || service.options().is_none()))
                || service
                    .self_test
                    .as_ref()
                    .is_some_and(|test| self.serves || test.is_new())
        })
    }
}

fn attempt_of(
    owner: Owner,
    token: StreamToken,
    request: &Rc<Request>,
    now_ms: u64,
    budget: &Budget,
) -> Attempt {
    match owner {
        Owner::Options(_) => Attempt::of_options(token, request, now_ms, budget),
        Owner::SelfTest(_) | Owner::Unit(_) => Attempt::new(token, request, now_ms, budget, false),
    }
}
