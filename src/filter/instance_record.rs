//! What each instance of the module leaves behind for the others: a sign of life, and what it has put into the gauges.
//!
//! Envoy keeps a gauge's value when the virtual machine that added to it is gone. So each instance notes its share where all
//! instances can read it, and those that live take out what one has left that lives no more.

/// How old a sign of life may be, in milliseconds, before its instance counts as gone. Every instance gives one at each tick of
/// its clock, which ticks at least every 2 seconds.
pub const DEAD_AFTER_MS: u64 = 10_000;

/// The note of one instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstanceRecord {
    /// When the instance was alive last, in milliseconds since 1970; 0: there is none.
    pub alive_ms: u64,
    /// Gauges by name, and what of their value is this instance's.
    pub gauges: Vec<(String, i64)>,
}

impl InstanceRecord {
    /// Whether there is an instance.
    pub fn is_taken(&self) -> bool {
        self.alive_ms > 0
    }

    /// Whether there was one that lives no more.
    pub fn is_dead(&self, now_ms: u64) -> bool {
        self.is_taken() && now_ms.saturating_sub(self.alive_ms) > DEAD_AFTER_MS
    }

    /// The note as bytes: the time, then for each gauge its value, the length of its name, and the name.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.alive_ms.to_le_bytes().to_vec();
        for (name, value) in &self.gauges {
            bytes.extend_from_slice(&value.to_le_bytes());
            bytes.extend_from_slice(&(name.len() as u64).to_le_bytes());
            bytes.extend_from_slice(name.as_bytes());
        }
        bytes
    }

    /// What [`encode`](Self::encode) wrote. `None` for bytes that it did not write.
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
