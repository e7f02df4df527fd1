//! Makes what takes the place of a message out of an ICAP response.

use super::bare_fields::without_coding;
use super::exchange::Exchange;
use super::fault::Fault;
use super::replacement::{NewBody, Replacement};
use super::rewrite;
use super::upload;
use crate::config::Cause;
use crate::host::{Fields, Host, HostError};
use crate::icap::{Direction, HttpHead};
use crate::submission::{Budget, Held, IcapResponse, IcapResponseBody, OwnBody};

/// Why a changed message can't take the place of the original.
const NO_PLACE_FOR_BODY: &str = "the server added a body to a message that has none";

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
