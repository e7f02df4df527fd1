//! The worker's part of the callbacks about an HTTP message: its headers, body, trailers and end.

use super::admit::Admission;
use super::chain::Chain;
use super::delivery_check::DeliveryCheck;
use super::exchange::{Exchange, Phase};
use super::worker::Worker;
use crate::bug::{Bug, bug};
use crate::config::{Cause, Enforcement};
use crate::host::{Host, Next};
use crate::icap::Direction;
use crate::report::{Conclusion, Outcome, Significance};

impl<H: Host> Worker<H> {
    /// The headers of a message have come.
    pub(super) fn on_headers(&mut self, id: u32, direction: Direction, at_end: bool) -> Next {
        let mut response_scan = None;
        if direction == Direction::Response {
            self.notice_envoy_reply(id);
            if self.is_request_under_way(id) {
                return self.on_response_to_stream(id);
            }
            self.mark_response(id);
            response_scan = self.scan_of_response(id);
            if response_scan.is_none() {
                return Next::Continue;
            }
        }
        self.begin(Some(id));
        self.begin_to_serve();
        let admission = match response_scan {
            None => self.admit_request(id, at_end),
            Some(scan) => self.admit_response(id, at_end, scan),
        };
        match admission {
            Admission::Pass => {}
            Admission::Scan(exchange) => {
                self.exchanges.insert(id, exchange);
                self.drive(id);
            }
            Admission::Refused => {
                self.inside = None;
                return Next::Pause;
            }
        }
        self.leave(id, direction)
    }

    /// At the first message, shares out `Max-Connections` anew: other workers may have started since.
    fn begin_to_serve(&mut self) {
        if !std::mem::replace(&mut self.serves, true) {
            self.look_for_instances();
            self.share_connections();
        }
    }

    /// Removes from a response the headers that only the filter may set, and sets them, where the configuration wants that.
    pub(super) fn mark_response(&mut self, id: u32) {
        if !self.config.expose.client {
            return;
        }
        self.unexpose_response(id);
        let mut exchange = self.take(id);
        let unseen = Conclusion::done(Outcome::Disabled, Significance::NONE);
        let mut chain = Chain::default();
        let (conclusion, threat) = match &mut exchange {
            Some(exchange) => {
                exchange.journal.look(&self.host, &self.config);
                exchange.journal.told()
            }
            None => {
                chain.look(&self.host, &self.config);
                chain.told(unseen, None)
            }
        };
        self.expose(id, Direction::Response, conclusion, threat);
        if let Some(exchange) = exchange {
            self.put_back(id, exchange);
        }
    }

    /// A part of a body has come. `size` is the number of bytes in the host's buffer, earlier ones included; of a message that
    /// goes on already, the number of new bytes.
    pub(super) fn on_body(
        &mut self,
        id: u32,
        direction: Direction,
        size: usize,
        at_end: bool,
    ) -> Next {
        let size = size as u64;
        let Some(exchange) = self.under_scan(id, direction) else {
            return self.on_rest_of_request(id, direction, size, at_end);
        };
        // What comes is in reach while it comes.
        exchange.is_out_of_reach = false;
        if let Phase::Released = exchange.phase {
            exchange.body.pass(size, at_end);
            if !exchange.body.exceeds_announced() {
                return Next::Continue;
            }
        }
        if exchange.messages.is_some() && exchange.is_held() {
            if !exchange.is_decided() {
                self.delivery_check = DeliveryCheck::Works;
            }
            return self.on_messages(id, direction, size, at_end);
        }
        if exchange.stream.is_some() && exchange.is_held() {
            if !exchange.is_decided() {
                self.delivery_check = DeliveryCheck::Works;
            }
            return self.on_streamed_body(id, direction, size, at_end);
        }
        self.begin(Some(id));
        let now_ms = self.now_ms;
        if let Some(exchange) = self.under_scan(id, direction) {
            if matches!(exchange.phase, Phase::Discarding(_)) {
                exchange.note_discarded(size, at_end, now_ms);
            } else if exchange.is_held() {
                exchange.grow_to(size, at_end, now_ms);
                // Bytes that come after the outcome prove nothing: the headers are no longer held.
                if !exchange.is_decided() {
                    self.delivery_check = DeliveryCheck::Works;
                }
            }
            self.drive(id);
        }
        self.leave_body(id, direction)
    }

    /// A part of a request that goes on comes while its response is under scan. This request must not be longer than announced
    /// either.
    fn on_rest_of_request(
        &mut self,
        id: u32,
        direction: Direction,
        size: u64,
        at_end: bool,
    ) -> Next {
        let exchange = self.exchanges.get_mut(id);
        let body = exchange
            .filter(|_| direction == Direction::Request)
            .and_then(|exchange| exchange.request_body.as_mut());
        let Some(body) = body else {
            return Next::Continue;
        };
        body.pass(size, at_end);
        if !body.exceeds_announced() {
            return Next::Continue;
        }
        self.begin(Some(id));
        self.with_message(id, |worker, exchange| {
            if !exchange.is_refused() {
                let reason = "the request is longer than its content-length announces";
                // Only a request that is not monitored is watched; its response may be monitored.
                exchange.enforcement = Enforcement::Enforce;
                worker.fail_closed(id, exchange, Cause::BadRequest, reason);
            }
        });
        self.settle();
        self.inside = None;
        Next::Pause
    }

