//! gRPC calls whose messages are shown one by one: what has gone on of them.

use icap_filter::icap::Direction;

use super::delivery::Exchange;
use super::entry::{Entry, Record};
use crate::parties::transaction::{Said, Subject, Transaction};
use crate::plan::Shown;

impl Exchange<'_> {
    /// Whether that direction is a call that is shown message by message.
    pub fn is_call(&self, of: Direction) -> bool {
        self.is_scanned(of) && self.plan.is_call(self.it, of)
    }

    /// What has gone on of a call: messages in their order, each of which was called clean, or is what a server made of it, or failed
    /// and may go on.
    pub fn check_call(&self, entry: Option<&Entry>) -> Result<(), String> {
        let of = Direction::Request;
        let received = self.received(of);
        let request = &self.it.request;
        let form = request.form.as_ref().ok_or("there is no call")?;
        if received.complete && form.flaw.is_some() {
            // It is no sequence of messages.
            return match received.body == request.bytes(self.plan.seed) {
                true => self.check_unscanned(of, entry),
                false => Err("a part of what is no sequence of messages went on".to_owned()),
            };
        }
        let mut rest = received.body.as_slice();
        let mut came = 0;
        for n in 0..form.parts.len() {
            if rest.is_empty() {
                break;
            }
            let what = Shown::File(n);
            let scans = || {
                self.scans(of).filter(
                    move |it| matches!(it.subject, Subject::Scan(.., shown) if shown == what),
                )
            };
            if scans().any(Transaction::was_seen_to_block) {
                return Err(format!(
                    "message {n} went on, though a server had blocked it"
                ));
            }
            let original = form.message(n, &form.shown(self.plan.seed, request.id, what));
            let changes: Vec<Vec<u8>> = scans()
                .filter(|it| it.was_heard_whole())
                .filter_map(|it| match &it.said {
                    Said::Change(changed) => Some(form.message(n, &changed.body)),
                    _ => None,
                })
                .collect();
            let begins = |whole: &[u8]| {
                let len = whole.len().min(rest.len());
                whole[..len] == rest[..len]
            };
            let change = changes.iter().find(|it| begins(it));
            let went_on = match change {
                Some(change) => change,
                None if begins(&original) => {
                    self.check_unchanged(of, what, entry).or_else(|why| {
                        // The call has ended otherwise since, and its log names that cause alone.
                        let failed = |it: &Record| it.action == "ICAP_FAILED";
                        let may_open = !self.plan.profile.open.is_empty();
                        let opened = entry.is_some_and(|it| it.records.iter().any(failed));
                        match opened && may_open {
                            true => Ok(()),
                            false => Err(why),
                        }
                    })?;
                    &original
                }
                None => return Err(format!("message {n} arrived as nobody has said")),
            };
            if went_on.len() > rest.len() && received.complete {
                return Err(format!("message {n} is cut off, and the call complete"));
            }
            rest = &rest[went_on.len().min(rest.len())..];
            came = n + 1;
        }
        if !rest.is_empty() {
            return Err("more arrived than the call has".to_owned());
        }
        if received.complete && came < form.parts.len() {
            return Err(format!("{came} messages arrived, as if that were all"));
        }
        Ok(())
    }
}
