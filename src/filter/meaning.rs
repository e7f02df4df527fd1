//! What a complete answer means for the message it is about, and what comes of it.

use std::ops::Range;

use super::answer::{Answer, AnswerBody};
use super::exchange::{Exchange, Replacement, Scan};
use super::rewrite;
use crate::config::{Cause, Profile};
use crate::host::{self, Half};
use crate::icap::{HttpHead, RequestHead, ResponseHead};
use crate::verdict::{
    AnswerView, BlockWith, BodyChange, Findings, Judgement, Verdict, judge, judge_head,
    same_request, same_response,
};

/// Why a changed message can't take the place of the original.
const NO_PLACE_FOR_BODY: &str = "the server added a body to a message that has none";

impl Answer {
    /// Puts the part of the original that the answer goes on with (206, draft-icap-ext-partial-content-07) behind its body.
    /// The original has come to its end.
    ///
    /// # Errors
    /// The answer asks for what is not there, or for more than may be held.
    pub(super) fn complete(&mut self, id: u32, exchange: &Exchange) -> Result<(), (Cause, String)> {
        let Some(from) = self.use_original_body.take() else {
            return Ok(());
        };
        let available = exchange.body.available;
        if from > available {
            let reason = format!("use-original-body is {from}, the body has {available} bytes");
            return Err((Cause::Protocol, reason));
        }
        let body = match std::mem::take(&mut self.body) {
            AnswerBody::Same(same) if same == from => return self.keep_original(available),
            AnswerBody::None if from == 0 => return self.keep_original(available),
            AnswerBody::Same(same) => read(id, exchange, 0..same)?,
            AnswerBody::Own(own) => own,
            AnswerBody::None => Vec::new(),
            AnswerBody::TooLarge => {
                self.body = AnswerBody::TooLarge;
                return Ok(());
            }
        };
        let len = (body.len() as u64).saturating_add(available.saturating_sub(from));
        self.body = if len > exchange.answer_limit() {
            AnswerBody::TooLarge
        } else {
            AnswerBody::Own([body, read(id, exchange, from..available)?].concat())
        };
        Ok(())
    }

    fn keep_original(&mut self, available: u64) -> Result<(), (Cause, String)> {
        self.body = if available == 0 {
            AnswerBody::None
        } else {
            AnswerBody::Same(available)
        };
        Ok(())
    }
}

/// A range of the original body.
fn read(id: u32, exchange: &Exchange, range: Range<u64>) -> Result<Vec<u8>, (Cause, String)> {
    let mut bytes = Vec::new();
    if range.is_empty() {
        return Ok(bytes);
    }
    exchange
        .source(id)
        .read(range, &mut bytes)
        .map(|()| bytes)
        .map_err(|e| (Cause::Internal, e.to_string()))
}

/// What the answer means for the message.
pub(super) fn judge_answer(exchange: &Exchange, answer: &Answer) -> Judgement {
    with_view(exchange, answer, |view| judge(view, &exchange.profile)).unwrap_or_else(|| {
        let reason = "the answer has no head".to_owned();
        let cause = Cause::Internal;
        Judgement {
            verdict: Verdict::Fail { cause, reason },
            findings: Findings::default(),
        }
    })
}

/// What was found, where an answer of which something is missing says all the same that something was.
pub(super) fn judge_rest(exchange: &Exchange, answer: &Answer) -> Option<Findings> {
    with_view(exchange, answer, |view| judge_head(view, &exchange.profile)).flatten()
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
        Some(HttpHead::Response(got)) => original_response
            .as_ref()
            .is_none_or(|sent| !same_response(sent, got)),
    };
    Some(act(&AnswerView {
        scan: exchange.scan_kind(),
        status: head.status,
        headers: &headers,
        http: answer.http.as_ref(),
        original_response: original_response.as_ref(),
        head_changed,
        body: body_change(exchange, answer, head_changed),
    }))
}

/// What the answer to a probe means; whether a body came back unchanged is of no interest there.
pub(super) fn judge_probe(scan: &Scan, profile: &Profile) -> Verdict {
    let Some(head) = &scan.answer.head else {
        let reason = "the answer has no head".to_owned();
        return Verdict::Fail {
            cause: Cause::Internal,
            reason,
        };
    };
    let view = AnswerView {
        scan: crate::verdict::Scan::Request,
        status: head.status,
        headers: &head.headers,
        http: scan.answer.http.as_ref(),
        original_response: None,
        head_changed: false,
        body: BodyChange::None,
    };
    judge(&view, profile).verdict
}

fn body_change(exchange: &Exchange, answer: &Answer, head_changed: bool) -> BodyChange {
    let body = exchange.body.progress();
    match &answer.body {
        AnswerBody::Same(len) if body.ended && *len == body.available => BodyChange::Same,
        // An unchanged head with `null-body` is how some servers say 204 (c-icap's Allow204As200okZeroEncaps): had the body
        // been taken away, its length in the head would be another.
        AnswerBody::None if answer.http.is_none() || body.available == 0 || !head_changed => {
            BodyChange::None
        }
        AnswerBody::None | AnswerBody::Same(_) | AnswerBody::Own(_) | AnswerBody::TooLarge => {
            BodyChange::Changed
        }
    }
}

/// The message that takes the place of the original.
pub(super) fn replacement(
    id: u32,
    exchange: &Exchange,
    answer: Answer,
) -> Result<Replacement, (Cause, String)> {
    let internal = |e: host::HostError| (Cause::Internal, e.to_string());
    host::enter(id).map_err(internal)?;
    let body = match answer.body {
        AnswerBody::TooLarge => {
            return Err((
                Cause::Oversize,
                "the changed body is larger than what may be held".into(),
            ));
        }
        AnswerBody::Own(body) => Some(body),
        AnswerBody::Same(len)
            if exchange.body.progress().ended && len == exchange.body.available =>
        {
            None
        }
        AnswerBody::Same(len) => Some(read(id, exchange, 0..len)?),
        AnswerBody::None => Some(Vec::new()),
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
    let original = host::headers(exchange.half).map_err(internal)?;
    let length = body.as_ref().map(Vec::len);
    let headers = match (&answer.http, exchange.half) {
        (Some(HttpHead::Request(head)), Half::Request) => {
            rewrite::request_fields(&original, head, length)
        }
        (Some(HttpHead::Response(head)), Half::Response) => {
            rewrite::response_fields(&original, head, length)
        }
        _ => {
            return Err((
                Cause::Protocol,
                "the answer has no message to go on with".into(),
            ));
        }
    };
    Ok(Replacement { headers, body })
}

/// What the client gets for a blocked message.
pub(super) fn block_page(
    id: u32,
    exchange: &Exchange,
    with: BlockWith,
    answer: Answer,
) -> (u16, host::Fields, Vec<u8>) {
    let own = || {
        let page = &exchange.profile.block_response;
        let content_type = page.content_type.clone().into_bytes();
        let fields = vec![(b"content-type".to_vec(), content_type)];
        (page.status, fields, page.body.clone().into_bytes())
    };
    let (BlockWith::ServerResponse, Some(HttpHead::Response(head))) = (with, answer.http) else {
        return own();
    };
    let body = match answer.body {
        AnswerBody::Own(body) => Ok(body),
        AnswerBody::Same(len) => read(id, exchange, 0..len),
        AnswerBody::None => Ok(Vec::new()),
        AnswerBody::TooLarge => return own(),
    };
    match body {
        Ok(body) if (200..=599).contains(&head.status) => {
            (head.status, rewrite::local_response_fields(&head), body)
        }
        _ => own(),
    }
}
