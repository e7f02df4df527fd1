//! The callbacks of a gate. Without a filter that holds it a gate lets everything go on.

use super::arrival::Arrival;
use super::gates::Gates;
use crate::host::{Host, HostError, HostResult, Next};
use crate::icap::Direction;

/// The headers of a message have come.
pub fn on_headers<H: Host>(gates: &Gates, host: &H, id: u32, of: Direction, at_end: bool) {
    if !at_end {
        gates.announce(host, id, of);
    }
}

/// `len` bytes of a body have come.
pub fn on_body<H: Host>(
    gates: &Gates,
    host: &H,
    (id, direction): (u32, Direction),
    len: usize,
    at_end: bool,
) -> (Next, Option<Arrival>) {
    let Some(filter) = gates.take((id, direction), at_end) else {
        return (Next::Continue, None);
    };
    // The host shows them in this callback alone.
    let bytes = read(host, direction, len);
    let arrival = Arrival {
        gate: id,
        filter,
        direction,
        bytes,
        at_end,
    };
    (Next::Hold, Some(arrival))
}

/// The trailers of a message have come, which end its body.
pub fn on_trailers(gates: &Gates, id: u32, direction: Direction) -> (Next, Option<Arrival>) {
    let Some(filter) = gates.take((id, direction), true) else {
        return (Next::Continue, None);
    };
    let arrival = Arrival {
        gate: id,
        filter,
        direction,
        bytes: Ok(Vec::new()),
        at_end: true,
    };
    (Next::Pause, Some(arrival))
}

fn read<H: Host>(host: &H, of: Direction, len: usize) -> HostResult<Vec<u8>> {
    let mut bytes = Vec::with_capacity(len);
    if len > 0 {
        host.read_body(of, 0, len, &mut bytes)?;
    }
    match bytes.len() == len {
        true => Ok(bytes),
        false => Err(HostError::SHORT_BODY),
    }
}
