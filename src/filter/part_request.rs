//! Makes the ICAP requests for the parts of a message, and for a message whose head is shown changed.

use super::bare_fields::{without_coding, without_framing};
use super::exchange::Exchange;
use super::fault::Fault;
use super::request_icap::Showing;
use super::worker::Worker;
use crate::host::{Fields, Host};
use crate::icap::Request;
use crate::multipart::Part;

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
        let request_head = None;
        self.request_of(exchange, message, &fields, request_head, of_part.is_some())
    }

    /// The ICAP request for a message with these fields that is shown with `head` as its fields. The caller has entered the
    /// message's context.
    pub(super) fn request_with_head(
        &self,
        exchange: &Exchange,
        message: &Fields,
        head: &Fields,
    ) -> Result<Request, Fault> {
        let request_head = exchange.request.request_head.clone();
        self.request_of(exchange, message, head, request_head, false)
    }

    fn request_of(
        &self,
        exchange: &Exchange,
        message: &Fields,
        shown: &Fields,
        request_head: Option<Vec<u8>>,
        is_part: bool,
    ) -> Result<Request, Fault> {
        let (request, fault) = self.request_showing(Showing {
            profile: &exchange.profile,
            direction: exchange.direction,
            message,
            shown,
            request_head,
            is_part,
        });
        fault.map_or(Ok(request), Err)
    }
}
