//! What an ICAP response means for the body that was shown.

use std::borrow::Cow;
use std::ops::Range;

use super::attempt::Attempt;
use super::extent::Extent;
use super::held::{Budget, Held};
use super::icap_response::{IcapResponse, IcapResponseBody, Keep, NotKept, OwnBody, copy};
use super::message::Message;
use super::source::Source;
use crate::bug::{Bug, bug};
use crate::config::{Cause, Profile};
use crate::host::Host;
use crate::icap::{Announced, Direction, Headers, HttpHead, Request, RequestHead, ResponseHead};
use crate::product::ShownAs;
use crate::verdict::{
    self, BodyChange, Findings, IcapResponseView, Judgement, Rest, Verdict, judge, judge_head,
    same_request, same_response,
};

/// The HTTP status of the response as which an upload is shown.
pub const SHOWN_STATUS: u16 = 200;

/// The message as the server saw it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Original<'a> {
    pub(super) message: &'a Message<'a>,
    pub(super) request: &'a Request,
    /// How much there is of the shown body.
    pub(super) extent: Extent,
}

impl Original<'_> {
    fn is_shown_as_download(&self) -> bool {
        self.message.scan_kind(self.request) == verdict::Scan::Upload
    }
}

impl IcapResponse {
    /// Adds the part of the original with which the ICAP response continues (206, draft-icap-ext-partial-content-07).
    /// The original body has ended.
    ///
    /// # Errors
    /// The ICAP response asks for bytes that the original does not have, or for more than may be held.
    pub(super) fn complete<H: Host>(
        &mut self,
        source: Source<'_, H>,
        available: u64,
        keep: Keep,
        budget: &Budget,
    ) -> Result<(), (Cause, String)> {
        let Some(from) = self.use_original_body.take() else {
            return Ok(());
        };
        let from = match bug(Bug::PartialOffByOne) {
            true => from.saturating_add(1),
            false => from,
        };
        if from > available {
            let reason = format!("use-original-body is {from}, the body has {available} bytes");
            return Err((Cause::Protocol, reason));
        }
        let same = match &self.body {
            IcapResponseBody::None => Some(0),
            IcapResponseBody::Same(same) => Some(*same),
            IcapResponseBody::Own(_) | IcapResponseBody::Lost(_) => None,
        };
        // Nothing, then the whole original: an unchanged body, unless the head's length says that the new body is
        // empty.
        let emptied = same == Some(0) && self.content_length() == Some(0);
        if same == Some(from) {
            if !emptied {
                self.keep_original(available);
            }
            return Ok(());
        }
        if same.is_some() && from == available {
            return Ok(());
        }
        let same = same.unwrap_or(0);
        let mut own = match std::mem::take(&mut self.body) {
            IcapResponseBody::Own(own) => own,
            _ => begin_with(same, keep, source, budget)?,
        };
        let rest = available.saturating_sub(from);
        if own.len().saturating_add(rest) > keep.limit {
            return Err(fault(NotKept::TooLarge));
        }
        // Bytes of the original can't stand both in front and behind.
        if rest > keep.copied && from >= own.same {
            own.from = Some(from);
        } else {
            copy_original(&mut own.held, from..available, source)?;
        }
        self.body = IcapResponseBody::Own(own);
        Ok(())
    }

    /// Makes the bytes that the body shares with the original its own.
    ///
    /// # Errors
    /// The original can't be read, or the budget has no room for it.
    pub(super) fn hold<H: Host>(
        &mut self,
        source: Source<'_, H>,
        keep: Keep,
        budget: &Budget,
    ) -> Result<(), (Cause, String)> {
        let IcapResponseBody::Same(len) = self.body else {
            return Ok(());
        };
        self.body = IcapResponseBody::Own(begin_with(len, keep, source, budget)?);
        Ok(())
    }

    fn keep_original(&mut self, available: u64) {
        self.body = if available == 0 {
            IcapResponseBody::None
        } else {
            IcapResponseBody::Same(available)
        };
    }

    /// The `Content-Length` of the HTTP message, if there is one.
    fn content_length(&self) -> Option<u64> {
        self.http.as_ref()?.content_length()
    }

