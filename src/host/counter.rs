//! Numbers that all instances of the module share, under a name in the host's shared data.

use super::{Host, HostError, HostResult, Version};

/// Makes the number of that name, with the value 0, unless it exists.
pub fn create_shared<H: Host>(host: &H, key: &str) -> HostResult {
    match read(host, key)? {
        (Some(_), _) => Ok(()),
        (None, _) => host.set_shared(key, &0_u64.to_le_bytes(), Version::ANY),
    }
}

/// Adds to a shared number and gives the sum, 0 at least. A number that does not exist counts as 0, but then no other instance
/// may add at the same time: [`create_shared`] first.
pub fn add_shared<H: Host>(host: &H, key: &str, offset: i64) -> HostResult<u64> {
    /// Another worker may write in between: each try that fails means that one of them succeeded.
    const TRIES: u32 = 64;
    let mut result = Err(HostError {
        call: "set_shared_data",
        status: HostError::CAS_MISMATCH,
    });
    for _ in 0..TRIES {
        let (value, version) = read(host, key)?;
        let value = value.unwrap_or(0).saturating_add_signed(offset);
        if offset == 0 {
            return Ok(value);
        }
        result = host
            .set_shared(key, &value.to_le_bytes(), version)
            .map(|()| value);
        if !matches!(&result, Err(e) if e.status == HostError::CAS_MISMATCH) {
            break;
        }
    }
    result
}

fn read<H: Host>(host: &H, key: &str) -> HostResult<(Option<u64>, Version)> {
    let (data, version) = host.shared(key)?;
    let bytes = data.and_then(|data| <[u8; 8]>::try_from(data).ok());
    Ok((bytes.map(u64::from_le_bytes), version))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::MemoryHost;

    #[test]
    fn a_number_is_counted_from_nothing_and_never_below_it() {
        let host = MemoryHost::default();
        create_shared(&host, "n").unwrap();
        assert_eq!(add_shared(&host, "n", 3), Ok(3));
        assert_eq!(add_shared(&host, "n", 0), Ok(3));
        create_shared(&host, "n").unwrap();
        assert_eq!(add_shared(&host, "n", -5), Ok(0), "it was made anew");
        assert_eq!(add_shared(&host, "other", 2), Ok(2));
    }

    #[test]
    fn a_write_that_somebody_else_came_before_is_refused() {
        let host = MemoryHost::default();
        create_shared(&host, "n").unwrap();
        let (_, version) = read(&host, "n").unwrap();
        assert_eq!(add_shared(&host, "n", 1), Ok(1));
        let late = host.set_shared("n", &7_u64.to_le_bytes(), version);
        assert_eq!(late.unwrap_err().status, HostError::CAS_MISMATCH);
        assert_eq!(add_shared(&host, "n", 0), Ok(1));
    }
}
