//! The ICAP services of a worker's profiles.

use std::rc::Rc;

use super::probe::Probe;
use super::self_test::SelfTest;
use crate::config::{Profile, SendWhen, ServiceUrl};
use crate::connection::{OptionsCache, PoolId};
use crate::icap::{Direction, Method, Request, ServiceOptions};
use crate::product::ShownAs;

/// The service of a profile for one direction.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) profile: Rc<Profile>,
    pub(super) direction: Direction,
    pub(super) pool: PoolId,
    pub(super) options_cache: OptionsCache,
    pub(super) options_probe: Probe,
    pub(super) self_test: Option<SelfTest>,
}

impl Service {
    pub(super) fn new(profile: &Rc<Profile>, direction: Direction, pool: PoolId) -> Self {
        Self {
            profile: Rc::clone(profile),
            direction,
            pool,
            options_cache: OptionsCache::new(profile.options.clone()),
            options_probe: Probe::Idle,
            // The cluster for requests is tested; the cluster for responses, too, if it is another.
            self_test: ((direction == Direction::Request || profile.response_cluster.is_some())
                && profile.self_test.enabled)
                .then(|| SelfTest::new(profile.self_test.clone())),
        }
    }

    /// Whether this is the service of that profile for that direction.
    pub(super) fn serves(&self, profile: &Rc<Profile>, direction: Direction) -> bool {
        self.direction == direction && Rc::ptr_eq(&self.profile, profile)
    }

    /// What is known of the service from its OPTIONS response.
    pub(super) fn options(&self) -> Option<&ServiceOptions> {
        self.options_cache.options()
    }

    pub(super) fn url(&self) -> &ServiceUrl {
        match (&self.profile.response_service, self.direction) {
            (Some(url), Direction::Response) => url,
            _ => &self.profile.service,
        }
    }

    /// The ICAP method that the filter uses the service for.
    pub(super) fn method(&self) -> Method {
        match (self.direction, self.profile.scan_requests_as) {
            (Direction::Request, ShownAs::Request) => Method::Reqmod,
            (Direction::Request, ShownAs::Response) | (Direction::Response, _) => Method::Respmod,
        }
    }

    /// The OPTIONS request to the service.
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
            trailers: None,
            preview: None,
            headers: authorization
                .chain(
                    self.profile
                        .icap_headers
                        .iter()
                        .filter_map(|(name, value)| {
                            Some((name.clone(), value.fixed()?.to_owned()))
                        }),
                )
                .collect(),
            whole: false,
            request_head: None,
            response_head: None,
        })
    }

    /// Whether the service gets that header about the connection.
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

/// The services of the profiles: one for requests each, and one for responses where they are scanned.
pub(super) fn services(profiles: &[Rc<Profile>], pool_of: impl Fn(&str) -> PoolId) -> Vec<Service> {
    profiles
        .iter()
        .flat_map(|profile| {
            let [for_requests, for_responses] =
                [false, true].map(|responses| pool_of(profile.cluster_for(responses)));
            let request = Some(Service::new(profile, Direction::Request, for_requests));
            let response = profile.response_service.is_some();
            let response =
                response.then(|| Service::new(profile, Direction::Response, for_responses));
            request.into_iter().chain(response)
        })
        .collect()
}
