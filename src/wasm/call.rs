//! Calls of the host: their status, and the memory that the host hands over.

use std::ptr;

use super::abi;
use crate::host::{HostError, HostResult};

/// The result of a call, by the status that the host returns.
pub(super) fn check(call: &'static str, status: u32) -> HostResult {
    if status == 0 {
        Ok(())
    } else {
        Err(HostError { call, status })
    }
}

/// Takes over memory that the host has got from [`allocate`](super::allocate).
pub(super) fn owned(data: *mut u8, size: usize) -> Vec<u8> {
    if data.is_null() || size == 0 {
        return Vec::new();
    }
    // SAFETY: the host got `data` from `allocate`, for `size` bytes, wrote them there, and hands it over.
    unsafe { Vec::from_raw_parts(data, size, size) }
}

/// Calls a function that hands over memory by a pointer and a size.
pub(super) fn fetch(
    call: &'static str,
    get: impl FnOnce(*mut *mut u8, *mut usize) -> u32,
) -> HostResult<Vec<u8>> {
    let mut data = ptr::null_mut();
    let mut size = 0;
    let status = get(&raw mut data, &raw mut size);
    check(call, status).map(|()| owned(data, size))
}

/// `None` where the host says that there is no such value.
pub(super) fn found(value: HostResult<Vec<u8>>) -> HostResult<Option<Vec<u8>>> {
    match value {
        Err(e) if e.status == HostError::NOT_FOUND => Ok(None),
        value => value.map(Some),
    }
}

pub(super) fn read_buffer(buffer: u32, start: usize, len: usize) -> HostResult<Vec<u8>> {
    // SAFETY: the host writes one pointer and one size.
    fetch("get_buffer_bytes", |data, size| unsafe {
        abi::proxy_get_buffer_bytes(buffer, start, len, data, size)
    })
}

pub(super) fn map_value(map: u32, name: &str) -> HostResult<Option<Vec<u8>>> {
    // SAFETY: `name` outlives the call; the host writes one pointer and one size.
    let value = fetch("get_header_map_value", |data, size| unsafe {
        abi::proxy_get_header_map_value(map, name.as_ptr(), name.len(), data, size)
    });
    found(value)
}
