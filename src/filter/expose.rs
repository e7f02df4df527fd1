//! The headers that tell client and application the outcome of a message.

use super::rewrite;
use super::worker::Worker;
use crate::bug::{Bug, bug};
use crate::host::{Fields, Host};
use crate::icap::Direction;
use crate::report::{Conclusion, Outcome};

/// The header that tells the outcome.
const OUTCOME_HEADER: &str = "x-icap-action";
/// The header that tells the name of the threat.
const THREAT_HEADER: &str = "x-icap-threat";

/// A server's text, cut and cleaned for a header field. `None` where nothing is left.
fn header_text(text: &str) -> Option<String> {
    const MAX_CHARS: usize = 256;
    let text: String = text
        .chars()
        .filter(|c| *c == ' ' || c.is_ascii_graphic())
        .take(MAX_CHARS)
        .collect();
    (!text.is_empty()).then_some(text)
}

/// The outcome as the header tells it. An outcome that was not enforced must differ from one that was: an application that
/// reads `ICAP_MODIFIED` need not look further.
fn outcome_text(conclusion: Conclusion) -> String {
    let outcome = conclusion.outcome.as_str();
    match conclusion.outcome {
        Outcome::Modified | Outcome::Blocked | Outcome::Failed if !conclusion.enforced => {
            format!("{outcome}; enforced=false")
        }
        _ => outcome.to_owned(),
    }
}

/// The header fields that tell an outcome.
pub(super) fn exposed_fields(conclusion: Conclusion, threat: Option<&str>) -> Fields {
    let threat = threat.and_then(header_text);
    let outcome = (OUTCOME_HEADER, outcome_text(conclusion));
    [outcome]
        .into_iter()
        .chain(threat.map(|threat| (THREAT_HEADER, threat)))
        .collect()
}

impl<H: Host> Worker<H> {
    /// Tells the application (in a request) or the client (in a response) the outcome, where the configuration wants that.
    pub(super) fn expose(
        &self,
        id: u32,
        direction: Direction,
        conclusion: Conclusion,
        threat: Option<&str>,
    ) {
        let wanted = match direction {
            Direction::Request => self.config.expose.application,
            Direction::Response => self.config.expose.client,
        };
        if !wanted {
            return;
        }
        let told = self
            .host
            .enter(id)
            .and_then(|()| {
                self.host.set_header(
                    direction,
                    OUTCOME_HEADER,
                    outcome_text(conclusion).as_bytes(),
                )
            })
            .and_then(|()| match threat.and_then(header_text) {
                Some(threat) => self
                    .host
                    .set_header(direction, THREAT_HEADER, threat.as_bytes()),
                None => self.host.remove_header(direction, THREAT_HEADER),
            });
        if let Err(e) = told {
            log::debug!("context {id}: {e}");
        }
    }

    /// Removes from a request the headers that only this filter may set.
    pub(super) fn unexpose(&self, fields: &mut Fields) {
        for name in [OUTCOME_HEADER, THREAT_HEADER] {
            if rewrite::find(fields, name).is_none() {
                continue;
            }
            if bug(Bug::ClientSaysOutcome) {
                continue;
            }
            fields.retain(|field| !field.eq_ignore_ascii_case(name.as_bytes()));
            if let Err(e) = self.host.remove_header(Direction::Request, name) {
                log::error!("icap: {e}");
            }
        }
    }

    /// Removes from a response the headers that only this filter may set.
    pub(super) fn unexpose_response(&self, id: u32) {
        for name in [OUTCOME_HEADER, THREAT_HEADER] {
            if let Err(e) = self.host.remove_header(Direction::Response, name) {
                log::error!("context {id}: {e}");
            }
        }
    }
}
