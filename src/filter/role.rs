//! The filter role: hands each callback of the host to the worker.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::inbox::{Event, Inbox};
use super::worker::Worker;
use crate::config::Config;
use crate::connection::StreamToken;
use crate::host::{Host, Next};
use crate::icap::Direction;

/// The filter on one worker.
#[derive(Debug)]
pub struct FilterRole<H> {
    host: H,
    worker: RefCell<Worker<H>>,
    /// What the worker has not been told of. It is one callback at a time, though Envoy may call within a callback.
    inbox: Inbox,
    /// This filter stands among the upstream filters of an ICAP cluster: its own connections come through it.
    is_upstream: Cell<bool>,
}

impl<H: Host + Clone> FilterRole<H> {
    /// The filter of the root context that is being configured.
    pub fn start(host: H, root: u32, config: Config) -> Self {
        let inbox = Inbox::default();
        let mut worker = Worker::new(host.clone(), root, Rc::new(config), inbox.clone());
        worker.start();
        Self {
            host,
            worker: RefCell::new(worker),
            inbox,
            is_upstream: Cell::new(false),
        }
    }

    /// Runs `act` on the worker, and after it what came within it. `None` where a callback is running already.
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

    /// Lets the worker see to it, now or when the callback that is running is done.
    fn deliver(&self, event: Event) {
        self.inbox.push(event);
        self.run(|_| ());
    }

    /// The root context is about to go.
    pub fn on_stop(&self) {
        self.run(Worker::stop);
    }

    /// Time has passed.
    pub fn on_tick(&self) {
        if self.is_upstream.take() {
            self.run(Worker::give_up_upstream);
        }
        self.run(Worker::on_tick);
    }

    /// The callback that the worker asked for.
    pub fn on_wake_up(&self) {
        self.run(Worker::on_wake_up);
    }

    /// The stream is established, to the server at `peer`.
    pub fn on_connected(&self, token: StreamToken, peer: String) {
        self.deliver(Event::Connected(token, peer));
    }

    /// Bytes from a server.
    pub fn on_message(&self, token: StreamToken, len: usize) {
        match self.host.stream_message(len) {
            Ok(bytes) => self.deliver(Event::Message(token, bytes)),
            Err(e) => {
                log::error!("stream {token}: {e}");
                self.deliver(Event::Unreadable(token));
            }
        }
    }

    /// A connection was closed by the other side, or could not be established.
    pub fn on_closed(&self, token: StreamToken) {
        self.deliver(Event::Closed(token));
    }

    /// The headers of a message have come.
    pub fn on_headers(&self, id: u32, direction: Direction, at_end: bool) -> Next {
        self.judge(id, direction, |worker| {
            worker.on_headers(id, direction, at_end)
        })
    }

    /// `size` bytes of the body are buffered, the new ones among them.
    pub fn on_body(&self, id: u32, direction: Direction, size: usize, at_end: bool) -> Next {
        self.judge(id, direction, |worker| {
            worker.on_body(id, direction, size, at_end)
        })
    }

    /// Trailers end the body.
    pub fn on_trailers(&self, id: u32, direction: Direction) -> Next {
        self.judge(id, direction, |worker| worker.on_trailers(id, direction))
    }

    /// A callback about an HTTP message. Within another callback there are two: an answer of Envoy's own to a message whose
    /// edit went past Envoy's buffer limit, and, where this filter stands in the wrong place, the connection that the worker is
    /// just opening.
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
            // No answer in here: Envoy would report its end in the midst of the opening, and never come to an end itself.
            (None, Direction::Request) => {
                self.is_upstream.set(true);
                Next::Pause
            }
        }
    }

    /// The access log is about to be written.
    pub fn on_log(&self, id: u32) {
        self.run(|worker| worker.on_log(id));
    }

    /// The HTTP context is about to go.
    pub fn on_done(&self, id: u32) {
        self.deliver(Event::Done(id));
    }
}
