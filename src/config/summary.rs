//! The configuration in one line, for the log.

use super::{Cause, Config, Enforcement, LogForms, Profile, ServiceUrl};
use crate::policy::Rule;
use crate::product::ShownAs;

/// What is in force: profiles and rules by name, and what an operator looks for first. The line has no credentials, no values
/// of headers and no queries.
pub fn summary(config: &Config) -> String {
    let profiles: Vec<String> = config.profiles.iter().map(|p| profile(p)).collect();
    let rules = match &config.rules {
        None => "no rules: every request goes to the first profile".to_owned(),
        Some(rules) => {
            let words: Vec<String> = rules.iter().map(Rule::in_words).collect();
            match words.as_slice() {
                [] => "no rule in the list: nothing is scanned but by route metadata".to_owned(),
                words => format!(
                    "{} rules, the first that matches decides: [{}]",
                    words.len(),
                    words.join("; ")
                ),
            }
        }
    };
    let chained = match config.chained {
        true => "; in a chain with others",
        false => "",
    };
    format!(
        "{} profiles: [{}]; {rules}; icap_log {}{chained}",
        profiles.len(),
        profiles.join("; "),
        log_forms(config.icap_log)
    )
}

fn log_forms(forms: LogForms) -> &'static str {
    match (forms.text, forms.structure) {
        (true, true) => "as text and as a structure",
        (true, false) => "as text",
        (false, true) => "as a structure",
        (false, false) => "in no form",
    }
}

fn profile(profile: &Profile) -> String {
    let mut text = format!(
        "{}: cluster {}, {}",
        profile.name.escape_debug(),
        profile.cluster.escape_debug(),
        url(&profile.service)
    );
    let mut add = |part: String| {
        text.push_str(", ");
        text.push_str(&part);
    };
    if profile.scan_requests_as == ShownAs::Response {
        add("uploads shown as responses".to_owned());
    }
    if let Some(service) = &profile.response_service {
        add(format!("responses to {}", url(service)));
    }
    if let Some(cluster) = &profile.response_cluster {
        add(format!("in the cluster {}", cluster.escape_debug()));
    }
    add(format!("buffer {} bytes", profile.request_buffer_bytes));
    add(match profile.preview_bytes {
        Some(bytes) => format!("preview {bytes} bytes"),
        None => "no preview".to_owned(),
    });
    add(format!("timeout {} ms", profile.response_timeout_ms));
    add(fail_actions(profile));
    if profile.enforcement == Enforcement::Monitor {
        add("monitors only: nothing is blocked".to_owned());
    }
    if profile.authorization.is_some() {
        add("authorization ***".to_owned());
    }
    if !profile.icap_headers.is_empty() {
        let names: Vec<&str> = profile
            .icap_headers
            .iter()
            .map(|(n, _)| n.as_str())
            .collect();
        add(format!("headers {}", names.join(" ")));
    }
    text
}

fn url(service: &ServiceUrl) -> String {
    let query = if service.path.contains('?') {
        "?***"
    } else {
        ""
    };
    format!("{}{query}", service.without_query())
}

fn fail_actions(profile: &Profile) -> String {
    let open: Vec<&str> = profile
        .fail_actions
        .open()
        .map(|cause| match cause {
            Cause::Oversize => "large upload",
            cause => cause.as_str(),
        })
        .collect();
    if open.is_empty() {
        "fails closed".to_owned()
    } else {
        format!("fails open on {}", open.join(", "))
    }
}
