//! Wake-ups: callbacks of the root context that the worker asks for, through a shared queue, to send what it may not send now.
//!
//! The worker sends nothing on a stream in the callback that brings the stream's bytes:
//!
//! ```text
//!  Envoy reads bytes and the end of a connection, and calls back with the bytes
//!    wrong: the worker sends ──▶ within the send Envoy reports the end, the stream is dropped ──▶ Envoy, back from the
//!           callback, goes on with the dropped stream
//!    right: the worker asks for a wake-up ──▶ Envoy is done with the bytes, reports the end ──▶ wake-up
//! ```

use std::collections::VecDeque;

use crate::bug::{Bug, bug};
use crate::connection::Owner;
use crate::host::{Host, add_shared};

/// The key in shared data of the number of queues ever made, which gives each queue its name.
const QUEUES: &str = "icap_filter.recalls";

/// The owners that wait for a wake-up, and the queue that brings one.
#[derive(Debug)]
pub(super) struct WakeUps {
    waiting: VecDeque<Owner>,
    /// The queue that brings the wake-up; `None`: the next tick serves instead.
    queue: Option<u32>,
    /// A wake-up was asked for and has not come.
    called: bool,
}

impl WakeUps {
    /// Makes the queue of the root context that the host is configuring.
    pub(super) fn new<H: Host>(host: &H) -> Self {
        let queue = add_shared(host, QUEUES, 1)
            .and_then(|number| host.register_queue(&format!("icap_filter.recall.{number}")));
        if let Err(e) = &queue {
            log::warn!("icap: no wake-ups, sending waits for the next tick: {e}");
        }
        Self {
            waiting: VecDeque::new(),
            queue: queue.ok(),
            called: false,
        }
    }

    /// Notes that `owner` has something to send.
    pub(super) fn add(&mut self, owner: Owner) {
        self.waiting.push_back(owner);
    }

    /// Takes the next owner that waits.
    pub(super) fn next(&mut self) -> Option<Owner> {
        self.waiting.pop_front()
    }

    /// Whether an owner waits.
    pub(super) fn is_wanted(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Asks for a wake-up. False where the next tick has to serve instead.
    pub(super) fn call<H: Host>(&mut self, host: &H) -> bool {
        if !self.called {
            self.called = self.queue.is_some_and(|queue| match host.enqueue(queue) {
                Ok(()) => true,
                Err(e) => {
                    log::warn!("icap: no wake-up, sending waits for the next tick: {e}");
                    false
                }
            });
        }
        self.called
    }

    /// The wake-up has come: takes its entry out of the queue.
    pub(super) fn take_call<H: Host>(&mut self, host: &H) {
        self.called = bug(Bug::CallLost);
        if let Some(queue) = self.queue
            && let Err(e) = host.dequeue(queue)
        {
            log::debug!("icap: {e}");
        }
    }
}
