//! Trailers (RFC 9110 section 6.5): removes those that may not go on, and shows the others to a server.

use std::rc::Rc;

use super::apart::Apart;
use super::bare_fields::without_length;
use super::exchange::{Exchange, Phase};
use super::fault::Fault;
use super::rewrite::{all, is_envoys};
use super::service::Service;
use super::worker::Worker;
use crate::bug::{Bug, bug};
use crate::config::{Cause, Trailers};
use crate::host::{Fields, Host, HostError, HostResult};
use crate::icap::{Direction, Request, is_hop_by_hop};
use crate::report::{Outcome, PartName};
use crate::submission::Shown;
use crate::verdict::is_evidence;

/// Fields that must not be trailers, beside hop-by-hop fields and Envoy's own: framing, routing, modifiers of the request,
/// credentials, control data, and how to process the content (RFC 9110 section 6.5.1). An application that adds trailers to the
/// head would trust fields there that no scanner has seen.
const NEVER_TRAILERS: &[&str] = &[
    "age",
    "authorization",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "encapsulated",
    "expect",
    "expires",
    "host",
    "location",
    "max-forwards",
    "pragma",
    "range",
    "retry-after",
    "set-cookie",
    "vary",
    "warning",
    "www-authenticate",
    "x-icap-action",
    "x-icap-threat",
];
/// Digests of a body (RFC 9530), which are wrong for a changed body.
const OF_THE_BODY: &[&str] = &["content-digest", "content-md5", "digest", "repr-digest"];
/// The name in icap_log of the transaction that shows trailers.
const PART_NAME: &str = "trailers";
/// The server's trailers have what is no field.
const BROKEN: HostError = HostError {
    call: "the server's trailers",
    status: HostError::UNUSABLE,
};
/// Why the trailers could not be scanned.
const UNREADABLE: &str = "the trailers could not be read";

fn is_one_of(name: &[u8], names: &[&str]) -> bool {
    names
        .iter()
        .any(|of| of.as_bytes().eq_ignore_ascii_case(name))
}

/// Whether a field may be a trailer. `user`: the name of the field that tells the ICAP server the user.
fn may_be_trailer(name: &[u8], user: Option<&str>) -> bool {
    let is_condition = name
        .get(..3)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"if-"));
    !(is_condition
        || is_hop_by_hop(name)
        || is_envoys(&name.to_ascii_lowercase())
        || is_one_of(name, NEVER_TRAILERS)
        || user.is_some_and(|user| user.as_bytes().eq_ignore_ascii_case(name)))
}

impl Exchange {
    /// Whether the profile's rules for trailers apply: the message was scanned, or is.
    fn has_say_on_trailers(&self) -> bool {
        let is_draining = matches!(self.phase, Phase::Draining(_));
        // Without a body there is nothing to show as a download. A body that is being replaced was discarded.
        let is_left_alone = self.is_shown_as_download() && self.body.available == 0 && !is_draining;
        // Until a message is replaced, the journal may tell of its request alone.
        let is_concluded = self.is_decided() && !is_draining;
        let is_disabled = is_concluded && self.journal.conclusion().outcome == Outcome::Disabled;
        !is_left_alone && !is_disabled
    }

    /// Whether a trailer of that direction goes on.
    fn forwards_trailer(&self, of: Direction, name: &[u8]) -> bool {
        let dropped = self.profile.trailers == Trailers::Drop
            // A gRPC call needs its status.
            && !(of == Direction::Response && name.starts_with(b"grpc-"));
        let profile = &self.profile;
        let user = profile.authenticated_user_header.as_deref();
        self.is_monitored()
            || (!dropped && !self.passes_for_verdict(name) && may_be_trailer(name, user))
    }

    /// Whether a server that gives that trailer back behind a body would seem to say it itself.
    fn passes_for_verdict(&self, name: &[u8]) -> bool {
        self.profile.trailers == Trailers::Scan
            && is_evidence(&String::from_utf8_lossy(name), &self.profile)
    }
}

impl<H: Host> Worker<H> {
    /// The trailers of a message have come, which end its body.
    pub(super) fn take_trailers(&mut self, id: u32, exchange: &mut Exchange, of: Direction) {
        if exchange.direction != of {
            // The trailers of a request that goes on, while its response is under scan.
            if exchange.request_was_scanned
                && let Err(e) = self.sort_trailers(id, exchange, of)
            {
                log::debug!("context {id}: {e}");
            }
            return;
        }
        exchange.has_trailers = true;
        let is_released = matches!(exchange.phase, Phase::Released);
        if !exchange.is_refused() && exchange.has_say_on_trailers() {
            let sorted = self.sort_trailers(id, exchange, of);
            if matches!(exchange.phase, Phase::Released | Phase::Cleared) {
                self.log_again(id, exchange);
            }
            match sorted {
                Ok(mut trailers) => {
                    // In monitor mode they are still here: they go on, and are not shown.
                    trailers.retain(|name| !exchange.passes_for_verdict(name));
                    if let Some(apart) = &mut exchange.apart {
                        apart.take_trailers(trailers);
                    }
                }
                Err(e) if !exchange.is_decided() => {
                    let reason = format!("{UNREADABLE}: {e}");
                    self.fail_closed(id, exchange, Cause::Internal, &reason);
                }
                Err(e) => log::debug!("context {id}: {e}"),
            }
        }
        if !exchange.is_refused() && !self.admits_trailers(id, exchange) {
            return;
        }
        if !is_released {
            exchange.body.at_end = !bug(Bug::TrailersDoNotEnd);
            if self.fail_if_held_behind(id, exchange) {
                return;
            }
            self.step(id, exchange);
            self.put_end_before_trailers(id, exchange);
        }
    }

