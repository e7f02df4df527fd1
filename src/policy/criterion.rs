//! The criteria of a rule, and how they match a request.

use super::media_type::media_types;
use super::named_matcher::{NamedMatcher, Visit};
use super::request::Memo;
use super::string_matcher::StringMatcher;
use super::{ClientIpSource, Protocol};
use ipnet::IpNet;
use std::net::IpAddr;

/// One criterion of a rule.
#[derive(Clone, Debug)]
pub struct Criterion {
    /// The test.
    pub test: Test,
    /// Whether the criterion holds where the test does not: `…_not`.
    pub negated: bool,
}

/// What a criterion tests. Lists are any-of.
#[derive(Clone, Debug)]
pub enum Test {
    /// The client's address. IPv4 addresses are never mapped into IPv6.
    ClientIp(Vec<IpNet>),
    /// The listener's port.
    Port(Vec<u16>),
    /// The client's protocol.
    Protocol(Vec<Protocol>),
    /// The method.
    Method(Vec<StringMatcher>),
    /// The authority without port. Where two programs may read two hosts, the test may hold or not.
    Host(Vec<StringMatcher>),
    /// The path without query, as received and in its other spellings.
    Path(Vec<StringMatcher>),
    /// The query, empty if there is none.
    Query(Vec<StringMatcher>),
    /// The media type without parameters, empty if there is none. Of several types, each is tested.
    ContentType(Vec<StringMatcher>),
    /// Header fields.
    Header(Vec<NamedMatcher>),
    /// Cookies.
    Cookie(Vec<NamedMatcher>),
    /// Whether the request has a body.
    HasBody(bool),
}

/// Whether a criterion holds for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// The criterion holds, however the request is read.
    Yes,
    /// The criterion does not hold, however the request is read.
    No,
    /// Programs may read the request differently: for some the criterion holds.
    Either,
}

impl Held {
    /// `readings`: for each way to read the request, whether the criterion holds.
    pub(super) fn of(readings: impl IntoIterator<Item = bool>) -> Self {
        let mut readings = readings.into_iter();
        let first = readings.next().unwrap_or_default();
        match (first, readings.all(|other| other == first)) {
            (_, false) => Self::Either,
            (true, true) => Self::Yes,
            (false, true) => Self::No,
        }
    }

    pub(super) fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Either => Self::Either,
        }
    }
}

impl Criterion {
    pub(super) fn held(&self, request: &Memo<'_>, source: ClientIpSource) -> Held {
        let held = self.test.held(request, source);
        if self.negated { held.not() } else { held }
    }
}

impl Test {
    fn held(&self, request: &Memo<'_>, source: ClientIpSource) -> Held {
        let any = |matchers: &[StringMatcher], value| matchers.iter().any(|m| m.matches(value));
        let one = |holds| Held::of([holds]);
        match self {
            Test::ClientIp(networks) => {
                let within = |ip: IpAddr| networks.iter().any(|n| n.contains(&ip));
                match source {
                    ClientIpSource::Downstream => one(request.client_ip().is_some_and(within)),
                    ClientIpSource::Peer => {
                        request.peer_ip().map_or(Held::Either, |ip| one(within(ip)))
                    }
                }
            }
            Test::Port(ports) => one(request.listener_port().is_some_and(|p| ports.contains(&p))),
            Test::Protocol(protocols) => one(protocols.contains(&request.protocol())),
            Test::Method(matchers) => one(any(matchers, request.method())),
            Test::Host(matchers) => request
                .host()
                .map_or(Held::Either, |host| one(any(matchers, host))),
            Test::Path(matchers) => {
                let spellings = request.spellings().iter().map(Vec::as_slice);
                Held::of(
                    std::iter::once(request.path())
                        .chain(spellings)
                        .map(|path| any(matchers, path)),
                )
            }
            Test::Query(matchers) => one(any(matchers, request.query())),
            Test::ContentType(matchers) => Held::of(
                media_types(request)
                    .iter()
                    .map(|media_type| any(matchers, media_type)),
            ),
            Test::Header(headers) => one(headers
                .iter()
                .any(|header| header.holds(&mut |visit| request.header(&header.name, visit)))),
            Test::Cookie(cookies) => Held::of([exact_cookie, loose_cookie].map(|split| {
                cookies.iter().any(|cookie| {
                    cookie.holds(&mut |visit| cookie_values(request, &cookie.name, split, visit))
                })
            })),
            Test::HasBody(wanted) => one(request.has_body() == *wanted),
        }
    }
}

/// Splits `name=value`.
type SplitCookie = fn(&[u8]) -> Option<(&[u8], &[u8])>;

/// Visits the values of a cookie. HTTP/2 may split `cookie` into several headers (RFC 9113 section 8.2.3).
fn cookie_values(request: &Memo<'_>, name: &str, split: SplitCookie, visit: &mut Visit<'_>) {
    request.header("cookie", &mut |header| {
        header
            .split(|b| *b == b';')
            .filter_map(|pair| split(pair.trim_ascii()))
            .filter(|(found, _)| *found == name.as_bytes())
            .all(|(_, value)| visit(value))
    });
}

/// Splits a cookie as RFC 6265 section 4.2.1 says.
fn exact_cookie(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(b'=', pair)?;
    Some((pair.get(..at)?, pair.get(at.checked_add(1)?..)?))
}

/// Splits a cookie as many applications do, without the blanks and quotes around.
fn loose_cookie(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, value) = exact_cookie(pair)?;
    let value = value.trim_ascii();
    let unquoted = value
        .strip_prefix(b"\"")
        .and_then(|value| value.strip_suffix(b"\""));
    Some((name.trim_ascii(), unquoted.unwrap_or(value)))
}
