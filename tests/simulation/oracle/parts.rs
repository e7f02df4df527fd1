//! Forms of which each file is shown on its own.

use icap_filter::icap::Direction;

use super::delivery::{Exchange, Got};
use crate::parties::transaction::{Said, Subject};
use crate::plan::Shown;

impl Exchange<'_> {
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
