//! Reads `rules` and compiles what they match.

use super::ClientIpSource;
use super::header;
use super::json::Json;
use super::profile::Profile;
use super::read_profile::{enforcement, unique_name};
use super::reader::Fields;
use super::unmatchable::{Compared, Subject};
use super::value::{Value, shown};
use crate::policy::{
    Action, Criterion, MAX_REGEX_BYTES, NamedMatcher, NamedTest, Protocol, RegexFault,
    ResponseCriterion, ResponseTest, Rule, StringMatcher, StringTest, Test,
};
use ipnet::IpNet;
use std::net::IpAddr;
use std::rc::Rc;

/// The policy. `profiles` is `None` where the list of profiles could not be read.
pub(super) fn rules(
    plugin: &Fields<'_>,
    profiles: Option<&[Rc<Profile>]>,
) -> Option<Vec<Rule<Profile>>> {
    if !plugin.has("rules") {
        return None;
    }
    let known = profile_names(plugin);
    let mut names: Vec<String> = Vec::new();
    // The rule that takes every request that comes to it.
    let mut takes_all: Option<String> = None;
    let mut said = false;
    plugin.objects("rules", |fields| {
        unique_name(&fields, &mut names);
        let name = fields.text("name");
        let enabled = fields.bool("enabled");
        let criteria = fields.object_or_empty("match", |fields| {
            Some((criteria(&fields), response_criteria(&fields)))
        });
        let (criteria, response_criteria) = criteria.unzip();
        let profiles = profiles.unwrap_or_default();
        let action = action(&fields, &known, profiles);
        if let Some(before) = takes_all.take_if(|before| Some(before.as_str()) != name) {
            // Said once: the rest of the list is behind it, too.
            said = true;
            fields.fault_here(
                "a rule that no request comes to",
                format!(
                    "rules before {}, which matches every request",
                    shown(&before)
                ),
            );
        }
        if let (Some(Action::Scan(profile)), Some(of_response)) = (&action, &response_criteria)
            && !of_response.is_empty()
            && profile.response_service.is_none()
        {
            fields.fault(
                "profile",
                format!(
                    "{}, which has no response_service_url",
                    shown(&profile.name)
                ),
                "for responses, a profile with response_service_url",
            );
        }
        let enforcement = enforcement(&fields);
        if enforcement.is_some() && matches!(action, Some(Action::Bypass)) {
            fields.fault(
                "enforcement",
                "it with bypass",
                "it with enable_icap: where nothing is scanned, nothing is enforced",
            );
        }
        let is_bare = criteria.as_ref().is_some_and(Vec::is_empty)
            && response_criteria.as_ref().is_some_and(Vec::is_empty);
        if !said && enabled && is_bare {
            takes_all = name.map(str::to_owned);
        }
        Some(Rule {
            name: name?.into(),
            enabled,
            criteria: criteria?,
            response_criteria: response_criteria?,
            client_ip_source: client_ip_source(action.as_ref(), profiles),
            enforcement,
            action: action?,
        })
    })
}

/// That of the rule's profile. A rule that does not scan has none: there a profile that does not trust headers is enough.
fn client_ip_source(action: Option<&Action<Profile>>, profiles: &[Rc<Profile>]) -> ClientIpSource {
    let by_peer = |profile: &Rc<Profile>| profile.client_ip_source == ClientIpSource::Peer;
    match action {
        Some(Action::Scan(profile)) => profile.client_ip_source,
        _ if profiles.iter().any(by_peer) => ClientIpSource::Peer,
        _ => ClientIpSource::Downstream,
    }
}

/// The profiles' names as written, of faulty profiles too: a reference to those does not dangle.
fn profile_names<'a>(plugin: &Fields<'a>) -> Vec<&'a str> {
    let Some(Json::List(profiles)) = plugin.get("profiles") else {
        return Vec::new();
    };
    profiles
        .iter()
        .filter_map(|profile| match profile {
            Json::Object(fields) => fields.iter().find(|(name, _)| name == "name"),
            _ => None,
        })
        .filter_map(|(_, value)| match value {
            Json::Text(name) => Some(name.as_str()),
            _ => None,
        })
        .collect()
}