    /// Removes the trailers that may not go on, notes all names, and gives the trailers that are left.
    fn sort_trailers(&self, id: u32, exchange: &mut Exchange, of: Direction) -> HostResult<Fields> {
        self.host.enter(id)?;
        let mut trailers = self.host.trailers(of)?;
        let mut removed = Ok(());
        trailers.retain(|name| {
            let goes_on = exchange.forwards_trailer(of, name);
            exchange.journal.note_trailer(name, goes_on);
            if !goes_on {
                let name = String::from_utf8_lossy(name);
                removed = removed.and(self.host.remove_trailer(of, &name));
            }
            goes_on
        });
        removed.map(|()| trailers)
    }

    /// Has the submission of the content show the trailers too, where the server says that it takes them behind a body.
    pub(super) fn show_behind_body(
        &self,
        exchange: &mut Exchange,
        fields: &Fields,
        apart: &mut Apart,
    ) {
        let options = self
            .service(&exchange.profile, exchange.direction)
            .and_then(Service::options);
        if !options.is_some_and(|options| options.trailers) {
            return;
        }
        // As the client, or the application, has announced them.
        let announced = all(fields, "trailer").unwrap_or_default();
        let place = apart.show_behind_body(String::from_utf8_lossy(&announced).into_owned());
        if let Some(request) = Rc::get_mut(&mut exchange.request) {
            request.trailers = place;
        }
    }

    /// Puts the server's trailers in the place of the message's own, unless the message is monitored.
    pub(super) fn replace_trailers(&self, id: u32, exchange: &mut Exchange) -> HostResult {
        let new = exchange.new_trailers.take();
        let Some(new) = new.filter(|_| !exchange.is_monitored() && !bug(Bug::NewTrailersIgnored))
        else {
            return Ok(());
        };
        let of = exchange.direction;
        self.host.enter(id)?;
        for (name, _) in self.host.trailers(of)?.iter() {
            exchange.journal.note_trailer(name, false);
        }
        let mut fields = Fields::new();
        for field in new.iter() {
            // A fold, or a line that is no field.
            if field.value.contains(&b'\n') {
                return Err(BROKEN);
            }
            fields.push(field.name.to_ascii_lowercase(), &field.value);
        }
        self.host.set_trailers(of, &fields)?;
        self.sort_trailers(id, exchange, of).map(drop)
    }

    /// Removes the digests of the original body, which was replaced.
    pub(super) fn drop_digests(&self, id: u32, exchange: &mut Exchange) {
        let of = exchange.direction;
        let dropped = self.host.enter(id).and_then(|()| {
            let trailers = self.host.trailers(of)?;
            let wrong = trailers
                .iter()
                .filter(|(name, _)| is_one_of(name, OF_THE_BODY));
            for (name, _) in wrong {
                exchange.journal.note_trailer(name, false);
                self.host
                    .remove_trailer(of, &String::from_utf8_lossy(name))?;
            }
            Ok(())
        });
        if let Err(e) = dropped {
            log::debug!("context {id}: {e}");
        }
    }

    /// Shows trailers to a server, as fields of the message's head.
    pub(super) fn show_trailers(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        index: u16,
        trailers: Fields,
    ) -> Result<(), Fault> {
        let request = Rc::new(self.request_about_trailers(id, exchange, trailers)?);
        if let Some(apart) = &mut exchange.apart {
            apart.shows(index, 0);
        }
        let nothing = Shown::Runs(Rc::from([]));
        let name = Some(Rc::new(PartName::new(PART_NAME, None)));
        self.show_part(id, exchange, index, request, nothing, name);
        Ok(())
    }

    fn request_about_trailers(
        &self,
        id: u32,
        exchange: &Exchange,
        trailers: Fields,
    ) -> Result<Request, Fault> {
        let internal = |e| (Cause::Internal, format!("{e}"));
        self.host.enter(id).map_err(internal)?;
        let fields = self.host.headers(exchange.direction).map_err(internal)?;
        let mut head = without_length(&fields);
        head.extend(trailers.iter());
        self.request_with_head(exchange, &fields, &head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_head_would_not_be_allowed_is_no_trailer() {
        for name in [
            "content-length",
            "Transfer-Encoding",
            "host",
            "authorization",
            "cookie",
            "Set-Cookie",
            "if-none-match",
            "range",
            "content-type",
            "Content-Encoding",
            "content-disposition",
            "trailer",
            "te",
            "connection",
            "x-envoy-retry-on",
            "X-Forwarded-For",
            "x-request-id",
            "x-icap-action",
            "x-user",
        ] {
            assert!(!may_be_trailer(name.as_bytes(), Some("x-user")), "{name}");
        }
        for name in [
            "grpc-status",
            "grpc-message",
            "x-checksum",
            "content-digest",
            "server-timing",
            "x-user",
            "if",
            "",
        ] {
            assert!(may_be_trailer(name.as_bytes(), None), "{name}");
        }
    }
}
