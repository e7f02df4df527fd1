//! Host calls about queues and about values that all workers share.

use std::ptr;

use super::abi;
use super::call::{check, fetch, found};
use crate::host::{HostResult, Version};

/// Makes a queue of that name. For each entry the host calls `on_queue_ready` of the root context that registered. Workers
/// that use the same name share the queue.
pub(super) fn register_queue(name: &str) -> HostResult<u32> {
    let mut queue = 0;
    // SAFETY: `name` outlives the call; the host writes one number.
    check("register_shared_queue", unsafe {
        abi::proxy_register_shared_queue(name.as_ptr(), name.len(), &raw mut queue)
    })?;
    Ok(queue)
}

/// Puts an empty entry into a queue. Its callback comes once the host is done with its present work.
pub(super) fn enqueue(queue: u32) -> HostResult {
    // SAFETY: no byte is read.
    check("enqueue_shared_queue", unsafe {
        abi::proxy_enqueue_shared_queue(queue, ptr::NonNull::dangling().as_ptr(), 0)
    })
}

/// Takes an entry out of a queue.
pub(super) fn dequeue(queue: u32) -> HostResult {
    // SAFETY: the host writes a pointer and a number.
    fetch("dequeue_shared_queue", |data, size| unsafe {
        abi::proxy_dequeue_shared_queue(queue, data, size)
    })
    .map(drop)
}

/// A value that all instances share, and its version.
pub(super) fn shared(key: &str) -> HostResult<(Option<Vec<u8>>, Version)> {
    let mut version = 0;
    // SAFETY: `key` outlives the call; the host writes one pointer and two numbers.
    let data = found(fetch("get_shared_data", |data, size| unsafe {
        abi::proxy_get_shared_data(key.as_ptr(), key.len(), data, size, &raw mut version)
    }))?;
    Ok((data, Version(version)))
}

/// Writes a value that all instances share, if it still has that version.
pub(super) fn set_shared(key: &str, value: &[u8], version: Version) -> HostResult {
    // SAFETY: both outlive the call.
    check("set_shared_data", unsafe {
        abi::proxy_set_shared_data(
            key.as_ptr(),
            key.len(),
            value.as_ptr(),
            value.len(),
            version.0,
        )
    })
}
