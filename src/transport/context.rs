//! The contexts of the upstream role: one for each connection, and what they share.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::{Deframer, PEER_FIELD, prefix};
use crate::bug::{Bug, bug};
use crate::host::{BodyEdit, Fields, Host, HostResult, LocalResponse, Next, STREAM_FIELD};
use crate::icap::Direction;

/// What the client of a listener reads that has this role among its filters.
const WRONG_PLACE: &[u8] = b"The content could not be scanned.\n";

/// Connections that are to be closed.
///
/// They are closed from the tick of the root context: the close is reported to the filter role at once, and that is in the
/// midst of a callback while it sends. Each has a tick of its own: the host keeps what a callback asks for until that
/// returns, and of two closes the second would wait while the first is reported; whatever the filter role then sends
/// makes the host run the second, in the midst of that sending.
#[derive(Debug)]
pub struct PendingCloses<H> {
    host: H,
    root: u32,
    contexts: RefCell<VecDeque<u32>>,
}

impl<H: Host> PendingCloses<H> {
    /// None so far. `root` is the root context.
    pub fn new(host: H, root: u32) -> Self {
        Self {
            host,
            root,
            contexts: RefCell::default(),
        }
    }

    /// Closes that connection soon.
    fn add(&self, context: u32) {
        self.contexts.borrow_mut().push_back(context);
        self.wake(1);
    }

    /// Closes one of those that are to be closed.
    pub fn on_tick(&self) {
        let (context, more) = {
            let mut contexts = self.contexts.borrow_mut();
            (contexts.pop_front(), !contexts.is_empty())
        };
        self.wake(u32::from(more));
        let Some(context) = context else { return };
        let closed = self.host.enter(context).and_then(|()| {
            self.host.respond(&LocalResponse {
                status: 503,
                details: "icap_transport_closed",
                fields: &Fields::new(),
                body: &[],
            })
        });
        if let Err(e) = closed {
            log::debug!("icap transport: context {context}: {e}");
        }
    }

    fn wake(&self, period_ms: u32) {
        if let Err(e) = self
            .host
            .enter(self.root)
            .and_then(|()| self.host.set_tick_period(period_ms))
        {
            log::error!("icap transport: {e}");
        }
    }
}

/// One connection to an ICAP server.
#[derive(Debug)]
pub struct TransportContext<H> {
    host: H,
    id: u32,
    outgoing: RefCell<Deframer>,
    /// Given up: nothing more goes to the server.
    given_up: Cell<bool>,
    /// This is no connection of the filter role.
    is_misplaced: Cell<bool>,
    pending_closes: Rc<PendingCloses<H>>,
}

impl<H: Host> TransportContext<H> {
    /// A connection of which nothing has been sent.
    pub fn new(host: H, id: u32, pending_closes: Rc<PendingCloses<H>>) -> Self {
        Self {
            host,
            id,
            outgoing: RefCell::default(),
            given_up: Cell::new(false),
            is_misplaced: Cell::new(false),
            pending_closes,
        }
    }

    /// Takes the prefixes out of the `len` bytes that are about to be sent, and says whether to hang up instead.
    fn strip(&self, len: usize) -> HostResult<bool> {
        let outgoing = self.outgoing.borrow_mut().payload(len, |range, out| {
            self.host
                .read_body(Direction::Request, range.start, range.len(), out)
        })?;
        if outgoing.close_soon {
            return Ok(true);
        }
        match outgoing.payload.as_slice() {
            [] => self
                .host
                .edit_body(Direction::Request, BodyEdit::DrainFront(len)),
            // The rule: one message, whose prefix goes and whose payload stays where it is.
            [only] if only.end == len => self
                .host
                .edit_body(Direction::Request, BodyEdit::DrainFront(only.start)),
            // Messages that were joined while the connection was being established. The host can only cut at the front.
            several => {
                let mut payload = Vec::with_capacity(len);
                let all = match bug(Bug::JoinedMessagesLost) {
                    true => 1,
                    false => usize::MAX,
                };
                for part in several.iter().take(all) {
                    self.host.read_body(
                        Direction::Request,
                        part.start,
                        part.len(),
                        &mut payload,
                    )?;
                }
                self.host
                    .edit_body(Direction::Request, BodyEdit::Replace(&payload))
            }
        }
        .map(|()| false)
    }

    /// Ends the connection, which the filter role learns as the close of its stream.
    fn close_soon(&self) -> Next {
        self.given_up.set(true);
        self.pending_closes.add(self.id);
        Next::Pause
    }

    /// A framing that went wrong would show the server half a message: the connection ends instead.
    fn or_close(&self, result: HostResult) -> Next {
        match result {
            Ok(()) => Next::Continue,
            Err(e) => {
                log::error!("icap transport: {e}; the connection is given up");
                self.close_soon()
            }
        }
    }

    /// A stream of the filter role is about to be sent. Anything else means that this role stands in a listener, where it would
    /// tear messages apart.
    pub fn on_outgoing_headers(&self) -> Next {
        match self.host.header(Direction::Request, STREAM_FIELD) {
            Ok(Some(_)) => Next::Continue,
            _ => {
                self.is_misplaced.set(true);
                log::error!(
                    "icap transport: a message comes that is no connection of the filter: the role \"transport\" belongs \
                     into the upstream filters of the ICAP cluster; a listener needs the filter with its profiles"
                );
                if let Err(e) = self.host.respond(&LocalResponse {
                    status: 503,
                    details: "icap_refused",
                    fields: &Fields::new(),
                    body: WRONG_PLACE,
                }) {
                    log::error!("icap transport: {e}");
                }
                Next::Pause
            }
        }
    }

    /// `len` bytes are about to be sent to the server.
    pub fn on_outgoing(&self, len: usize) -> Next {
        if self.given_up.get() || self.is_misplaced.get() {
            return Next::Pause;
        }
        if len == 0 {
            return Next::Continue;
        }
        match self.strip(len) {
            Ok(true) => self.close_soon(),
            result => self.or_close(result.map(drop)),
        }
    }

    /// The connection is established: the filter role learns it as the headers of a gRPC response.
    pub fn on_established(&self) -> Next {
        if self.is_misplaced.get() {
            return Next::Continue;
        }
        let peer = self
            .host
            .property(&["upstream", "address"])
            .ok()
            .flatten()
            .unwrap_or_default();
        let framed = self
            .host
            .set_header(Direction::Response, "content-type", b"application/grpc")
            .and_then(|()| self.host.set_header(Direction::Response, PEER_FIELD, &peer));
        self.or_close(framed)
    }

    /// `len` bytes have come from the server.
    pub fn on_incoming(&self, len: usize) -> Next {
        if self.is_misplaced.get() {
            return Next::Continue;
        }
        let Some(prefix) = prefix(len).filter(|_| len > 0) else {
            return Next::Continue;
        };
        self.or_close(
            self.host
                .edit_body(Direction::Response, BodyEdit::Prepend(&prefix)),
        )
    }
}
