//! The one table of attributes.

mod plugin;
mod profile;
mod reply;
mod rule;
#[cfg(not(target_arch = "wasm32"))]
mod sections;
mod within_profile;

pub(super) use plugin::PLUGIN;
#[cfg(not(target_arch = "wasm32"))]
pub(super) use sections::SECTIONS;

pub(super) use profile::EXTRACTORS;

use super::attribute::Kind;
use profile::PROFILE;
use rule::RULE;

/// Longest name of a profile or a rule: it becomes part of names of statistics and of log entries.
const NAME_BYTES: usize = 128;
/// What is to become of a message whose scan failed.
const FAIL_ACTIONS: &[&str] = &["fail_closed", "fail_open"];
/// What is to become of a message whose body is larger than the buffer.
const LARGE_BODY_ACTIONS: &[&str] = &["fail_closed", "fail_open", "stream"];

const fn integer(min: u64, max: u64, unit: &'static str) -> Kind {
    Kind::Integer { min, max, unit }
}
