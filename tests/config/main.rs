//! The plugin configuration, its policy, its documents and its checker, from the outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod attributes;
mod check_config;
mod check_envoy;
mod documents;
mod mistakes;
mod policy;
mod readings;
mod response_rules;
mod structure;
mod unmatchable;

use icap_filter::config::{Config, ConfigError, PluginConfig, parse};
use serde_json::{Value, json};

/// The smallest configuration, with a rule to put criteria into.
pub(crate) fn base() -> Value {
    json!({
        "profiles": [{"name": "av", "cluster": "pool", "service_url": "/avscan"}],
        "rules": [{"name": "all", "match": {}, "action": "enable_icap", "profile": "av"}],
    })
}

/// Puts `value` at a path such as `profiles[0].options.enabled`, making objects on the way.
pub(crate) fn set(config: &mut Value, path: &str, value: Value) {
    let pointer = path.replace('[', ".").replace(']', "");
    let mut place = config;
    for step in pointer.split('.') {
        place = match step.parse::<usize>() {
            Ok(index) => &mut place[index],
            Err(_) => &mut place[step],
        };
    }
    *place = value;
}

/// [`base`] with `value` at `path`.
pub(crate) fn with(path: &str, value: Value) -> Value {
    let mut config = base();
    set(&mut config, path, value);
    config
}

/// The configuration of the filter, which must be right.
pub(crate) fn accept(config: &Value) -> Config {
    match parse(config.to_string().as_bytes()) {
        Ok(PluginConfig::Filter(config)) => config,
        other => panic!("{config}: {other:?}"),
    }
}

/// The errors, of which there must be some.
pub(crate) fn refuse(config: &Value) -> Vec<ConfigError> {
    parse(config.to_string().as_bytes()).expect_err(&config.to_string())
}

/// The only error, which must stand at `path`.
pub(crate) fn refuse_at(config: &Value, path: &str) -> ConfigError {
    let mut errors = refuse(config);
    assert_eq!(errors.len(), 1, "{config}: {errors:?}");
    let error = errors.remove(0);
    assert_eq!(error.path, path, "{config}: {error}");
    assert!(
        error.to_string().starts_with(&format!("{path}: found ")),
        "{error}"
    );
    error
}
