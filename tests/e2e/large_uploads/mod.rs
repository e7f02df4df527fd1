//! What large uploads cost in time and in memory, and what becomes of them. `make large-uploads` measures and prints it.

mod blocked_late;
mod memory;
mod peers;
mod slowed_down;
mod speed;

use serde_json::json;

use crate::support::envoy::{Envoy, version};
use crate::support::envoy_config::Setup;
use crate::support::payload::MIB;

/// The profile's buffer, in bytes.
const BUFFER: usize = 50 * MIB;

/// Gives Envoy the limits that the documentation recommends beside that buffer.
fn put_limits(setup: &mut Setup) {
    const ROOM: usize = BUFFER + 2 * MIB;
    setup.buffer_limit = match version() >= vec![1, 37] {
        true => MIB as u32,
        false => ROOM as u32,
    };
    setup.patch(|bootstrap| {
        let listener = &mut bootstrap["static_resources"]["listeners"][0];
        let manager = &mut listener["filter_chains"][0]["filters"][0]["typed_config"];
        manager["route_config"]["virtual_hosts"][0]["request_body_buffer_limit"] = json!(ROOM);
    });
}

/// Envoy's memory while it is measured, in bytes.
struct Memory {
    idle: u64,
}

impl Memory {
    fn of_idle(envoy: &Envoy) -> Self {
        envoy.forget_peak();
        Self {
            idle: envoy.resident_bytes(),
        }
    }

    fn above_idle(&self, envoy: &Envoy) -> u64 {
        envoy.peak_resident_bytes().saturating_sub(self.idle)
    }
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / MIB as f64
}
