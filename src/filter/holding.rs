//! Whether the host gives bodies while headers are held.
//!
//! It does only where the plugin's configuration says `allow_on_headers_stop_iteration: true`, which Envoy knows from 1.35 on.
//! Without it no body callback ever comes while a request is held, and it would hang. That is told from a slow client
//! by what the host has counted: bytes of the body that it got and did not give.

use super::worker::Worker;
use crate::config::Cause;
use crate::host;

/// Ticks in a row at which bytes have to be held back before it is believed.
const PATIENCE: u32 = 2;

/// What is known of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holding {
    /// No request with a body has come yet.
    Unknown,
    /// Bodies come while headers are held.
    Works,
    /// They do not.
    Broken,
}

/// What the host had counted of a request when its headers came, and at how many ticks there was more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tally {
    size_at_headers: u64,
    late: u32,
}

impl Worker {
    /// At the headers of a message. Once bodies have come there is nothing to be found out.
    pub(super) fn tally(&self) -> Tally {
        let size_at_headers = match self.holding {
            Holding::Works => None,
            Holding::Unknown | Holding::Broken => total_size(),
        };
        Tally {
            size_at_headers: size_at_headers.unwrap_or(u64::MAX),
            late: 0,
        }
    }

    /// Finds out whether bodies are held back, as long as none has come.
    pub(super) fn watch_holding(&mut self) {
        if self.holding == Holding::Works {
            return;
        }
        for id in self.collecting() {
            let Some(mut exchange) = self.take(id) else {
                continue;
            };
            if host::enter(id).is_ok()
                && total_size().is_some_and(|size| size > exchange.tally.size_at_headers)
            {
                exchange.tally.late = exchange.tally.late.saturating_add(1);
            }
            if exchange.tally.late >= PATIENCE {
                if self.holding == Holding::Unknown {
                    self.holding = Holding::Broken;
                    log::error!(
                        "icap: no body comes while headers are held: set allow_on_headers_stop_iteration: true beside \
                         vm_config of this plugin (Envoy 1.35 or later). Until then every request with a body fails as \
                         fail_action says"
                    );
                }
                let reason = "no body comes while headers are held: \
                              allow_on_headers_stop_iteration is missing in Envoy's configuration";
                self.fail(id, &mut exchange, Cause::Internal, reason.to_owned());
            }
            self.put_back(id, exchange);
        }
    }
}

/// Bytes of the request that the host has received, headers and body.
fn total_size() -> Option<u64> {
    let size = host::property(&["request", "total_size"]).ok()??;
    Some(u64::from_le_bytes(size.try_into().ok()?))
}