    /// The message's trailers as the server gives them back, where it was shown them and gives back others.
    pub(super) fn new_trailers(&self, original: Original<'_>) -> Option<&Headers> {
        let sent = original.request.trailers.as_ref()?.sent()?;
        let status = self.head.as_ref()?.status;
        // Without a body there is no place for them, and a 206 may go on with all of the original.
        if !self.announced().body || (status == 206 && self.trailers.is_empty()) {
            return None;
        }
        (!verdict::same_fields(sent, &self.trailers)).then_some(&self.trailers)
    }

    /// The parts that the ICAP response announces. A 204 announces none, though some servers repeat the request's
    /// `Encapsulated` in it.
    pub(super) fn announced(&self) -> Announced {
        let head = self.head.as_ref().filter(|head| head.status != 204);
        head.map_or_else(Announced::default, |head| Announced::by(&head.headers))
    }
}

/// A body that begins with the original's first bytes.
fn begin_with<H: Host>(
    same: u64,
    keep: Keep,
    source: Source<'_, H>,
    budget: &Budget,
) -> Result<OwnBody, (Cause, String)> {
    OwnBody::begun_with(same, keep, budget, |range| {
        let mut bytes = Vec::new();
        source.read(range, &mut bytes).ok().map(|()| bytes)
    })
    .map_err(fault)
}

/// Copies a range of the shown body.
fn copy_original<H: Host>(
    own: &mut Held,
    range: Range<u64>,
    source: Source<'_, H>,
) -> Result<(), (Cause, String)> {
    copy(own, range, |range| {
        let mut bytes = Vec::new();
        source.read(range, &mut bytes).ok().map(|()| bytes)
    })
    .map_err(fault)
}

fn fault(why: NotKept) -> (Cause, String) {
    (why.cause(), why.sentence().to_owned())
}

/// What the ICAP response means for the message, and what remains of it if the changed message can't be put in place.
#[derive(Debug)]
pub(super) struct JudgedResponse {
    pub(super) judgement: Judgement,
    pub(super) rest: Rest,
    /// The message ended early, and so did the connection.
    pub(super) cut_off: bool,
}

/// Judges a complete ICAP response.
pub(super) fn judge_response(original: Original<'_>, response: &IcapResponse) -> JudgedResponse {
    let profile = original.message.profile;
    with_view(original, response, |view| {
        let mut judgement = judge(view, profile);
        if judgement.verdict == Verdict::Pass && response.new_trailers(original).is_some() {
            judgement.verdict = Verdict::Modify;
        }
        JudgedResponse {
            judgement,
            rest: judge_head(view, profile),
            cut_off: view.is_cut_off(),
        }
    })
    .unwrap_or_else(|| {
        let reason = "the ICAP response has no head".to_owned();
        let cause = Cause::Internal;
        JudgedResponse {
            judgement: Judgement {
                verdict: Verdict::Fail { cause, reason },
                findings: Findings::default(),
            },
            rest: Rest::Silent,
            cut_off: false,
        }
    })
}

/// Judges an incomplete ICAP response.
pub(super) fn judge_rest(original: Original<'_>, response: &IcapResponse) -> Rest {
    let profile = original.message.profile;
    with_view(original, response, |view| judge_head(view, profile)).unwrap_or(Rest::Silent)
}

/// Whether the ICAP response's HTTP head differs from the shown one; false while it has none.
pub(super) fn head_differs(original: Original<'_>, response: &IcapResponse) -> bool {
    with_view(original, response, |view| view.head_changed).unwrap_or(false)
}

