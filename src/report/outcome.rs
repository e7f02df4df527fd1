//! Outcomes, failure causes and their names in logs.

use std::cmp::Ordering;

use crate::config::Cause;

/// What became of a message. Later variants are graver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The message was not scanned.
    Disabled,
    /// The message was forwarded unchanged.
    Passed,
    /// The message was forwarded as the ICAP server changed it.
    Modified,
    /// The message was not forwarded, by the server's verdict.
    Blocked,
    /// There was no verdict; the profile's failure action decided.
    Failed,
}

impl Outcome {
    /// The name in icap_log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "ICAP_DISABLED",
            Self::Passed => "ICAP_PASSED",
            Self::Modified => "ICAP_MODIFIED",
            Self::Blocked => "ICAP_BLOCKED",
            Self::Failed => "ICAP_FAILED",
        }
    }

    /// The outcome with this name in icap_log.
    pub fn named(name: &str) -> Option<Self> {
        [
            Self::Disabled,
            Self::Passed,
            Self::Modified,
            Self::Blocked,
            Self::Failed,
        ]
        .into_iter()
        .find(|outcome| outcome.as_str() == name)
    }
}

/// The conclusion about a message, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conclusion {
    /// The outcome.
    pub outcome: Outcome,
    /// Why the outcome deserves attention.
    pub significance: Significance,
    /// Whether the outcome was enforced. False in monitor mode, where the message went on unchanged.
    pub enforced: bool,
}

impl Conclusion {
    /// A conclusion that was enforced.
    pub fn done(outcome: Outcome, significance: Significance) -> Self {
        Self {
            outcome,
            significance,
            enforced: true,
        }
    }

    /// The graver of two conclusions, with the significance of both. Where both are equally grave, the result is
    /// enforced if either is.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        let enforced = match self.outcome.cmp(&other.outcome) {
            Ordering::Less => other.enforced,
            Ordering::Equal => self.enforced || other.enforced,
            Ordering::Greater => self.enforced,
        };
        Self {
            outcome: self.outcome.max(other.outcome),
            significance: self.significance.with(other.significance),
            enforced,
        }
    }
}

/// Why an entry deserves attention: a set of reasons. One bit is for each that is no failure, then one for each cause, which
/// causes of the same significance share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Significance(u16);

/// How many reasons are no failures.
const VERDICTS: usize = 3;

const _: () = assert!(VERDICTS + Cause::ALL.len() <= 16, "a reason is a bit");

impl Significance {
    /// No reason.
    pub const NONE: Self = Self(0);
    /// The message was modified.
    pub const MODIFIED: Self = Self(1);
    /// The message was blocked.
    pub const BLOCKED: Self = Self(1 << 1);
    /// The scan took longer than `slow_response_warning_threshold_ms`.
    pub const SLOW: Self = Self(1 << 2);

    /// The significance of an outcome. `cause` counts for [`Outcome::Failed`], and for [`Outcome::Blocked`] if it is
    /// [`Cause::Unscannable`]. `slow` does not count for a failure, whose cause says what went wrong.
    pub fn of(outcome: Outcome, cause: Option<Cause>, slow: bool) -> Self {
        let conclusion = match outcome {
            Outcome::Failed => return Self::of_cause(cause.unwrap_or(Cause::Internal)),
            Outcome::Disabled => return Self::NONE,
            Outcome::Passed => Self::NONE,
            Outcome::Modified => Self::MODIFIED,
            Outcome::Blocked if cause == Some(Cause::Unscannable) => {
                Self::of_cause(Cause::Unscannable)
            }
            Outcome::Blocked => Self::BLOCKED,
        };
        if slow {
            conclusion.with(Self::SLOW)
        } else {
            conclusion
        }
    }

    /// The significance of a failure.
    pub fn of_cause(cause: Cause) -> Self {
        let first = Cause::of_significance(cause.row().significance);
        Self::bit(first.unwrap_or(cause))
    }

    const fn bit(cause: Cause) -> Self {
        Self(1 << (VERDICTS + cause as usize))
    }

    /// Every reason with its name in icap_log. Of causes that share one, the first alone ever counts.
    fn all() -> impl Iterator<Item = (Self, &'static str)> {
        let failures = Cause::ALL
            .iter()
            .map(|cause| (Self::bit(*cause), cause.row().significance));
        [
            (Self::MODIFIED, "ADF_ICAP_MODIFIED"),
            (Self::BLOCKED, "ADF_ICAP_BLOCKED"),
        ]
        .into_iter()
        .chain(failures)
        .chain([(Self::SLOW, "ADF_ICAP_SERVER_HIGH_RESPONSE_TIME")])
    }

