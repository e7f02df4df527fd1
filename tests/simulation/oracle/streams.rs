//! Bodies larger than the buffer that were scanned while they passed.

use icap_filter::icap::Direction;

use super::delivery::{Exchange, Got};
use super::entry::Entry;
use crate::parties::transaction::Transaction;
use crate::plan::Shown;

impl Exchange<'_> {
    /// Whether the body of that direction may go on before its verdict.
    pub fn is_streamed(&self, of: Direction) -> bool {
        let is_local = of == Direction::Response && self.message.local_body.is_some();
        !is_local && self.is_scanned(of) && self.plan.is_streamed(self.it, of)
    }

    /// What has gone on was given back by a server, or let go as it is; and what has a bad end has none at the receiver.
    pub fn check_streamed(
        &self,
        of: Direction,
        got: &Got<'_>,
        entry: Option<&Entry>,
    ) -> Result<(), String> {
        let received = self.received(of);
        let blocked = self.scans(of).any(Transaction::was_seen_to_block);
        if received.complete {
            if blocked {
                return Err(format!(
                    "{of:?} came to its end, though a server had blocked it"
                ));
            }
            return match got {
                Got::Changed(_) => self.expect_changed(entry, of),
                _ => self.check_unchanged(of, Shown::Whole, entry),
            };
        }
        let given = |it: &Transaction| it.given.starts_with(&received.body);
        if received.body.is_empty() || self.scans(of).any(given) {
            return Ok(());
        }
        if blocked {
            return Err(format!(
                "{of:?} went on further than a server had given it back"
            ));
        }
        self.check_unchanged(of, Shown::Whole, entry)
    }

    /// Whether a response may break off: it streamed.
    pub fn may_break_off(&self) -> bool {
        self.is_streamed(Direction::Response)
            // Its application answered before the end of the request.
            || self.is_streamed(Direction::Request) && self.it.early_response
    }
}
