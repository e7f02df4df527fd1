//! The counters as data: names, units, meanings.

use super::Outcome;
use super::metrics::{Metric, row};
use crate::config::Cause;

/// What is counted beside the causes of failures, each of which has a counter too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "COUNTERS says what each means")]
pub enum Counter {
    Requests,
    Passed,
    Modified,
    Blocked,
    Failed,
    Disabled,
    FailedOpen,
    Slow,
    Oversize,
    Retries,
    ConnectionsOpened,
    ConnectionsReused,
    ConnectionsClosed,
    PreviewDecided,
    OptionsFailed,
    Aborted,
    IstagChanged,
    SelftestFailed,
    WouldBlock,
    WouldModify,
    WouldFail,
    Parts,
    Preempted,
    Streamed,
}

impl Counter {
    /// The counter of an outcome. `enforced`: false in monitor mode, where the outcome was only logged.
    pub fn of_outcome(outcome: Outcome, enforced: bool) -> Self {
        match (outcome, enforced) {
            (Outcome::Disabled, _) => Self::Disabled,
            (Outcome::Passed, _) => Self::Passed,
            (Outcome::Modified, true) => Self::Modified,
            (Outcome::Modified, false) => Self::WouldModify,
            (Outcome::Blocked, true) => Self::Blocked,
            (Outcome::Blocked, false) => Self::WouldBlock,
            (Outcome::Failed, true) => Self::Failed,
            (Outcome::Failed, false) => Self::WouldFail,
        }
    }

    /// Its place among all counters.
    pub const fn place(self) -> usize {
        self as usize
    }

    /// The place of the counter of a cause: they stand behind the others.
    pub const fn place_of_cause(cause: Cause) -> usize {
        COUNTERS.len() + cause as usize
    }

    /// How many counters there are, those of causes among them.
    pub const ALL: usize = COUNTERS.len() + Cause::ALL.len();

    /// The names of all counters, in their places.
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        let causes = Cause::ALL.iter().map(|cause| cause.row().counter);
        COUNTERS.iter().map(|counter| counter.name).chain(causes)
    }
}

/// The counters that are not those of a cause, in the order of [`Counter`].
pub const COUNTERS: [Metric<Counter>; 24] = [
    row(
        Counter::Requests,
        "requests",
        "requests",
        "A request was given to a profile to be scanned.",
        "Zero while the listener has traffic: no rule matches any more.",
    ),
    row(
        Counter::Passed,
        "passed",
        "requests",
        "Found clean and forwarded as it came.",
        "",
    ),
    row(
        Counter::Modified,
        "modified",
        "requests",
        "Forwarded as the ICAP server changed it.",
        "Sudden growth: the server sanitizes or echoes in a changed form.",
    ),
    row(
        Counter::Blocked,
        "blocked",
        "requests",
        "Not forwarded, by the ICAP server's verdict.",
        "Sudden growth: an attack, or a new signature with false positives.",
    ),
    row(
        Counter::Failed,
        "failed",
        "requests",
        "No verdict; the profile's failure action decided.",
        "Over 1 % of `requests` for five minutes.",
    ),
    row(
        Counter::Disabled,
        "disabled",
        "requests",
        "Not scanned: no rule matched, or a rule or a route said so. Not counted for a profile.",
        "Growth where everything should be scanned.",
    ),
    row(
        Counter::FailedOpen,
        "failed_open",
        "requests",
        "Failed, and forwarded unscanned because the profile says so.",
        "Any growth: unscanned content reaches the application.",
    ),
    row(
        Counter::Slow,
        "slow",
        "scans",
        "A scan took longer than `slow_response_warning_threshold_ms`.",
        "Over 5 % of `requests` for five minutes.",
    ),
    row(
        Counter::Oversize,
        "oversize",
        "bodies",
        "A body was found to be larger than the profile's buffer.",
        "Growth: compare the buffer with what the application takes.",
    ),
    row(
        Counter::Retries,
        "retries",
        "scans",
        "A kept connection was dead and the scan was repeated on a fresh one.",
        "Steady growth: the server closes idle connections sooner than `connection_idle_timeout_ms`.",
    ),
    row(
        Counter::ConnectionsOpened,
        "connections_opened",
        "connections",
        "A connection to the ICAP server was opened.",
        "Close to `requests`: connections are not reused.",
    ),
    row(
        Counter::ConnectionsReused,
        "connections_reused",
        "scans",
        "A scan went over a connection that had carried one before.",
        "",
    ),
    row(
        Counter::ConnectionsClosed,
        "connections_closed",
        "connections",
        "A connection ended, by either side.",
        "",
    ),
    row(
        Counter::PreviewDecided,
        "preview_decided",
        "scans",
        "The server decided on the preview and did not ask for the rest of the body.",
        "Zero with previews on: the server always wants the whole body, so previews only cost time.",
    ),
    row(
        Counter::OptionsFailed,
        "options_failed",
        "requests",
        "An OPTIONS request got no usable response.",
        "Any lasting growth: wrong service path, or the server is down.",
    ),
    row(
        Counter::Aborted,
        "aborted",
        "requests",
        "The client left before the verdict; the connection to the ICAP server was closed.",
        "A rise with `slow`: clients give up on slow scans.",
    ),
    row(
        Counter::IstagChanged,
        "istag_changed",
        "changes",
        "An ICAP response carried another ISTag than before: new signatures or another configuration at the server.",
        "None for days: the server's signatures may be old.",
    ),
    row(
        Counter::SelftestFailed,
        "selftest_failed",
        "tests",
        "The server did not block the EICAR test file of the self-test.",
        "Any: the scanner does not scan.",
    ),
    row(
        Counter::WouldBlock,
        "would_block",
        "requests",
        "Forwarded as it came, because `enforcement` is `monitor`: would have been blocked.",
        "Look at each before `enforcement` becomes `enforce`.",
    ),
    row(
        Counter::WouldModify,
        "would_modify",
        "requests",
        "Forwarded as it came, because `enforcement` is `monitor`: would have been forwarded as the ICAP server changed it.",
        "",
    ),
    row(
        Counter::WouldFail,
        "would_fail",
        "requests",
        "Forwarded as it came, because `enforcement` is `monitor`: no verdict, the profile's failure action would have decided. `failed.…` counts the cause too.",
        "Over 1 % of `requests`: users would notice once verdicts are enforced.",
    ),
    row(
        Counter::Parts,
        "parts",
        "files",
        "A file of a form was shown to the ICAP server on its own.",
        "",
    ),
    row(
        Counter::Preempted,
        "preempted",
        "scans",
        "A connection was taken from a scan whose client sends slowly, because others waited (`upload_preempt_ms`). The body is scanned again.",
        "Steady growth: more clients send slowly than there are connections (`max_connections`).",
    ),
    row(
        Counter::Streamed,
        "streamed",
        "requests",
        "A body larger than the buffer began to go on while it was scanned (`large_upload_fail_action: stream`).",
        "",
    ),
];
