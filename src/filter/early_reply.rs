//! A local reply that is due before the upload has ended.
//!
//! Envoy closes the connection after such a reply, and a client that writes everything before it reads sees only the close. So
//! the reply waits, within bounds, for the end of the upload, which the filter discards as it comes.

use super::local_reply::LocalReply;

/// A local reply that waits for the end of the upload.
#[derive(Debug)]
pub(super) struct EarlyReply {
    reply: LocalReply,
    /// How many more bytes of the upload are discarded before the reply is sent all the same.
    left: u64,
    /// When the reply is sent at the latest.
    until_ms: u64,
}

impl EarlyReply {
    /// A reply that waits until `until_ms`, and for `left` bytes of the upload.
    pub(super) fn new(reply: LocalReply, left: u64, until_ms: u64) -> Self {
        Self {
            reply,
            left,
            until_ms,
        }
    }

    /// `size` bytes of the upload were discarded.
    pub(super) fn discarded(&mut self, size: u64) {
        self.left = self.left.saturating_sub(size);
    }

    /// Whether the reply is sent though the upload goes on.
    pub(super) fn is_due(&self, now_ms: u64) -> bool {
        self.left == 0 || now_ms >= self.until_ms
    }

    /// The reply, which is to be sent.
    pub(super) fn into_reply(self) -> LocalReply {
        self.reply
    }
}
