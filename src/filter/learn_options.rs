//! Learns what services say of themselves: their OPTIONS responses, their `ISTag`, and the share of their `Max-Connections`.

use std::rc::Rc;

use super::repeated::say;
use super::service::Service;
use super::worker::Worker;
use crate::config::Profile;
use crate::connection::PoolId;
use crate::host::{Host, HostError};
use crate::icap::{Direction, ServiceOptions};
use crate::report::foreign;
use crate::submission::Attempt;

/// The host's status where a cluster has no healthy server or does not exist.
const NO_SERVER: u32 = 10;

impl<H: Host> Worker<H> {
    /// The OPTIONS response of a service is in.
    pub(super) fn options_responded(&mut self, index: usize, attempt: &Attempt) {
        let Some(service) = self.services.get_mut(index) else {
            return;
        };
        let read = attempt.response.head.as_ref().map(ServiceOptions::read);
        match read {
            Some(Ok(options)) => {
                let method = service.method();
                if !options.takes(method.as_str()) {
                    say(
                        self.now_ms,
                        log::Level::Warn,
                        "methods",
                        &service.profile.name,
                        format_args!(
                            "icap profile {}: the service {} does not name {method} among its methods ({})",
                            service.profile.name,
                            service.url().without_query(),
                            foreign(&options.methods.join(", "))
                        ),
                    );
                }
                log::debug!("icap profile {}: {options:?}", service.profile.name);
                if let (Some(peer), Some(istag)) =
                    (self.connections.peer(attempt.token), &options.istag)
                {
                    service.options_cache.notice_istag(peer, istag, self.now_ms);
                }
                service.options_cache.learned(options, self.now_ms);
                self.share_connections();
            }
            Some(Err(e)) => self.options_missed(index, &e.to_string()),
            None => self.options_missed(index, "the OPTIONS response has no head"),
        }
    }

    /// Limits each pool to this worker's share of `Max-Connections`, of the strictest service in the pool. Called again and
    /// again, since each worker that starts makes the shares smaller.
    pub(super) fn share_connections(&mut self) {
        let limited = |service: &Service| Some((service.pool, service.options()?.max_connections?));
        let limits: Vec<(PoolId, u32)> = self.services.iter().filter_map(limited).collect();
        if limits.is_empty() && !self.limited {
            return;
        }
        self.limited = !limits.is_empty();
        let workers = self.instances.workers();
        for service in &self.services {
            let of_pool = limits.iter().filter(|(pool, _)| *pool == service.pool);
            let strictest = of_pool.map(|(_, all)| *all).min();
            let share = strictest.map(|all| all.checked_div(workers).unwrap_or(all));
            self.connections.allow(service.pool, share);
        }
    }

    /// The OPTIONS request to a service failed.
    pub(super) fn options_missed(&mut self, index: usize, reason: &str) {
        let Some(service) = self.services.get_mut(index) else {
            return;
        };
        self.metrics.options_failed(&service.profile);
        if service.options_cache.failed(self.now_ms) {
            say(
                self.now_ms,
                log::Level::Warn,
                "options",
                &service.profile.name,
                format_args!(
                    "icap profile {}: the service {} did not answer OPTIONS: {}; requests are scanned with what is known of it",
                    service.profile.name,
                    service.url().without_query(),
                    foreign(reason)
                ),
            );
        }
    }

    /// An ICAP response of the server `peer` has that `ISTag`, which tells whether the server has changed.
    pub(super) fn notice_istag(
        &mut self,
        profile: &Rc<Profile>,
        direction: Direction,
        peer: &str,
        tag: &str,
    ) {
        let found = self
            .services
            .iter_mut()
            .find(|service| service.serves(profile, direction));
        if let Some(service) = found
            && service.options_cache.notice_istag(peer, tag, self.now_ms)
        {
            say(
                self.now_ms,
                log::Level::Info,
                "istag",
                &profile.name,
                format_args!(
                    "icap profile {}: the server {peer} changed, its ISTag is \"{}\" now",
                    profile.name,
                    foreign(tag)
                ),
            );
            self.metrics.istag_changed(profile);
        }
    }

    /// Why there is no connection to a server of that pool, for operators.
    pub(super) fn no_server(&self, pool: PoolId, error: &HostError) -> String {
        let service = self.services.iter().find(|service| service.pool == pool);
        let cluster = service.map_or("", |service| {
            let responses = service.direction == Direction::Response;
            &**service.profile.cluster_for(responses)
        });
        if error.status == NO_SERVER {
            format!(
                "no server in the cluster {cluster}: its health checks fail, its name has no address, or there is no \
                 cluster of that name; see /clusters of Envoy's admin interface"
            )
        } else {
            format!("no connection to the cluster {cluster}: {error}")
        }
    }

    /// The service of a profile for that direction.
    pub(super) fn service(&self, profile: &Rc<Profile>, direction: Direction) -> Option<&Service> {
        self.services
            .iter()
            .find(|service| service.serves(profile, direction))
    }
}
