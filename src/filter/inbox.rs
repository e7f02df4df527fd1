//! What Envoy reports while the worker is in a callback: the worker sees to it when that callback is done.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use crate::connection::StreamToken;

/// What the worker is told of, now or when it is done with what it is being told.
#[derive(Debug)]
pub(super) enum Event {
    /// A stream is established, to the server at that address.
    Connected(StreamToken, String),
    /// Bytes from a server.
    Message(StreamToken, Vec<u8>),
    /// Bytes from a server that Envoy did not hand over.
    Unreadable(StreamToken),
    /// A stream is closed.
    Closed(StreamToken),
    /// Envoy answers the client of that message itself.
    Replied(u32),
    /// The context of that message is about to go.
    Done(u32),
}

/// The events that wait for their turn; shared by the role, which takes them in, and the worker, which can look ahead.
#[derive(Clone, Debug, Default)]
pub(super) struct Inbox(Rc<RefCell<VecDeque<Event>>>);

impl Inbox {
    pub(super) fn push(&self, event: Event) {
        self.0.borrow_mut().push_back(event);
    }

    pub(super) fn pop(&self) -> Option<Event> {
        self.0.borrow_mut().pop_front()
    }

    /// Whether Envoy has ended that message within the callback that is running. An edit past Envoy's own buffer limit does
    /// that, and says nothing in its status.
    pub(super) fn has_ended(&self, id: u32) -> bool {
        self.0.borrow().iter().any(|event| match event {
            Event::Replied(of) | Event::Done(of) => *of == id,
            Event::Connected(..) | Event::Message(..) | Event::Unreadable(_) | Event::Closed(_) => {
                false
            }
        })
    }
}
