//! The view of a request that rules match against.

use super::Protocol;
use super::authority::host_of;
use super::spelling::spellings;
use std::cell::OnceCell;
use std::net::IpAddr;

/// A request as the policy sees it. The policy asks only for what some rule needs, and for addresses and port at most
/// once per request.
pub trait RequestView {
    /// The downstream address that Envoy trusts; `None` for a Unix socket.
    fn client_ip(&self) -> Option<IpAddr>;
    /// The address of the connection's other end, which no header can change; `None` if unknown.
    fn peer_ip(&self) -> Option<IpAddr>;
    /// The port of the listener.
    fn listener_port(&self) -> Option<u16>;
    /// The client's protocol, as the connection itself shows it.
    fn protocol(&self) -> Protocol;
    /// `:method`.
    fn method(&self) -> &[u8];
    /// `:authority`, with the port if it has one.
    fn authority(&self) -> &[u8];
    /// `:path`, with the query if it has one.
    fn path_and_query(&self) -> &[u8];
    /// Passes each value of the header `name` (lower case), in order, to `visit`, until that returns `false`.
    fn header(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> bool);
    /// Whether a body follows, as far as the headers tell.
    fn has_body(&self) -> bool;
}

/// A view that remembers the host's replies.
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

    /// The client's address. IPv4 even where the host mapped it into IPv6.
    pub(super) fn client_ip(&self) -> Option<IpAddr> {
        *self
            .client_ip
            .get_or_init(|| self.view.client_ip().map(|ip| ip.to_canonical()))
    }

    /// The address of the connection's other end, likewise.
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

    /// `None` where programs may read different hosts.
    pub(super) fn host(&self) -> Option<&'v [u8]> {
        host_of(self.view.authority())
    }

    pub(super) fn path(&self) -> &'v [u8] {
        split_path(self.view.path_and_query()).0
    }

    /// The other paths that an application may read in the received path.
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

/// Path and query; the query is empty if there is none.
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
