//! What the policy may ask of a request.

use super::Protocol;
use super::authority::host_of;
use super::spelling::spellings;
use std::cell::OnceCell;
use std::net::IpAddr;

/// A request as the policy sees it. Only what some rule asks for is asked for; addresses and port at most once a request.
pub trait RequestView {
    /// The downstream address that Envoy trusts; `None` where there is none (a Unix socket).
    fn client_ip(&self) -> Option<IpAddr>;
    /// The address of the connection itself, which no header can change; `None` where it is not known.
    fn peer_ip(&self) -> Option<IpAddr>;
    /// The port of the listener.
    fn listener_port(&self) -> Option<u16>;
    /// What the client speaks, by the connection itself.
    fn protocol(&self) -> Protocol;
    /// `:method`.
    fn method(&self) -> &[u8];
    /// `:authority`, with port where there is one.
    fn authority(&self) -> &[u8];
    /// `:path`, with query where there is one.
    fn path_and_query(&self) -> &[u8];
    /// Gives each value of the header `name` (lower case), in order, to `visit`, until that returns `false`.
    fn header(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> bool);
    /// Whether a body follows the headers, as far as these tell.
    fn has_body(&self) -> bool;
}

/// A view that remembers what the host was asked for.
pub(super) struct Memo<'v> {
    view: &'v dyn RequestView,
    client_ip: OnceCell<Option<IpAddr>>,
    peer_ip: OnceCell<Option<IpAddr>>,
    spellings: OnceCell<Vec<Vec<u8>>>,
    listener_port: OnceCell<Option<u16>>,
    protocol: OnceCell<Protocol>,
}

impl<'v> Memo<'v> {
    pub(super) fn new(view: &'v dyn RequestView) -> Self {
        Self {
            view,
            client_ip: OnceCell::new(),
            peer_ip: OnceCell::new(),
            spellings: OnceCell::new(),
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

    /// Likewise the address of the connection itself.
    pub(super) fn peer_ip(&self) -> Option<IpAddr> {
        *self
            .peer_ip
            .get_or_init(|| self.view.peer_ip().map(|ip| ip.to_canonical()))
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

    /// `None` where it can be read in more than one way.
    pub(super) fn host(&self) -> Option<&'v [u8]> {
        host_of(self.view.authority())
    }

    pub(super) fn path(&self) -> &'v [u8] {
        split_path(self.view.path_and_query()).0
    }

    /// What an application may read the path as, beside the path as it came.
    pub(super) fn spellings(&self) -> &[Vec<u8>] {
        self.spellings.get_or_init(|| spellings(self.path()))
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
    use super::split_path;

    #[test]
    fn the_query_begins_at_the_first_question_mark() {
        assert_eq!(split_path(b"/a?b?c"), (&b"/a"[..], &b"b?c"[..]));
        assert_eq!(split_path(b"/a"), (&b"/a"[..], &b""[..]));
        assert_eq!(split_path(b"/a?"), (&b"/a"[..], &b""[..]));
    }
}
