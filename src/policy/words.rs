//! Describes rules in words, for the log. Values of headers, cookies and queries are left out: they may be secrets.

use super::criterion::{Criterion, Test};
use super::named_matcher::{NamedMatcher, NamedTest};
use super::response::{ResponseCriterion, ResponseTest};
use super::rule::{Action, Rule};
use super::string_matcher::{StringMatcher, StringTest};
use super::{Enforcement, Protocol, Scanning};
use std::fmt::Display;

/// How many alternatives are named.
const MAX_NAMED: usize = 8;

impl<P: Scanning> Rule<P> {
    /// A description, such as `scan-uploads: method POST or PUT, path begins with /upload → scanned by upload-av`.
    pub fn in_words(&self) -> String {
        let of_response = self.response_criteria.iter();
        let criteria: Vec<String> = self
            .criteria
            .iter()
            .map(Criterion::in_words)
            .chain(of_response.map(ResponseCriterion::in_words))
            .collect();
        let criteria = match criteria.as_slice() {
            [] => "every request".to_owned(),
            criteria => criteria.join(", "),
        };
        let action = match &self.action {
            Action::Scan(profile) => format!("scanned by {}", profile.name().escape_debug()),
            Action::Bypass => "not scanned".to_owned(),
        };
        let enforcement = match self.enforcement {
            None => "",
            Some(Enforcement::Enforce) => " and enforced",
            Some(Enforcement::Monitor) => " and monitored only",
        };
        let enabled = if self.enabled { "" } else { " (not enabled)" };
        let name = self.name.escape_debug();
        format!("{name}: {criteria} → {action}{enforcement}{enabled}")
    }
}

impl Criterion {
    fn in_words(&self) -> String {
        let not = if self.negated { "not " } else { "" };
        format!("{not}{}", self.test.in_words())
    }
}

impl ResponseCriterion {
    fn in_words(&self) -> String {
        let not = if self.negated { "not " } else { "" };
        format!("{not}{}", self.test.in_words())
    }
}

impl ResponseTest {
    fn in_words(&self) -> String {
        match self {
            Self::Status(ranges) => {
                let ranges: Vec<String> = ranges
                    .iter()
                    .map(|(first, last)| match first == last {
                        true => first.to_string(),
                        false => format!("{first} to {last}"),
                    })
                    .collect();
                format!("response_status {}", any(&ranges))
            }
            Self::ContentType(matchers) => {
                format!("response_content_type {}", strings(matchers))
            }
            Self::Size(min, u64::MAX) => format!("response_size of {min} bytes and more"),
            Self::Size(min, max) => format!("response_size of {min} to {max} bytes"),
            Self::Header(headers) => named("response_header", headers),
        }
    }
}

impl Test {
    fn in_words(&self) -> String {
        match self {
            Test::ClientIp(networks) => format!("client_ip in {}", any(networks)),
            Test::Port(ports) => format!("port {}", any(ports)),
            Test::Protocol(protocols) => {
                let names = protocols.iter().map(|protocol| match protocol {
                    Protocol::Http => "http",
                    Protocol::Https => "https",
                });
                format!("protocol {}", any(&names.collect::<Vec<_>>()))
            }
            Test::Method(matchers) => format!("method {}", strings(matchers)),
            Test::Host(matchers) => format!("host {}", strings(matchers)),
            Test::Path(matchers) => format!("path {}", strings(matchers)),
            Test::Query(_) => "query as configured".to_owned(),
            Test::ContentType(matchers) => format!("content_type {}", strings(matchers)),
            Test::Header(headers) => named("header", headers),
            Test::Cookie(cookies) => named("cookie", cookies),
            Test::HasBody(true) => "with a body".to_owned(),
            Test::HasBody(false) => "without a body".to_owned(),
        }
    }
}

fn named(what: &str, matchers: &[NamedMatcher]) -> String {
    let matchers: Vec<String> = matchers
        .iter()
        .map(|matcher| match matcher.test {
            NamedTest::Present(true) => format!("{} there", matcher.name),
            NamedTest::Present(false) => format!("{} not there", matcher.name),
            NamedTest::Value(_) => format!("{} with a value as configured", matcher.name),
        })
        .collect();
    format!("{what} {}", any(&matchers))
}

fn strings(matchers: &[StringMatcher]) -> String {
    let matchers: Vec<String> = matchers.iter().map(StringMatcher::in_words).collect();
    any(&matchers)
}

impl StringMatcher {
    fn in_words(&self) -> String {
        let (how, texts) = match self.test() {
            StringTest::Exact(texts) => ("", any_text(texts)),
            StringTest::Prefix(texts) => ("begins with ", any_text(texts)),
            StringTest::Suffix(texts) => ("ends with ", any_text(texts)),
            StringTest::Contains(texts) => ("contains ", any_text(texts)),
            StringTest::Regex(expressions) => {
                let count = expressions.len();
                (
                    "matches as a whole ",
                    format!("{count} regular expressions"),
                )
            }
        };
        let not = if self.invert { "not " } else { "" };
        format!("{not}{how}{texts}")
    }
}

fn any_text(texts: &[String]) -> String {
    let shown = texts.iter().map(|text| match text.as_str() {
        "" => "(empty)".to_owned(),
        text => text.escape_debug().to_string(),
    });
    any(&shown.collect::<Vec<_>>())
}

fn any(values: &[impl Display]) -> String {
    let mut words: Vec<String> = values
        .iter()
        .take(MAX_NAMED)
        .map(ToString::to_string)
        .collect();
    let more = values.len().saturating_sub(MAX_NAMED);
    if more > 0 {
        words.push(format!("{more} more"));
    }
    words.join(" or ")
}
