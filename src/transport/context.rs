//! The contexts of the upstream role: one for each connection, and what they share.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::{Deframer, PEER_FIELD, prefix};
use crate::host::{self, Half, HostResult, Next};

/// Connections that are to be closed.
///
/// They are closed from the tick of the root context: the close is reported to the filter role at once, and that is in the
/// midst of a callback while it sends. Each has a tick of its own: the host keeps what a callback asks for until that
/// returns, and of two closes the second would wait while the first is reported; whatever the filter role then sends
/// makes the host run the second, in the midst of that sending.
#[derive(Debug)]
pub struct HangUps {
    root: u32,
    contexts: RefCell<VecDeque<u32>>,
}

impl HangUps {
    /// None so far. `root` is the root context.
    pub fn new(root: u32) -> Self {
        Self {
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
        let closed = host::enter(context)
            .and_then(|()| host::respond(503, "icap_transport_closed", &Vec::new(), &[]));
        if let Err(e) = closed {
            log::debug!("icap transport: context {context}: {e}");
        }
    }

    fn wake(&self, period_ms: u32) {
        if let Err(e) = host::enter(self.root).and_then(|()| host::set_tick_period(period_ms)) {
            log::error!("icap transport: {e}");
        }
    }
}

/// One connection to an ICAP server.
#[derive(Debug)]
pub struct TransportContext {
    id: u32,
    outgoing: RefCell<Deframer>,
    /// Given up: nothing more goes to the server.
    given_up: Cell<bool>,
    hang_ups: Rc<HangUps>,
}

impl TransportContext {
    /// A connection of which nothing has been sent.
    pub fn new(id: u32, hang_ups: Rc<HangUps>) -> Self {
        Self {
            id,
            outgoing: RefCell::default(),
            given_up: Cell::new(false),
            hang_ups,
        }
    }

    /// Takes the prefixes out of the `len` bytes that are about to be sent, and says whether to hang up instead.
    fn strip(&self, len: usize) -> HostResult<bool> {
        let outgoing = self.outgoing.borrow_mut().payload(len, |range| {
            host::read_body(Half::Request, range.start, range.len())
        })?;
        if outgoing.hang_up {
            return Ok(true);
        }
        match outgoing.payload.as_slice() {
            [] => host::splice_body(Half::Request, 0, len, &[]),
            // The rule: one message, whose prefix goes and whose payload stays where it is.
            [only] if only.end == len => host::splice_body(Half::Request, 0, only.start, &[]),
            // Messages that were joined while the connection was being established. The host can only cut at the front.
            several => {
                let mut payload = Vec::with_capacity(len);
                for part in several {
                    let bytes = host::read_body(Half::Request, part.start, part.len())?;
                    payload.extend_from_slice(&bytes);
                }
                host::splice_body(Half::Request, 0, len, &payload)
            }
        }
        .map(|()| false)
    }

    /// Ends the connection, which the filter role learns as the close of its stream.
    fn hang_up(&self) -> Next {
        self.given_up.set(true);
        self.hang_ups.add(self.id);
        Next::Pause
    }

    /// A framing that went wrong would show the server half a message: the connection ends instead.
    fn or_hang_up(&self, result: HostResult) -> Next {
        match result {
            Ok(()) => Next::Continue,
            Err(e) => {
                log::error!("icap transport: {e}; the connection is given up");
                self.hang_up()
            }
        }
    }

    /// `len` bytes are about to be sent to the server.
    pub fn on_outgoing(&self, len: usize) -> Next {
        if self.given_up.get() {
            return Next::Pause;
        }
        if len == 0 {
            return Next::Continue;
        }
        match self.strip(len) {
            Ok(true) => self.hang_up(),
            result => self.or_hang_up(result.map(drop)),
        }
    }

    /// The connection is established: the filter role learns it as the headers of a gRPC response.
    pub fn on_established(&self) -> Next {
        let peer = host::property(&["upstream", "address"])
            .ok()
            .flatten()
            .unwrap_or_default();
        let framed = host::set_header(Half::Response, "content-type", b"application/grpc")
            .and_then(|()| host::set_header(Half::Response, PEER_FIELD, &peer));
        self.or_hang_up(framed)
    }

    /// `len` bytes have come from the server.
    pub fn on_incoming(&self, len: usize) -> Next {
        let Some(prefix) = prefix(len).filter(|_| len > 0) else {
            return Next::Continue;
        };
        self.or_hang_up(host::splice_body(Half::Response, 0, 0, &prefix))
    }
}
