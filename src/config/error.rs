//! Faults of a configuration: where each stands, what was found there, and what is allowed.

use std::cell::RefCell;
use std::fmt;

/// One fault of a configuration. `Display` gives one line without control characters and without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The field, such as `profiles[0].response_timeout_ms`; empty for the configuration as a whole.
    pub path: String,
    /// What stands there: the type, and the value if it is short and no secret.
    pub found: String,
    /// What may stand there.
    pub allowed: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = match self.path.as_str() {
            "" => "configuration",
            path => path,
        };
        write!(f, "{path}: found {}, allowed: {}", self.found, self.allowed)
    }
}

impl std::error::Error for ConfigError {}

/// Where a value stands. Only a fault makes a text of it, so that a right configuration costs no allocation.
#[derive(Clone, Copy)]
pub(super) enum Path<'a> {
    /// The configuration as a whole.
    Root,
    /// A field of an object.
    Field(&'a Path<'a>, &'a str),
    /// An entry of a list.
    Entry(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Field(Path::Root, name) => write!(f, "{}", name.escape_debug()),
            Path::Field(parent, name) => write!(f, "{parent}.{}", name.escape_debug()),
            Path::Entry(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// Gathers the faults, so that one attempt shows them all.
#[derive(Default)]
pub(super) struct Errors(RefCell<Vec<ConfigError>>);

impl Errors {
    pub(super) fn add(&self, path: Path<'_>, found: impl Into<String>, allowed: impl Into<String>) {
        self.0.borrow_mut().push(ConfigError {
            path: path.to_string(),
            found: found.into(),
            allowed: allowed.into(),
        });
    }

    pub(super) fn into_vec(self) -> Vec<ConfigError> {
        self.0.into_inner()
    }
}
