//! What went on as it came: a verdict, or its failure, allows it.

use icap_filter::icap::Direction;

use super::delivery::Exchange;
use super::entry::Entry;
use crate::parties::transaction::{Subject, Transaction};
use crate::plan::Shown;

impl Exchange<'_> {
    /// What went on as it was: a server has said that it may, or its failure allows it.
    pub fn check_unchanged(
        &self,
        of: Direction,
        what: Shown,
        entry: Option<&Entry>,
    ) -> Result<(), String> {
        let scans = || {
            self.scans(of)
                .filter(|it| matches!(it.subject, Subject::Scan(.., shown) if shown == what))
        };
        let takes_heads = self.takes_heads(of);
        if scans().any(|it| it.clears(takes_heads) && it.was_heard_whole()) {
            let differs = |it: &Transaction| it.was_seen_to_differ() && !it.clears(takes_heads);
            return match scans().any(differs) {
                true => Err(format!(
                    "{of:?} {what:?} went on as it was, though a server had changed it"
                )),
                false => Ok(()),
            };
        }
        if scans().any(Transaction::had_begun_message) {
            return Err(format!(
                "{of:?} {what:?} went on unscanned, though a server had begun to put something in its place"
            ));
        }
        self.check_unscanned(of, entry)
    }

    /// What went on without a verdict: its failure allows it.
    pub fn check_unscanned(&self, of: Direction, entry: Option<&Entry>) -> Result<(), String> {
        let Some(entry) = entry.filter(|_| !self.message.host_fault) else {
            return Ok(());
        };
        if entry.action != "ICAP_FAILED" {
            return Err(format!(
                "{of:?} went on without a verdict, as {}",
                entry.action
            ));
        }
        let opens = entry
            .causes()
            .iter()
            .any(|cause| self.plan.profile.opens(cause));
        if !opens {
            return Err(format!(
                "{of:?} went on unscanned, which its failure does not allow: {:?}",
                entry.significance
            ));
        }
        Ok(())
    }
}
