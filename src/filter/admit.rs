//! Admission: decides which messages are scanned, and by which profile, and makes their exchange.

use std::rc::Rc;

use super::chain::Chain;
use super::exchange::Exchange;
use super::icap_request::path;
use super::journal::Journal;
use super::open_exchange::Message;
use super::repeated::say;
use super::rewrite::find;
use super::service::Service;
use super::view::{View, has_body, route_choice};
use super::worker::Worker;
use super::write_log::write_log;
use crate::config::{Cause, Enforcement, HonorTransferIgnore, Profile};
use crate::host::{Fields, Host, STREAM_FIELD};
use crate::icap::{Direction, Transfer};
use crate::policy::{Decision, Outlook, RouteChoice, decide};
use crate::product::ShownAs;
use crate::report::IcapLog;

/// HTTP status of a request whose `Expect` the filter can't fulfil.
const EXPECTATION_FAILED: u16 = 417;
/// The error where this filter stands, by mistake, among the upstream filters.
const NOT_UPSTREAM: &str = "the filter stands among the upstream filters of the ICAP cluster, where its configuration has to be \
                            {\"role\": \"transport\"}; what holds requests belongs into the http_filters of the listener";

/// What happens to a message whose headers have come.
#[derive(Debug)]
pub(super) enum Admission {
    /// The message is scanned, or has failed already.
    Scan(Box<Exchange>),
    /// The message goes on as it is.
    Pass,
    /// The message was refused without a scan: the client gets a local reply.
    Refused,
}

/// Which profile scans a message, and whether the filter enforces the outcome.
#[derive(Debug)]
pub(super) struct Scanner {
    pub(super) profile: Rc<Profile>,
    /// The rule that chose the profile.
    pub(super) rule: Option<Rc<str>>,
    pub(super) enforcement: Enforcement,
}

impl<H: Host> Worker<H> {
    /// Decides about a request whose headers have come.
    pub(super) fn admit_request(&mut self, id: u32, at_end: bool) -> Admission {
        let mut fields = match self.host.headers(Direction::Request) {
            Ok(fields) => fields,
            Err(e) => return self.refuse(id, &format!("no headers: {e}")),
        };
        if find(&fields, STREAM_FIELD).is_some() {
            let message = format_args!("icap: {NOT_UPSTREAM}");
            say(self.now_ms, log::Level::Error, "upstream", "", message);
            self.refuse_later(id);
            return Admission::Refused;
        }
        if self.is_upstream {
            return self.refuse(id, NOT_UPSTREAM);
        }
        self.unexpose(&mut fields);
        if is_tunnel(&fields) {
            return self.skip(id, IcapLog::tunnel());
        }
        let mut outlook = None;
        let decision = {
            let view = View {
                host: &self.host,
                now_ms: self.now_ms,
                fields: &fields,
                at_end,
            };
            let choice = route_choice(&self.host);
            if choice == RouteChoice::None {
                outlook = Outlook::of(&*self.config, &view);
            }
            decide(&*self.config, &view, choice)
        };
        if let Decision::Skip { rule: Some(rule) }
        | Decision::Scan {
            rule: Some(rule), ..
        } = &decision
        {
            self.metrics.rule_matched(rule);
        }
        self.ask_for_the_whole(&mut fields, &decision, outlook.as_ref());
        match decision {
            Decision::Skip { rule } => {
                let admission = self.skip(id, IcapLog::disabled(rule.as_deref()));
                match outlook.and_then(|outlook| self.wait_by_rules(&fields, rule, outlook)) {
                    Some(exchange) => Admission::Scan(Box::new(exchange)),
                    None => admission,
                }
            }
            Decision::Misconfigured(reason) => {
                self.misconfigured(id, &fields, at_end, reason, false)
            }
            Decision::Refuse(reason) => self.misconfigured(id, &fields, at_end, reason, true),
            Decision::Scan { profile, rule, .. }
                if self.is_ignored(&profile, Direction::Request, &path(&fields)) =>
            {
                log::debug!(
                    "context {id}: the service of {} ignores such requests (Transfer-Ignore)",
                    profile.name
                );
                self.skip(id, IcapLog::disabled(rule.as_deref()))
            }
            Decision::Scan {
                profile,
                rule,
                enforcement,
            } if profile.scan_requests_as == ShownAs::Response && !has_body(&fields, at_end) => {
                let scanner = Scanner {
                    profile,
                    rule,
                    enforcement,
                };
                self.skip_without_body(id, &fields, scanner, outlook)
            }
            Decision::Scan {
                profile,
                rule,
                enforcement,
            } => {
                let journal = Journal::new(rule, &profile.secrets);
                let message = Message {
                    direction: Direction::Request,
                    fields: &fields,
                    request_head: None,
                    at_end,
                    enforcement,
                };
                let mut exchange = self.open(id, profile, journal, message);
                exchange.outlook = outlook;
                if !exchange.is_decided() && !at_end && expects_continue(&fields) {
                    self.refuse_expectation(id, &mut exchange);
                }
                Admission::Scan(Box::new(exchange))
            }
        }
    }

