//! Headers of ICAP responses that a profile looks for: `verdict_headers`, `pass_requires`.

use super::attribute::Section;
use super::header::{ORDINARY, name};
use super::reader::Fields;
use super::string_matcher::{MATCHER, NAME, TESTS, value_matcher};
use super::token::{TOKEN, is_token};
use super::value::shown;
use crate::policy::StringMatcher;
use std::cell::RefCell;

pub(super) static ICAP_HEADER_MATCHER: Section = Section::new(
    "header of an answer",
    "At most one of `exact`, `prefix`, `suffix`, `contains`, `regex`. None of them: as the bare name.",
    &[NAME.doing("The header. Case is ignored.")],
)
.sharing(&MATCHER);

/// A header of an ICAP response that a profile looks for.
#[derive(Clone, Debug, PartialEq)]
pub struct IcapHeaderMatcher {
    /// Its name, lower case.
    pub name: String,
    /// The test of its value; `None`: any value but a word for nothing, such as `none`.
    pub value: Option<StringMatcher>,
}

/// The headers in the field `field`.
pub(super) fn icap_header_matchers(
    fields: &Fields<'_>,
    field: &str,
) -> Option<Vec<IcapHeaderMatcher>> {
    let seen: RefCell<Vec<IcapHeaderMatcher>> = RefCell::default();
    let again = |header: &IcapHeaderMatcher| {
        let again = seen.borrow().contains(header);
        seen.borrow_mut().push(header.clone());
        again
    };
    let headers = fields.icap_header_matchers(
        field,
        |value, text| {
            if !is_token(text) {
                value.wrong(TOKEN);
                return None;
            }
            let header = IcapHeaderMatcher {
                name: text.to_ascii_lowercase(),
                value: None,
            };
            if again(&header) {
                value.wrong("each header once");
                return None;
            }
            Some(header)
        },
        |object| {
            let name = name(&object, NAME.name);
            let value = match TESTS.iter().any(|test| object.has(test)) {
                true => Some(value_matcher(&object)?),
                false => None,
            };
            let header = IcapHeaderMatcher { name: name?, value };
            if again(&header) {
                object.fault_here("the header a second time", "each header once");
                return None;
            }
            Some(header)
        },
    );
    for header in &headers {
        if header.value.is_none() && ORDINARY.contains(&header.name.as_str()) {
            fields.fault(
                field,
                shown(&header.name),
                "headers that not every answer carries",
            );
        }
    }
    Some(headers)
}
