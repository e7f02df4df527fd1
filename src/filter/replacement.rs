//! Makes what takes the place of a message: the message in an ICAP response, a form with changed parts, or the server's page.

use super::buffer::{append, drain, turn};
use super::changed_form::Piece;
use super::coded::without_coding;
use super::exchange::Exchange;
use super::layout::Layout;
use super::page::Page;
use super::rewrite;
use super::upload;
use crate::bug::{Bug, bug};
use crate::config::Cause;
use crate::host::{BodyEdit, Fields, Host, HostError, HostResult};
use crate::icap::{Direction, HttpHead};
use crate::submission::{
    Budget, Held, IcapResponse, IcapResponseBody, OwnBody, PAGE_BYTES, SHOWN_STATUS,
};
use crate::verdict::BlockWith;

/// Why a changed message can't take the place of the original.
const NO_PLACE_FOR_BODY: &str = "the server added a body to a message that has none";
/// Why a message can't be replaced, for the log.
type Fault = (Cause, String);

/// The headers and the body that take the place of a message's own.
#[derive(Debug)]
pub(super) struct Replacement {
    pub(super) headers: Fields,
    /// `None`: the body stays.
    pub(super) body: Option<NewBody>,
}

/// A body in the place of the original.
#[derive(Debug)]
pub(super) enum NewBody {
    /// Another body, held in the module.
    Other(Held),
    /// The original with other bytes in some places.
    Patched(Vec<Piece>),
    /// Another body, which is in the host's buffer but for its end.
    Placed(OwnBody),
}

impl NewBody {
    /// The length of the body in bytes.
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Other(held) => held.len(),
            Self::Patched(pieces) => pieces.iter().map(Piece::len).fold(0, u64::saturating_add),
            Self::Placed(own) => own.len(),
        }
    }

    /// The body of an ICAP response, in the place of an original of `available` bytes.
    fn of(own: OwnBody, available: u64) -> Self {
        if own.held.placed() > 0 && !bug(Bug::PlacedOverwritten) {
            return Self::Placed(own);
        }
        if own.same == 0 && own.from.is_none() {
            return Self::Other(own.held);
        }
        let rest = own.from.unwrap_or(available)..available;
        let pieces = [
            Piece::Same(0..own.same),
            Piece::Other(own.held),
            Piece::Same(rest),
        ];
        let pieces = pieces.into_iter().filter(|piece| piece.len() > 0);
        Self::Patched(pieces.collect())
    }

    /// Puts the body in the place of the original, of `available` bytes. Goes piece by piece, so that the host's copies stay
    /// small. The caller has entered the context.
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
                append(host, direction, pieces)
            }
            Self::Patched(pieces) => {
                // The original is removed at the front of the buffer, and the new body grows at the end.
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
                        Piece::Other(held) => append(host, direction, held.pieces())?,
                    }
                }
                drain(host, direction, front..available)
            }
            Self::Placed(own) => append(host, direction, own.held.pieces()),
        }
    }
}

/// The body of an ICAP response that takes the place of the shown body. `shown`: the shown body's length, once that has ended.
/// `None`: the shown body stays as it is.
fn own_body(
    body: IcapResponseBody,
    shown: Option<u64>,
    budget: &Budget,
) -> Result<Option<OwnBody>, Fault> {
    match body {
        IcapResponseBody::Lost(why) => Err((why.cause(), why.sentence().to_owned())),
        IcapResponseBody::Own(own) => Ok(Some(own)),
        IcapResponseBody::Same(len) if shown == Some(len) => Ok(None),
        IcapResponseBody::Same(_) => Err(not_held()),
        IcapResponseBody::None => Ok(Some(nothing(budget))),
    }
}

/// Like [`own_body`], for a part of a message: the module holds all of the new body.
pub(super) fn held_body(
    body: IcapResponseBody,
    shown: Option<u64>,
    budget: &Budget,
) -> Result<Option<Held>, Fault> {
    match own_body(body, shown, budget)? {
        None => Ok(None),
        Some(own) if own.same == 0 && own.from.is_none() => Ok(Some(own.held)),
        Some(_) => Err(not_held()),
    }
}

/// An empty body.
fn nothing(budget: &Budget) -> OwnBody {
    OwnBody {
        same: 0,
        held: Held::new(budget),
        from: None,
    }
}

fn not_held() -> Fault {
    (Cause::Internal, "the changed body is not held".to_owned())
}

