//! What a submission's transitions work with.

use super::attempt::Attempt;
use super::held::Budget;
use super::message::Message;
use super::step::Effect;
use crate::connection::{Connections, Released, StreamToken};
use crate::host::Host;
use crate::icap::istag;

/// What a transition works with.
#[derive(Debug)]
pub struct Cx<'a, H> {
    /// Gives the body, and takes what is sent.
    pub host: &'a H,
    /// When the callback that is running began.
    pub now_ms: u64,
    /// The pools that connections come from.
    pub connections: &'a mut Connections,
    /// What is held of answers is out of this.
    pub budget: &'a Budget,
    /// The message that the submission belongs to.
    pub message: Message<'a>,
    /// What is to be done besides, in this order, before the step is acted on.
    pub effects: &'a mut Vec<Effect>,
}

impl<H: Host> Cx<'_, H> {
    /// Gives a connection back that may be used again.
    pub(super) fn give_back(&mut self, token: StreamToken) {
        if let Released::HandedTo(owner) = self.connections.release(self.host, token, self.now_ms) {
            self.effects.push(Effect::Handed(owner, token));
        }
    }

    /// Closes a connection.
    pub(super) fn close(&mut self, token: StreamToken) {
        self.connections.close(self.host, token, self.now_ms);
    }

    /// Gives the connection of an answered attempt back where it may be used again, and closes it otherwise. `ends_surely`: the
    /// answer ended where it was to.
    pub(super) fn leave(&mut self, attempt: &Attempt, ends_surely: bool) {
        match attempt.connection() {
            Some(token) if attempt.transaction.reusable() && ends_surely => self.give_back(token),
            Some(token) => self.close(token),
            None => {}
        }
    }

    /// Has the `ISTag` of an ICAP response looked at.
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
