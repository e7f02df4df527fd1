//! Has the host write the bytes of a call into the spare capacity of an existing buffer, which saves an allocation and a copy.
//!
//! ```text
//!  append offers the room ──▶ the host asks for memory ─┬─ fits ─────────▶ the room ───▶ append extends `out`
//!                                                       └─ too large, 0 ─▶ new memory ─▶ append copies to `out`
//! ```

use std::cell::Cell;
use std::ptr;

use super::call::{check, owned};
use crate::host::HostResult;

/// Spare capacity of a buffer that the host may write into.
#[derive(Clone, Copy)]
struct Room {
    start: *mut u8,
    bytes: usize,
}

impl Room {
    const NONE: Self = Self {
        start: ptr::null_mut(),
        bytes: 0,
    };
}

thread_local! {
    /// The room offered to the running host call, which gets it once.
    static ROOM: Cell<Room> = const { Cell::new(Room::NONE) };
}

/// The room, if one is offered and has `size` bytes.
pub(super) fn take(size: usize) -> Option<*mut u8> {
    let room = ROOM.replace(Room::NONE);
    (size > 0 && size <= room.bytes).then_some(room.start)
}

/// Appends to `out` the bytes that the host call `get` gives, `len` at most. The host writes them in place where it asks for
/// memory once, and for `len` bytes at most.
pub(super) fn append(
    out: &mut Vec<u8>,
    len: usize,
    call: &'static str,
    get: impl FnOnce(*mut *mut u8, *mut usize) -> u32,
) -> HostResult {
    out.reserve(len);
    let before = out.len();
    let start = out.spare_capacity_mut().as_mut_ptr().cast::<u8>();
    ROOM.set(Room { start, bytes: len });
    let mut data = ptr::null_mut();
    let mut size = 0_usize;
    let status = get(&raw mut data, &raw mut size);
    ROOM.set(Room::NONE);
    check(call, status)?;
    if ptr::eq(data, start) && size <= len {
        // SAFETY: the host has written `size` bytes to the spare room of `out`, which has room for `len`.
        unsafe { out.set_len(before.saturating_add(size)) };
    } else {
        out.extend_from_slice(&owned(data, size));
    }
    Ok(())
}
