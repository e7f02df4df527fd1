//! Allocations of the module, told apart from those of the host that stands beside it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// What was allocated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allocated {
    /// How often memory was asked for, to grow what was there already among it.
    pub times: u64,
    /// How many bytes: of what grew, those that were added.
    pub bytes: u64,
}

thread_local! {
    static COUNTING: Cell<bool> = const { Cell::new(false) };
    static ALLOCATED: Cell<Allocated> = const { Cell::new(Allocated { times: 0, bytes: 0 }) };
}

/// The system's allocator, which counts what the module asks of it.
pub struct Counting;

fn count(bytes: usize) {
    if COUNTING.get() {
        let Allocated { times, bytes: sum } = ALLOCATED.get();
        ALLOCATED.set(Allocated {
            times: times + 1,
            bytes: sum + bytes as u64,
        });
    }
}

// SAFETY: every call is handed to the system's allocator as it is; what is counted allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size.saturating_sub(layout.size()));
        // SAFETY: as the caller promises.
        unsafe { System.realloc(ptr, layout, new_size) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(ptr, layout) }
    }
}

/// What the module has allocated so far.
pub fn allocated() -> Allocated {
    ALLOCATED.get()
}

/// Counts, or does not, until it is dropped.
#[derive(Debug)]
pub struct Side {
    before: bool,
}

impl Side {
    /// The module is running.
    pub fn module() -> Self {
        Self {
            before: COUNTING.replace(true),
        }
    }

    /// The host is running.
    pub fn host() -> Self {
        Self {
            before: COUNTING.replace(false),
        }
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        COUNTING.set(self.before);
    }
}
