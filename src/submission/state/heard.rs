//! What the server of a submission has sent so far.

use super::super::cx::Cx;
use super::super::judge::{head_differs, judge_rest};
use super::{State, Submission};
use crate::host::Host;
use crate::verdict::Rest;

impl Submission {
    /// Whether the server has sent nothing yet, or only bytes that equal the sent body.
    pub(super) fn has_said_nothing_else<H>(&self, cx: &Cx<'_, H>) -> bool {
        let State::Open(attempt) = &self.state else {
            return false;
        };
        match attempt.has_begun_change() {
            true => {
                !self.change_begun
                    && attempt.is_same_so_far()
                    && !head_differs(self.original(cx), &attempt.response)
            }
            false => !attempt.transaction.responded(),
        }
    }

    /// Whether a used connection brought bytes that begin no ICAP response, at the first try. The submission then
    /// counts its connection as lost.
    pub(super) fn is_astray(&self) -> bool {
        self.tries == 0 && matches!(&self.state, State::Open(attempt) if attempt.is_astray())
    }

    /// Judges an ICAP response that can't be used as a whole. Notes whether a change had begun.
    pub(super) fn take_note<H: Host>(&mut self, cx: &Cx<'_, H>) -> Rest {
        let (State::Open(attempt) | State::Rest(attempt)) = &mut self.state else {
            return Rest::Silent;
        };
        attempt.salvage();
        self.change_begun |= attempt.has_begun_change();
        match &self.state {
            State::Open(attempt) | State::Rest(attempt) => {
                judge_rest(self.original(cx), &attempt.response)
            }
            State::Collecting | State::Waiting | State::Parked | State::Done => Rest::Silent,
        }
    }
}
