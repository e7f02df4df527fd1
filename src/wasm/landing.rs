//! Where the bytes of the next host call land: in the spare room of a buffer that is there already, instead of in memory of
//! their own.
//!
//! ```text
//!  append ──arms the spare room──▶ host call ──▶ take (the host asks for memory) ──▶ the host writes ──▶ append: longer by that
//!                                      └─ the host asks for more than there is room, or for nothing ──▶ memory of its own
//! ```

use std::cell::Cell;
use std::ptr;

use super::{check, owned};
use crate::host::HostResult;

/// Spare room that the host may write into.
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
    /// Armed for the host call that is running, and given away once.
    static ROOM: Cell<Room> = const { Cell::new(Room::NONE) };
}

/// The room, where the host asks for memory of that size and there is so much.
pub(super) fn take(size: usize) -> Option<*mut u8> {
    let room = ROOM.replace(Room::NONE);
    (size > 0 && size <= room.bytes).then_some(room.start)
}

/// Appends to `out` what the host call `get` gives, `len` bytes at most; in place, where the host asks for memory once and for
/// no more than that.
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
