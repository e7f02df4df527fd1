//! The services of a worker's profiles: what is known of them by OPTIONS, and how they are asked.

use std::rc::Rc;

use super::exchange::Scan;
use super::probe::Probe;
use super::self_test::SelfTest;
use super::worker::Worker;
use crate::config::{Profile, SendWhen, ServiceUrl};
use crate::connection::{Knowledge, PoolId};
use crate::host::Half;
use crate::icap::{Headers, Method, Request, ServiceOptions, istag};

/// One service of one profile.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) profile: Rc<Profile>,
    half: Half,
    pub(super) pool: PoolId,
    pub(super) knowledge: Knowledge,
    pub(super) options_probe: Probe,
    pub(super) self_test: Option<SelfTest>,
}

impl Service {
    pub(super) fn new(profile: &Rc<Profile>, half: Half, pool: PoolId) -> Self {
        Self {
            profile: Rc::clone(profile),
            half,
            pool,
            knowledge: Knowledge::new(profile.options.clone()),
            options_probe: Probe::Idle,
            // The test file is an upload: there is none for responses.
            self_test: (half == Half::Request && profile.self_test.enabled)
                .then(|| SelfTest::new(profile.self_test.clone())),
        }
    }

    /// Whether it is the service for that half of that profile.
    pub(super) fn serves(&self, profile: &Rc<Profile>, half: Half) -> bool {
        self.half == half && Rc::ptr_eq(&self.profile, profile)
    }

    /// What is known of it.
    pub(super) fn options(&self) -> Option<&ServiceOptions> {
        self.knowledge.options()
    }

    pub(super) fn url(&self) -> &ServiceUrl {
        match (&self.profile.response_service, self.half) {
            (Some(url), Half::Response) => url,
            _ => &self.profile.service,
        }
    }

    /// The method that it is needed for.
    fn method(&self) -> Method {
        match self.half {
            Half::Request => Method::Reqmod,
            Half::Response => Method::Respmod,
        }
    }

    /// The request for its OPTIONS.
    pub(super) fn options_request(&self) -> Rc<Request> {
        let url = self.url();
        let authorization = self.profile.authorization.iter();
        let authorization =
            authorization.map(|secret| ("Authorization".to_owned(), secret.expose().to_owned()));
        Rc::new(Request {
            method: Method::Options,
            uri: url.uri(),
            host: url.authority.clone(),
            allow: Vec::new(),
            preview: None,
            headers: authorization
                .chain(self.profile.icap_headers.iter().cloned())
                .collect(),
            request_head: None,
            response_head: None,
        })
    }

    /// Whether a header about the client is to be sent.
    pub(super) fn wants(&self, when: SendWhen, header: &str) -> bool {
        match when {
            SendWhen::Always => true,
            SendWhen::Never => false,
            SendWhen::Auto => self
                .options()
                .is_some_and(|options| options.includes(header)),
        }
    }
}

impl Worker {
    /// A service answered its OPTIONS.
    pub(super) fn options_answered(&mut self, index: usize, scan: &Scan) {
        let Some(service) = self.services.get_mut(index) else {
            return;
        };
        let read = scan.answer.head.as_ref().map(ServiceOptions::read);
        match read {
            Some(Ok(options)) => {
                let method = service.method();
                if !options.takes(method.as_str()) {
                    log::warn!(
                        "icap profile {}: the service {} does not name {method} among its methods ({})",
                        service.profile.name,
                        service.url().uri(),
                        options.methods.join(", ")
                    );
                }
                log::debug!("icap profile {}: {options:?}", service.profile.name);
                service.knowledge.learned(options, self.now_ms);
                self.share_connections();
            }
            Some(Err(e)) => self.options_missed(index, &e.to_string()),
            None => self.options_missed(index, "the answer has no head"),
        }
    }

    /// Keeps each pool to this worker's share of what its services allow; of several the strictest. Again and again, for
    /// a worker that starts makes the others' share smaller.
    pub(super) fn share_connections(&mut self) {
        let limited = |service: &Service| Some((service.pool, service.options()?.max_connections?));
        let mut strictest: Vec<(PoolId, u32)> = self.services.iter().filter_map(limited).collect();
        if strictest.is_empty() && !self.limited {
            return;
        }
        self.limited = !strictest.is_empty();
        strictest.sort_unstable();
        let workers = self.instances.workers();
        for service in &self.services {
            let allowed = strictest.iter().find(|(pool, _)| *pool == service.pool);
            let share = allowed.map(|(_, all)| all.checked_div(workers).unwrap_or(*all));
            self.connections.allow(service.pool, share);
        }
    }

    /// The OPTIONS of a service came to nothing.
    pub(super) fn options_missed(&mut self, index: usize, reason: &str) {
        let Some(service) = self.services.get_mut(index) else {
            return;
        };
        self.metrics.options_failed(&service.profile);
        if service.knowledge.failed(self.now_ms) {
            log::warn!(
                "icap profile {}: no OPTIONS from {}: {reason}; it goes on with what it knows",
                service.profile.name,
                service.url().uri()
            );
        }
    }

    /// The answer to a scan carried these headers: its `ISTag` tells whether the service has changed.
    pub(super) fn notice_istag(&mut self, profile: &Rc<Profile>, half: Half, headers: &Headers) {
        let Some(tag) = istag(headers) else { return };
        let found = self
            .services
            .iter_mut()
            .find(|service| service.serves(profile, half));
        if let Some(service) = found
            && service.knowledge.notice_istag(&tag)
        {
            log::info!(
                "icap profile {}: the service changed, its ISTag is {tag:?} now",
                profile.name
            );
            self.metrics.istag_changed(profile);
        }
    }

    /// The service for that half of a profile.
    pub(super) fn service(&self, profile: &Rc<Profile>, half: Half) -> Option<&Service> {
        self.services
            .iter()
            .find(|service| service.serves(profile, half))
    }
}

/// Every service of the profiles.
pub(super) fn services(profiles: &[Rc<Profile>], pool_of: impl Fn(&str) -> PoolId) -> Vec<Service> {
    profiles
        .iter()
        .flat_map(|profile| {
            let pool = pool_of(&profile.cluster);
            let request = Some(Service::new(profile, Half::Request, pool));
            let response = profile.response_service.is_some();
            let response = response.then(|| Service::new(profile, Half::Response, pool));
            request.into_iter().chain(response)
        })
        .collect()
}
