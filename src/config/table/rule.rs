//! `rules[]` and what a rule matches.

use super::super::attribute::{Absent, Attribute, Kind, Section};
use super::NAME_BYTES;

pub(super) const ENFORCEMENTS: &[&str] = &["enforce", "monitor"];
const PROTOCOLS: &[&str] = &["http", "https"];

pub(in super::super) static RULE: Section = Section::new(
    "rules[]",
    "Route metadata `metadata.filter_metadata.icap_filter` wins over every rule: `{profile: NAME}` or `{disabled: true}`. \
     Metadata that can't be meant (another key, another type, a namespace such as `icap-filter`) fails closed, and the log says \
     why. Metadata of a virtual host is not read. A value that no request can have, and a rule behind one that takes everything, \
     are refused. Where a request can be read in more than one way, a rule with `enable_icap` matches if one reading does, and a \
     rule with `bypass` only if all do.",
    &[
        Attribute::new(
            "name",
            Kind::Text { max: NAME_BYTES },
            Absent::Required,
            "Unique; `rule_name` in icap_log.",
        ),
        Attribute::new(
            "enabled",
            Kind::Bool,
            Absent::Bool(true),
            "A rule that is not enabled is checked but never matches.",
        ),
        Attribute::new(
            "match",
            Kind::Object(&MATCH),
            Absent::Words("`{}`"),
            "All criteria given must hold; `{}` matches every request.",
        ),
        Attribute::new(
            "action",
            Kind::Choice(&["enable_icap", "bypass"]),
            Absent::Required,
            "`enable_icap`: scan with `profile`. `bypass`: do not scan.",
        )
        .avi("HTTP_SECURITY_ACTION_REQUEST_CHECK_ICAP"),
        Attribute::new(
            "profile",
            Kind::Text { max: NAME_BYTES },
            Absent::Nothing,
            "Name of a profile; required with `enable_icap`.",
        ),
        Attribute::new(
            "enforcement",
            Kind::Choice(ENFORCEMENTS),
            Absent::Words("as the profile's"),
            "As the profile's attribute, for the messages of this rule; only with `enable_icap`.",
        ),
    ],
);

pub(in super::super) static MATCH: Section = Section::new(
    "rules[].match",
    "Every list is any-of, a single value may stand for a list of one, and `…_not` holds where the criterion of the same \
     list would not. A plain string in place of a string matcher means equality.",
    &[
        networks(
            "client_ip",
            "The client's address, as `client_ip_source` of the profile says, is in one of these networks; an address alone is a \
             network of one.",
        ),
        networks("client_ip_not", NOT),
        ports("port", "The port of the listener."),
        ports("port_not", NOT),
        protocols(
            "protocol",
            "What the client speaks: `https` where the downstream connection has TLS. Not the scheme that the client names. Where \
             TLS ends before this Envoy (a load balancer, a sidecar), every connection is `http`.",
        ),
        protocols("protocol_not", NOT),
        strings("method", "The request method. Case is ignored."),
        strings("method_not", NOT),
        strings(
            "host",
            "The authority up to its first `:` outside of brackets, and without a final dot. Case is ignored. An authority with user \
             information, a comma or percent-encoding can be read in more than one way.",
        ),
        strings("host_not", NOT),
        strings(
            "path",
            "The path without query, as Envoy passes it on, and beside it each other spelling of it: percent-encoding taken off (up \
             to three times), `\\` read as `/`, runs of `/` as one, `.` and `..` resolved, parameters (`;x`) cut off. \
             So `{\"prefix\": \"/api/upload\"}` matches `/api%2fupload`, `/api;x/upload`, `//api/upload` and \
             `/static/..%2fapi/upload` in a rule that scans; a rule that does not scan has to match all of them.",
        ),
        strings("path_not", NOT),
        strings("query", "What follows the `?`; empty where there is none."),
        strings("query_not", NOT),
        strings(
            "content_type",
            "The media type without parameters; empty where there is none. Case is ignored. Several `Content-Type` fields, or a \
             list in one, can be read in more than one way.",
        ),
        strings("content_type_not", NOT),
        named("header", "One of these headers matches."),
        named("header_not", NOT),
        named(
            "cookie",
            "One of these cookies matches. A cookie with blanks or quotes around can be read with and without them.",
        ),
        named("cookie_not", NOT),
        statuses(
            "response_status",
            "The response's status, or a class such as `\"3xx\"`. A rule with one of these four is about responses alone: see \
             [Rules for responses](#rules-for-responses).",
        ),
        statuses("response_status_not", NOT),
        strings(
            "response_content_type",
            "The media type of the response without parameters; empty where there is none. Case is ignored.",
        ),
        strings("response_content_type_not", NOT),
        size(
            "response_size",
            "The length of the response's body. Where its head does not tell, a rule with `enable_icap` matches, and one with \
             `bypass` does not.",
        ),
        size("response_size_not", NOT),
        named(
            "response_header",
            "One of these headers of the response matches.",
        ),
        named("response_header_not", NOT),
        Attribute::new(
            "has_body",
            Kind::Bool,
            Absent::Nothing,
            "Whether the request has a body, as far as its headers tell: `Content-Length: 0` is none. A chunked body that turns out to \
             be empty is `true`; the server is then shown a request without body.",
        ),
    ],
);

