//! The order of the reference.

use super::super::attribute::Section;
use super::plugin::{EXPOSE, ICAP_LOG, PLUGIN};
use super::profile::PROFILE;
use super::reply::{BAD_REQUEST_RESPONSE, BLOCK_RESPONSE, FAIL_RESPONSE, TOO_LARGE_RESPONSE};
use super::rule::{MATCH, NAMED_MATCHER, RESPONSE_SIZE, RULE, STRING_MATCHER};
use super::within_profile::{
    ANSWER_HEADER, AUTHORIZATION, BASIC, FAIL_ACTION_BY_CAUSE, OPTIONS, SELF_TEST,
};

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
    &TOO_LARGE_RESPONSE,
    &FAIL_RESPONSE,
    &BAD_REQUEST_RESPONSE,
    &RULE,
    &MATCH,
    &RESPONSE_SIZE,
    &STRING_MATCHER,
    &NAMED_MATCHER,
    &ANSWER_HEADER,
];
