//! Makes the ICAP requests for the parts of a message, and for a message whose head is shown changed.

use super::bare_fields::{without_coding, without_framing};
use super::exchange::Exchange;
use super::fault::Fault;
use super::icap_request::fields_of;
use super::icap_request::{HostValues, icap_request};
use super::upload::as_download;
use super::worker::Worker;
use crate::config::Cause;
use crate::host::{Fields, Host};
use crate::icap::{Direction, Method, Request, encode_request_head, encode_response_head};
use crate::multipart::Part;
use crate::product::ShownAs;

/// Fields that describe the message's body, and so not its parts.
const OF_THE_MESSAGE: [&[u8]; 5] = [
    b"content-disposition",
    b"content-encoding",
    b"content-length",
    b"content-type",
    b"transfer-encoding",
];
/// The content type of a part that names none (RFC 7578 section 4.4 leaves it open).
const UNKNOWN_TYPE: &[u8] = b"application/octet-stream";

/// The kind of part, which decides what its HTTP head has beside the message's own fields.
#[derive(Clone, Copy, Debug)]
pub(super) enum Head<'a> {
    /// A file of a form.
    File(&'a Part),
    /// A value within the content.
    Value,
    /// The fields of a form, as one form.
    Fields,
    /// The whole content without its framing.
    Unframed,
}

impl<H: Host> Worker<H> {
    /// The ICAP request for a part with `length` bytes, of a message with these fields. The caller has entered the message's
    /// context.
    pub(super) fn request_of_part(
        &self,
        exchange: &Exchange,
        message: &Fields,
        head: Head<'_>,
        length: u64,
    ) -> Result<Request, Fault> {
        let mut fields = without_framing(message, length);
        if exchange.is_decoded {
            fields = without_coding(&fields);
        }
        let of_part = match head {
            Head::File(part) => Some((
                part.content_type.as_deref(),
                part.content_disposition.as_slice(),
            )),
            Head::Value => Some((None, b"".as_slice())),
            Head::Fields | Head::Unframed => None,
        };
        if let Some((media_type, disposition)) = of_part {
            fields.retain(|name| !OF_THE_MESSAGE.contains(&name));
            fields.push("content-type", media_type.unwrap_or(UNKNOWN_TYPE));
            if !disposition.is_empty() {
                fields.push("content-disposition", disposition);
            }
            fields.push("content-length", length.to_string());
        }
        let profile = &exchange.profile;
        let shown = match profile.scan_requests_as {
            ShownAs::Request => {
                encode_request_head(&fields).map(|request| (Method::Reqmod, (Some(request), None)))
            }
            ShownAs::Response => as_download(&fields)
                .map(|(request, response)| (Method::Respmod, (Some(request), Some(response)))),
        };
        let (method, heads) = shown.map_err(|e| {
            let reason = format!("a part of the message has no form for the server: {e}");
            (Cause::BadRequest, reason)
        })?;
        let watched = self.service(profile, exchange.direction);
        let host_values = HostValues::of(&self.host, self.now_ms, profile, watched);
        let host_values = match of_part {
            Some(_) => host_values.about_part(),
            None => host_values,
        };
        Ok(icap_request(
            profile,
            watched,
            &profile.service,
            method,
            (message, &fields),
            heads,
            &host_values,
        ))
    }

    /// The ICAP request for a message with these fields that is shown with `head` as its fields. The caller has entered the
    /// message's context.
    pub(super) fn request_with_head(
        &self,
        exchange: &Exchange,
        message: &Fields,
        head: &Fields,
    ) -> Result<Request, Fault> {
        let (profile, direction) = (&exchange.profile, exchange.direction);
        let request_head = exchange.request.request_head.clone();
        let requested = match direction {
            Direction::Request => None,
            Direction::Response => Some(fields_of(request_head.as_deref())),
        };
        let (service, shown) = match (direction, &profile.response_service) {
            (Direction::Response, Some(service)) => {
                let response = encode_response_head(head);
                let heads = response.map(|head| (Method::Respmod, (request_head, Some(head))));
                (service, heads)
            }
            _ if profile.scan_requests_as == ShownAs::Response => {
                let heads = as_download(head);
                let heads = heads.map(|(request, response)| (Some(request), Some(response)));
                let shown = heads.map(|heads| (Method::Respmod, heads));
                (&profile.service, shown)
            }
            _ => {
                let request = encode_request_head(head);
                let shown = request.map(|head| (Method::Reqmod, (Some(head), None)));
                (&profile.service, shown)
            }
        };
        let (method, heads) = shown.map_err(|e| {
            let reason = format!("the message has no form for the server: {e}");
            let cause = match direction {
                Direction::Request => Cause::BadRequest,
                // The client did not cause the failure.
                Direction::Response => Cause::Internal,
            };
            (cause, reason)
        })?;
        let watched = self.service(profile, direction);
        let host_values = HostValues::of(&self.host, self.now_ms, profile, watched);
        let both = (requested.as_ref().unwrap_or(message), head);
        Ok(icap_request(
            profile,
            watched,
            service,
            method,
            both,
            heads,
            &host_values,
        ))
    }
}
