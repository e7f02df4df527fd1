//! `rules[]` and what a rule matches.

use super::super::attribute::{Absent, Attribute, Kind, Section};
use super::NAME_BYTES;

const PROTOCOLS: &[&str] = &["http", "https"];

pub(in super::super) static RULE: Section = Section::new(
    "rules[]",
    "Route metadata `metadata.filter_metadata.icap_filter` wins over every rule: `{profile: NAME}` or `{disabled: true}`.",
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
    ],
);

pub(in super::super) static MATCH: Section = Section::new(
    "rules[].match",
    "Every list is any-of, a single value may stand for a list of one, and `…_not` holds where the criterion of the same \
     list would not. A plain string in place of a string matcher means equality.",
    &[
        networks(
            "client_ip",
            "The downstream address that Envoy trusts is in one of these networks; an address alone is a network of one.",
        ),
        networks("client_ip_not", NOT),
        ports("port", "The port of the listener."),
        ports("port_not", NOT),
        protocols(
            "protocol",
            "What the client speaks: `https` is HTTP over TLS.",
        ),
        protocols("protocol_not", NOT),
        strings("method", "The request method. Case is ignored."),
        strings("method_not", NOT),
        strings(
            "host",
            "The authority without its port and without a final dot. Case is ignored.",
        ),
        strings("host_not", NOT),
        strings(
            "path",
            "The path without query, as Envoy routes it: turn on `normalize_path` where rules depend on it.",
        ),
        strings("path_not", NOT),
        strings("query", "What follows the `?`; empty where there is none."),
        strings("query_not", NOT),
        strings(
            "content_type",
            "The media type without parameters; empty where there is none. Case is ignored.",
        ),
        strings("content_type_not", NOT),
        named("header", "One of these headers matches."),
        named("header_not", NOT),
        named("cookie", "One of these cookies matches."),
        named("cookie_not", NOT),
        Attribute::new(
            "has_body",
            Kind::Bool,
            Absent::Nothing,
            "Whether the request has a body.",
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

const EXACT: Attribute = Attribute::new(
    "exact",
    Kind::Texts,
    Absent::Nothing,
    "The value is equal to one of these.",
);
const PREFIX: Attribute = Attribute::new(
    "prefix",
    Kind::Texts,
    Absent::Nothing,
    "The value begins with one of these.",
);
const SUFFIX: Attribute = Attribute::new(
    "suffix",
    Kind::Texts,
    Absent::Nothing,
    "The value ends with one of these.",
);
const CONTAINS: Attribute = Attribute::new(
    "contains",
    Kind::Texts,
    Absent::Nothing,
    "One of these is in the value.",
);
const REGEX: Attribute = Attribute::new(
    "regex",
    Kind::Texts,
    Absent::Nothing,
    "One of these regular expressions matches the whole value: at most 512 bytes and 32 KiB compiled; linear time, no \
     look-around, no back references, no Unicode classes.",
);
const IGNORE_CASE: Attribute = Attribute::new(
    "ignore_case",
    Kind::Bool,
    Absent::Bool(false),
    "Ignore the case of ASCII letters.",
);
const INVERT: Attribute = Attribute::new(
    "invert",
    Kind::Bool,
    Absent::Bool(false),
    "The matcher holds where it would not. A header or cookie that is absent has no value: it matches neither way.",
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
