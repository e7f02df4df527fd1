//! What the policy reads of a request, of the head of its response, and of the route's metadata.

use std::net::IpAddr;

use super::icap_request::{address, peer_address};
use super::rewrite::find;
use crate::config;
use crate::host::{Fields, Host};
use crate::policy::{Protocol, RequestView, ResponseView, RouteChoice};

/// The property with a route's metadata. Read as a whole: Envoy gives no part that has lists or objects in it.
const ROUTE_METADATA: [&str; 2] = ["xds", "route_metadata"];

/// The head of a response, as the policy reads it.
pub(super) struct ResponseFields<'a>(pub(super) &'a Fields);

impl ResponseView for ResponseFields<'_> {
    fn status(&self) -> u16 {
        number(self.0, ":status").unwrap_or_default()
    }

    fn length(&self) -> Option<u64> {
        number(self.0, "content-length")
    }

    fn header(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> bool) {
        let mut values = self.0.iter().filter(|(n, _)| *n == name.as_bytes());
        values.all(|(_, value)| visit(value));
    }
}

/// The number in the first field of that name.
pub(super) fn number<T: std::str::FromStr>(fields: &Fields, name: &str) -> Option<T> {
    std::str::from_utf8(find(fields, name)?)
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// Whether a request has a body, as far as its headers tell.
pub(super) fn has_body(fields: &Fields, at_end: bool) -> bool {
    let announced = find(fields, "content-length").map(<[u8]>::trim_ascii);
    let is_zero = |length: &[u8]| !length.is_empty() && length.iter().all(|b| *b == b'0');
    !at_end && !announced.is_some_and(is_zero)
}

/// What the route's metadata says about its requests.
pub(super) fn route_choice<H: Host>(host: &H) -> RouteChoice {
    match host.property(&ROUTE_METADATA) {
        Ok(Some(metadata)) => config::route_choice(&metadata),
        Ok(None) => RouteChoice::None,
        Err(e) => RouteChoice::Wrong(format!("the route's metadata can't be read: {e}")),
    }
}

/// A request, as the policy reads it.
pub(super) struct View<'a, H> {
    pub(super) host: &'a H,
    pub(super) now_ms: u64,
    pub(super) fields: &'a Fields,
    pub(super) at_end: bool,
}

impl<H: Host> RequestView for View<'_, H> {
    fn client_ip(&self) -> Option<IpAddr> {
        address(self.host, "source")
    }

    fn peer_ip(&self) -> Option<IpAddr> {
        peer_address(self.host, self.now_ms)
    }

    fn listener_port(&self) -> Option<u16> {
        let port = self.host.property(&["destination", "port"]).ok()??;
        let port: [u8; 8] = port.try_into().ok()?;
        u16::try_from(i64::from_le_bytes(port)).ok()
    }

    fn protocol(&self) -> Protocol {
        // Not `:scheme`, which the client chooses.
        match self.host.property(&["connection", "tls_version"]) {
            Ok(Some(_)) => Protocol::Https,
            _ => Protocol::Http,
        }
    }

    fn method(&self) -> &[u8] {
        find(self.fields, ":method").unwrap_or_default()
    }

    fn authority(&self) -> &[u8] {
        find(self.fields, ":authority").unwrap_or_default()
    }

    fn path_and_query(&self) -> &[u8] {
        find(self.fields, ":path").unwrap_or_default()
    }

    fn header(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> bool) {
        for (_, value) in self.fields.iter().filter(|(n, _)| *n == name.as_bytes()) {
            if !visit(value) {
                return;
            }
        }
    }

    fn has_body(&self) -> bool {
        has_body(self.fields, self.at_end)
    }
}
