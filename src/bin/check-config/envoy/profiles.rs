//! Warns about settings of a profile that are allowed but hardly intended.

use super::Proxy;
use crate::document::Node;
use crate::finding::Finding;

/// The filter state that the filter sets for the access log.
const PROPERTIES: [&str; 2] = ["wasm.icap_log", "wasm.icap_log_struct"];

/// Checks the profiles of filters that scan, and the access log.
pub(super) fn check(proxy: &Proxy) -> Vec<Finding> {
    let mut found = Vec::new();
    for (_, _, plugin, config) in proxy.connections.iter().flat_map(|c| c.scanning()) {
        let profiles = plugin.written.list("profiles");
        for (node, profile) in profiles.iter().zip(&config.profiles) {
            let timeout = profile.response_timeout_ms;
            let buffer = profile.request_buffer_bytes;
            let odd = |name: &str, what: &str, why: &str, instead: &str| {
                Finding::warning(&format!("{}.{name}", node.place), what, why, instead)
            };
            if buffer < 1 << 20 {
                found.push(odd(
                    "request_buffer_size_kb",
                    &format!("a buffer of {}", super::size(buffer)),
                    "larger uploads get 413",
                    "the unit is KiB: 50 MiB are 51200",
                ));
            }
            if timeout < 1000 {
                found.push(odd(
                    "response_timeout_ms",
                    &format!("{timeout} ms for a scan"),
                    "most scans take longer, and fail",
                    "the unit is milliseconds: a minute is 60000",
                ));
            }
            let slow = node.number("slow_response_warning_threshold_ms");
            if let Some(slow) = slow.filter(|slow| *slow >= timeout && timeout > 0) {
                found.push(odd(
                    "slow_response_warning_threshold_ms",
                    &format!("a warning after {slow} ms"),
                    &format!("a scan ends after {timeout} ms, so nothing is ever slow"),
                    "write less than response_timeout_ms",
                ));
            }
            found.extend(variables(node));
        }
        if config
            .rules
            .as_ref()
            .is_some_and(|rules| rules.iter().all(|rule| !rule.enabled))
        {
            found.push(Finding::error(
                &format!("{}.rules", plugin.written.place),
                "no rule that is enabled",
                "only requests of routes whose metadata names a profile are scanned",
                "write a rule, or leave rules out: then everything is scanned",
            ));
        }
    }
    for format in &proxy.formats {
        properties(format, &mut found);
    }
    found
}

/// Warns about a variable: neither Envoy nor the module replaces variables.
fn variables(profile: &Node) -> Vec<Finding> {
    let mut found = Vec::new();
    profile.walk(&mut |node| {
        for (key, field) in node.fields() {
            let text = field.value.as_str().unwrap_or_default();
            let is_secret = ["password", "bearer"].contains(&key.as_str())
                || node.place.ends_with(".icap_headers");
            if is_secret && text.starts_with('$') {
                found.push(Finding::warning(
                    &field.place,
                    "a value that begins with $",
                    "the value is sent unchanged: neither Envoy nor the module replaces variables",
                    "write the value itself, or put it in with the tool that makes this file",
                ));
            }
        }
        true
    });
    found
}

/// Checks `%FILTER_STATE(…)%`: the filter must set state with this name.
fn properties(format: &Node, found: &mut Vec<Finding>) {
    let mut visit = |place: &str, text: &str| {
        for rest in text.split("FILTER_STATE(").skip(1) {
            let name = rest.split([':', ')']).next().unwrap_or_default();
            let meant = name.contains("icap");
            if meant && !PROPERTIES.contains(&name) {
                found.push(Finding::warning(
                    place,
                    &format!("the filter state \"{name}\""),
                    "no filter state has that name: the access log has null in its place",
                    "write %FILTER_STATE(wasm.icap_log:PLAIN)%, or wasm.icap_log_struct with :TYPED",
                ));
            }
        }
    };
    format.walk(&mut |node| {
        for (_, field) in node.fields() {
            if let Some(text) = field.value.as_str() {
                visit(&field.place, text);
            }
        }
        true
    });
}
