//! Finds out whether Envoy delivers bodies while headers are held.
//!
//! Envoy does so only with `allow_on_headers_stop_iteration: true` in the plugin's configuration (from Envoy 1.35 on). Without
//! that no body callback comes while a request is held, and the request would hang. A slow client looks the same, but for
//! Envoy's own count of the bytes that it has received.

use super::delivery_check::DeliveryCheck;
use super::exchange::Exchange;
use super::worker::Worker;
use crate::config::Cause;
use crate::host::Host;
use crate::icap::Direction;

/// For how many milliseconds Envoy may hold bytes back before the check fails: a filter before this one may throttle them.
const PATIENCE_MS: u64 = 500;

impl<H: Host> Worker<H> {
    /// Checks, as long as no body has come, whether Envoy holds bodies back.
    pub(super) fn check_delivery(&mut self) {
        if self.delivery_check == DeliveryCheck::Works {
            return;
        }
        for id in self.without_body() {
            self.with_message(id, |worker, exchange| worker.watch(id, exchange));
        }
    }

    /// The requests of which only the headers have come.
    fn without_body(&self) -> Vec<u32> {
        self.contexts_where(|exchange| {
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

/// How many bytes of the request's body the host has received, whether or not it has delivered them.
fn bytes_received<H: Host>(host: &H) -> u64 {
    let total = host.property(&["request", "total_size"]).ok().flatten();
    let total = total.and_then(|size| Some(u64::from_le_bytes(size.try_into().ok()?)));
    // The host's count includes the names and values of the headers.
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
