//! An ICAP response as the judge sees it.

use crate::icap::{Announced, Headers, HttpHead, ResponseHead};

/// Which message was scanned, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// A request, by REQMOD.
    Request,
    /// A response, by RESPMOD.
    Response,
    /// A request, by RESPMOD: its body was shown as that of a download.
    Upload,
}

/// How the body of an ICAP response differs from the scanned body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyChange {
    /// The ICAP response has no body and takes none away: it has no HTTP head either, or the scanned message had no
    /// body.
    None,
    /// The decoded body is the original, byte for byte.
    Same,
    /// The body is another one. Also: an HTTP head with `null-body` takes away the body that the message had.
    Changed,
    /// The body is the beginning of the original, and nothing says that the rest was meant to go: the server ended
    /// the message early. Servers do so that send the first part back before they have scanned the rest. An
    /// incomplete message must not become a complete one (RFC 9112 section 8).
    CutOff,
}

/// One complete final ICAP response.
#[derive(Clone, Copy, Debug)]
pub struct IcapResponseView<'a> {
    /// Which message was scanned.
    pub scan: Scan,
    /// The ICAP status.
    pub status: u16,
    /// The ICAP headers; trailers too, if there were any.
    pub headers: &'a Headers,
    /// The encapsulated HTTP head.
    pub http: Option<&'a HttpHead>,
    /// The response that was scanned, or the response as which an upload was shown, as the server saw it; `None` for
    /// a request.
    pub original_response: Option<&'a ResponseHead>,
    /// Whether `http` differs from the shown head: see [`same_request`](super::same_request) and
    /// [`same_response`](super::same_response). For an upload, whether the status differs. False without `http`.
    pub head_changed: bool,
    /// The body.
    pub body: BodyChange,
    /// The beginning of the encapsulated response's body, if it has one.
    pub page: &'a [u8],
}

impl IcapResponseView<'_> {
    pub(super) fn response(&self) -> Option<&ResponseHead> {
        match self.http {
            Some(HttpHead::Response(response)) => Some(response),
            Some(HttpHead::Request(_)) | None => None,
        }
    }

    /// Whether this is a local reply: the ICAP response to REQMOD carries a response or announces one, readable or
    /// not.
    pub(super) fn is_local_reply(&self) -> bool {
        self.scan == Scan::Request
            && (self.response().is_some() || Announced::by(self.headers).response)
    }

    /// Whether this carries a page for a person in the place of an upload of another type.
    pub(super) fn is_page_for_upload(&self) -> bool {
        self.scan == Scan::Upload
            && self.body == BodyChange::Changed
            && self.response().is_some_and(ResponseHead::is_html)
            && !self.original_response.is_some_and(ResponseHead::is_html)
    }

    /// Whether the message that would go on ends early.
    pub fn is_cut_off(&self) -> bool {
        self.body == BodyChange::CutOff && !self.is_local_reply()
    }
}

/// Whether the encapsulated response has another status than the scanned one.
pub(super) fn replaces_status(view: &IcapResponseView<'_>, response: &ResponseHead) -> bool {
    view.original_response
        .is_none_or(|original| original.status != response.status)
}