fn action(
    fields: &Fields<'_>,
    known: &[&str],
    profiles: &[Rc<Profile>],
) -> Option<Action<Profile>> {
    let word = fields.choice("action");
    let name = fields.text("profile");
    if let Some(name) = name
        && !known.contains(&name)
    {
        fields.fault("profile", shown(name), "the name of a profile");
        return None;
    }
    match (word?, name) {
        ("bypass", _) => Some(Action::Bypass),
        (_, Some(name)) => profiles
            .iter()
            .find(|p| &*p.name == name)
            .map(|p| Action::Scan(Rc::clone(p))),
        (_, None) => {
            if !fields.has("profile") {
                fields.fault(
                    "profile",
                    "nothing",
                    "with enable_icap, the name of a profile",
                );
            }
            None
        }
    }
}

/// Cheap criteria come first: the first that does not hold ends a rule.
fn criteria(fields: &Fields<'_>) -> Vec<Criterion> {
    let mut criteria = Vec::new();
    if let Some(wanted) = fields.optional_bool("has_body") {
        criteria.push(Criterion {
            test: Test::HasBody(wanted),
            negated: false,
        });
    }
    let mut add = |name: &str, read: &dyn Fn(&str) -> Option<Test>| {
        for (name, negated) in [(name.to_owned(), false), (format!("{name}_not"), true)] {
            if let Some(test) = read(&name) {
                criteria.push(Criterion { test, negated });
            }
        }
    };
    add("method", &|n| strings(fields, n, true).map(Test::Method));
    add("path", &|n| strings(fields, n, false).map(Test::Path));
    add("query", &|n| strings(fields, n, false).map(Test::Query));
    add("host", &|n| strings(fields, n, true).map(Test::Host));
    add("port", &|n| fields.one_or_list(n, port).map(Test::Port));
    add("protocol", &|n| {
        fields.one_or_list(n, protocol).map(Test::Protocol)
    });
    add("client_ip", &|n| {
        fields.one_or_list(n, network).map(Test::ClientIp)
    });
    add("content_type", &|n| {
        strings(fields, n, true).map(Test::ContentType)
    });
    add("header", &|n| {
        fields.objects(n, |f| named(&f, true)).map(Test::Header)
    });
    add("cookie", &|n| {
        fields.objects(n, |f| named(&f, false)).map(Test::Cookie)
    });
    criteria
}

/// The criteria about the response.
fn response_criteria(fields: &Fields<'_>) -> Vec<ResponseCriterion> {
    let mut criteria = Vec::new();
    let mut add = |name: &str, read: &dyn Fn(&str) -> Option<ResponseTest>| {
        for (name, negated) in [(name.to_owned(), false), (format!("{name}_not"), true)] {
            if let Some(test) = read(&name) {
                criteria.push(ResponseCriterion { test, negated });
            }
        }
    };
    add("response_status", &|n| {
        fields.one_or_list(n, statuses).map(ResponseTest::Status)
    });
    add("response_size", &|n| fields.object(n, |size| sizes(&size)));
    add("response_content_type", &|n| {
        strings(fields, n, true).map(ResponseTest::ContentType)
    });
    add("response_header", &|n| {
        fields
            .objects(n, |f| named(&f, true))
            .map(ResponseTest::Header)
    });
    criteria
}

/// A status, or a class of them, as a range.
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

fn sizes(fields: &Fields<'_>) -> Option<ResponseTest> {
    let bound = |name: &str| fields.has(name).then(|| fields.integer(name));
    let (min, max): (Option<u64>, Option<u64>) = (bound("min"), bound("max"));
    if min.is_none() && max.is_none() {
        fields.fault_here("neither", "at least one of min, max");
        return None;
    }
    let (min, max) = (min.unwrap_or(0), max.unwrap_or(u64::MAX));
    if min > max {
        fields.fault_here(
            format!("min {min} and max {max}"),
            "min not larger than max",
        );
        return None;
    }
    Some(ResponseTest::Size(min, max))
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
    match value.json {
        Json::Text(word) if word == "http" => Some(Protocol::Http),
        Json::Text(word) if word == "https" => Some(Protocol::Https),
        _ => {
            value.wrong("http or https");
            None
        }
    }
}

fn strings(fields: &Fields<'_>, name: &str, any_case: bool) -> Option<Vec<StringMatcher>> {
    let subject = Subject::of(name);
    fields.one_or_list(name, |value| match value.json {
        Json::Text(text) => {
            can_match(value, subject, Compared::Exact, text)?;
            let test = StringTest::Exact(vec![text.clone()]);
            Some(StringMatcher::new(test, any_case, false))
        }
        Json::Object(_) => matcher(&value.matcher()?, subject, any_case),
        _ => {
            value.wrong("a string or a string matcher");
            None
        }
    })
}

