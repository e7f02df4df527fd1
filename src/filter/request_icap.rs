//! Makes the ICAP request for a message: finds its service, and the form in which that is shown the message.

use std::rc::Rc;

use super::fault::Fault;
use super::icap_request::{HostValues, fields_of, icap_request};
use super::upload::as_download;
use super::worker::Worker;
use crate::config::{Cause, Profile};
use crate::host::{Fields, Host};
use crate::icap::{Direction, Method, Request, encode_request_head, encode_response_head};
use crate::product::ShownAs;

/// What an ICAP request shows of a message.
pub(super) struct Showing<'a> {
    pub(super) profile: &'a Rc<Profile>,
    pub(super) direction: Direction,
    /// The message's own fields.
    pub(super) message: &'a Fields,
    /// The fields that the server sees in their place.
    pub(super) shown: &'a Fields,
    /// Of a response: the head of its request, as the server gets it.
    pub(super) request_head: Option<Vec<u8>>,
    /// A file or a value is shown, which the path of the message does not name.
    pub(super) is_part: bool,
}

impl<H: Host> Worker<H> {
    /// The ICAP request that shows this. If the server can't be shown these fields, the request has no HTTP head, and there is a
    /// fault. The caller has entered the message's context.
    pub(super) fn request_showing(&self, showing: Showing<'_>) -> (Request, Option<Fault>) {
        let Showing {
            profile,
            direction,
            message,
            shown,
            request_head,
            is_part,
        } = showing;
        let (service, method, heads) = match (direction, &profile.response_service) {
            (Direction::Response, Some(service)) => {
                let head = encode_response_head(shown).map(|head| (request_head, Some(head)));
                (service, Method::Respmod, head)
            }
            (Direction::Request, _) if profile.scan_requests_as == ShownAs::Response => {
                let heads = as_download(shown);
                let heads = heads.map(|(request, response)| (Some(request), Some(response)));
                (&profile.service, Method::Respmod, heads)
            }
            _ => {
                let head = encode_request_head(shown).map(|head| (Some(head), None));
                (&profile.service, Method::Reqmod, head)
            }
        };
        let (heads, fault) = match heads {
            Ok(heads) => (heads, None),
            Err(e) => {
                let cause = match direction {
                    Direction::Request => Cause::BadRequest,
                    // The client did not cause the failure.
                    Direction::Response => Cause::Internal,
                };
                let reason = match is_part {
                    true => format!("a part of the message has no form for the server: {e}"),
                    false => format!("the message has no form for the server: {e}"),
                };
                ((None, None), Some((cause, reason)))
            }
        };
        let watched = self.service(profile, direction);
        // When the response comes, the host no longer gives the fields of its request.
        let requested = match direction {
            Direction::Request => None,
            Direction::Response => Some(fields_of(heads.0.as_deref())),
        };
        let both = (requested.as_ref().unwrap_or(message), shown);
        let host_values = HostValues::of(&self.host, self.now_ms, profile, watched);
        let host_values = match is_part {
            true => host_values.about_part(),
            false => host_values,
        };
        let request = icap_request(profile, watched, service, method, both, heads, &host_values);
        (request, fault)
    }
}