    /// Refuses a request whose client waits for a `100 Continue` that Envoy leaves to the application. The application gets no
    /// request before its whole body has come. A 417 has the client send the body without waiting (RFC 9110 section 10.1.1).
    fn refuse_expectation(&mut self, id: u32, exchange: &mut Exchange) {
        let reason = "the client waits for 100 Continue, which Envoy leaves to the application: set \
                      proxy_100_continue: false in Envoy's configuration";
        self.fail_with(
            id,
            exchange,
            Cause::BadRequest,
            reason.to_owned(),
            Some(EXPECTATION_FAILED),
        );
    }

    /// Closes all connections for good: they come through this filter, which so stands among the upstream filters of an ICAP
    /// cluster.
    pub(super) fn give_up_upstream(&mut self) {
        if !self.is_upstream {
            self.is_upstream = true;
            log::error!("icap: {NOT_UPSTREAM}");
        }
        self.connections.drop_all(&self.host);
    }

    /// Fails a request for which no profile can be found, as the first profile says, or closed if `closed` is set. The request
    /// counts as monitored only if no profile and no rule enforces.
    fn misconfigured(
        &mut self,
        id: u32,
        fields: &Fields,
        at_end: bool,
        reason: String,
        closed: bool,
    ) -> Admission {
        let Some(profile) = self.config.profiles.first().map(Rc::clone) else {
            return self.refuse(id, &reason);
        };
        say(
            self.now_ms,
            log::Level::Error,
            "route",
            &reason,
            format_args!("icap: a request can't be scanned: {reason}"),
        );
        let message = Message {
            direction: Direction::Request,
            fields,
            request_head: None,
            at_end,
            enforcement: self.config.strictest_enforcement(),
        };
        let journal = Journal::new(None, &profile.secrets);
        let mut exchange = self.open(id, profile, journal, message);
        if closed && !exchange.is_refused() {
            self.fail_closed(id, &mut exchange, Cause::Internal, &reason);
        } else if !exchange.is_decided() {
            self.fail(id, &mut exchange, Cause::Internal, reason);
        }
        Admission::Scan(Box::new(exchange))
    }

    /// Lets a request pass unscanned, with `entry` as its icap_log.
    pub(super) fn skip(&mut self, id: u32, entry: IcapLog<'_>) -> Admission {
        self.metrics.disabled();
        let mut chain = Chain::default();
        let conclusion = entry.conclusion;
        if let Err(e) = write_log(&self.host, id, &self.config, &mut chain, entry) {
            log::debug!("context {id}: {e}");
        }
        let (conclusion, threat) = chain.told(conclusion, None);
        self.expose(id, Direction::Request, conclusion, threat);
        Admission::Pass
    }

    /// Whether the service ignores such a message (`Transfer-Ignore`) and the profile honors that. The profile must allow it
    /// because a client chooses the path.
    pub(super) fn is_ignored(
        &self,
        profile: &Rc<Profile>,
        direction: Direction,
        path: &str,
    ) -> bool {
        let honored = match profile.honor_transfer_ignore {
            HonorTransferIgnore::Never => false,
            HonorTransferIgnore::Responses => direction == Direction::Response,
            HonorTransferIgnore::Always => true,
        };
        honored
            && self
                .service(profile, direction)
                .and_then(Service::options)
                .is_some_and(|options| options.transfer.of(path) == Transfer::Ignore)
    }

    /// Lets a request without a body pass where the profile shows uploads as downloads, which need a body. Its response is
    /// scanned as any other.
    fn skip_without_body(
        &mut self,
        id: u32,
        fields: &Fields,
        scanner: Scanner,
        outlook: Option<Outlook>,
    ) -> Admission {
        let admission = self.skip(id, IcapLog::disabled(scanner.rule.as_deref()));
        let Scanner {
            profile,
            rule,
            enforcement,
        } = scanner;
        let waiting = match outlook {
            Some(outlook) => self.wait_by_rules(fields, rule, outlook),
            None => profile.response_service.is_some().then(|| {
                let exchange = self.wait_for_response(fields, profile, rule, None);
                Exchange {
                    enforcement,
                    ..exchange
                }
            }),
        };
        match waiting {
            Some(exchange) => Admission::Scan(Box::new(exchange)),
            None => admission,
        }
    }
}

/// Whether a request opens a tunnel, whose bytes are no HTTP message: CONNECT, or an upgrade. A request that announces a body
/// is no tunnel, whatever its headers say, or a header would be a way around the scan. Envoy removes `transfer-encoding`
/// before a filter sees it, so only the method GET tells a WebSocket (RFC 6455 section 4.1) from an upload.
fn is_tunnel(fields: &Fields) -> bool {
    let method = find(fields, ":method");
    if method == Some(b"CONNECT") {
        return true;
    }
    let upgrades = find(fields, "connection").is_some_and(|value| {
        value
            .split(|b| *b == b',')
            .any(|token| token.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
    });
    let Some(protocol) = find(fields, "upgrade").filter(|_| upgrades) else {
        return false;
    };
    let is_websocket = protocol.trim_ascii().eq_ignore_ascii_case(b"websocket");
    (method == Some(b"GET") || !is_websocket)
        && find(fields, "content-length").is_none()
        && find(fields, "transfer-encoding").is_none()
}

/// Whether the client waits for a `100 Continue` before it sends the body.
fn expects_continue(fields: &Fields) -> bool {
    find(fields, "expect")
        .is_some_and(|value| value.trim_ascii().eq_ignore_ascii_case(b"100-continue"))
}
