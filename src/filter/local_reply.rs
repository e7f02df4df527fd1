//! Local replies: responses to the client that do not come from the application.

use super::page::Page;
use super::repeated::say;
use crate::host::{BodyEdit, Fields, Host, HostResult, LocalResponse, Next};
use crate::icap::Direction;

/// The body of a local reply for a message that was refused.
pub(super) const NOT_SCANNED: &[u8] = b"The content could not be scanned.\n";

/// A response to the client that does not come from the application.
#[derive(Debug)]
pub(super) struct LocalReply {
    pub(super) page: Page,
    /// The response code details in Envoy's access log.
    pub(super) details: &'static str,
    /// The message whose body the host still holds. Envoy may redirect a local reply to an error page, whose application would
    /// get that body.
    pub(super) held: Option<Direction>,
}

impl LocalReply {
    /// The same reply, which first takes out the bytes that the host then holds of that message's body.
    pub(super) fn taking_body_out(self, direction: Direction) -> Self {
        Self {
            held: Some(direction),
            ..self
        }
    }

    /// The same reply, which leaves the body alone.
    pub(super) fn leaving_body(self) -> Self {
        Self { held: None, ..self }
    }

    /// Sends the reply to the client of that message.
    pub(super) fn send<H: Host>(&self, host: &H, id: u32) -> HostResult {
        host.enter(id)?;
        if let Some(direction) = self.held
            && let Err(e) = host.edit_body(direction, BodyEdit::Replace(&[]))
        {
            log::debug!("context {id}: {e}");
        }
        host.respond(&LocalResponse {
            status: self.page.status,
            details: self.details,
            fields: &self.page.fields,
            body: &self.page.body,
        })
    }
}

/// Refuses a message that the filter can't look at: the client gets a 503, nothing of the message passes.
pub fn refuse<H: Host>(host: &H, reason: &str) -> Next {
    say(
        host.now_ms(),
        log::Level::Error,
        "refused",
        reason,
        format_args!("icap: a message is refused: {reason}"),
    );
    if let Err(e) = host.respond(&LocalResponse {
        status: 503,
        details: "icap_refused",
        fields: &Fields::new(),
        body: NOT_SCANNED,
    }) {
        log::error!("icap: {e}");
    }
    Next::Pause
}