const NOT: &str = "The negation.";

const fn networks(name: &'static str, effect: &'static str) -> Attribute {
    Attribute::new(name, Kind::Networks, Absent::Nothing, effect)
}

const fn ports(name: &'static str, effect: &'static str) -> Attribute {
    Attribute::new(name, Kind::Ports, Absent::Nothing, effect)
}

const fn statuses(name: &'static str, effect: &'static str) -> Attribute {
    Attribute::new(name, Kind::Statuses, Absent::Nothing, effect)
}

const fn size(name: &'static str, effect: &'static str) -> Attribute {
    Attribute::new(name, Kind::Object(&RESPONSE_SIZE), Absent::Nothing, effect)
}

const fn protocols(name: &'static str, effect: &'static str) -> Attribute {
    Attribute::new(name, Kind::Choices(PROTOCOLS), Absent::Nothing, effect)
}

const fn strings(name: &'static str, effect: &'static str) -> Attribute {
    Attribute::new(
        name,
        Kind::Matchers(&STRING_MATCHER),
        Absent::Nothing,
        effect,
    )
}

const fn named(name: &'static str, effect: &'static str) -> Attribute {
    let kind = Kind::Objects {
        section: &NAMED_MATCHER,
        min: 1,
        max: 100,
    };
    Attribute::new(name, kind, Absent::Nothing, effect)
}

pub(super) const EXACT: Attribute = Attribute::new(
    "exact",
    Kind::Texts,
    Absent::Nothing,
    "The value is equal to one of these.",
);
pub(super) const PREFIX: Attribute = Attribute::new(
    "prefix",
    Kind::Texts,
    Absent::Nothing,
    "The value begins with one of these.",
);
pub(super) const SUFFIX: Attribute = Attribute::new(
    "suffix",
    Kind::Texts,
    Absent::Nothing,
    "The value ends with one of these.",
);
pub(super) const CONTAINS: Attribute = Attribute::new(
    "contains",
    Kind::Texts,
    Absent::Nothing,
    "One of these is in the value.",
);
pub(super) const REGEX: Attribute = Attribute::new(
    "regex",
    Kind::Texts,
    Absent::Nothing,
    "One of these regular expressions matches the whole value: at most 512 bytes and 32 KiB compiled; linear time, no \
     look-around, no back references, no Unicode classes.",
);
pub(super) const IGNORE_CASE: Attribute = Attribute::new(
    "ignore_case",
    Kind::Bool,
    Absent::Bool(false),
    "Ignore the case of ASCII letters.",
);
pub(super) const INVERT: Attribute = Attribute::new(
    "invert",
    Kind::Bool,
    Absent::Bool(false),
    "The matcher holds where it would not. A header or cookie that is absent has no value: it matches neither way.",
);

const MOST_BYTES: u64 = 1 << 50;

pub(in super::super) static RESPONSE_SIZE: Section = Section::new(
    "size of a response",
    "At least one of the two. Both ends are included.",
    &[
        Attribute::new(
            "min",
            Kind::Integer {
                min: 0,
                max: MOST_BYTES,
                unit: "bytes",
            },
            Absent::Nothing,
            "The smallest size.",
        ),
        Attribute::new(
            "max",
            Kind::Integer {
                min: 0,
                max: MOST_BYTES,
                unit: "bytes",
            },
            Absent::Nothing,
            "The largest size.",
        ),
    ],
);

pub(in super::super) static STRING_MATCHER: Section = Section::new(
    "string matcher",
    "Exactly one of `exact`, `prefix`, `suffix`, `contains`, `regex`.",
    &[EXACT, PREFIX, SUFFIX, CONTAINS, REGEX, IGNORE_CASE, INVERT],
);

pub(in super::super) static NAMED_MATCHER: Section = Section::new(
    "header and cookie",
    "Exactly one of `present` and the kinds of string matcher. A header or cookie that comes several times matches if one of \
     its values does; with `invert`, if none of them does.",
    &[
        Attribute::new(
            "name",
            Kind::HeaderName,
            Absent::Required,
            "The header (its case is ignored) or the cookie.",
        ),
        Attribute::new(
            "present",
            Kind::Bool,
            Absent::Nothing,
            "`true`: it is there; `false`: it is not.",
        ),
        EXACT,
        PREFIX,
        SUFFIX,
        CONTAINS,
        REGEX,
        IGNORE_CASE,
        INVERT,
    ],
);
