//! The context that a submission's transitions work with.

use super::attempt::Attempt;
use super::held::Budget;
use super::message::Message;
use super::step::Effect;
use crate::connection::{Connections, Released, StreamToken};
use crate::host::Host;
use crate::icap::istag;

/// The context of one transition.
#[derive(Debug)]
pub struct Cx<'a, H> {
    /// Gives the body and sends bytes.
    pub host: &'a H,
    /// When the current callback began.
    pub now_ms: u64,
    /// The pools that connections come from.
    pub connections: &'a mut Connections,
    /// Memory for ICAP responses comes out of this budget.
    pub budget: &'a Budget,
    /// The message that the submission belongs to.
    pub message: Message<'a>,
    /// Effects that the caller performs, in this order, before it acts on the step.
    pub effects: &'a mut Vec<Effect>,
}

impl<H: Host> Cx<'_, H> {
    /// Gives a reusable connection back to its pool.
    pub(super) fn give_back(&mut self, token: StreamToken) {
        if let Released::HandedTo(owner) = self.connections.release(self.host, token, self.now_ms) {
            self.effects.push(Effect::Handed(owner, token));
        }
    }

    /// Closes a connection.
    pub(super) fn close(&mut self, token: StreamToken) {
        self.connections.close(self.host, token, self.now_ms);
    }

    /// Gives the connection of a complete attempt back where it is reusable, and closes it otherwise. `ends_surely`:
    /// the ICAP response certainly ended here.
    pub(super) fn leave(&mut self, attempt: &Attempt, ends_surely: bool) {
        match attempt.connection() {
            Some(token) if attempt.transaction.reusable() && ends_surely => self.give_back(token),
            Some(token) => self.close(token),
            None => {}
        }
    }

    /// Reports the `ISTag` of an ICAP response.
    pub(super) fn notice_istag(&mut self, attempt: &Attempt) {
        let head = attempt.response.head.as_ref();
        if let Some(tag) = head.and_then(|head| istag(&head.headers))
            && let Some(peer) = self.connections.peer(attempt.token)
        {
            let (peer, tag) = (peer.to_owned(), tag.into_owned());
            self.effects.push(Effect::Istag { peer, tag });
        }
    }
}
