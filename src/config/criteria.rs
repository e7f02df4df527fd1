//! The criteria of a rule: `rules[].match`.

use super::attribute::{Attribute, Kind, Object, Section, boolean, integer, object, of};
use super::choice::Choice;
use super::json::Json;
use super::object::object;
use super::reader::Fields;
use super::string_matcher::{NAMED_MATCHER, STRING_MATCHER, named, strings};
use super::value::Value;
use crate::policy::{Criterion, Protocol, ResponseCriterion, ResponseTest, Test};
use ipnet::IpNet;
use std::net::IpAddr;

const MOST_BYTES: u64 = 1 << 50;

/// The criteria of a rule.
pub(super) struct Criteria {
    /// Of the request.
    pub(super) request: Vec<Criterion>,
    /// Of the response.
    pub(super) response: Vec<ResponseCriterion>,
}

/// Reads a criterion from the field of that name. `None`: the field is absent or wrong.
type ReadTest<T> = fn(&Fields<'_>, &str) -> Option<T>;

/// Declares the criteria in the order in which the policy checks them. Cheap ones come first: the first that does not hold ends
/// the rule. All but those of the first group have a negation, `…_not`.
macro_rules! criteria {
    (
        $(#[doc = $intro:literal])*
        once { $($once:tt)* }
        of_request { $($of_request:tt)* }
        of_response { $($of_response:tt)* }
    ) => {
        criteria! {
            @declare [concat!($($intro),*)] { $($once)* } { $($of_request)* } { $($of_response)* }
        }
    };
    (
        @declare [$intro:expr]
        { $($(#[doc = $once_effect:literal])* $once:ident: $once_kind:expr => $read_once:expr;)* }
        { $($(#[doc = $effect:literal])* $name:ident: $kind:expr => $read:expr;)* }
        { $($(#[doc = $of_response:literal])* $response:ident: $response_kind:expr => $read_response:expr;)* }
    ) => {
        impl Object for Criteria {
            const SECTION: &'static Section = {
                static SECTION: Section = Section::new("rules[].match", $intro, &[
                    $($once_kind.or_nothing().named(stringify!($once)).doing(concat!($($once_effect),*)),)*
                    $(
                        $kind.or_nothing().named(stringify!($name)).doing(concat!($($effect),*)),
                        $kind.or_nothing().named(concat!(stringify!($name), "_not")).doing(NEGATION),
                    )*
                    $(
                        $response_kind.or_nothing().named(stringify!($response)).doing(concat!($($of_response),*)),
                        $response_kind.or_nothing().named(concat!(stringify!($response), "_not")).doing(NEGATION),
                    )*
                ]);
                &SECTION
            };
        }

        const ONCE: &[(&str, ReadTest<Test>)] = &[$((stringify!($once), $read_once)),*];
        const OF_REQUEST: &[([&str; 2], ReadTest<Test>)] = &[
            $(([stringify!($name), concat!(stringify!($name), "_not")], $read)),*
        ];
        const OF_RESPONSE: &[([&str; 2], ReadTest<ResponseTest>)] = &[
            $(([stringify!($response), concat!(stringify!($response), "_not")], $read_response)),*
        ];
    };
}

const NEGATION: &str = "The negation.";

criteria! {
    /// Every list is any-of, a single value may stand for a list of one, and `…_not` holds where the criterion of the same
    /// list would not. A plain string in place of a string matcher means equality.
    once {
        /// Whether the request has a body, as far as its headers tell: `Content-Length: 0` is none. A chunked body that
        /// turns out to be empty is `true`; the server is then shown a request without body.
        has_body: boolean() => |fields, name| fields.optional_bool(name).map(Test::HasBody);
    }
    of_request {
        /// The request method. Case is ignored.
        method: matchers() => |fields, name| strings(fields, name, true).map(Test::Method);
        /// The path without query, as Envoy passes it on, and beside it each other spelling of it: percent-encoding taken
        /// off (up to three times), `\` read as `/`, runs of `/` as one, `.` and `..` resolved, parameters (`;x`) cut off.
        /// So `{"prefix": "/api/upload"}` matches `/api%2fupload`, `/api;x/upload`, `//api/upload` and
        /// `/static/..%2fapi/upload` in a rule that scans; a rule that does not scan has to match all of them.
        path: matchers() => |fields, name| strings(fields, name, false).map(Test::Path);
        /// What follows the `?`; empty where there is none.
        query: matchers() => |fields, name| strings(fields, name, false).map(Test::Query);
        /// The authority up to its first `:` outside of brackets, and without a final dot. Case is ignored. An authority
        /// with user information, a comma or percent-encoding can be read in more than one way.
        host: matchers() => |fields, name| strings(fields, name, true).map(Test::Host);
        /// The port of the listener.
        port: of(Kind::Ports) => |fields, name| fields.one_or_list(name, port).map(Test::Port);
        /// What the client speaks: `https` where the downstream connection has TLS. Not the scheme that the client names.
        /// Where TLS ends before this Envoy (a load balancer, a sidecar), every connection is `http`.
        protocol: of(Kind::Choices(Protocol::WORDS)) => |fields, name| fields.one_or_list(name, protocol).map(Test::Protocol);
        /// The client's address, as `client_ip_source` of the profile says, is in one of these networks; an address alone
        /// is a network of one.
        client_ip: of(Kind::Networks) => |fields, name| fields.one_or_list(name, network).map(Test::ClientIp);
        /// The media type without parameters; empty where there is none. Case is ignored. Several `Content-Type` fields, or
        /// a list in one, can be read in more than one way.
        content_type: matchers() => |fields, name| strings(fields, name, true).map(Test::ContentType);
        /// One of these headers matches.
        header: named_matchers() => |fields, name| fields.objects(name, |f| named(&f, true)).map(Test::Header);
        /// One of these cookies matches. A cookie with blanks or quotes around can be read with and without them.
        cookie: named_matchers() => |fields, name| fields.objects(name, |f| named(&f, false)).map(Test::Cookie);
    }
    of_response {
        /// The response's status, or a class such as `"3xx"`. A rule with one of these four is about responses alone: see
        /// [Rules for responses](#rules-for-responses).
        response_status: of(Kind::Statuses) => |fields, name| fields.one_or_list(name, statuses).map(ResponseTest::Status);
        /// The length of the response's body. Where its head does not tell, a rule with `enable_icap` matches, and one with
        /// `bypass` does not.
        response_size: object::<Size>() => |fields, name| fields.object(name, |size| Size::of(&size)?.test(&size));
        /// The media type of the response without parameters; empty where there is none. Case is ignored.
        response_content_type: matchers() => |fields, name| strings(fields, name, true).map(ResponseTest::ContentType);
        /// One of these headers of the response matches.
        response_header: named_matchers() => |fields, name| fields.objects(name, |f| named(&f, true)).map(ResponseTest::Header);
    }
}

impl Criteria {
    /// Reads `match`, whose fields these are.
    pub(super) fn of(fields: &Fields<'_>) -> Option<Self> {
        let mut criteria = Self {
            request: Vec::new(),
            response: Vec::new(),
        };
        for (name, read) in ONCE {
            let negated = false;
            let test = read(fields, name);
            criteria
                .request
                .extend(test.map(|test| Criterion { test, negated }));
        }
        for (names, read) in OF_REQUEST {
            for (test, negated) in tests(fields, *names, *read) {
                criteria.request.push(Criterion { test, negated });
            }
        }
        for (names, read) in OF_RESPONSE {
            for (test, negated) in tests(fields, *names, *read) {
                criteria.response.push(ResponseCriterion { test, negated });
            }
        }
        Some(criteria)
    }

    /// Whether every request and every response matches.
    pub(super) fn is_empty(&self) -> bool {
        self.request.is_empty() && self.response.is_empty()
    }
}

/// A criterion and its negation, if they are there; the second value says which of the two.
fn tests<T>(
    fields: &Fields<'_>,
    [name, name_not]: [&str; 2],
    read: ReadTest<T>,
) -> impl Iterator<Item = (T, bool)> {
    [(name, false), (name_not, true)]
        .into_iter()
        .filter_map(move |(name, negated)| Some((read(fields, name)?, negated)))
}

const fn matchers() -> Attribute {
    of(Kind::Matchers(&STRING_MATCHER))
}

const fn named_matchers() -> Attribute {
    of(Kind::Objects {
        section: &NAMED_MATCHER,
        min: 1,
        max: 100,
    })
}

object! {
    /// At least one of the two. Both ends are included.
    pub(super) struct Size, at "size of a response", read from fields {
        /// The smallest size.
        pub min: Option<u64> = integer(0, MOST_BYTES, "bytes").or_nothing() => size;
        /// The largest size.
        pub max: Option<u64> = integer(0, MOST_BYTES, "bytes").or_nothing() => size;
    }
}

fn size(fields: &Fields<'_>, name: &str) -> Option<Option<u64>> {
    Some(fields.has(name).then(|| fields.integer(name)))
}

impl Size {
    fn test(&self, fields: &Fields<'_>) -> Option<ResponseTest> {
        if self.min.is_none() && self.max.is_none() {
            fields.fault_here("neither", "at least one of min, max");
            return None;
        }
        let (min, max) = (self.min.unwrap_or(0), self.max.unwrap_or(u64::MAX));
        if min > max {
            fields.fault_here(
                format!("min {min} and max {max}"),
                "min not larger than max",
            );
            return None;
        }
        Some(ResponseTest::Size(min, max))
    }
}

/// A status, or a class of statuses, as a range.
fn statuses(value: Value<'_>) -> Option<(u16, u16)> {
    let range = match value.json {
        Json::Integer(status) => u16::try_from(*status)
            .ok()
            .filter(|status| (100..=599).contains(status))
            .map(|status| (status, status)),
        Json::Text(class) => match class.as_bytes() {
            [digit @ b'1'..=b'5', b'x', b'x'] => {
                let first = u16::from(digit.saturating_sub(b'0')).saturating_mul(100);
                Some((first, first.saturating_add(99)))
            }
            _ => None,
        },
        _ => None,
    };
    if range.is_none() {
        value.wrong("a status from 100 to 599, or a class such as \"3xx\"");
    }
    range
}

fn network(value: Value<'_>) -> Option<IpNet> {
    let text = value.text()?;
    let network = text
        .parse::<IpNet>()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    match network {
        Some(IpNet::V6(v6)) if v6.prefix_len() >= 96 && v6.addr().to_ipv4_mapped().is_some() => {
            value.wrong("the IPv4 network itself, not mapped into IPv6");
            None
        }
        Some(network) => Some(network),
        None => {
            value.wrong("an IPv4 or IPv6 address or network, such as 10.0.0.0/8");
            None
        }
    }
}

fn port(value: Value<'_>) -> Option<u16> {
    let port = match value.json {
        Json::Integer(port) => u16::try_from(*port).ok().filter(|port| *port > 0),
        _ => None,
    };
    if port.is_none() {
        value.wrong("an integer from 1 to 65535");
    }
    port
}

fn protocol(value: Value<'_>) -> Option<Protocol> {
    let protocol = match value.json {
        Json::Text(word) => Protocol::named(word),
        _ => None,
    };
    if protocol.is_none() {
        value.wrong(Protocol::WORDS.join(" or "));
    }
    protocol
}
