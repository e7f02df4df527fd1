//! The last step of a submission, by the verdict about it.

use super::super::attempt::{A_PAGE, PAGE_BYTES};
use super::super::cx::Cx;
use super::super::icap_response::{IcapResponse, IcapResponseBody};
use super::super::step::{Change, Record, Step, unusable};
use super::Submission;
use crate::config::Cause;
use crate::host::Host;
use crate::verdict::{Rest, Verdict};

impl Submission {
    /// The step for that verdict about a complete ICAP response.
    pub(super) fn step_of<H: Host>(
        &self,
        verdict: Verdict,
        rest: Rest,
        record: Record,
        mut response: IcapResponse,
        cx: &Cx<'_, H>,
    ) -> Step {
        match verdict {
            Verdict::Pass => Step::Pass(record),
            Verdict::Modify => match self.hold_change(&mut response, cx) {
                Ok(()) => {
                    let trailers = response.new_trailers(self.original(cx)).cloned();
                    let change = Change {
                        response,
                        rest,
                        trailers,
                    };
                    Step::Change(record, Box::new(change))
                }
                Err(fault) => unusable(self.change_begun, record, rest, fault),
            },
            Verdict::Block(with) => {
                if let IcapResponseBody::Same(0..=PAGE_BYTES) = response.body
                    && let Err((_, reason)) = response.hold(self.source(cx), A_PAGE, cx.budget)
                {
                    log::debug!("context {}: the page: {reason}", self.id.context);
                }
                Step::Block(record, with, Box::new(response))
            }
            Verdict::Fail { cause, reason } => {
                unusable(self.change_begun, record, rest, (cause, reason))
            }
        }
    }

    /// Holds the body of a changed message, unless the original body stays as it is.
    fn hold_change<H: Host>(
        &self,
        response: &mut IcapResponse,
        cx: &Cx<'_, H>,
    ) -> Result<(), (Cause, String)> {
        let body = self.extent(cx).progress;
        match response.body {
            IcapResponseBody::Same(len) if body.ended && len == body.available => Ok(()),
            _ => response.hold(self.source(cx), cx.message.keep(&self.shown), cx.budget),
        }
    }
}
