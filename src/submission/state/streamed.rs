//! A submission whose body is streamed: what the server gives back may go on before its answer is complete.

use std::rc::Rc;

use super::super::cx::Cx;
use super::super::icap_response::IcapResponseBody;
use super::super::judge::{head_differs, judge_rest};
use super::super::source::Shown;
use super::super::window::Window;
use super::{State, Submission};
use crate::host::Host;
use crate::icap::HttpHead;
use crate::verdict::Rest;

/// The ICAP status of an answer that brings a message.
const MESSAGE: u16 = 200;

/// What a server has given back so far of a body that streams.
#[derive(Debug)]
pub struct GivenBack {
    /// The HTTP head that the answer brings.
    pub head: Option<HttpHead>,
    /// That head is another than the one that was shown.
    pub head_differs: bool,
    /// The answer's body begins with so many bytes of the original.
    pub same: u64,
    /// What follows and was not given before. Not the original's.
    pub pieces: Vec<Vec<u8>>,
    /// The answer's body is no longer the original's.
    pub differs: bool,
    /// How many bytes the answer's body has so far.
    pub len: u64,
    /// So many bytes of the original were sent.
    pub sent: u64,
}

impl Submission {
    /// From now on the body is read from there.
    pub fn stream(&mut self, window: Rc<Window>) {
        self.shown = Shown::Streamed(window);
    }

    /// A part of what the server has given back goes on: the original does not go on in its place any more, whatever fails.
    pub fn released(&mut self) {
        self.change_begun = true;
    }

    /// Takes what the server has given back and may go on by now. `None`: nothing, or the answer may be a page for the client, or
    /// says that something was found.
    pub fn given_back<H: Host>(&mut self, cx: &Cx<'_, H>) -> Option<GivenBack> {
        let is_upload = cx.message.is_upload(&self.request);
        let (State::Open(attempt) | State::Rest(attempt)) = &self.state else {
            return None;
        };
        let head = attempt.response.head.as_ref()?;
        if head.status != MESSAGE
            || !attempt.has_begun_change()
            || attempt.page
            || self.gets_page(is_upload)
            || judge_rest(self.original(cx), &attempt.response) != Rest::Silent
        {
            return None;
        }
        let head_differs = head_differs(self.original(cx), &attempt.response);
        let (State::Open(attempt) | State::Rest(attempt)) = &mut self.state else {
            return None;
        };
        let sent = attempt.transaction.sent();
        let (same, pieces, differs, len) = match &mut attempt.response.body {
            IcapResponseBody::None | IcapResponseBody::Lost(_) => return None,
            IcapResponseBody::Same(same) => (*same, Vec::new(), false, *same),
            IcapResponseBody::Own(own) => (own.same, own.held.take_out(), true, own.len()),
        };
        Some(GivenBack {
            head: attempt.response.http.clone(),
            head_differs,
            same,
            pieces,
            differs,
            len,
            sent,
        })
    }
}
