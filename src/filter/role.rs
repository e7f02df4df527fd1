//! The filter role on one worker: hands the worker one callback of the host at a time.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::inbox::{Event, Inbox};
use super::worker::Worker;
use crate::config::Config;
use crate::connection::StreamToken;
use crate::gate::{Arrival, Gates};
use crate::host::{Host, Next};
use crate::icap::Direction;

/// The filter role of one plugin on one worker.
#[derive(Debug)]
pub struct FilterRole<H> {
    host: H,
    worker: RefCell<Worker<H>>,
    /// The events that the worker has not handled. Envoy may call within a callback, but the worker gets one callback at a time.
    inbox: Inbox,
    /// This filter stands, by mistake, among the upstream filters of an ICAP cluster: its own connections come through it.
    is_upstream: Cell<bool>,
}

impl<H: Host + Clone> FilterRole<H> {
    /// Starts the filter of the root context that the host is configuring.
    pub fn start(host: H, root: u32, config: Config, gates: Gates) -> Self {
        let inbox = Inbox::default();
        let mut worker = Worker::new(host.clone(), root, Rc::new(config), inbox.clone(), gates);
        worker.start();
        Self {
            host,
            worker: RefCell::new(worker),
            inbox,
            is_upstream: Cell::new(false),
        }
    }

    /// Runs `act` on the worker, and then the events that came meanwhile. `None` where a callback is running already.
    fn run<T>(&self, act: impl FnOnce(&mut Worker<H>) -> T) -> Option<T> {
        let mut worker = self.worker.try_borrow_mut().ok()?;
        let done = act(&mut worker);
        while let Some(event) = self.inbox.pop() {
            match event {
                Event::Connected(token, peer) => worker.on_connected(token, peer),
                Event::Message(token, bytes) => worker.on_message(token, bytes),
                Event::Unreadable(token) => worker.on_unreadable(token),
                Event::Closed(token) => worker.on_closed(token),
                Event::Replied(id) => worker.on_envoy_replied(id),
                Event::Done(id) => worker.on_done(id),
            }
        }
        worker.end();
        Some(done)
    }

    /// Has the worker handle an event, now or after the running callback.
    fn deliver(&self, event: Event) {
        self.inbox.push(event);
        self.run(|_| ());
    }

    /// The host is about to delete the root context.
    pub fn on_stop(&self) {
        self.run(Worker::stop);
    }

    /// A tick of the root context.
    pub fn on_tick(&self) {
        if self.is_upstream.take() {
            self.run(Worker::give_up_upstream);
        }
        self.run(Worker::on_tick);
    }

    /// A wake-up that the worker has asked for.
    pub fn on_wake_up(&self) {
        self.run(Worker::on_wake_up);
    }

    /// A connection is established, to the server at `peer`.
    pub fn on_connected(&self, token: StreamToken, peer: String) {
        self.deliver(Event::Connected(token, peer));
    }

    /// `len` bytes have come from a server.
    pub fn on_message(&self, token: StreamToken, len: usize) {
        match self.host.stream_message(len) {
            Ok(bytes) => self.deliver(Event::Message(token, bytes)),
            Err(e) => {
                log::error!("stream {token}: {e}");
                self.deliver(Event::Unreadable(token));
            }
        }
    }

    /// The other side has closed a connection, or the connection could not be established.
    pub fn on_closed(&self, token: StreamToken) {
        self.deliver(Event::Closed(token));
    }

    /// The headers of a message have come.
    pub fn on_headers(&self, id: u32, direction: Direction, at_end: bool) -> Next {
        self.judge(id, direction, |worker| {
            worker.on_headers(id, direction, at_end)
        })
    }

    /// A part of a body has come. `size`: the bytes in the host's buffer, or of a message that goes on already the new bytes.
    pub fn on_body(&self, id: u32, direction: Direction, size: usize, at_end: bool) -> Next {
        self.judge(id, direction, |worker| {
            worker.on_body(id, direction, size, at_end)
        })
    }

    /// The gate before this filter holds a part of a body.
    pub fn on_arrival(&self, arrival: Arrival) {
        self.run(|worker| worker.on_arrival(arrival));
    }

    /// The trailers of a message have come, which end its body.
    pub fn on_trailers(&self, id: u32, direction: Direction) -> Next {
        self.judge(id, direction, |worker| worker.on_trailers(id, direction))
    }

    /// Runs a callback about an HTTP message. Two kinds come within another callback: the response headers of Envoy's own local
    /// reply to a message whose edit exceeded Envoy's buffer limit, and, where this filter stands in the wrong place, the request
    /// headers of the connection that the worker is just opening.
    fn judge(
        &self,
        id: u32,
        direction: Direction,
        act: impl FnOnce(&mut Worker<H>) -> Next,
    ) -> Next {
        match (self.run(act), direction) {
            (Some(next), _) => next,
            (None, Direction::Response) => {
                self.inbox.push(Event::Replied(id));
                Next::Continue
            }
            // No local reply here: Envoy would report its end within the opening, and spin for ever.
            (None, Direction::Request) => {
                self.is_upstream.set(true);
                Next::Pause
            }
        }
    }

    /// Envoy is about to write the access log.
    pub fn on_log(&self, id: u32) {
        self.run(|worker| worker.on_log(id));
    }

    /// Envoy is about to delete the HTTP context.
    pub fn on_done(&self, id: u32) {
        self.deliver(Event::Done(id));
    }
}
