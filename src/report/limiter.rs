//! Keeps repeated messages out of the log: the first is written at once, then at most one a minute of each kind.

use std::collections::HashMap;

/// The shortest time between two messages of a kind, in milliseconds.
pub const INTERVAL_MS: u64 = 60_000;
/// How many kinds are told apart. Their names come from code and configuration, so more would be a mistake.
const MAX_KINDS: usize = 4096;

/// When each kind of message was last written, and how many have been suppressed since.
#[derive(Debug, Default)]
pub struct Limiter {
    kinds: HashMap<(&'static str, String), Written>,
}

#[derive(Debug)]
struct Written {
    at_ms: u64,
    suppressed: u64,
}

impl Limiter {
    /// Whether to write a message of this kind about this subject now; if so, how many were suppressed before it.
    pub fn admit(&mut self, kind: &'static str, subject: &str, now_ms: u64) -> Option<u64> {
        let key = (kind, subject.to_owned());
        if let Some(written) = self.kinds.get_mut(&key) {
            if now_ms.saturating_sub(written.at_ms) < INTERVAL_MS {
                written.suppressed = written.suppressed.saturating_add(1);
                return None;
            }
            written.at_ms = now_ms;
            return Some(std::mem::take(&mut written.suppressed));
        }
        if self.kinds.len() >= MAX_KINDS {
            return None;
        }
        let first = Written {
            at_ms: now_ms,
            suppressed: 0,
        };
        self.kinds.insert(key, first);
        Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_written_and_then_one_a_minute_with_the_number_left_out() {
        let mut limiter = Limiter::default();
        assert_eq!(limiter.admit("istag", "av", 5), Some(0));
        for now_ms in 6..106 {
            assert_eq!(limiter.admit("istag", "av", now_ms), None);
        }
        assert_eq!(limiter.admit("istag", "other", 7), Some(0));
        assert_eq!(limiter.admit("options", "av", 7), Some(0));
        assert_eq!(limiter.admit("istag", "av", 5 + INTERVAL_MS), Some(100));
        assert_eq!(limiter.admit("istag", "av", 6 + INTERVAL_MS), None);
        assert_eq!(limiter.admit("istag", "av", 5 + 2 * INTERVAL_MS), Some(1));
    }

    #[test]
    fn kinds_are_bounded() {
        let mut limiter = Limiter::default();
        for n in 0..MAX_KINDS {
            assert_eq!(limiter.admit("kind", &n.to_string(), 0), Some(0));
        }
        assert_eq!(limiter.admit("kind", "one more", 0), None);
        assert_eq!(limiter.admit("kind", "0", INTERVAL_MS), Some(0));
    }
}
