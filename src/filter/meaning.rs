//! What a complete answer means for the message it is about, and what comes of it.

use std::ops::Range;

use super::answer::{Answer, AnswerBody, NotKept, copy};
use super::exchange::{Exchange, PAGE_BYTES, Replacement};
use super::held::{Budget, Held};
use super::rewrite;
use super::scan::Scan;
use super::upload;
use crate::config::{Cause, Profile};
use crate::host::{Fields, Host, HostError};
use crate::icap::{Announced, Direction, Headers, HttpHead, RequestHead, ResponseHead};
use crate::product::ShownAs;
use crate::verdict::{
    AnswerView, BlockWith, BodyChange, Findings, Judgement, Rest, Verdict, judge, judge_head,
    same_request, same_response,
};

/// HTTP status with which an upload is shown.
const SHOWN: u16 = 200;
/// Why a changed message can't take the place of the original.
const NO_PLACE_FOR_BODY: &str = "the server added a body to a message that has none";

impl Answer {
    /// Puts the part of the original that the answer goes on with (206, draft-icap-ext-partial-content-07) behind its body.
    /// The original has come to its end.
    ///
    /// # Errors
    /// The answer asks for what is not there, or for more than may be held.
    pub(super) fn complete<H: Host>(
        &mut self,
        host: &H,
        id: u32,
        exchange: &Exchange,
        budget: &Budget,
    ) -> Result<(), (Cause, String)> {
        let Some(from) = self.use_original_body.take() else {
            return Ok(());
        };
        let available = exchange.body.available;
        if from > available {
            let reason = format!("use-original-body is {from}, the body has {available} bytes");
            return Err((Cause::Protocol, reason));
        }
        let same = match &self.body {
            AnswerBody::None => Some(0),
            AnswerBody::Same(same) => Some(*same),
            AnswerBody::Own(_) | AnswerBody::Lost(_) => None,
        };
        // Nothing, and the original from its start on: the same, but where a length says that nothing is all there is to be.
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
        let mut own = match std::mem::take(&mut self.body) {
            AnswerBody::Own(own) => own,
            _ => Held::new(budget),
        };
        let len = own
            .len()
            .saturating_add(same.unwrap_or(0))
            .saturating_add(available.saturating_sub(from));
        if len > exchange.answer_limit() {
            return Err(fault(NotKept::TooLarge));
        }
        [0..same.unwrap_or(0), from..available]
            .into_iter()
            .try_for_each(|range| {
                copy(&mut own, range, |range| {
                    read(host, id, exchange, range).ok()
                })
            })
            .map_err(fault)?;
        self.body = AnswerBody::Own(own);
        Ok(())
    }

    fn keep_original(&mut self, available: u64) {
        self.body = if available == 0 {
            AnswerBody::None
        } else {
            AnswerBody::Same(available)
        };
    }

    /// The length that the message says to have, where it says one.
    fn content_length(&self) -> Option<u64> {
        let headers = match self.http.as_ref()? {
            HttpHead::Request(head) => &head.headers,
            HttpHead::Response(head) => &head.headers,
        };
        content_length(headers)
    }

    /// What is announced of a message. Nothing by a 204, in which some servers repeat the request's `Encapsulated`.
    pub(super) fn announced(&self) -> Announced {
        let head = self.head.as_ref().filter(|head| head.status != 204);
        head.map_or_else(Announced::default, |head| Announced::by(&head.headers))
    }
}

