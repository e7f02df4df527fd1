//! The one table of attributes.

mod plugin;
mod profile;
mod reply;
mod rule;
#[cfg(not(target_arch = "wasm32"))]
mod sections;

pub(super) use plugin::PLUGIN;
#[cfg(not(target_arch = "wasm32"))]
pub(super) use sections::SECTIONS;

pub(super) use profile::EXTRACTORS;

use profile::PROFILE;
use rule::RULE;

/// Longest name of a profile or a rule: it becomes part of names of statistics and of log entries.
const NAME_BYTES: usize = 128;
