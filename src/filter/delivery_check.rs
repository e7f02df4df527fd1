//! Whether the host gives bodies while headers are held.
//!
//! It does only where the plugin's configuration says `allow_on_headers_stop_iteration: true`, which Envoy knows from 1.35 on.
//! Without it no body callback ever comes while a request is held, and it would hang. That is told from a slow client
//! by what the host has counted: bytes of the body that it got and did not give.

use super::exchange::Exchange;
use super::worker::Worker;
use crate::config::Cause;
use crate::host::Host;
use crate::icap::Direction;

/// How long bytes have to be held back before it is believed, in milliseconds: a filter before this one may throttle them.
const PATIENCE_MS: u64 = 500;

/// What is known of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DeliveryCheck {
    /// No request with a body has come yet.
    Unknown,
    /// Bodies come while headers are held.
    Works,
    /// They do not.
    Broken,
}

impl<H: Host> Worker<H> {
    /// Finds out whether bodies are held back, as long as none has come.
    pub(super) fn check_delivery(&mut self) {
        if self.delivery_check == DeliveryCheck::Works {
            return;
        }
        for id in self.without_body() {
            self.with_message(id, |worker, exchange| worker.watch(id, exchange));
        }
    }

    /// The requests of which nothing has come but the headers.
    fn without_body(&self) -> Vec<u32> {
        self.those(|exchange| {
            exchange.direction == Direction::Request
                && exchange.is_collecting()
                && exchange.body.available == 0
        })
    }

    fn watch(&mut self, id: u32, exchange: &mut Exchange) {
        if exchange.held_back_ms.is_none()
            && self.host.enter(id).is_ok()
            && bytes_received(&self.host) > 0
        {
            exchange.held_back_ms = Some(self.now_ms);
        }
        let late = |since: u64| self.now_ms.saturating_sub(since) >= PATIENCE_MS;
        if !exchange.held_back_ms.is_some_and(late) {
            return;
        }
        if self.delivery_check == DeliveryCheck::Unknown {
            self.delivery_check = DeliveryCheck::Broken;
            log::error!(
                "icap: no body comes while headers are held: set allow_on_headers_stop_iteration: true beside \
                 vm_config of this plugin (Envoy 1.35 or later). Until then every request with a body fails as \
                 fail_action says"
            );
        }
        let reason = "no body comes while headers are held: \
                      allow_on_headers_stop_iteration is missing in Envoy's configuration";
        self.fail(id, exchange, Cause::Internal, reason.to_owned());
    }
}

/// Bytes of the request's body that the host has received, given or not.
fn bytes_received<H: Host>(host: &H) -> u64 {
    let total = host.property(&["request", "total_size"]).ok().flatten();
    let total = total.and_then(|size| Some(u64::from_le_bytes(size.try_into().ok()?)));
    // What the host counts with the body: names and values of the headers.
    let head = host.headers(Direction::Request).map(|fields| {
        let size =
            |(name, value): (&[u8], &[u8])| (name.len() as u64).saturating_add(value.len() as u64);
        fields.iter().map(size).fold(0, u64::saturating_add)
    });
    match (total, head) {
        (Some(total), Ok(head)) => total.saturating_sub(head),
        _ => 0,
    }
}