    /// The trailers of a message have come, which end its body.
    pub(super) fn on_trailers(&mut self, id: u32, direction: Direction) -> Next {
        if !self.exchanges.contains(id) {
            return Next::Continue;
        }
        self.begin(Some(id));
        self.with_message(id, |worker, exchange| {
            worker.take_trailers(id, exchange, direction);
        });
        self.leave(id, direction)
    }

    /// Envoy is about to write the access log. A message that has no verdict by now will have none.
    pub(super) fn on_log(&mut self, id: u32) {
        if let Some(mut exchange) = self.take(id) {
            let was_held = exchange.is_held();
            if was_held {
                self.begin(None);
                if !self.close_idle_call(id, &mut exchange) && !bug(Bug::AbandonedUnlogged) {
                    self.log_abandoned(id, &mut exchange);
                }
            }
            self.put_back(id, exchange);
            if was_held {
                self.keep_time();
            }
        }
    }

    /// Envoy is about to delete the HTTP context, because the message is done or the client has left.
    pub(super) fn on_done(&mut self, id: u32) {
        let Some(mut exchange) = self.take(id) else {
            return;
        };
        if !exchange.is_held() {
            return;
        }
        self.begin(None);
        if !exchange.counted {
            self.metrics.aborted(&exchange.profile);
        }
        if !bug(Bug::GoneKeepsConnection) {
            self.give_up_units(&mut exchange);
        }
        self.settle();
    }

    /// The exchange of that context, if its message has that direction.
    fn under_scan(&mut self, id: u32, direction: Direction) -> Option<&mut Exchange> {
        self.exchanges
            .get_mut(id)
            .map(|exchange| &mut **exchange)
            .filter(|exchange| exchange.direction == direction)
    }

    /// Ends the message's own callback, and says whether the host holds the message.
    pub(super) fn leave(&mut self, id: u32, direction: Direction) -> Next {
        self.settle();
        self.inside = None;
        let held = self
            .exchanges
            .get(id)
            .is_some_and(|exchange| match exchange.direction {
                // The request of a response under scan goes on already.
                of if of != direction => false,
                _ if exchange.is_under_way() => exchange.body.at_end,
                _ => !matches!(exchange.phase, Phase::Released),
            });
        if held { Next::Pause } else { Next::Continue }
    }

    /// Moves a message on as far as possible.
    pub(super) fn drive(&mut self, id: u32) {
        self.with_message(id, |worker, exchange| worker.step(id, exchange));
    }

    pub(super) fn step(&mut self, id: u32, exchange: &mut Exchange) {
        if exchange.body.exceeds_announced()
            && !exchange.is_refused()
            && !matches!(exchange.phase, Phase::Draining(_))
            // A message that goes on can be stopped in its own callback only.
            && (exchange.is_held() || self.is_inside(id))
        {
            return self.fail_longer_than_announced(id, exchange);
        }
        if !exchange.is_decided()
            && exchange.body.available > exchange.limit()
            && exchange.stream.is_none()
            && exchange.messages.is_none()
            && !bug(Bug::OversizeScanned)
        {
            return self.outgrow(id, exchange);
        }
        match &exchange.phase {
            Phase::Scanning if exchange.messages.is_some() => self.step_messages(id, exchange),
            // Without a body there is nothing to show as a download.
            Phase::Scanning if exchange.is_shown_as_download() && exchange.body.available == 0 => {
                if exchange.body.progress().ended {
                    self.let_go_without_body(id, exchange);
                }
            }
            Phase::Scanning if exchange.apart.is_some() => self.step_apart(id, exchange),
            Phase::Scanning => self.step_units(id, exchange),
            Phase::Draining(_) => self.drain(id, exchange),
            Phase::Discarding(_) => self.discard(id, exchange),
            Phase::Cleared if exchange.messages.is_some() => self.pass_messages(id, exchange),
            Phase::Cleared => {
                if self.is_inside(id) && exchange.stream.is_none() {
                    self.keep_length(id, exchange);
                    exchange.phase = Phase::Released;
                }
            }
            Phase::Released | Phase::Replied => {}
        }
    }

    /// A filter before this one has made the body longer than `content-length` says. The receiver would take the surplus for
    /// another message, which nobody has scanned.
    fn fail_longer_than_announced(&mut self, id: u32, exchange: &mut Exchange) {
        let announced = exchange.body.announced.unwrap_or_default();
        let reason = format!(
            "the body is longer than the {announced} bytes that its content-length announces"
        );
        match exchange.direction {
            Direction::Request => self.fail(id, exchange, Cause::BadRequest, reason),
            // The client did not cause the failure, and the ICAP server was told that the body had ended.
            Direction::Response => {
                self.fail_closed(id, exchange, Cause::Internal, &reason);
            }
        }
    }
}
