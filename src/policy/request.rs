//! What the policy may ask of a request.

use super::Protocol;
use std::cell::OnceCell;
use std::net::IpAddr;

/// A request as the policy sees it. Only what some rule asks for is asked for; addresses and port at most once a request.
pub trait RequestView {
    /// The downstream address that Envoy trusts; `None` where there is none (a Unix socket).
    fn client_ip(&self) -> Option<IpAddr>;
    /// The port of the listener.
    fn listener_port(&self) -> Option<u16>;
    /// What the client speaks.
    fn protocol(&self) -> Protocol;
    /// `:method`.
    fn method(&self) -> &[u8];
    /// `:authority`, with port where there is one.
    fn authority(&self) -> &[u8];
    /// `:path`, with query where there is one.
    fn path_and_query(&self) -> &[u8];
    /// Gives each value of the header `name` (lower case), in order, to `visit`, until that returns `false`.
    fn header(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> bool);
    /// Whether a body follows the headers.
    fn has_body(&self) -> bool;
}

/// A view that remembers what the host was asked for.
pub(super) struct Memo<'v> {
    view: &'v dyn RequestView,
    client_ip: OnceCell<Option<IpAddr>>,
    listener_port: OnceCell<Option<u16>>,
    protocol: OnceCell<Protocol>,
}

impl<'v> Memo<'v> {
    pub(super) fn new(view: &'v dyn RequestView) -> Self {
        Self {
            view,
            client_ip: OnceCell::new(),
            listener_port: OnceCell::new(),
            protocol: OnceCell::new(),
        }
    }

    /// IPv4 also where the host gave it mapped into IPv6.
    pub(super) fn client_ip(&self) -> Option<IpAddr> {
        *self
            .client_ip
            .get_or_init(|| self.view.client_ip().map(|ip| ip.to_canonical()))
    }

    pub(super) fn listener_port(&self) -> Option<u16> {
        *self.listener_port.get_or_init(|| self.view.listener_port())
    }

    pub(super) fn protocol(&self) -> Protocol {
        *self.protocol.get_or_init(|| self.view.protocol())
    }

    pub(super) fn method(&self) -> &'v [u8] {
        self.view.method()
    }

    pub(super) fn host(&self) -> &'v [u8] {
        host_of(self.view.authority())
    }

    pub(super) fn path(&self) -> &'v [u8] {
        split_path(self.view.path_and_query()).0
    }

    pub(super) fn query(&self) -> &'v [u8] {
        split_path(self.view.path_and_query()).1
    }

    pub(super) fn header(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> bool) {
        self.view.header(name, visit);
    }

    pub(super) fn has_body(&self) -> bool {
        self.view.has_body()
    }
}

/// An authority without its port and without the dot of a fully qualified name; an IPv6 address keeps its brackets.
fn host_of(authority: &[u8]) -> &[u8] {
    let host = without_port(authority);
    host.strip_suffix(b".").unwrap_or(host)
}

fn without_port(authority: &[u8]) -> &[u8] {
    match authority.iter().rposition(|b| *b == b':') {
        Some(colon) => {
            let (host, port) = authority.split_at(colon);
            let digits = port.get(1..).unwrap_or_default();
            if digits.iter().all(u8::is_ascii_digit) {
                host
            } else {
                authority
            }
        }
        None => authority,
    }
}

/// Path and query; the query is empty where there is none.
fn split_path(target: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'?', target) {
        Some(mark) => (
            target.get(..mark).unwrap_or_default(),
            target.get(mark.saturating_add(1)..).unwrap_or_default(),
        ),
        None => (target, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::{host_of, split_path};

    #[test]
    fn the_port_is_cut_off_and_an_ipv6_address_is_not() {
        for (authority, host) in [
            ("a.example", "a.example"),
            ("a.example:8080", "a.example"),
            ("a.example:", "a.example"),
            ("a.example.:80", "a.example"),
            ("[2001:db8::1]", "[2001:db8::1]"),
            ("[2001:db8::1]:443", "[2001:db8::1]"),
            ("", ""),
        ] {
            assert_eq!(host_of(authority.as_bytes()), host.as_bytes());
        }
    }

    #[test]
    fn the_query_begins_at_the_first_question_mark() {
        assert_eq!(split_path(b"/a?b?c"), (&b"/a"[..], &b"b?c"[..]));
        assert_eq!(split_path(b"/a"), (&b"/a"[..], &b""[..]));
        assert_eq!(split_path(b"/a?"), (&b"/a"[..], &b""[..]));
    }
}
