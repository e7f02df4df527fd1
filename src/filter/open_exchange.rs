//! Makes the exchange of a message that is to be scanned, and begins its scan.

use std::borrow::Cow;
use std::rc::Rc;

use super::clock::ServerClock;
use super::exchange::{Body, Exchange, Phase};
use super::journal::Journal;
use super::request_icap::Showing;
use super::rewrite::find;
use super::view::number;
use super::worker::Worker;
use crate::config::{Cause, Enforcement, Profile};
use crate::host::{Fields, Host};
use crate::icap::{Direction, Request};

impl<H: Host> Worker<H> {
    /// Makes the exchange of a message that is to be scanned, and begins its scan or fails it.
    pub(super) fn open(
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
        let (mut request, fault) = self.request_showing(Showing {
            profile: &profile,
            direction,
            message: fields,
            shown: fields,
            request_head,
            is_part: false,
        });
        if !at_end && enforcement == Enforcement::Enforce {
            offer_by_length(&mut request, &profile, direction, announced);
        }
        let mut exchange = self.exchange(direction, profile, journal, request, fields);
        exchange.enforcement = enforcement;
        exchange.body.announced = announced.filter(|_| !at_end);
        exchange.body.at_end = at_end;
        if let Some((cause, reason)) = fault {
            self.fail(id, &mut exchange, cause, reason);
        } else if self.fails_self_test(&exchange.profile, direction) {
            let reason = "the self-test found that the server does not block".to_owned();
            self.fail(id, &mut exchange, Cause::ServerError, reason);
        } else if self.shows_messages(&mut exchange, fields) {
            log::debug!("context {id}: a gRPC call, shown message by message");
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
    pub(super) fn exchange(
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
            new_trailers: None,
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
            messages: None,
            gate: None,
            is_out_of_reach: false,
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

/// What is known of a message when its headers have come.
pub(super) struct Message<'a> {
    pub(super) direction: Direction,
    pub(super) fields: &'a Fields,
    /// Of a response: the head of its request, as the ICAP server gets it.
    pub(super) request_head: Option<Vec<u8>>,
    pub(super) at_end: bool,
    pub(super) enforcement: Enforcement,
}
