//! Admission: decides which messages are scanned, and by which profile, and makes their exchange.

use std::borrow::Cow;
use std::rc::Rc;

use super::chain::Chain;
use super::clock::ServerClock;
use super::exchange::{Body, Exchange, Phase};
use super::icap_request::{HostValues, icap_request, path, request_path};
use super::journal::Journal;
use super::repeated::say;
use super::rewrite::find;
use super::service::Service;
use super::upload::as_download;
use super::view::{ResponseFields, View, has_body, number, route_choice};
use super::worker::Worker;
use super::write_log::write_log;
use crate::config::{Cause, Enforcement, HonorTransferIgnore, Profile};
use crate::host::{Fields, Host, STREAM_FIELD};
use crate::icap::{
    Direction, Method, Request, RequestHead, Transfer, encode_request_head, encode_response_head,
};
use crate::policy::{Decision, Outlook, RouteChoice, decide};
use crate::product::ShownAs;
use crate::report::{Conclusion, IcapLog, Outcome, Significance};

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
    profile: Rc<Profile>,
    /// The rule that chose the profile.
    rule: Option<Rc<str>>,
    enforcement: Enforcement,
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
    fn skip(&mut self, id: u32, entry: IcapLog<'_>) -> Admission {
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
    fn is_ignored(&self, profile: &Rc<Profile>, direction: Direction, path: &str) -> bool {
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

    /// The exchange of a request that goes on unscanned, if the rules may have its response scanned.
    fn wait_by_rules(
        &self,
        fields: &Fields,
        rule: Option<Rc<str>>,
        outlook: Outlook,
    ) -> Option<Exchange> {
        let profile = Rc::clone(outlook.profile(&*self.config)?);
        Some(self.wait_for_response(fields, profile, rule, Some(outlook)))
    }

    /// The exchange of a request that goes on unscanned, for its response.
    fn wait_for_response(
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
        let exchange = self.exchanges.get(&id).filter(|exchange| {
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

    /// Makes the exchange of a message that is to be scanned, and begins its scan or fails it.
    fn open(
        &mut self,
        id: u32,
        profile: Rc<Profile>,
        journal: Journal,
        message: Message<'_>,
    ) -> Exchange {
        let Message {
            direction,
            fields,
            request_head,
            at_end,
            enforcement,
        } = message;
        self.metrics.requested(&profile);
        let announced = number(fields, "content-length");
        let (service, method, heads) = match (direction, &profile.response_service) {
            (Direction::Response, Some(service)) => {
                let head = encode_response_head(fields).map(|head| (request_head, Some(head)));
                (service, Method::Respmod, head)
            }
            (Direction::Request, _) if profile.scan_requests_as == ShownAs::Response => {
                let heads = as_download(fields);
                let heads = heads.map(|(request, response)| (Some(request), Some(response)));
                (&profile.service, Method::Respmod, heads)
            }
            _ => {
                let head = encode_request_head(fields).map(|head| (Some(head), None));
                (&profile.service, Method::Reqmod, head)
            }
        };
        let (heads, fault) = match heads {
            Ok(heads) => (heads, None),
            Err(e) => ((None, None), Some(e)),
        };
        let watched = self.service(&profile, direction);
        // When the response comes, the host no longer gives the fields of its request.
        let requested = match direction {
            Direction::Request => None,
            Direction::Response => Some(fields_of(heads.0.as_deref())),
        };
        let both = (requested.as_ref().unwrap_or(fields), fields);
        let host_values = HostValues::of(&self.host, self.now_ms, &profile, watched);
        let mut request = icap_request(
            &profile,
            watched,
            service,
            method,
            both,
            heads,
            &host_values,
        );
        if !at_end && enforcement == Enforcement::Enforce {
            offer_by_length(&mut request, &profile, direction, announced);
        }
        let mut exchange = self.exchange(direction, profile, journal, request, fields);
        exchange.enforcement = enforcement;
        exchange.body.announced = announced.filter(|_| !at_end);
        exchange.body.at_end = at_end;
        if let Some(fault) = fault {
            let reason = format!("the message has no form for the server: {fault}");
            let cause = match direction {
                Direction::Request => Cause::BadRequest,
                // The client did not cause the failure.
                Direction::Response => Cause::Internal,
            };
            self.fail(id, &mut exchange, cause, reason);
        } else if self.fails_self_test(&exchange.profile, direction) {
            let reason = "the self-test found that the server does not block".to_owned();
            self.fail(id, &mut exchange, Cause::ServerError, reason);
        } else if exchange
            .body
            .announced
            .is_some_and(|announced| announced > exchange.limit())
        {
            self.admit_large(id, &mut exchange, fields);
        } else {
            self.show(id, &mut exchange, fields);
        }
        exchange
    }

    /// The exchange of a message of which only the head has come.
    fn exchange(
        &self,
        direction: Direction,
        profile: Rc<Profile>,
        journal: Journal,
        request: Request,
        fields: &Fields,
    ) -> Exchange {
        let http_method = find(fields, ":method").unwrap_or_default();
        let cluster = profile.cluster_for(direction == Direction::Response);
        Exchange {
            direction,
            enforcement: profile.enforcement,
            pool: self.connections.pool_of(cluster),
            request: Rc::new(request),
            http_method: method_text(http_method),
            body: Body {
                progress_ms: self.now_ms,
                ..Body::default()
            },
            encoded: None,
            is_decoded: false,
            has_trailers: false,
            request_body: None,
            request_was_scanned: false,
            uncounted: None,
            counted: false,
            held_back_ms: None,
            phase: Phase::Scanning,
            units: Vec::new(),
            change_begun: false,
            layout: None,
            stream: None,
            clock: ServerClock::new(profile.response_timeout_ms),
            slow_said: false,
            outlook: None,
            apart: None,
            journal,
            profile,
        }
    }
}

/// Takes back the offer of answers without the whole message where the body may be larger than the buffer and streams: the original is
/// not at hand then. Within the preview a server may answer so all the same (RFC 3507 section 4.5).
fn offer_by_length(
    request: &mut Request,
    profile: &Profile,
    of: Direction,
    announced: Option<u64>,
) {
    let is_response = of == Direction::Response;
    let limit = profile.buffer_bytes(is_response);
    if profile.streams(is_response) && announced.is_none_or(|length: u64| length > limit) {
        request.allow.clear();
    }
}

/// A method as text. The usual methods need no allocation.
fn method_text(method: &[u8]) -> Cow<'static, str> {
    match method {
        b"GET" => "GET".into(),
        b"POST" => "POST".into(),
        b"PUT" => "PUT".into(),
        b"PATCH" => "PATCH".into(),
        other => String::from_utf8_lossy(other).into_owned().into(),
    }
}

/// The fields of a request, out of the request head that goes to the ICAP server.
pub(super) fn fields_of(head: Option<&[u8]>) -> Fields {
    let Some(head) = head.and_then(RequestHead::parse) else {
        return Fields::new();
    };
    let mut fields = Fields::new();
    fields.push(":method", head.method);
    fields.push(":path", head.target);
    fields.push(":authority", head.headers.get("host").unwrap_or_default());
    for field in head.headers.iter() {
        fields.push(field.name.to_ascii_lowercase(), &field.value);
    }
    fields
}

/// What is known of a message when its headers have come.
struct Message<'a> {
    direction: Direction,
    fields: &'a Fields,
    /// Of a response: the head of its request, as the ICAP server gets it.
    request_head: Option<Vec<u8>>,
    at_end: bool,
    enforcement: Enforcement,
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
