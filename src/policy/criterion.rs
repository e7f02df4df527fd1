//! The criteria of a rule.

use super::request::Memo;
use super::string_matcher::StringMatcher;
use ipnet::IpNet;

/// What the client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP in the clear.
    Http,
    /// HTTP over TLS.
    Https,
}

/// One criterion of a rule.
#[derive(Clone, Debug)]
pub struct Criterion {
    /// What is looked at.
    pub test: Test,
    /// It holds where the test does not: `…_not`.
    pub negated: bool,
}

/// What a criterion looks at. Lists are any-of.
#[derive(Clone, Debug)]
pub enum Test {
    /// The client's address, IPv4 never mapped into IPv6.
    ClientIp(Vec<IpNet>),
    /// The listener's port.
    Port(Vec<u16>),
    /// What the client speaks.
    Protocol(Vec<Protocol>),
    /// The method.
    Method(Vec<StringMatcher>),
    /// The authority without port.
    Host(Vec<StringMatcher>),
    /// The path without query.
    Path(Vec<StringMatcher>),
    /// The query, empty where there is none.
    Query(Vec<StringMatcher>),
    /// The media type without parameters, empty where there is none.
    ContentType(Vec<StringMatcher>),
    /// Header fields.
    Header(Vec<NamedMatcher>),
    /// Cookies.
    Cookie(Vec<NamedMatcher>),
    /// Whether there is a body.
    HasBody(bool),
}

/// A header or cookie by name.
#[derive(Clone, Debug)]
pub struct NamedMatcher {
    /// Its name; a header's in lower case.
    pub name: String,
    /// What must hold for it.
    pub test: NamedTest,
}

/// What must hold for a header or cookie.
#[derive(Clone, Debug)]
pub enum NamedTest {
    /// Whether it is there.
    Present(bool),
    /// It is there, and one of its values matches; inverted: it is there, and none does.
    Value(StringMatcher),
}

impl Criterion {
    pub(super) fn holds(&self, request: &Memo<'_>) -> bool {
        self.test.holds(request) != self.negated
    }
}

impl Test {
    fn holds(&self, request: &Memo<'_>) -> bool {
        let any = |matchers: &[StringMatcher], value| matchers.iter().any(|m| m.matches(value));
        match self {
            Test::ClientIp(networks) => request
                .client_ip()
                .is_some_and(|ip| networks.iter().any(|n| n.contains(&ip))),
            Test::Port(ports) => request.listener_port().is_some_and(|p| ports.contains(&p)),
            Test::Protocol(protocols) => protocols.contains(&request.protocol()),
            Test::Method(matchers) => any(matchers, request.method()),
            Test::Host(matchers) => any(matchers, request.host()),
            Test::Path(matchers) => any(matchers, request.path()),
            Test::Query(matchers) => any(matchers, request.query()),
            Test::ContentType(matchers) => content_type_holds(matchers, request),
            Test::Header(headers) => headers
                .iter()
                .any(|header| header.holds(&mut |visit| request.header(&header.name, visit))),
            Test::Cookie(cookies) => cookies.iter().any(|cookie| {
                cookie.holds(&mut |visit| cookie_values(request, &cookie.name, visit))
            }),
            Test::HasBody(wanted) => request.has_body() == *wanted,
        }
    }
}

type Visit<'f> = dyn FnMut(&[u8]) -> bool + 'f;

impl NamedMatcher {
    /// `each` gives every value to its argument until that returns `false`.
    fn holds(&self, each: &mut dyn FnMut(&mut Visit<'_>)) -> bool {
        let mut present = false;
        match &self.test {
            NamedTest::Present(wanted) => {
                each(&mut |_| {
                    present = true;
                    false
                });
                present == *wanted
            }
            NamedTest::Value(matcher) => {
                let mut hit = false;
                each(&mut |value| {
                    present = true;
                    hit = matcher.test_holds(value);
                    !hit
                });
                present && hit != matcher.invert
            }
        }
    }
}

fn content_type_holds(matchers: &[StringMatcher], request: &Memo<'_>) -> bool {
    let mut seen = false;
    let mut hit = false;
    let mut test = |value: &[u8]| {
        let media_type = value.split(|b| *b == b';').next().unwrap_or_default();
        seen = true;
        hit = matchers.iter().any(|m| m.matches(media_type.trim_ascii()));
        false
    };
    request.header("content-type", &mut test);
    if seen {
        hit
    } else {
        matchers.iter().any(|m| m.matches(b""))
    }
}

/// The values of a cookie: HTTP/2 may split `cookie` into several headers (RFC 9113 section 8.2.3).
fn cookie_values(request: &Memo<'_>, name: &str, visit: &mut Visit<'_>) {
    request.header("cookie", &mut |header| {
        header.split(|b| *b == b';').all(|pair| {
            let pair = pair.trim_ascii();
            match pair.strip_prefix(name.as_bytes()).map(<[u8]>::split_first) {
                Some(Some((b'=', value))) => visit(value),
                _ => true,
            }
        })
    });
}
