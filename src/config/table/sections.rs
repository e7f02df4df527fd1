//! The order of the reference.

use super::super::attribute::Section;
use super::plugin::{EXPOSE, ICAP_LOG, PLUGIN};
use super::profile::{
    ANSWER_HEADER, AUTHORIZATION, BASIC, BLOCK_RESPONSE, FAIL_ACTION_BY_CAUSE, OPTIONS, PROFILE,
    SELF_TEST,
};
use super::rule::{MATCH, NAMED_MATCHER, RESPONSE_SIZE, RULE, STRING_MATCHER};

/// Every section.
pub(in super::super) static SECTIONS: &[&Section] = &[
    &PLUGIN,
    &EXPOSE,
    &ICAP_LOG,
    &PROFILE,
    &FAIL_ACTION_BY_CAUSE,
    &AUTHORIZATION,
    &BASIC,
    &OPTIONS,
    &SELF_TEST,
    &BLOCK_RESPONSE,
    &RULE,
    &MATCH,
    &RESPONSE_SIZE,
    &STRING_MATCHER,
    &NAMED_MATCHER,
    &ANSWER_HEADER,
];
