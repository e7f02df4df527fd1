//! What outlives a callback or is shared among workers: queues and numbers.

use std::ptr;

use super::{HostError, HostResult, abi, check, fetch, found};

const CAS_MISMATCH: u32 = 8;

/// Makes a queue of that name, whose entries call `on_queue_ready` of the calling root context. Shared by all workers,
/// where the name is the same.
pub fn register_queue(name: &str) -> HostResult<u32> {
    let mut queue = 0;
    // SAFETY: `name` outlives the call; the host writes one number.
    check("register_shared_queue", unsafe {
        abi::proxy_register_shared_queue(name.as_ptr(), name.len(), &raw mut queue)
    })?;
    Ok(queue)
}

/// Puts an empty entry into a queue: its callback comes once the host is done with what it is doing.
pub fn enqueue(queue: u32) -> HostResult {
    // SAFETY: no byte is read.
    check("enqueue_shared_queue", unsafe {
        abi::proxy_enqueue_shared_queue(queue, ptr::NonNull::dangling().as_ptr(), 0)
    })
}

/// Takes an entry out of a queue.
pub fn dequeue(queue: u32) -> HostResult {
    // SAFETY: the host writes a pointer and a number.
    fetch("dequeue_shared_queue", |data, size| unsafe {
        abi::proxy_dequeue_shared_queue(queue, data, size)
    })
    .map(drop)
}

/// The version of a value that is shared; a write can be made to depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(u32);

impl Version {
    /// Of what is not there, and of a write that depends on none: the host writes always.
    pub const ANY: Self = Self(0);
}

/// A value that all instances share, and its version.
pub fn shared(key: &str) -> HostResult<(Option<Vec<u8>>, Version)> {
    let mut version = 0;
    // SAFETY: `key` outlives the call; the host writes one pointer and two numbers.
    let data = found(fetch("get_shared_data", |data, size| unsafe {
        abi::proxy_get_shared_data(key.as_ptr(), key.len(), data, size, &raw mut version)
    }))?;
    Ok((data, Version(version)))
}

/// Writes a value that all instances share, where it still has that version.
pub fn set_shared(key: &str, value: &[u8], version: Version) -> HostResult {
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

/// Makes a number of that name known to all workers, 0 at first.
pub fn create_shared(key: &str) -> HostResult {
    let (value, _) = read_shared(key)?;
    match value {
        Some(_) => Ok(()),
        None => set_shared(key, &0_u64.to_le_bytes(), Version::ANY),
    }
}

/// A number that all workers share, and its version.
fn read_shared(key: &str) -> HostResult<(Option<u64>, Version)> {
    let (data, version) = shared(key)?;
    let bytes = data.and_then(|data| <[u8; 8]>::try_from(data).ok());
    Ok((bytes.map(u64::from_le_bytes), version))
}

/// Adds to a number that all workers share, and gives the result. It never goes below 0. What is not there counts as 0, but
/// then nobody else may add to it at the same time: see [`create_shared`].
pub fn add_shared(key: &str, offset: i64) -> HostResult<u64> {
    /// Other workers may come in between; each try that fails means that one of them got through.
    const TRIES: u32 = 64;
    let mut result = Err(HostError {
        call: "set_shared_data",
        status: CAS_MISMATCH,
    });
    for _ in 0..TRIES {
        let (value, version) = read_shared(key)?;
        let value = value.unwrap_or(0).saturating_add_signed(offset);
        if offset == 0 {
            return Ok(value);
        }
        result = set_shared(key, &value.to_le_bytes(), version).map(|()| value);
        if !matches!(&result, Err(e) if e.status == CAS_MISMATCH) {
            break;
        }
    }
    result
}
