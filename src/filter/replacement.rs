//! What takes the place of a message: the message of an answer, or a page for its client.

use std::ops::Range;

use super::exchange::{Exchange, Replacement};
use super::page::Page;
use super::rewrite;
use crate::config::Cause;
use crate::host::{Host, HostError};
use crate::icap::{Direction, HttpHead};
use crate::submission::{
    Answer, AnswerBody, Budget, Held, NotKept, PAGE_BYTES, Shown, Source, copy,
};
use crate::verdict::BlockWith;

/// Why a changed message can't take the place of the original.
const NO_PLACE_FOR_BODY: &str = "the server added a body to a message that has none";

fn fault(why: NotKept) -> (Cause, String) {
    (why.cause(), why.sentence().to_owned())
}

/// A range of the original body.
fn read<H: Host>(host: &H, id: u32, exchange: &Exchange, range: Range<u64>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    if range.is_empty() {
        return Some(bytes);
    }
    let source = Source::Host(host, id, exchange.direction, &Shown::Whole);
    source.read(range, &mut bytes).ok().map(|()| bytes)
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
            copy(&mut own, 0..len, |range| read(host, id, exchange, range)).map_err(fault)?;
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
        (Some(HttpHead::Response(head)), Direction::Response) => {
            rewrite::response_fields(&original, head, length).map_err(refused)?
        }
        _ => return Err(refused("the answer has no message to go on with")),
    };
    Ok(Replacement { headers, body })
}

/// The server's page for a blocked message, where `with` says so and it can be used.
pub(super) fn server_page<H: Host>(
    host: &H,
    id: u32,
    exchange: &Exchange,
    with: BlockWith,
    answer: Answer,
) -> Option<Page> {
    let (BlockWith::ServerResponse, Some(HttpHead::Response(head))) = (with, answer.http) else {
        return None;
    };
    if exchange.is_grpc(host, id) {
        return None;
    }
    let body = match answer.body {
        AnswerBody::Own(body) if body.len() <= PAGE_BYTES => {
            body.pieces().collect::<Vec<_>>().concat()
        }
        AnswerBody::Same(len) if len <= PAGE_BYTES => read(host, id, exchange, 0..len)?,
        AnswerBody::None => Vec::new(),
        AnswerBody::Own(_) | AnswerBody::Same(_) | AnswerBody::Lost(_) => return None,
    };
    let own = &exchange.profile.block_response;
    let status = match head.status {
        _ if !own.keep_server_status => own.page.status,
        // Such a response would carry no page, or be no final one.
        status if rewrite::has_no_body(status) => own.page.status,
        status => status,
    };
    let is_usable = status == head.status || !own.keep_server_status || !body.is_empty();
    is_usable.then(|| Page {
        status,
        fields: rewrite::local_response_fields(&head),
        body,
    })
}
