//! What a submission knows of the HTTP message that it is about.

use std::borrow::Cow;
use std::rc::Rc;

use super::attempt::PAGE_BYTES;
use super::icap_response::Keep;
use super::source::{Extent, Shown};
use crate::config::Profile;
use crate::icap::{Direction, Method, Request};
use crate::verdict;

/// The message, as it stands now.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Its HTTP context.
    pub context: u32,
    /// Which of the two it is.
    pub direction: Direction,
    /// By which it is scanned.
    pub profile: &'a Profile,
    /// The method of the HTTP request.
    pub http_method: &'a Cow<'static, str>,
    /// The content coding of its body, where that is shown as it is.
    pub encoded: &'a Option<Rc<str>>,
    /// ICAP headers whose values are not logged.
    pub redacted: &'a [String],
    /// How much there is of its body.
    pub extent: Extent,
    /// It is taken apart: not its body as it is takes part in what servers send back.
    pub is_apart: bool,
}

impl Message<'_> {
    /// From where on a part of an ICAP response is large: in bytes.
    pub fn large(&self) -> u64 {
        (self.response_limit() / 8).min(PAGE_BYTES)
    }

    /// What is kept of an ICAP response's body about what is shown so.
    pub fn keep(&self, shown: &Shown) -> Keep {
        let is_whole = matches!(shown, Shown::Whole | Shown::Rest { .. }) && !self.is_apart;
        Keep {
            limit: self.response_limit(),
            copied: if is_whole { self.large() } else { u64::MAX },
        }
    }

    /// Which message it is, for verdict and log, where it is shown by that request.
    pub fn scan_kind(&self, request: &Request) -> verdict::Scan {
        match (self.direction, request.method) {
            (Direction::Request, Method::Respmod) => verdict::Scan::Upload,
            (Direction::Request, _) => verdict::Scan::Request,
            (Direction::Response, _) => verdict::Scan::Response,
        }
    }

    /// The largest body that is taken from an ICAP response: it has to fit where the original was, or is a response.
    pub fn response_limit(&self) -> u64 {
        self.profile
            .request_buffer_bytes
            .max(self.profile.response_buffer_bytes)
    }
}
