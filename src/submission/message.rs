//! What a submission knows of its HTTP message.

use std::borrow::Cow;
use std::rc::Rc;

use super::attempt::PAGE_BYTES;
use super::extent::Extent;
use super::icap_response::Keep;
use super::source::Shown;
use crate::config::Profile;
use crate::icap::{Direction, Method, Request};
use crate::verdict;

/// The message as it stands now.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The HTTP context.
    pub context: u32,
    /// Request or response.
    pub direction: Direction,
    /// The profile that the message is scanned by.
    pub profile: &'a Profile,
    /// The method of the HTTP request.
    pub http_method: &'a Cow<'static, str>,
    /// The content coding of the body, where the body is shown in that coding.
    pub encoded: &'a Option<Rc<str>>,
    /// ICAP headers whose values are not logged.
    pub redacted: &'a [String],
    /// How much there is of the body.
    pub extent: Extent,
    /// The message is shown in parts, so ICAP responses are about parts and never about the body as a whole.
    pub is_apart: bool,
}

impl Message<'_> {
    /// From how many bytes on a changed body counts as large.
    pub fn large(&self) -> u64 {
        (self.response_limit() / 8).min(PAGE_BYTES)
    }

    /// How much of the ICAP response's body is kept, for a body that is shown as `shown`.
    pub fn keep(&self, shown: &Shown) -> Keep {
        if let Shown::Streamed(_) = shown {
            // What the server sends goes on as it comes.
            return Keep {
                limit: u64::MAX,
                copied: 0,
            };
        }
        let is_whole = matches!(shown, Shown::Whole | Shown::Rest { .. }) && !self.is_apart;
        Keep {
            limit: self.response_limit(),
            copied: if is_whole { self.large() } else { u64::MAX },
        }
    }

    /// How verdict and log name a message that this request shows.
    pub fn scan_kind(&self, request: &Request) -> verdict::Scan {
        match (self.direction, request.method) {
            (Direction::Request, Method::Respmod) => verdict::Scan::Upload,
            (Direction::Request, _) => verdict::Scan::Request,
            (Direction::Response, _) => verdict::Scan::Response,
        }
    }

    /// Whether it is an upload that is shown as a download.
    pub(super) fn is_upload(&self, request: &Request) -> bool {
        self.scan_kind(request) == verdict::Scan::Upload
    }

    /// The largest body that is accepted from an ICAP response. It has to fit the buffer of the original, or is a
    /// response.
    pub fn response_limit(&self) -> u64 {
        self.profile
            .request_buffer_bytes
            .max(self.profile.response_buffer_bytes)
    }
}
