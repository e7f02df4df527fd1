//! The order of the objects in the reference.

use super::attribute::{Object, Section};
use super::authorization::{Authorization, Basic};
use super::cause::FailActions;
use super::criteria::{Criteria, Size};
use super::icap_header_matcher::ICAP_HEADER_MATCHER;
use super::plugin::{Config, Expose, LogForms};
use super::probes::{OptionsConfig, SelfTestConfig};
use super::profile::Profile;
use super::replies::{BadRequestResponse, BlockResponse, FailResponse, TooLargeResponse};
use super::rule::RuleFields;
use super::string_matcher::{NAMED_MATCHER, STRING_MATCHER};

/// Every object of the configuration.
pub(super) static SECTIONS: &[&Section] = &[
    Config::SECTION,
    Expose::SECTION,
    LogForms::SECTION,
    Profile::SECTION,
    FailActions::SECTION,
    Authorization::SECTION,
    Basic::SECTION,
    OptionsConfig::SECTION,
    SelfTestConfig::SECTION,
    BlockResponse::SECTION,
    TooLargeResponse::SECTION,
    FailResponse::SECTION,
    BadRequestResponse::SECTION,
    RuleFields::SECTION,
    Criteria::SECTION,
    Size::SECTION,
    &STRING_MATCHER,
    &NAMED_MATCHER,
    &ICAP_HEADER_MATCHER,
];
