//! Edits of the host's buffer of a body, which allows additions at its end and removals at its front only.

use std::ops::Range;

use crate::bug::{Bug, bug};
use crate::host::{BodyEdit, Host, HostError, HostResult};
use crate::icap::Direction;

/// How many bytes of the original are moved at once within the host's buffer.
const MOVED_BYTES: u64 = 64 * 1024;

/// Adds pieces at the end of the host's buffer.
pub(super) fn append<'a, H: Host>(
    host: &H,
    direction: Direction,
    mut pieces: impl Iterator<Item = &'a [u8]>,
) -> HostResult {
    pieces.try_for_each(|piece| host.edit_body(direction, BodyEdit::Append(piece)))
}

/// Removes a range of the original, which stands at the front of the host's buffer.
pub(super) fn drain<H: Host>(host: &H, direction: Direction, range: Range<u64>) -> HostResult {
    match usize::try_from(range.end.saturating_sub(range.start)) {
        Ok(0) | Err(_) => Ok(()),
        Ok(len) => host.edit_body(direction, BodyEdit::DrainFront(len)),
    }
}

/// Moves a range of the original from the front of the host's buffer to its end.
pub(super) fn turn<H: Host>(host: &H, direction: Direction, range: Range<u64>) -> HostResult {
    let mut start = range.start;
    let mut bytes = Vec::new();
    while start < range.end {
        let end = range.end.min(start.saturating_add(MOVED_BYTES));
        let len = usize::try_from(end.saturating_sub(start)).unwrap_or_default();
        bytes.clear();
        host.read_body(direction, 0, len, &mut bytes)?;
        if bytes.len() != len {
            return Err(HostError::SHORT_BODY);
        }
        host.edit_body(direction, BodyEdit::DrainFront(len))?;
        if !bug(Bug::TurnedPieceLost) {
            host.edit_body(direction, BodyEdit::Append(&bytes))?;
        }
        start = end;
    }
    Ok(())
}
