//! Admission of responses: keeps what the request was, and decides which responses are scanned.

use std::rc::Rc;

use super::admit::{Admission, Scanner};
use super::exchange::{Exchange, Phase};
use super::icap_request::{HostValues, icap_request, request_path};
use super::journal::Journal;
use super::open_exchange::Message;
use super::view::ResponseFields;
use super::worker::Worker;
use crate::config::Profile;
use crate::host::{Fields, Host};
use crate::icap::{Direction, Method, encode_request_head};
use crate::policy::{Decision, Outlook};
use crate::report::{Conclusion, Outcome, Significance};

impl<H: Host> Worker<H> {
    /// The exchange of a request that goes on unscanned, if the rules may have its response scanned.
    pub(super) fn wait_by_rules(
        &self,
        fields: &Fields,
        rule: Option<Rc<str>>,
        outlook: Outlook,
    ) -> Option<Exchange> {
        let profile = Rc::clone(outlook.profile(&*self.config)?);
        Some(self.wait_for_response(fields, profile, rule, Some(outlook)))
    }

    /// The exchange of a request that goes on unscanned, for its response.
    pub(super) fn wait_for_response(
        &self,
        fields: &Fields,
        profile: Rc<Profile>,
        rule: Option<Rc<str>>,
        outlook: Option<Outlook>,
    ) -> Exchange {
        let mut journal = Journal::new(rule, &profile.secrets);
        journal.note(Conclusion::done(Outcome::Disabled, Significance::NONE));
        let head = encode_request_head(fields).ok();
        let both = (fields, fields);
        let service = &profile.service;
        let host_values = HostValues::of(&self.host, self.now_ms, &profile, None);
        let heads = (head, None);
        let request = icap_request(
            &profile,
            None,
            service,
            Method::Reqmod,
            both,
            heads,
            &host_values,
        );
        let exchange = self.exchange(Direction::Request, profile, journal, request, fields);
        Exchange {
            phase: Phase::Released,
            outlook,
            ..exchange
        }
    }

    /// The profile by which a response is to be scanned: as the rules about responses say, or without such rules that of its
    /// request. `None`: the response is not scanned.
    pub(super) fn scan_of_response(&mut self, id: u32) -> Option<Scanner> {
        let exchange = self.exchanges.get(id).filter(|exchange| {
            exchange.direction == Direction::Request
                && matches!(exchange.phase, Phase::Cleared | Phase::Released)
        })?;
        let as_request = || (Rc::clone(&exchange.profile), None, exchange.enforcement);
        let (profile, rule, enforcement) = match &exchange.outlook {
            None => as_request(),
            Some(outlook) => match self.host.headers(Direction::Response) {
                Ok(fields) => match outlook.decide(&*self.config, &ResponseFields(&fields)) {
                    Decision::Scan {
                        profile,
                        rule,
                        enforcement,
                    } => (profile, rule, enforcement),
                    Decision::Skip { rule } => {
                        if let Some(rule) = rule {
                            self.metrics.rule_matched(&rule);
                        }
                        return None;
                    }
                    Decision::Misconfigured(_) | Decision::Refuse(_) => return None,
                },
                Err(_) => as_request(),
            },
        };
        let path = request_path(exchange.request.request_head.as_deref());
        if profile.response_service.is_none()
            || self.is_ignored(&profile, Direction::Response, &path)
        {
            return None;
        }
        if let Some(rule) = &rule {
            self.metrics.rule_matched(rule);
        }
        Some(Scanner {
            profile,
            rule,
            enforcement,
        })
    }

    /// Begins the scan of a response.
    pub(super) fn admit_response(&mut self, id: u32, at_end: bool, scanner: Scanner) -> Admission {
        let Scanner {
            profile,
            rule,
            enforcement,
        } = scanner;
        let Some(request) = self.take(id) else {
            return self.refuse(id, "a response without its request");
        };
        let fields = match self.host.headers(Direction::Response) {
            Ok(fields) => fields,
            Err(e) => return self.refuse(id, &format!("no headers: {e}")),
        };
        let message = Message {
            direction: Direction::Response,
            fields: &fields,
            request_head: request.request.request_head.clone(),
            at_end,
            enforcement,
        };
        // The body of a monitored request may be longer than announced.
        let is_watched = !request.body.at_end && !request.is_monitored();
        let request_body = is_watched.then_some(request.body);
        let request_was_scanned = request.journal.conclusion().outcome != Outcome::Disabled;
        let journal = request.journal.going_on(&profile, rule);
        let mut exchange = self.open(id, profile, journal, message);
        exchange.request_was_scanned = request_was_scanned;
        exchange.request_body = request_body;
        exchange.http_method = request.http_method;
        Admission::Scan(Box::new(exchange))
    }
}