    /// The significance with this name in icap_log; [`NONE`](Self::NONE) for an unknown name.
    pub fn named(name: &str) -> Self {
        let known = Self::all().find(|(_, known)| *known == name);
        known.map_or(Self::NONE, |(flag, _)| flag)
    }

    /// Both sets together. An entry's significance is the union over its transactions.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether this set contains all of `other`.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether the set is empty.
    pub fn is_empty(self) -> bool {
        self == Self::NONE
    }

    /// The names in icap_log, the outcome first.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::all()
            .filter(move |(flag, _)| self.0 & flag.0 != 0)
            .map(|(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(significance: Significance) -> Vec<&'static str> {
        significance.names().collect()
    }

    #[test]
    fn each_failure_has_its_significance_and_name() {
        for (cause, name, significance) in [
            (Cause::Connection, "connection", "ADF_ICAP_CONNECTION_ERROR"),
            (Cause::Timeout, "timeout", "ADF_ICAP_TIMEDOUT"),
            (Cause::Protocol, "protocol", "ADF_ICAP_SERVER_ERROR"),
            (Cause::ServerError, "server_error", "ADF_ICAP_SERVER_ERROR"),
            (Cause::Overload, "overload", "ADF_ICAP_OVERLOAD"),
            (Cause::Internal, "internal", "ADF_ICAP_FAILED"),
            (
                Cause::Oversize,
                "oversize",
                "ADF_ICAP_BODY_SIZE_BIGGER_THAN_CONFIGURED",
            ),
            (Cause::BadRequest, "bad_request", "ADF_ICAP_BAD_REQUEST"),
            (Cause::Unscannable, "unscannable", "ADF_ICAP_UNSCANNABLE"),
        ] {
            for slow in [false, true] {
                let got = Significance::of(Outcome::Failed, Some(cause), slow);
                assert_eq!(names(got), [significance]);
            }
            assert_eq!(cause.as_str(), name);
        }
        let unknown = Significance::of(Outcome::Failed, None, false);
        assert_eq!(names(unknown), ["ADF_ICAP_FAILED"]);
    }

    #[test]
    fn slowness_is_added_to_a_verdict() {
        const SLOW: &str = "ADF_ICAP_SERVER_HIGH_RESPONSE_TIME";
        for (outcome, significance) in [
            (Outcome::Passed, None),
            (Outcome::Modified, Some("ADF_ICAP_MODIFIED")),
            (Outcome::Blocked, Some("ADF_ICAP_BLOCKED")),
        ] {
            let mut expected: Vec<&str> = significance.into_iter().collect();
            assert_eq!(names(Significance::of(outcome, None, false)), expected);
            expected.push(SLOW);
            assert_eq!(names(Significance::of(outcome, None, true)), expected);
        }
        assert!(Significance::of(Outcome::Disabled, None, true).is_empty());
        let unscannable = Significance::of(Outcome::Blocked, Some(Cause::Unscannable), true);
        assert_eq!(names(unscannable), ["ADF_ICAP_UNSCANNABLE", SLOW]);
    }

    #[test]
    fn the_graver_of_two_outcomes_stands_with_its_enforcement() {
        let done = |outcome| Conclusion::done(outcome, Significance::NONE);
        let noted = |outcome| Conclusion {
            enforced: false,
            ..done(outcome)
        };
        for (one, other, expected) in [
            (
                noted(Outcome::Blocked),
                done(Outcome::Passed),
                noted(Outcome::Blocked),
            ),
            (
                noted(Outcome::Modified),
                done(Outcome::Blocked),
                done(Outcome::Blocked),
            ),
            (
                noted(Outcome::Failed),
                done(Outcome::Failed),
                done(Outcome::Failed),
            ),
            (
                noted(Outcome::Passed),
                noted(Outcome::Passed),
                noted(Outcome::Passed),
            ),
        ] {
            assert_eq!(one.with(other), expected);
            assert_eq!(other.with(one), expected);
        }
    }

    #[test]
    fn transactions_add_up() {
        let both = Significance::of_cause(Cause::Connection).with(Significance::BLOCKED);
        assert_eq!(
            names(both),
            ["ADF_ICAP_BLOCKED", "ADF_ICAP_CONNECTION_ERROR"]
        );
    }
}