/// Calls `act` with the ICAP response as the verdict sees it; `None` without a head.
fn with_view<T>(
    original: Original<'_>,
    response: &IcapResponse,
    act: impl FnOnce(&IcapResponseView<'_>) -> T,
) -> Option<T> {
    let head = response.head.as_ref()?;
    let mut headers = Cow::Borrowed(&head.headers);
    let trailers = [&response.trailers, &response.icap_trailers];
    for trailer in trailers.into_iter().flat_map(Headers::iter) {
        if bug(Bug::VerdictTrailersIgnored) {
            break;
        }
        let headers = headers.to_mut();
        headers.push(trailer.name.clone(), trailer.value.clone());
    }
    let original_response = original
        .request
        .response_head
        .as_deref()
        .and_then(ResponseHead::parse);
    let head_changed = match &response.http {
        None => false,
        Some(HttpHead::Request(got)) => {
            let sent = original
                .request
                .request_head
                .as_deref()
                .and_then(RequestHead::parse);
            sent.is_none_or(|sent| !same_request(&sent, got))
        }
        // An upload keeps its own head, whatever the server made of the download's. But another status means a local
        // reply.
        Some(HttpHead::Response(got)) if original.is_shown_as_download() => {
            got.status != SHOWN_STATUS
        }
        Some(HttpHead::Response(got)) => original_response
            .as_ref()
            .is_none_or(|sent| !same_response(sent, got)),
    };
    let page = match (&response.http, &response.body) {
        (Some(HttpHead::Response(_)), IcapResponseBody::Own(own)) if own.same == 0 => {
            own.held.beginning()
        }
        _ => &[],
    };
    Some(act(&IcapResponseView {
        page,
        scan: original.message.scan_kind(original.request),
        status: head.status,
        headers: &headers,
        http: response.http.as_ref(),
        original_response: original_response.as_ref(),
        head_changed,
        body: body_change(original.extent, response, head_changed),
    }))
}

/// Judges the ICAP response to a probe of this filter, an upload or a download whose body has `sent` bytes.
pub fn judge_probe(
    attempt: &Attempt,
    profile: &Profile,
    direction: Direction,
    sent: u64,
) -> Verdict {
    let Some(head) = &attempt.response.head else {
        let reason = "the ICAP response has no head".to_owned();
        return Verdict::Fail {
            cause: Cause::Internal,
            reason,
        };
    };
    let original = ResponseHead {
        status: 200,
        headers: Headers::new(),
    };
    let (kind, original) = match (direction, profile.scan_requests_as) {
        (Direction::Request, ShownAs::Request) => (verdict::Scan::Request, None),
        (Direction::Request, ShownAs::Response) => (verdict::Scan::Upload, Some(&original)),
        (Direction::Response, _) => (verdict::Scan::Response, Some(&original)),
    };
    let view = IcapResponseView {
        scan: kind,
        status: head.status,
        headers: &head.headers,
        http: attempt.response.http.as_ref(),
        original_response: original,
        head_changed: false,
        body: match &attempt.response.body {
            IcapResponseBody::Same(same) if *same == sent => BodyChange::Same,
            IcapResponseBody::None if !attempt.response.announced().body => BodyChange::None,
            IcapResponseBody::None
            | IcapResponseBody::Same(_)
            | IcapResponseBody::Own(_)
            | IcapResponseBody::Lost(_) => BodyChange::Changed,
        },
        page: b"",
    };
    judge(&view, profile).verdict
}

fn body_change(original: Extent, response: &IcapResponse, head_changed: bool) -> BodyChange {
    let body = original.progress;
    let (given, announced) = match &response.body {
        IcapResponseBody::Own(_) | IcapResponseBody::Lost(_) => return BodyChange::Changed,
        IcapResponseBody::Same(same) => (*same, true),
        IcapResponseBody::None => (0, response.announced().body && !bug(Bug::EmptyBodyIsNone)),
    };
    let length = response.content_length();
    if announced && length.is_some_and(|length| given < length) {
        return BodyChange::CutOff;
    }
    if body.ended && given == body.available {
        return match given {
            0 => BodyChange::None,
            _ => BodyChange::Same,
        };
    }
    if !announced {
        // An unchanged head with `null-body` is how some servers say 204 (c-icap's Allow204As200okZeroEncaps). If the
        // server had removed the body, the head would have another length.
        let original = original.announced.or(body.ended.then_some(body.available));
        return match length {
            _ if response.http.is_none() => BodyChange::None,
            None if !head_changed => BodyChange::None,
            length if length == original && !head_changed => BodyChange::None,
            None | Some(0) => BodyChange::Changed,
            Some(_) => BodyChange::CutOff,
        };
    }
    // The beginning of the original is the whole new body where a length says so or the server changed the head.
    if length == Some(given) || (head_changed && response.http.is_some()) {
        BodyChange::Changed
    } else {
        BodyChange::CutOff
    }
}
