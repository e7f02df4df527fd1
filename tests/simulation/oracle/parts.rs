//! Forms of which each file is shown on its own.

use icap_filter::icap::Direction;

use super::delivery::{Exchange, Got};
use super::entry::Entry;
use crate::parties::transaction::{Said, Subject};
use crate::plan::Shown;

impl Exchange<'_> {
    /// Who sends what can be read in two ways is told that it is at fault.
    pub fn check_refused(&self, entry: &Entry) -> Result<(), String> {
        let refused = self.message.details == "icap_failed" && entry.causes() == ["bad_request"];
        // That of a gRPC call is a field of its own.
        let form = self.it.request.form.as_ref();
        let expected = match form.is_some_and(|form| form.is_call) {
            true => "200",
            false => "400",
        };
        match self.status().filter(|status| refused && status != expected) {
            Some(status) => Err(format!("it is a bad request, and its client got {status}")),
            None => Ok(()),
        }
    }

    /// Which parts of a form that has arrived were changed: it is what the servers made of these, and the original else.
    pub fn got_form(&self, received: &[u8]) -> Result<Got<'_>, String> {
        let request = &self.it.request;
        let form = request.form.as_ref().ok_or("there is no form")?;
        let mut changes: Vec<(Shown, Vec<u8>)> = Vec::new();
        for it in self.scans(Direction::Request) {
            if let (Subject::Scan(.., shown), Said::Change(changed)) = (it.subject, &it.said)
                && it.was_heard_whole()
                && changed.body != form.shown(self.plan.seed, request.id, shown)
            {
                changes.push((shown, changed.body.clone()));
            }
        }
        let expected = form
            .with(self.plan.seed, request.id, &changes)
            .ok_or("the changed fields are none")?;
        match expected == received {
            true => Ok(Got::ChangedForm(
                changes.into_iter().map(|(shown, _)| shown).collect(),
            )),
            false => Err(format!(
                "a form of {} bytes arrived that is not what the servers have made of it, which has {}",
                received.len(),
                expected.len()
            )),
        }
    }
}
