//! What was counted, against what was logged.

use super::entry::Entry;
use crate::envoy::message::Message;
use crate::plan::Responses;
use crate::world::Sim;

/// The counters of outcomes, and the actions that they count.
const OUTCOMES: [(&str, &str, &str); 4] = [
    ("passed", "", "ICAP_PASSED"),
    ("modified", "would_modify", "ICAP_MODIFIED"),
    ("blocked", "would_block", "ICAP_BLOCKED"),
    ("disabled", "", "ICAP_DISABLED"),
];

/// Every message is counted once, with the outcome that its log has.
pub fn check(sim: &Sim, messages: &[Message]) -> Result<(), String> {
    let shared = sim.shared.borrow();
    let count = |name: &str| shared.metric(name);
    let done = ["modified", "blocked", "failed"].map(count);
    let noted = ["would_modify", "would_block", "would_fail"].map(count);
    let wrong = match sim.plan.profile.monitor {
        true => done,
        false => noted,
    };
    // What can't be looked at at all is refused: nobody knows whether it is monitored.
    if wrong != [0; 3] && sim.host_faults.get() == 0 {
        return Err(format!("as done was counted {done:?}, as noted {noted:?}"));
    }
    let other = ["passed", "aborted"].map(count);
    let sum: i64 = [&done[..], &noted, &other].concat().iter().sum();
    // What turns out to have no body is counted as a request, and as not scanned.
    let empty = match sim.plan.profile.as_download {
        true => count("disabled"),
        false => 0,
    };
    if !(sum..=sum + empty).contains(&count("requests")) {
        return Err(format!(
            "{} requests were counted, and modified, blocked, failed: {done:?}, noted: {noted:?}, passed, aborted: {other:?}",
            count("requests")
        ));
    }
    let causes: i64 = shared
        .all()
        .filter(|(name, _)| name.starts_with("icap_filter.failed."))
        .map(|(_, value)| value)
        .sum();
    let failed = count("failed") + count("would_fail");
    // What can't be looked into counts as blocked, unless the profile lets it go.
    let blocked_by_cause = count("failed.unscannable");
    if !(causes - blocked_by_cause..=causes).contains(&failed) {
        return Err(format!(
            "{failed} failures were counted, and {causes} by cause"
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
    for (counter, noted, action) in OUTCOMES {
        let counted = count(counter) + count(noted);
        if !(logged(action)..=logged(action) + turned).contains(&counted) {
            return Err(format!(
                "{counter} is {counted}, and {} are logged as {action}",
                logged(action)
            ));
        }
    }
    let in_log = logged("ICAP_FAILED");
    if !(in_log - turned..=in_log).contains(&(failed + count("aborted"))) {
        return Err(format!(
            "failed is {failed}, aborted {}, and {} are logged as ICAP_FAILED",
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
