//! What was counted, against what was logged.

use super::entry::Entry;
use crate::envoy::message::Message;
use crate::plan::Responses;
use crate::world::Sim;

/// The counters of outcomes, and the actions that they count.
const OUTCOMES: [(&str, &str); 4] = [
    ("passed", "ICAP_PASSED"),
    ("modified", "ICAP_MODIFIED"),
    ("blocked", "ICAP_BLOCKED"),
    ("disabled", "ICAP_DISABLED"),
];

/// Every message is counted once, with the outcome that its log has.
pub fn check(sim: &Sim, messages: &[Message]) -> Result<(), String> {
    let shared = sim.shared.borrow();
    let count = |name: &str| shared.metric(name);
    let outcomes = ["passed", "modified", "blocked", "failed", "aborted"].map(count);
    let sum: i64 = outcomes.iter().sum();
    if count("requests") != sum {
        return Err(format!(
            "{} requests were counted, and passed, modified, blocked, failed, aborted: {outcomes:?}",
            count("requests")
        ));
    }
    let causes: i64 = shared
        .all()
        .filter(|(name, _)| name.starts_with("icap_filter.failed."))
        .map(|(_, value)| value)
        .sum();
    if count("failed") != causes {
        return Err(format!(
            "{} failures were counted, and {causes} by cause",
            count("failed")
        ));
    }
    if count("retries") != 0 && sim.plan.is_calm() && !sim.plan.loses_connections() {
        return Err(format!(
            "{} retries, and nothing has gone wrong",
            count("retries")
        ));
    }
    for (name, value) in shared.all() {
        let of_profile = name.replacen("icap_filter.", "icap_filter.profile.av.", 1);
        let same = shared.all().find(|(other, _)| *other == of_profile);
        if let Some((_, of_profile)) = same
            && of_profile != value
            && !name.ends_with("disabled")
            // What can't be looked at at all has no profile.
            && sim.host_faults.get() == 0
        {
            return Err(format!(
                "{name} is {value}, and that of the profile {of_profile}"
            ));
        }
    }
    if sim.plan.profile.responses != Responses::No || messages.iter().any(|it| it.host_fault) {
        return Ok(());
    }
    let entries: Vec<Entry> = messages
        .iter()
        .filter_map(|it| Entry::of(it).ok())
        .collect();
    let logged = |action: &str| entries.iter().filter(|it| it.action == action).count() as i64;
    // What had its verdict, and came to another end before the next part of its body: counted by the one, logged with both.
    let turned = entries.iter().filter(|it| it.had_verdict()).count() as i64;
    for (counter, action) in OUTCOMES {
        if !(logged(action)..=logged(action) + turned).contains(&count(counter)) {
            return Err(format!(
                "{counter} is {}, and {} are logged as {action}",
                count(counter),
                logged(action)
            ));
        }
    }
    let failed = logged("ICAP_FAILED");
    if !(failed - turned..=failed).contains(&(count("failed") + count("aborted"))) {
        return Err(format!(
            "failed is {}, aborted {}, and {} are logged as ICAP_FAILED",
            count("failed"),
            count("aborted"),
            logged("ICAP_FAILED")
        ));
    }
    let plan = &sim.plan.profile;
    if !plan.options && !plan.self_test {
        for gauge in ["pending", "connections_active", "connections_idle"] {
            if count(gauge) != 0 {
                return Err(format!("at rest {gauge} is {}", count(gauge)));
            }
        }
        if sim.open_connections() != 0 {
            return Err(format!(
                "at rest {} connections are open",
                sim.open_connections()
            ));
        }
    }
    Ok(())
}

/// What a worker has put into the gauges it takes out again.
pub fn check_gauges(sim: &Sim) -> Result<(), String> {
    let shared = sim.shared.borrow();
    for gauge in ["pending", "connections_active", "connections_idle"] {
        if shared.metric(gauge) != 0 {
            return Err(format!(
                "when all is over {gauge} is {}",
                shared.metric(gauge)
            ));
        }
    }
    Ok(())
}
