//! The server's page for a blocked message.

use super::exchange::Exchange;
use super::layout::Layout;
use super::page::Page;
use super::rewrite;
use crate::host::Host;
use crate::icap::{Direction, HttpHead};
use crate::submission::{IcapResponse, IcapResponseBody, OwnBody, PAGE_BYTES, SHOWN_STATUS};
use crate::verdict::BlockWith;

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
                && (exchange.stream.is_none() || in_front(&own) == 0)
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
    let in_front = in_front(own);
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

/// How many bytes of a page are in the host's buffer. That has nothing of a body that streams.
fn in_front(own: &OwnBody) -> u64 {
    own.same.saturating_add(own.held.placed())
}
