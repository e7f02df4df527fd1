//! Requests for a range of a resource (RFC 9110 section 14): makes them ask for the whole, since a scanner sees no more than the
//! client gets.

use super::rewrite::find;
use super::worker::Worker;
use crate::config::{Profile, RangeRequests};
use crate::host::{Fields, Host};
use crate::icap::Direction;
use crate::policy::{Decision, Enforcement, Outlook};

/// The fields that ask for a range.
const RANGE_FIELDS: [&str; 2] = ["range", "if-range"];

impl<H: Host> Worker<H> {
    /// Removes the range from a request, where a profile that may scan the response wants the whole resource.
    pub(super) fn ask_for_the_whole(
        &self,
        fields: &mut Fields,
        decision: &Decision<Profile>,
        outlook: Option<&Outlook>,
    ) {
        if find(fields, "range").is_none() {
            return;
        }
        let wanted = match (outlook, decision) {
            (Some(outlook), _) => outlook
                .scanners(&*self.config)
                .any(|(profile, enforcement)| wants_the_whole(profile, enforcement)),
            (
                None,
                Decision::Scan {
                    profile,
                    enforcement,
                    ..
                },
            ) => wants_the_whole(profile, *enforcement),
            (None, _) => false,
        };
        if !wanted {
            return;
        }
        for name in RANGE_FIELDS {
            fields.retain(|field| !field.eq_ignore_ascii_case(name.as_bytes()));
            if let Err(e) = self.host.remove_header(Direction::Request, name) {
                log::error!("icap: {e}");
            }
        }
    }
}

/// Whether the profile wants the whole resource. A monitored message goes on as it came.
fn wants_the_whole(profile: &Profile, enforcement: Enforcement) -> bool {
    profile.range_requests == RangeRequests::Strip
        && profile.response_service.is_some()
        && enforcement == Enforcement::Enforce
}
