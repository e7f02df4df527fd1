//! What the messages of a gRPC call have come to, and with which of them the call ends.

use crate::config::Cause;
use crate::report::Outcome;
use crate::submission::{Failure, IcapResponse, Record};
use crate::verdict::BlockWith;

/// The outcomes of the messages so far.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// The gravest outcome of a message that goes on.
    outcome: Option<Outcome>,
    /// The cause of the first failure that opened.
    opened: Option<Cause>,
    /// With which message the call ends once those before it have gone on.
    pub(super) early: Option<EarlyEnd>,
}

/// How a call ends before its last message.
#[derive(Debug)]
pub(super) enum EarlyEnd {
    Blocked(Record, BlockWith, Box<IcapResponse>),
    Failed(Record, Failure),
}

impl Ends {
    /// Notes the outcome of a message that goes on. `cause`: of a failure.
    pub(super) fn note(&mut self, outcome: Outcome, cause: Option<Cause>) {
        self.outcome = self.outcome.max(Some(outcome));
        self.opened = self.opened.or(cause);
    }

    /// What the messages that went on add up to, and of a failure the cause.
    pub(super) fn sum(&self) -> (Outcome, Option<Cause>) {
        (self.outcome.unwrap_or(Outcome::Passed), self.opened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_outcome_counts_and_the_first_cause() {
        let mut ends = Ends::default();
        assert_eq!(ends.sum(), (Outcome::Passed, None));
        ends.note(Outcome::Modified, None);
        ends.note(Outcome::Passed, None);
        assert_eq!(ends.sum(), (Outcome::Modified, None));
        ends.note(Outcome::Failed, Some(Cause::Timeout));
        ends.note(Outcome::Failed, Some(Cause::Connection));
        ends.note(Outcome::Passed, None);
        assert_eq!(ends.sum(), (Outcome::Failed, Some(Cause::Timeout)));
    }
}