fn content_length(headers: &Headers) -> Option<u64> {
    let value = headers.get("content-length")?;
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

fn fault(why: NotKept) -> (Cause, String) {
    (why.cause(), why.sentence().to_owned())
}

/// A range of the original body.
fn read<H: Host>(
    host: &H,
    id: u32,
    exchange: &Exchange,
    range: Range<u64>,
) -> Result<Vec<u8>, (Cause, String)> {
    let mut bytes = Vec::new();
    if range.is_empty() {
        return Ok(bytes);
    }
    exchange
        .source(host, id)
        .read(range, &mut bytes)
        .map(|()| bytes)
        .map_err(|e| (Cause::Internal, e.to_string()))
}

/// What the answer means for the message, and what would be left of it if it could not be put in place.
#[derive(Debug)]
pub(super) struct Meaning {
    pub(super) judgement: Judgement,
    pub(super) rest: Rest,
    /// The message ends early: so does the connection.
    pub(super) cut_off: bool,
}

/// What the answer means for the message.
pub(super) fn judge_answer(exchange: &Exchange, answer: &Answer) -> Meaning {
    let profile = &exchange.profile;
    with_view(exchange, answer, |view| Meaning {
        judgement: judge(view, profile),
        rest: judge_head(view, profile),
        cut_off: view.is_cut_off(),
    })
    .unwrap_or_else(|| {
        let reason = "the answer has no head".to_owned();
        let cause = Cause::Internal;
        Meaning {
            judgement: Judgement {
                verdict: Verdict::Fail { cause, reason },
                findings: Findings::default(),
            },
            rest: Rest::Silent,
            cut_off: false,
        }
    })
}

/// What an answer says of which something is missing.
pub(super) fn judge_rest(exchange: &Exchange, answer: &Answer) -> Rest {
    with_view(exchange, answer, |view| judge_head(view, &exchange.profile)).unwrap_or(Rest::Silent)
}

/// Whether the head that the answer brings is another than the one that was shown; false as long as there is none.
pub(super) fn head_differs(exchange: &Exchange, answer: &Answer) -> bool {
    with_view(exchange, answer, |view| view.head_changed).unwrap_or(false)
}

/// The answer as the verdict sees it; `None` without a head.
fn with_view<T>(
    exchange: &Exchange,
    answer: &Answer,
    act: impl FnOnce(&AnswerView<'_>) -> T,
) -> Option<T> {
    let head = answer.head.as_ref()?;
    let mut headers = head.headers.clone();
    for trailer in answer.trailers.iter() {
        headers.push(trailer.name.clone(), trailer.value.clone());
    }
    let original_response = exchange
        .request
        .response_head
        .as_deref()
        .and_then(ResponseHead::parse);
    let head_changed = match &answer.http {
        None => false,
        Some(HttpHead::Request(got)) => {
            let sent = exchange
                .request
                .request_head
                .as_deref()
                .and_then(RequestHead::parse);
            sent.is_none_or(|sent| !same_request(&sent, got))
        }
        // Of an upload the head is its own, whatever its download's becomes: but another status is another answer.
        Some(HttpHead::Response(got)) if exchange.is_shown_as_download() => got.status != SHOWN,
        Some(HttpHead::Response(got)) => original_response
            .as_ref()
            .is_none_or(|sent| !same_response(sent, got)),
    };
    let page = match (&answer.http, &answer.body) {
        (Some(HttpHead::Response(_)), AnswerBody::Own(body)) => body.pieces().next(),
        _ => None,
    };
    Some(act(&AnswerView {
        page: page.unwrap_or_default(),
        scan: exchange.scan_kind(),
        status: head.status,
        headers: &headers,
        http: answer.http.as_ref(),
        original_response: original_response.as_ref(),
        head_changed,
        body: body_change(exchange, answer, head_changed),
    }))
}

/// What the answer to an upload or a download of this filter's own means, whose body has `sent` bytes.
pub(super) fn judge_probe(
    scan: &Scan,
    profile: &Profile,
    direction: Direction,
    sent: u64,
) -> Verdict {
    let Some(head) = &scan.answer.head else {
        let reason = "the answer has no head".to_owned();
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
        (Direction::Request, ShownAs::Request) => (crate::verdict::Scan::Request, None),
        (Direction::Request, ShownAs::Response) => (crate::verdict::Scan::Upload, Some(&original)),
        (Direction::Response, _) => (crate::verdict::Scan::Response, Some(&original)),
    };
    let view = AnswerView {
        scan: kind,
        status: head.status,
        headers: &head.headers,
        http: scan.answer.http.as_ref(),
        original_response: original,
        head_changed: false,
        body: match &scan.answer.body {
            AnswerBody::Same(same) if *same == sent => BodyChange::Same,
            AnswerBody::None if !scan.answer.announced().body => BodyChange::None,
            AnswerBody::None | AnswerBody::Same(_) | AnswerBody::Own(_) | AnswerBody::Lost(_) => {
                BodyChange::Changed
            }
        },
        page: b"",
    };
    judge(&view, profile).verdict
}

fn body_change(exchange: &Exchange, answer: &Answer, head_changed: bool) -> BodyChange {
    let body = exchange.body.progress();
    let (given, announced) = match &answer.body {
        AnswerBody::Own(_) | AnswerBody::Lost(_) => return BodyChange::Changed,
        AnswerBody::Same(same) => (*same, true),
        AnswerBody::None => (0, answer.announced().body),
    };
    let length = answer.content_length();
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
        // An unchanged head with `null-body` is how some servers say 204 (c-icap's Allow204As200okZeroEncaps). Had the body
        // been taken away, its length in the head would be another.
        let original = exchange
            .body
            .announced
            .or(body.ended.then_some(body.available));
        return match length {
            _ if answer.http.is_none() => BodyChange::None,
            None if !head_changed => BodyChange::None,
            length if length == original && !head_changed => BodyChange::None,
            None | Some(0) => BodyChange::Changed,
            Some(_) => BodyChange::CutOff,
        };
    }
    // The beginning of the original: all there is to be, where the server says so by a length or has changed the head.
    if length == Some(given) || (head_changed && answer.http.is_some()) {
        BodyChange::Changed
    } else {
        BodyChange::CutOff
    }
}

/// The message that takes the place of the original.
pub(super) fn replacement<H: Host>(
    host: &H,
    id: u32,
    exchange: &Exchange,
    answer: Answer,
    budget: &Budget,
) -> Result<Replacement, (Cause, String)> {
    let internal = |e: HostError| (Cause::Internal, e.to_string());
    let refused = |why: &str| (Cause::Protocol, why.to_owned());
    host.enter(id).map_err(internal)?;
    let bare =
        matches!(&answer.http, Some(HttpHead::Response(head)) if rewrite::has_no_body(head.status));
    let body = match answer.body {
        _ if bare => Some(Held::new(budget)),
        AnswerBody::Lost(why) => return Err(fault(why)),
        AnswerBody::Own(body) => Some(body),
        AnswerBody::Same(len)
            if exchange.body.progress().ended && len == exchange.body.available =>
        {
            None
        }
        AnswerBody::Same(len) => {
            let mut own = Held::new(budget);
            copy(&mut own, 0..len, |range| {
                read(host, id, exchange, range).ok()
            })
            .map_err(fault)?;
            Some(own)
        }
        AnswerBody::None => Some(Held::new(budget)),
    };
    // Where there is no body the host has no buffer to put one in.
    let body = match body {
        Some(body) if exchange.body.available == 0 && exchange.body.at_end => {
            if !body.is_empty() {
                return Err((Cause::Internal, NO_PLACE_FOR_BODY.into()));
            }
            None
        }
        body => body,
    };
    host.enter(id).map_err(internal)?;
    let original = host.headers(exchange.direction).map_err(internal)?;
    let length = body.as_ref().map(Held::len);
    let headers = match (&answer.http, exchange.direction) {
        (Some(HttpHead::Request(head)), Direction::Request) => {
            rewrite::request_fields(&original, head, length).map_err(refused)?
        }
        (Some(HttpHead::Response(head)), Direction::Request) if exchange.is_shown_as_download() => {
            let encoding = head.headers.get("content-encoding");
            upload::with_new_body(&original, encoding, length).map_err(refused)?
        }
        (Some(HttpHead::Response(head)), Direction::Response) => {
            rewrite::response_fields(&original, head, length).map_err(refused)?
        }
        _ => return Err(refused("the answer has no message to go on with")),
    };
    Ok(Replacement { headers, body })
}

/// What the client gets for a blocked message.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) status: u16,
    pub(super) fields: Fields,
    pub(super) body: Vec<u8>,
    /// It is the server's, and not the profile's own.
    pub(super) from_server: bool,
}

