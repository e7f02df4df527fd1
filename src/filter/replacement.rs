//! What takes the place of a message: the message of an answer, a form of which parts were changed, or a page for its client.

use std::ops::Range;

use super::changed_form::Piece;
use super::coded::without_coding;
use super::exchange::Exchange;
use super::page::Page;
use super::rewrite;
use super::upload;
use crate::config::Cause;
use crate::host::{BodyEdit, Fields, Host, HostError, HostResult};
use crate::icap::{Direction, HttpHead};
use crate::submission::{Answer, AnswerBody, Budget, Held, PAGE_BYTES, SHOWN_STATUS};
use crate::verdict::BlockWith;

/// Why a changed message can't take the place of the original.
const NO_PLACE_FOR_BODY: &str = "the server added a body to a message that has none";
/// How much of the original is moved at once within the host's buffer, in bytes.
const MOVED_BYTES: u64 = 64 * 1024;

/// Why there is nothing to take the place of a message, for the log.
type Fault = (Cause, String);

/// What takes the place of a message.
#[derive(Debug)]
pub(super) struct Replacement {
    pub(super) headers: Fields,
    /// `None`: the body stays.
    pub(super) body: Option<NewBody>,
}

/// A body in the place of the original.
#[derive(Debug)]
pub(super) enum NewBody {
    /// Another one.
    Other(Held),
    /// The original with other bytes in some places.
    Patched(Vec<Piece>),
}

impl NewBody {
    /// How long it is.
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Other(held) => held.len(),
            Self::Patched(pieces) => pieces.iter().map(Piece::len).fold(0, u64::saturating_add),
        }
    }

    /// Puts it in the place of the body of the message that was entered, piece by piece: the host's copies stay small.
    /// `available`: how long the original is.
    pub(super) fn put<H: Host>(
        &self,
        host: &H,
        direction: Direction,
        available: u64,
    ) -> HostResult {
        match self {
            Self::Other(body) => {
                let mut pieces = body.pieces();
                let first = pieces.next().unwrap_or_default();
                host.edit_body(direction, BodyEdit::Replace(first))?;
                pieces.try_for_each(|piece| host.edit_body(direction, BodyEdit::Append(piece)))
            }
            Self::Patched(pieces) => {
                // The buffer is taken away in front and grows at its end, where the new body stands.
                let mut front = 0;
                for (n, piece) in pieces.iter().enumerate() {
                    let kept = pieces.iter().skip(n).find_map(Piece::same);
                    let kept = kept.map_or(available, |range| range.start);
                    drain(host, direction, front..kept)?;
                    front = kept;
                    match piece {
                        Piece::Same(range) => {
                            turn(host, direction, range.clone())?;
                            front = range.end;
                        }
                        Piece::Other(held) => held.pieces().try_for_each(|piece| {
                            host.edit_body(direction, BodyEdit::Append(piece))
                        })?,
                    }
                }
                drain(host, direction, front..available)
            }
        }
    }
}

/// Takes away a range of the original, which stands at the front of the host's buffer.
fn drain<H: Host>(host: &H, direction: Direction, range: Range<u64>) -> HostResult {
    match usize::try_from(range.end.saturating_sub(range.start)) {
        Ok(0) | Err(_) => Ok(()),
        Ok(len) => host.edit_body(direction, BodyEdit::DrainFront(len)),
    }
}

/// Moves a range of the original from the front of the host's buffer to its end.
fn turn<H: Host>(host: &H, direction: Direction, range: Range<u64>) -> HostResult {
    let mut start = range.start;
    let mut bytes = Vec::new();
    while start < range.end {
        let end = range.end.min(start.saturating_add(MOVED_BYTES));
        let len = usize::try_from(end.saturating_sub(start)).unwrap_or_default();
        bytes.clear();
        host.read_body(direction, 0, len, &mut bytes)?;
        if bytes.len() != len {
            return Err(HostError {
                call: "get_buffer_bytes",
                status: HostError::UNUSABLE,
            });
        }
        host.edit_body(direction, BodyEdit::DrainFront(len))?;
        host.edit_body(direction, BodyEdit::Append(&bytes))?;
        start = end;
    }
    Ok(())
}

/// The body that an answer brings in the place of what was shown, of which there were `shown` bytes, if that has ended. `None`: it
/// stays as it is.
pub(super) fn new_body(
    body: AnswerBody,
    shown: Option<u64>,
    budget: &Budget,
) -> Result<Option<Held>, Fault> {
    match body {
        AnswerBody::Lost(why) => Err((why.cause(), why.sentence().to_owned())),
        AnswerBody::Own(body) => Ok(Some(body)),
        AnswerBody::Same(len) if shown == Some(len) => Ok(None),
        AnswerBody::Same(_) => Err((Cause::Internal, "the changed body is not held".to_owned())),
        AnswerBody::None => Ok(Some(Held::new(budget))),
    }
}

/// The message that takes the place of the original.
pub(super) fn replacement<H: Host>(
    host: &H,
    id: u32,
    exchange: &Exchange,
    answer: Answer,
    budget: &Budget,
) -> Result<Replacement, Fault> {
    let internal = |e: HostError| (Cause::Internal, e.to_string());
    let refused = |why: &str| (Cause::Protocol, why.to_owned());
    let bare =
        matches!(&answer.http, Some(HttpHead::Response(head)) if rewrite::has_no_body(head.status));
    let ended = exchange.body.progress().ended;
    let body = match answer.body {
        _ if bare => Some(Held::new(budget)),
        body => new_body(body, ended.then_some(exchange.body.available), budget)?,
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
            let original = match exchange.is_decoded {
                true => without_coding(&original),
                false => original,
            };
            upload::with_new_body(&original, encoding, length).map_err(refused)?
        }
        (Some(HttpHead::Response(head)), Direction::Response) => {
            rewrite::response_fields(&original, head, length).map_err(refused)?
        }
        _ => return Err(refused("the answer has no message to go on with")),
    };
    let body = body.map(NewBody::Other);
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
        AnswerBody::None => Vec::new(),
        AnswerBody::Own(_) | AnswerBody::Same(_) | AnswerBody::Lost(_) => return None,
    };
    let own = &exchange.profile.block_response;
    let status = match head.status {
        _ if !own.keep_server_status => own.page.status,
        // It would tell the client that its upload went well.
        SHOWN_STATUS if exchange.is_shown_as_download() => own.page.status,
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
