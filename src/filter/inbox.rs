//! The queue of events that Envoy reports while the worker is in a callback. The worker handles them after that callback.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use crate::connection::StreamToken;

/// An event for the worker, handled at once or after the running callback.
#[derive(Debug)]
pub(super) enum Event {
    /// A stream is established, to the server at that address.
    Connected(StreamToken, String),
    /// Bytes have come from a server.
    Message(StreamToken, Vec<u8>),
    /// Bytes have come from a server, and the module could not read them from Envoy.
    Unreadable(StreamToken),
    /// A stream is closed.
    Closed(StreamToken),
    /// Envoy sends a local reply of its own for that message.
    Replied(u32),
    /// Envoy is about to delete the context of that message.
    Done(u32),
}

/// The events that wait. The role adds them; the worker can look ahead.
#[derive(Clone, Debug, Default)]
pub(super) struct Inbox(Rc<RefCell<VecDeque<Event>>>);

impl Inbox {
    pub(super) fn push(&self, event: Event) {
        self.0.borrow_mut().push_back(event);
    }

    pub(super) fn pop(&self) -> Option<Event> {
        self.0.borrow_mut().pop_front()
    }

    /// Whether Envoy has ended that message within the running callback. Envoy does so at an edit past its own buffer limit,
    /// though the edit's status is a success.
    pub(super) fn has_ended(&self, id: u32) -> bool {
        self.0.borrow().iter().any(|event| match event {
            Event::Replied(of) | Event::Done(of) => *of == id,
            Event::Connected(..) | Event::Message(..) | Event::Unreadable(_) | Event::Closed(_) => {
                false
            }
        })
    }
}
