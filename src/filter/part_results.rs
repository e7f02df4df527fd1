//! What has become of the parts of a message: their changes, and the failures that open.

use crate::config::Cause;
use crate::submission::{Change, Held, Record};

/// The part of a message that a submission shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The content as it is.
    Whole,
    /// The file of the form's part with that index.
    File(usize),
    /// All parts of the form other than files, as one form.
    Fields,
    /// A value within the content.
    Value,
    /// The trailers.
    Trailers,
}

/// The results of the parts so far.
#[derive(Debug, Default)]
pub(super) struct PartResults {
    /// The changed parts: each takes the place of its target.
    changes: Vec<(Target, Held)>,
    /// The changed message, which takes the place of the whole message.
    whole_change: Option<(Record, Box<Change>)>,
    /// The failure with which the message goes on: its cause, and whether it closes, so that only monitoring lets the message
    /// go on.
    failed_open: Option<(Cause, bool)>,
}

impl PartResults {
    /// Notes the changed message. It takes the message's place if no other part decides.
    pub(super) fn change_whole(&mut self, record: Record, change: Change) {
        self.whole_change = Some((record, Box::new(change)));
    }

    /// The changed message.
    pub(super) fn take_whole_change(&mut self) -> Option<(Record, Box<Change>)> {
        self.whole_change.take()
    }

    /// Notes that a part failed with that cause and the message goes on: because the failure opens, or because the message is
    /// monitored where the failure `closes`. The first failure that closes counts, else the first failure.
    pub(super) fn fail_open(&mut self, cause: Cause, closes: bool) {
        match self.failed_open {
            Some((_, closed)) if closed || !closes => {}
            _ => self.failed_open = Some((cause, closes)),
        }
    }

    /// The failure that counts: its cause, and whether it closes.
    pub(super) fn failed_open(&self) -> Option<(Cause, bool)> {
        self.failed_open
    }

    /// Notes the changed body that takes the place of its target.
    pub(super) fn change(&mut self, target: Target, body: Held) {
        self.changes.push((target, body));
    }

    /// Whether a part was changed.
    pub(super) fn is_changed(&self) -> bool {
        !self.changes.is_empty()
    }

    /// The changed parts, with the targets whose places they take.
    pub(super) fn take_changes(&mut self) -> Vec<(Target, Held)> {
        std::mem::take(&mut self.changes)
    }

    /// How many bytes of changed parts are held.
    pub(super) fn held_bytes(&self) -> u64 {
        let held = self.changes.iter().map(|(_, held)| held.len());
        held.fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_that_opens_is_kept() {
        let mut results = PartResults::default();
        assert_eq!(results.failed_open(), None);
        results.fail_open(Cause::Timeout, false);
        results.fail_open(Cause::Connection, false);
        assert_eq!(results.failed_open(), Some((Cause::Timeout, false)));
        // A monitored message goes on with a failure that closes.
        results.fail_open(Cause::Unscannable, true);
        results.fail_open(Cause::ServerError, true);
        results.fail_open(Cause::Overload, false);
        assert_eq!(results.failed_open(), Some((Cause::Unscannable, true)));
    }
}
