//! The contexts of the transport role, one for each connection to an ICAP server, and the list of connections to close.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::{Deframer, PEER_FIELD, prefix};
use crate::bug::{Bug, bug};
use crate::host::{BodyEdit, Fields, Host, HostResult, LocalResponse, Next, STREAM_FIELD};
use crate::icap::Direction;

/// The body of the local reply where this role stands, by mistake, among the filters of a listener.
const WRONG_PLACE: &[u8] = b"The content could not be scanned.\n";

/// Connections that the root context is to close, one a tick.
///
/// Envoy reports a close to the filter role at once. So the close must not come within a callback in which the filter role
/// sends, and two closes must not come in one callback, since Envoy puts each off until that callback ends:
///
/// ```text
///  two closes in one tick ──tick ends──▶ Envoy closes the first, reports it ──▶ the filter role sends
///                                                           Envoy closes the second within that send ◀──┘
/// ```
#[derive(Debug)]
pub struct PendingCloses<H> {
    host: H,
    root: u32,
    contexts: RefCell<VecDeque<u32>>,
}

impl<H: Host> PendingCloses<H> {
    /// No connection so far. `root` is the number of the root context.
    pub fn new(host: H, root: u32) -> Self {
        Self {
            host,
            root,
            contexts: RefCell::default(),
        }
    }

    /// Has the connection of that context closed at a tick of its own.
    fn add(&self, context: u32) {
        self.contexts.borrow_mut().push_back(context);
        self.wake(1);
    }

    /// Closes the connection that waits longest, and asks for another tick if more wait.
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
    /// The connection is about to close: nothing more goes to the server.
    given_up: Cell<bool>,
    /// The filter role did not open this stream.
    is_misplaced: Cell<bool>,
    pending_closes: Rc<PendingCloses<H>>,
}

impl<H: Host> TransportContext<H> {
    /// A connection on which nothing has been sent.
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

    /// Takes the gRPC prefixes out of the `len` bytes that are about to be sent. True: the connection is to close instead.
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
            // As a rule one message: its prefix goes, its payload stays where it is.
            [only] if only.end == len => self
                .host
                .edit_body(Direction::Request, BodyEdit::DrainFront(only.start)),
            // Envoy joins messages while the connection is being established. The host can cut at the front only.
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

    /// Has the connection closed soon. The filter role sees the close of its stream.
    fn close_soon(&self) -> Next {
        self.given_up.set(true);
        self.pending_closes.add(self.id);
        Next::Pause
    }

    /// Closes the connection where an edit failed: the server would see a broken ICAP request.
    fn or_close(&self, result: HostResult) -> Next {
        match result {
            Ok(()) => Next::Continue,
            Err(e) => {
                log::error!("icap transport: {e}; the connection is given up");
                self.close_soon()
            }
        }
    }

    /// The headers of a stream are about to be sent. If the filter role did not open the stream, this role stands in a
    /// listener, where it would tear messages apart: the client gets a local reply.
    pub fn on_outgoing_headers(&self) -> Next {
        match self.host.header(Direction::Request, STREAM_FIELD) {
            Ok(Some(_)) => Next::Continue,
            _ => {
                self.is_misplaced.set(true);
                log::error!(
                    "icap transport: refused a stream that the filter role did not open: the role \"transport\" belongs \
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

    /// The connection is established. The filter role sees the headers of a gRPC response, with the server's address.
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
