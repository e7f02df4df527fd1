//! The parameters of a transaction, and the ICAP request that they make.

use std::borrow::Cow;
use std::rc::Rc;

use super::trailers::Trailers;
use crate::icap::{IcapRequest, Method, with_length, with_line};

/// The parameters of one transaction. A retry sends the same request on another connection.
#[derive(Clone, Debug)]
pub struct Request {
    /// REQMOD or RESPMOD.
    pub method: Method,
    /// The absolute service URI.
    pub uri: String,
    /// The `Host` field.
    pub host: String,
    /// The statuses offered in `Allow`, beside the preview.
    pub allow: Vec<u16>,
    /// The largest preview; `None` for no preview.
    pub preview: Option<u32>,
    /// Further ICAP fields.
    pub headers: Vec<(String, String)>,
    /// The trailers that follow the body; `None`: none do.
    pub trailers: Option<Rc<Trailers>>,
    /// Whether sending starts only after the body has ended.
    pub whole: bool,
    /// The encoded HTTP request head.
    pub request_head: Option<Vec<u8>>,
    /// The encoded HTTP response head.
    pub response_head: Option<Vec<u8>>,
}

impl Request {
    /// Whether the message has ended, once all of its body has come: its trailers have come, or there will be none.
    pub fn has_ended(&self) -> bool {
        self.trailers.as_ref().is_none_or(|it| it.have_come())
    }

    /// The HTTP heads. The head of the message whose body is shown gets the names of trailers, where those are known,
    /// else the body's length, where that is.
    pub(super) fn heads(&self, whole: Option<u64>) -> Heads<'_> {
        let names = self.trailers.as_ref().map(|trailers| trailers.names());
        let names = names.filter(|names| !names.is_empty() && whole != Some(0));
        let complete = |head| match &names {
            Some(names) => with_line(head, &format!("Trailer: {names}\r\n")),
            None => with_length(head, whole.filter(|length| *length > 0)),
        };
        let request = self.request_head.as_deref();
        let response = self.response_head.as_deref();
        match self.method {
            Method::Respmod => Heads {
                request: request.map(Cow::Borrowed),
                response: response.map(complete),
            },
            _ => Heads {
                request: request.map(complete),
                response: response.map(Cow::Borrowed),
            },
        }
    }

    /// The ICAP request with these heads. `preview`: how long the preview is.
    pub(super) fn encodable<'a>(
        &'a self,
        heads: &'a Heads<'_>,
        preview: Option<u32>,
        has_body: bool,
    ) -> IcapRequest<'a> {
        IcapRequest {
            method: self.method,
            uri: &self.uri,
            host: &self.host,
            allow: &self.allow,
            trailers: self.trailers.is_some(),
            preview: preview.filter(|_| has_body),
            headers: &self.headers,
            request_head: heads.request.as_deref(),
            response_head: heads.response.as_deref(),
            has_body,
        }
    }
}

/// The HTTP heads of a request, as sent.
pub(super) struct Heads<'a> {
    request: Option<Cow<'a, [u8]>>,
    response: Option<Cow<'a, [u8]>>,
}

impl Heads<'_> {
    /// The length of both heads in bytes.
    pub(super) fn len(&self) -> usize {
        let len = |head: &Option<Cow<'_, [u8]>>| head.as_ref().map_or(0, |head| head.len());
        len(&self.request).saturating_add(len(&self.response))
    }
}