/// The page for a blocked message: the server's where `with` says so and it can be used.
pub(super) fn block_page<H: Host>(
    host: &H,
    id: u32,
    exchange: &Exchange,
    with: BlockWith,
    answer: Answer,
) -> Page {
    let page = &exchange.profile.block_response;
    let own = || Page {
        status: page.status,
        fields: vec![(
            b"content-type".to_vec(),
            page.content_type.clone().into_bytes(),
        )],
        body: page.body.clone().into_bytes(),
        from_server: false,
    };
    let (BlockWith::ServerResponse, Some(HttpHead::Response(head))) = (with, answer.http) else {
        return own();
    };
    let body = match answer.body {
        AnswerBody::Own(body) if body.len() <= PAGE_BYTES => {
            Some(body.pieces().collect::<Vec<_>>().concat())
        }
        AnswerBody::Same(len) if len <= PAGE_BYTES => read(host, id, exchange, 0..len).ok(),
        AnswerBody::None => Some(Vec::new()),
        AnswerBody::Own(_) | AnswerBody::Same(_) | AnswerBody::Lost(_) => None,
    };
    let status = match head.status {
        _ if !page.keep_server_status => page.status,
        // It would tell the client that its upload went well.
        SHOWN if exchange.is_shown_as_download() => page.status,
        // Such a response would carry no page, or be no final one.
        status if rewrite::has_no_body(status) => page.status,
        status => status,
    };
    match body {
        Some(body) if status == head.status || !page.keep_server_status || !body.is_empty() => {
            Page {
                status,
                fields: rewrite::local_response_fields(&head),
                body,
                from_server: true,
            }
        }
        _ => own(),
    }
}
