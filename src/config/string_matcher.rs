//! String matchers: their attributes, and how the parser reads and compiles them.

use super::attribute::{Attribute, Kind, Section, boolean, of};
use super::header;
use super::json::Json;
use super::reader::Fields;
use super::token::is_token;
use super::unmatchable::{Compared, Subject};
use super::value::{Value, shown};
use crate::policy::{
    MAX_REGEX_BYTES, NamedMatcher, NamedTest, RegexFault, StringMatcher, StringTest,
};

pub(super) static STRING_MATCHER: Section = Section::new(
    "string matcher",
    "Exactly one of `exact`, `prefix`, `suffix`, `contains`, `regex`.",
    &[],
)
.sharing(&MATCHER);

pub(super) static NAMED_MATCHER: Section = Section::new(
    "header and cookie",
    "Exactly one of `present` and the kinds of string matcher. A header or cookie that comes several times matches if one of \
     its values does; with `invert`, if none of them does.",
    &[
        NAME.doing("The header (its case is ignored) or the cookie."),
        PRESENT,
    ],
)
.sharing(&MATCHER);

/// The attributes of a string matcher.
pub(super) static MATCHER: [Attribute; 7] =
    [EXACT, PREFIX, SUFFIX, CONTAINS, REGEX, IGNORE_CASE, INVERT];

/// The name of a header or a cookie.
pub(super) const NAME: Attribute = of(Kind::HeaderName).named("name");
const PRESENT: Attribute = boolean()
    .or_nothing()
    .named("present")
    .doing("`true`: it is there; `false`: it is not.");
const EXACT: Attribute = texts("exact").doing("The value is equal to one of these.");
const PREFIX: Attribute = texts("prefix").doing("The value begins with one of these.");
const SUFFIX: Attribute = texts("suffix").doing("The value ends with one of these.");
const CONTAINS: Attribute = texts("contains").doing("One of these is in the value.");
const REGEX: Attribute = texts("regex").doing(
    "One of these regular expressions matches the whole value: at most 512 bytes and 32 KiB compiled; linear time, no \
     look-around, no back references, no Unicode classes.",
);
const IGNORE_CASE: Attribute = boolean()
    .or_bool(false)
    .named("ignore_case")
    .doing("Ignore the case of ASCII letters.");
const INVERT: Attribute = boolean().or_bool(false).named("invert").doing(
    "The matcher holds where it would not. A header or cookie that is absent has no value: it matches neither way.",
);

const fn texts(name: &'static str) -> Attribute {
    of(Kind::Texts).or_nothing().named(name)
}

/// The kinds of string matcher.
pub(super) const TESTS: [&str; 5] = [
    EXACT.name,
    PREFIX.name,
    SUFFIX.name,
    CONTAINS.name,
    REGEX.name,
];

pub(super) fn strings(
    fields: &Fields<'_>,
    name: &str,
    any_case: bool,
) -> Option<Vec<StringMatcher>> {
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

/// Notes a text that no request can contain. `None`: a fault was noted.
pub(super) fn can_match(
    value: Value<'_>,
    subject: Subject,
    how: Compared,
    text: &str,
) -> Option<()> {
    match subject.instead_of(how, text) {
        None => Some(()),
        Some(instead) => {
            // The advice may repeat the text.
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

/// The string matcher in an object of `verdict_headers` or `pass_requires`.
pub(super) fn value_matcher(fields: &Fields<'_>) -> Option<StringMatcher> {
    matcher(fields, Subject::Header, false)
}

fn matcher(fields: &Fields<'_>, subject: Subject, any_case: bool) -> Option<StringMatcher> {
    if !exactly_one(fields, &TESTS) {
        return None;
    }
    let ignore_case = fields.bool(IGNORE_CASE.name) || any_case;
    let invert = fields.bool(INVERT.name);
    let test = test(fields, subject, ignore_case)?;
    Some(StringMatcher::new(test, ignore_case, invert))
}

fn test(fields: &Fields<'_>, subject: Subject, ignore_case: bool) -> Option<StringTest> {
    let texts = |name, how| {
        fields.one_or_list(name, |value| {
            let text = value.text()?;
            // Every value contains an empty text: a slip that would make a rule match all.
            if text.is_empty() && how != Compared::Exact {
                value.wrong("a string that is not empty");
                return None;
            }
            can_match(value, subject, how, text)?;
            Some(text.to_owned())
        })
    };
    if fields.has(EXACT.name) {
        texts(EXACT.name, Compared::Exact).map(StringTest::Exact)
    } else if fields.has(PREFIX.name) {
        texts(PREFIX.name, Compared::Prefix).map(StringTest::Prefix)
    } else if fields.has(SUFFIX.name) {
        texts(SUFFIX.name, Compared::Suffix).map(StringTest::Suffix)
    } else if fields.has(CONTAINS.name) {
        texts(CONTAINS.name, Compared::Contains).map(StringTest::Contains)
    } else {
        fields
            .one_or_list(REGEX.name, |value| regex(value, ignore_case))
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

pub(super) fn named(fields: &Fields<'_>, is_header: bool) -> Option<NamedMatcher> {
    let name = if is_header {
        header::name(fields, NAME.name)
    } else {
        cookie_name(fields)
    };
    let [exact, prefix, suffix, contains, regex] = TESTS;
    if !exactly_one(
        fields,
        &[PRESENT.name, exact, prefix, suffix, contains, regex],
    ) {
        return None;
    }
    let test = match fields.optional_bool(PRESENT.name) {
        Some(present) => {
            for name in [IGNORE_CASE.name, INVERT.name] {
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
    let name = fields.text(NAME.name)?;
    if !is_token(name) {
        fields.fault(NAME.name, shown(name), "the name of a cookie");
        return None;
    }
    Some(name.to_owned())
}

pub(super) fn exactly_one(fields: &Fields<'_>, names: &[&str]) -> bool {
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
