//! Runs the self-tests: makes their requests, and judges the ICAP responses.

use std::rc::Rc;

use super::icap_request::{allow, preview};
use super::self_test::{SelfTest, test_file};
use super::service::Service;
use super::worker::Worker;
use crate::config::Profile;
use crate::host::{Fields, Host};
use crate::icap::{Direction, Method, Request, encode_request_head, encode_response_head};
use crate::submission::{Attempt, judge_probe};
use crate::verdict::Verdict;

/// The name of the file in the path.
const TEST_NAME: &str = "eicar.com";

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
            trailers: None,
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
        match verdict {
            Verdict::Fail { reason, .. } => self.self_test_missed(index, &reason),
            // A server that removes the virus changes the file.
            Verdict::Block(_) | Verdict::Modify => {
                if test.judged(true, self.now_ms) {
                    log::info!(
                        "icap profile {}: the self-test is blocked again",
                        service.profile.name
                    );
                }
            }
            Verdict::Pass => {
                log::error!(
                    "icap profile {}: the self-test failed: {} does not block the EICAR test file",
                    service.profile.name,
                    url
                );
                test.judged(false, self.now_ms);
                self.metrics.self_test_failed(&service.profile);
            }
        }
    }

    /// The test got no verdict.
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
        test.missed(self.now_ms);
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
            .is_some_and(SelfTest::fails_messages)
    }
}
