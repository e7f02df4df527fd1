//! The record that each instance of the module keeps in shared data: a sign of life, and the instance's share of the gauges.
//!
//! Envoy keeps a gauge's value when the virtual machine that added to it is gone. So each instance records its share where the
//! others can read it, and those that live subtract the share of an instance that has died.

/// How old a sign of life may be, in milliseconds, before its instance counts as dead. Each instance gives a sign of life
/// at each tick, at least every 2 seconds.
pub const DEAD_AFTER_MS: u64 = 10_000;

/// The record of one instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstanceRecord {
    /// The last sign of life, in milliseconds since 1970; 0: no instance has this record.
    pub alive_ms: u64,
    /// Gauges by name, and this instance's share of their value.
    pub gauges: Vec<(String, i64)>,
}

impl InstanceRecord {
    /// Whether an instance, alive or dead, has this record.
    pub fn is_taken(&self) -> bool {
        self.alive_ms > 0
    }

    /// Whether the instance has died.
    pub fn is_dead(&self, now_ms: u64) -> bool {
        self.is_taken() && now_ms.saturating_sub(self.alive_ms) > DEAD_AFTER_MS
    }

    /// The record as bytes: the time, then for each gauge its value, the length of its name, and the name. Numbers are 64 bits,
    /// little-endian.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.alive_ms.to_le_bytes().to_vec();
        for (name, value) in &self.gauges {
            bytes.extend_from_slice(&value.to_le_bytes());
            bytes.extend_from_slice(&(name.len() as u64).to_le_bytes());
            bytes.extend_from_slice(name.as_bytes());
        }
        bytes
    }

    /// Reads the bytes that [`encode`](Self::encode) wrote. `None` for other bytes.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (alive, mut rest) = bytes.split_first_chunk()?;
        let mut gauges = Vec::new();
        while !rest.is_empty() {
            let (value, after) = rest.split_first_chunk()?;
            let (len, after) = after.split_first_chunk()?;
            let len = usize::try_from(u64::from_le_bytes(*len)).ok()?;
            let (name, after) = after.split_at_checked(len)?;
            gauges.push((
                String::from_utf8(name.to_vec()).ok()?,
                i64::from_le_bytes(*value),
            ));
            rest = after;
        }
        Some(Self {
            alive_ms: u64::from_le_bytes(*alive),
            gauges,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(alive_ms: u64) -> InstanceRecord {
        InstanceRecord {
            alive_ms,
            gauges: vec![("a.pending".into(), -3), ("b".into(), 7)],
        }
    }

    #[test]
    fn a_record_survives_its_bytes() {
        for record in [InstanceRecord::default(), record(5)] {
            assert_eq!(InstanceRecord::decode(&record.encode()), Some(record));
        }
    }

    #[test]
    fn bytes_that_break_off_are_no_record() {
        let bytes = record(5).encode();
        let whole = |n: usize| InstanceRecord::decode(&bytes[..n]).is_some();
        let whole: Vec<usize> = (0..=bytes.len()).filter(|n| whole(*n)).collect();
        assert_eq!(whole, [8, 8 + 16 + 9, bytes.len()]);
    }

    #[test]
    fn an_instance_is_dead_when_its_last_sign_of_life_is_old() {
        let now_ms = 100_000;
        assert!(!record(now_ms - DEAD_AFTER_MS).is_dead(now_ms));
        assert!(record(now_ms - DEAD_AFTER_MS - 1).is_dead(now_ms));
        assert!(
            !record(now_ms + 5).is_dead(now_ms),
            "a clock may be set back"
        );
        assert!(!InstanceRecord::default().is_dead(now_ms), "there is none");
    }
}