/// The message in an ICAP response, which takes the place of the original.
pub(super) fn replacement<H: Host>(
    host: &H,
    id: u32,
    exchange: &Exchange,
    response: IcapResponse,
    budget: &Budget,
) -> Result<Replacement, Fault> {
    let bare = matches!(&response.http, Some(HttpHead::Response(head)) if rewrite::has_no_body(head.status));
    let ended = exchange.body.progress().ended;
    let body = match response.body {
        _ if bare => Some(nothing(budget)),
        body => own_body(body, ended.then_some(exchange.body.available), budget)?,
    };
    let body = body.map(|own| NewBody::of(own, exchange.body.available));
    // For a message without a body the host has no buffer to put one in.
    let body = match body {
        Some(body) if exchange.body.available == 0 && exchange.body.at_end => {
            if body.len() > 0 {
                return Err((Cause::Internal, NO_PLACE_FOR_BODY.into()));
            }
            None
        }
        body => body,
    };
    let length = body.as_ref().map(NewBody::len);
    let headers = new_fields(host, id, exchange, response.http.as_ref(), length)?;
    Ok(Replacement { headers, body })
}

/// The fields of a message whose head an answer brings. `length`: of its body, where that changes.
pub(super) fn new_fields<H: Host>(
    host: &H,
    id: u32,
    exchange: &Exchange,
    http: Option<&HttpHead>,
    length: Option<u64>,
) -> Result<Fields, Fault> {
    let internal = |e: HostError| (Cause::Internal, e.to_string());
    let refused = |why: &str| (Cause::Protocol, why.to_owned());
    host.enter(id).map_err(internal)?;
    let original = host.headers(exchange.direction).map_err(internal)?;
    match (http, exchange.direction) {
        (Some(HttpHead::Request(head)), Direction::Request) => {
            rewrite::request_fields(&original, head, length).map_err(refused)
        }
        (Some(HttpHead::Response(head)), Direction::Request) if exchange.is_shown_as_download() => {
            let encoding = head.headers.get("content-encoding");
            let original = match exchange.is_decoded {
                true => without_coding(&original),
                false => original,
            };
            upload::with_new_body(&original, encoding, length).map_err(refused)
        }
        (Some(HttpHead::Response(head)), Direction::Response) => {
            rewrite::response_fields(&original, head, length).map_err(refused)
        }
        _ => Err(refused("the ICAP response has no message to go on with")),
    }
}

/// The server's page for a blocked message, if `with` says so and the page can be used.
pub(super) fn server_page<H: Host>(
    host: &H,
    id: u32,
    exchange: &Exchange,
    with: BlockWith,
    response: IcapResponse,
) -> Option<Page> {
    let (BlockWith::ServerResponse, Some(HttpHead::Response(head))) = (with, response.http) else {
        return None;
    };
    if exchange.is_grpc(host, id) {
        return None;
    }
    let body = match response.body {
        IcapResponseBody::Own(own)
            if own.len() <= PAGE_BYTES
                && own.from.is_none()
                && exchange.layout.as_ref().is_none_or(Layout::is_tidy) =>
        {
            whole_page(host, id, exchange.direction, &own)?
        }
        IcapResponseBody::None => Vec::new(),
        IcapResponseBody::Own(_) | IcapResponseBody::Same(_) | IcapResponseBody::Lost(_) => {
            return None;
        }
    };
    let own = &exchange.profile.block_response;
    let status = match head.status {
        _ if !own.keep_server_status => own.page.status,
        // This status would tell the client that its upload succeeded.
        SHOWN_STATUS if exchange.is_shown_as_download() => own.page.status,
        // A response with this status carries no page, or is not final.
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

/// A page that was first taken for a changed body, so that the host's buffer may hold its beginning. `None`: the buffer can't
/// be read.
fn whole_page<H: Host>(host: &H, id: u32, direction: Direction, own: &OwnBody) -> Option<Vec<u8>> {
    let mut page = Vec::new();
    let in_front = own.same.saturating_add(own.held.placed());
    if in_front > 0 {
        let len = usize::try_from(in_front).ok()?;
        let read = host
            .enter(id)
            .and_then(|()| host.read_body(direction, 0, len, &mut page));
        read.ok().filter(|()| page.len() == len)?;
    }
    page.extend(own.held.pieces().flatten());
    Some(page)
}
