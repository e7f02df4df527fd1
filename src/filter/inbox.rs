//! What servers have sent, until it is safe to answer.
//!
//! Bytes and the end of a connection can come in one packet. Envoy then hands over the bytes while it already knows of the
//! end, and whatever is sent on that stream in the callback makes it report the end at once, in the midst of the callback,
//! which the SDK does not survive. So nothing is sent from there: bytes wait here for a callback of their own.

use std::collections::VecDeque;

use crate::connection::StreamToken;
use crate::host;

/// Key of the number of inboxes that there have been, which gives each its name.
const INBOXES: &str = "icap_filter.inboxes";

/// Messages in the order in which they came.
#[derive(Debug)]
pub(super) struct Inbox {
    messages: VecDeque<(StreamToken, Vec<u8>)>,
    /// The queue that calls back; `None`: the next tick has to do.
    queue: Option<u32>,
    /// It is about to.
    called: bool,
}

impl Inbox {
    /// An empty one, of the root context that is being configured.
    pub(super) fn new() -> Self {
        let queue = host::add_shared(INBOXES, 1)
            .and_then(|number| host::register_queue(&format!("icap_filter.inbox.{number}")));
        if let Err(e) = &queue {
            log::warn!("icap: messages wait for the clock: {e}");
        }
        Self {
            messages: VecDeque::new(),
            queue: queue.ok(),
            called: false,
        }
    }

    /// Keeps a message. False where only the next tick can see to it.
    pub(super) fn push(&mut self, token: StreamToken, bytes: Vec<u8>) -> bool {
        self.messages.push_back((token, bytes));
        if !self.called {
            self.called = self.queue.is_some_and(|queue| match host::enqueue(queue) {
                Ok(()) => true,
                Err(e) => {
                    log::warn!("icap: a message waits for the clock: {e}");
                    false
                }
            });
        }
        self.called
    }

    /// The callback has come.
    pub(super) fn answer_call(&mut self) {
        self.called = false;
        if let Some(queue) = self.queue
            && let Err(e) = host::dequeue(queue)
        {
            log::debug!("icap: {e}");
        }
    }

    /// The next message.
    pub(super) fn pop(&mut self) -> Option<(StreamToken, Vec<u8>)> {
        self.messages.pop_front()
    }
}