pub(super) const TESTS: [&str; 5] = ["exact", "prefix", "suffix", "contains", "regex"];

/// Notes a text that no request can have.
fn can_match(value: Value<'_>, subject: Subject, how: Compared, text: &str) -> Option<()> {
    match subject.instead_of(how, text) {
        None => Some(()),
        Some(instead) => {
            // It may repeat the text.
            let instead: String = instead
                .chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect();
            value.fault(
                format!("{}, which matches no request", shown(text)),
                instead,
            );
            None
        }
    }
}

/// The string matcher in an object about a header of an answer.
pub(super) fn value_matcher(fields: &Fields<'_>) -> Option<StringMatcher> {
    matcher(fields, Subject::Header, false)
}

fn matcher(fields: &Fields<'_>, subject: Subject, any_case: bool) -> Option<StringMatcher> {
    if !exactly_one(fields, &TESTS) {
        return None;
    }
    let ignore_case = fields.bool("ignore_case") || any_case;
    let invert = fields.bool("invert");
    let test = test(fields, subject, ignore_case)?;
    Some(StringMatcher::new(test, ignore_case, invert))
}

fn test(fields: &Fields<'_>, subject: Subject, ignore_case: bool) -> Option<StringTest> {
    let texts = |name, how| {
        fields.one_or_list(name, |value| {
            let text = value.text()?;
            // An empty text is in every value: a slip that would make a rule match all.
            if text.is_empty() && how != Compared::Exact {
                value.wrong("a string that is not empty");
                return None;
            }
            can_match(value, subject, how, text)?;
            Some(text.to_owned())
        })
    };
    if fields.has("exact") {
        texts("exact", Compared::Exact).map(StringTest::Exact)
    } else if fields.has("prefix") {
        texts("prefix", Compared::Prefix).map(StringTest::Prefix)
    } else if fields.has("suffix") {
        texts("suffix", Compared::Suffix).map(StringTest::Suffix)
    } else if fields.has("contains") {
        texts("contains", Compared::Contains).map(StringTest::Contains)
    } else {
        fields
            .one_or_list("regex", |value| regex(value, ignore_case))
            .map(StringTest::Regex)
    }
}

fn regex(value: Value<'_>, ignore_case: bool) -> Option<regex_lite::Regex> {
    let pattern = value.text()?;
    match StringMatcher::compile_regex(pattern, ignore_case) {
        Ok(regex) => Some(regex),
        Err(RegexFault::TooLong) => {
            value.fault(
                format!("{} bytes", pattern.len()),
                format!("a regular expression of at most {MAX_REGEX_BYTES} bytes"),
            );
            None
        }
        Err(RegexFault::Invalid(reason)) => {
            value.fault(
                format!("{}: {}", shown(pattern), reason.escape_debug()),
                "a regular expression within the bounds of size",
            );
            None
        }
    }
}

fn named(fields: &Fields<'_>, is_header: bool) -> Option<NamedMatcher> {
    let name = if is_header {
        header::name(fields, "name")
    } else {
        cookie_name(fields)
    };
    let [exact, prefix, suffix, contains, regex] = TESTS;
    if !exactly_one(fields, &["present", exact, prefix, suffix, contains, regex]) {
        return None;
    }
    let test = match fields.optional_bool("present") {
        Some(present) => {
            for name in ["ignore_case", "invert"] {
                if fields.has(name) {
                    fields.fault(
                        name,
                        "it beside present",
                        "it with a kind of string matcher",
                    );
                }
            }
            NamedTest::Present(present)
        }
        None => {
            let subject = if is_header {
                Subject::Header
            } else {
                Subject::Cookie
            };
            NamedTest::Value(matcher(fields, subject, false)?)
        }
    };
    Some(NamedMatcher { name: name?, test })
}

/// Names of cookies are tokens whose case counts (RFC 6265 section 4.1.1).
fn cookie_name(fields: &Fields<'_>) -> Option<String> {
    let name = fields.text("name")?;
    if !header::is_token(name) {
        fields.fault("name", shown(name), "the name of a cookie");
        return None;
    }
    Some(name.to_owned())
}

fn exactly_one(fields: &Fields<'_>, names: &[&str]) -> bool {
    let given: Vec<_> = names.iter().filter(|n| fields.has(n)).copied().collect();
    if given.len() == 1 {
        return true;
    }
    let found = match given.as_slice() {
        [] => "none".to_owned(),
        given => given.join(" and "),
    };
    fields.fault_here(found, format!("exactly one of {}", names.join(", ")));
    false
}
