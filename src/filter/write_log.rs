//! Writes icap_log into the properties that Envoy's access loggers read.

use super::chain::Chain;
use super::{LOG_PROPERTY, LOG_STRUCT_PROPERTY, OUTCOME_PROPERTY, SIGNIFICANT_PROPERTY};
use crate::config::{Config, LogForms};
use crate::host::{Host, HostResult};
use crate::report::IcapLog;

/// Writes icap_log in the configured forms, and the properties for the loggers' filters. In a chain, writes the icap_log of all
/// filters so far.
pub(super) fn write_log<H: Host>(
    host: &H,
    id: u32,
    config: &Config,
    chain: &mut Chain,
    entry: IcapLog<'_>,
) -> HostResult {
    host.enter(id)?;
    chain.look(host, config);
    let entry = IcapLog {
        others: chain.others(),
        ..entry
    };
    let wanted = config.icap_log;
    let (json, structured) = entry.in_forms(LogForms {
        text: wanted.text || config.chained,
        ..wanted
    });
    let conclusion = entry.whole_conclusion();
    if let Some(json) = json {
        if wanted.text {
            host.set_property(LOG_PROPERTY, json.as_bytes())?;
        }
        if config.chained {
            chain.write(host, json)?;
        }
    }
    if let Some(structured) = structured {
        host.set_property(LOG_STRUCT_PROPERTY, &structured)?;
    }
    host.set_property(OUTCOME_PROPERTY, conclusion.outcome.as_str().as_bytes())?;
    // A significance that icap_log has once had stays.
    match conclusion.significance.is_empty() {
        true => Ok(()),
        false => host.set_property(SIGNIFICANT_PROPERTY, b"true"),
    }
}
