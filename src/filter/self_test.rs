//! The self-test: shows a service a file that every scanner blocks, to notice a scanner that silently stopped scanning.

use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::icap_request::{allow, preview};
use super::probe::Probe;
use super::service::Service;
use super::worker::Worker;
use crate::config::{Profile, SelfTestConfig};
use crate::host::{Fields, Host};
use crate::icap::{Direction, Method, Request, encode_request_head, encode_response_head};
use crate::submission::{Attempt, judge_probe};
use crate::verdict::Verdict;

/// The EICAR test file, encoded so that no scanner blocks the module itself.
const TEST_FILE: &str =
    "WDVPIVAlQEFQWzRcUFpYNTQoUF4pN0NDKTd9JEVJQ0FSLVNUQU5EQVJELUFOVElWSVJVUy1URVNULUZJTEUhJEgrSCo=";
/// The name of the file in the path.
const TEST_NAME: &str = "eicar.com";
const MINUTE_MS: u64 = 60_000;

/// The self-test of one service.
#[derive(Debug)]
pub(super) struct SelfTest {
    config: SelfTestConfig,
    pub(super) probe: Probe,
    /// When to test next; `None` before the first test.
    next_ms: Option<u64>,
    /// The last test with a verdict was not blocked.
    failing: bool,
}

impl SelfTest {
    pub(super) fn new(config: SelfTestConfig) -> Self {
        Self {
            config,
            probe: Probe::Idle,
            next_ms: None,
            failing: false,
        }
    }

    pub(super) fn is_new(&self) -> bool {
        self.next_ms.is_none()
    }

    pub(super) fn is_due(&self, now_ms: u64, serves: bool) -> bool {
        matches!(self.probe, Probe::Idle)
            && self
                .next_ms
                .is_none_or(|next_ms| serves && next_ms <= now_ms)
    }

    fn rest(&mut self, minutes: u32, now_ms: u64) {
        let pause_ms = u64::from(minutes).saturating_mul(MINUTE_MS);
        self.next_ms = Some(now_ms.saturating_add(pause_ms));
    }
}

impl Service {
    /// The ICAP request that shows the test file as an upload or a download. Each test has its own path: servers remember
    /// an infected URL for hours, and would block it unscanned.
    pub(super) fn self_test_request(&self, random: u64) -> Rc<Request> {
        let path = format!("/icap-filter-self-test/{random:016x}/{TEST_NAME}");
        let length = test_file().len().to_string();
        let body = [
            ("content-type", "application/octet-stream"),
            ("content-length", &length),
        ];
        let line = |method| {
            [
                (":method", method),
                (":path", path.as_str()),
                (":authority", "icap-filter.invalid"),
            ]
        };
        let method = self.method();
        let (request, response) = match method {
            Method::Respmod => {
                let download = [&[(":status", "200")][..], &body].concat();
                (fields(&line("GET")), Some(fields(&download)))
            }
            Method::Reqmod | Method::Options => {
                (fields(&[&line("POST")[..], &body].concat()), None)
            }
        };
        Rc::new(Request {
            method,
            allow: allow(&self.profile, self.options()),
            preview: preview(&self.profile, self.options(), &path),
            request_head: encode_request_head(&request).ok(),
            response_head: response.and_then(|fields| encode_response_head(&fields).ok()),
            ..Request::clone(&self.options_request())
        })
    }
}

fn fields(fields: &[(&str, &str)]) -> Fields {
    fields.iter().copied().collect()
}

impl<H: Host> Worker<H> {
    /// The ICAP response to the test is in: judges it.
    pub(super) fn self_test_responded(&mut self, index: usize, attempt: &Attempt) {
        let Some(service) = self.services.get_mut(index) else {
            return;
        };
        let url = service.url().without_query();
        let Some(test) = &mut service.self_test else {
            return;
        };
        let sent = test_file().len() as u64;
        let verdict = judge_probe(attempt, &service.profile, service.direction, sent);
        let minutes = test.config.interval_minutes;
        match verdict {
            Verdict::Fail { reason, .. } => return self.self_test_missed(index, &reason),
            // A server that removes the virus changes the file.
            Verdict::Block(_) | Verdict::Modify => {
                if test.failing {
                    log::info!(
                        "icap profile {}: the self-test is blocked again",
                        service.profile.name
                    );
                }
                test.failing = false;
            }
            Verdict::Pass => {
                log::error!(
                    "icap profile {}: the self-test failed: {} does not block the EICAR test file",
                    service.profile.name,
                    url
                );
                test.failing = true;
                self.metrics.self_test_failed(&service.profile);
            }
        }
        test.rest(minutes, self.now_ms);
    }

    /// The test got no verdict, which says nothing of the scanner. The filter tests again in a minute.
    pub(super) fn self_test_missed(&mut self, index: usize, reason: &str) {
        let Some(service) = self.services.get_mut(index) else {
            return;
        };
        let Some(test) = &mut service.self_test else {
            return;
        };
        log::debug!(
            "icap profile {}: no verdict in the self-test: {reason}",
            service.profile.name
        );
        test.rest(1, self.now_ms);
    }

    /// Whether messages of that direction have to fail because the profile's self-test did. Responses that go to the cluster for
    /// requests have no test of their own.
    pub(super) fn fails_self_test(&self, profile: &Rc<Profile>, direction: Direction) -> bool {
        let tested = match &profile.response_cluster {
            Some(_) => direction,
            None => Direction::Request,
        };
        self.service(profile, tested)
            .and_then(|service| service.self_test.as_ref())
            .is_some_and(|test| test.failing && test.config.fail_profile)
    }
}

/// The EICAR test file.
pub(super) fn test_file() -> Vec<u8> {
    BASE64.decode(TEST_FILE).unwrap_or_default()
}
