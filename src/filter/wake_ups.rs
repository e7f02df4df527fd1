//! What has to wait for a callback of its own.
//!
//! Nothing is sent on a stream in the callback that brings its bytes. The end of the connection may have come with them:
//! Envoy would report it at once, the stream would be given up, and Envoy, back from the callback, would go on with what is
//! no longer there. So the worker has itself called back, through a shared queue, once Envoy is done with those bytes.

use std::collections::VecDeque;

use crate::bug::{Bug, bug};
use crate::connection::Owner;
use crate::host::{Host, add_shared};

/// Key of the number of queues that there have been, which gives each its name.
const QUEUES: &str = "icap_filter.recalls";

/// Those who wait for a callback of their own.
#[derive(Debug)]
pub(super) struct WakeUps {
    waiting: VecDeque<Owner>,
    /// The queue that calls back; `None`: the next tick has to do.
    queue: Option<u32>,
    /// It is about to.
    called: bool,
}

impl WakeUps {
    /// Of the root context that is being configured.
    pub(super) fn new<H: Host>(host: &H) -> Self {
        let queue = add_shared(host, QUEUES, 1)
            .and_then(|number| host.register_queue(&format!("icap_filter.recall.{number}")));
        if let Err(e) = &queue {
            log::warn!("icap: what servers ask for waits for the clock: {e}");
        }
        Self {
            waiting: VecDeque::new(),
            queue: queue.ok(),
            called: false,
        }
    }

    /// That one has something to send.
    pub(super) fn add(&mut self, owner: Owner) {
        self.waiting.push_back(owner);
    }

    /// The next one that waits.
    pub(super) fn next(&mut self) -> Option<Owner> {
        self.waiting.pop_front()
    }

    /// Whether anyone waits.
    pub(super) fn is_wanted(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Asks for the callback. False where only the next tick can be it.
    pub(super) fn call<H: Host>(&mut self, host: &H) -> bool {
        if !self.called {
            self.called = self.queue.is_some_and(|queue| match host.enqueue(queue) {
                Ok(()) => true,
                Err(e) => {
                    log::warn!("icap: what a server asks for waits for the clock: {e}");
                    false
                }
            });
        }
        self.called
    }

    /// The callback has come.
    pub(super) fn take_call<H: Host>(&mut self, host: &H) {
        self.called = bug(Bug::CallLost);
        if let Some(queue) = self.queue
            && let Err(e) = host.dequeue(queue)
        {
            log::debug!("icap: {e}");
        }
    }
}
