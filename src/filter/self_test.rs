//! The self-test: shows a service a file that every scanner blocks, to notice a scanner that silently stopped scanning.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::probe::Probe;
use crate::config::SelfTestConfig;

/// The EICAR test file, encoded so that no scanner blocks the module itself.
const TEST_FILE: &str =
    "WDVPIVAlQEFQWzRcUFpYNTQoUF4pN0NDKTd9JEVJQ0FSLVNUQU5EQVJELUFOVElWSVJVUy1URVNULUZJTEUhJEgrSCo=";
const MINUTE_MS: u64 = 60_000;

/// The self-test of one service.
#[derive(Debug)]
pub(super) struct SelfTest {
    config: SelfTestConfig,
    pub(super) probe: Probe,
    /// When to test next; `None` before the first test.
    next_ms: Option<u64>,
    /// The last test with a verdict was not blocked.
    failing: bool,
}

impl SelfTest {
    pub(super) fn new(config: SelfTestConfig) -> Self {
        Self {
            config,
            probe: Probe::Idle,
            next_ms: None,
            failing: false,
        }
    }

    pub(super) fn is_new(&self) -> bool {
        self.next_ms.is_none()
    }

    pub(super) fn is_due(&self, now_ms: u64, serves: bool) -> bool {
        matches!(self.probe, Probe::Idle)
            && self
                .next_ms
                .is_none_or(|next_ms| serves && next_ms <= now_ms)
    }

    /// The test got a verdict: `blocks` says whether the server still blocks. Returns whether it does so again.
    pub(super) fn judged(&mut self, blocks: bool, now_ms: u64) -> bool {
        let was_failing = std::mem::replace(&mut self.failing, !blocks);
        self.rest(self.config.interval_minutes, now_ms);
        was_failing && blocks
    }

    /// The test got no verdict, which says nothing of the scanner: tests again in a minute.
    pub(super) fn missed(&mut self, now_ms: u64) {
        self.rest(1, now_ms);
    }

    /// Whether messages have to fail because the test did.
    pub(super) fn fails_messages(&self) -> bool {
        self.failing && self.config.fail_profile
    }

    fn rest(&mut self, minutes: u32, now_ms: u64) {
        let pause_ms = u64::from(minutes).saturating_mul(MINUTE_MS);
        self.next_ms = Some(now_ms.saturating_add(pause_ms));
    }
}

/// The EICAR test file.
pub(super) fn test_file() -> Vec<u8> {
    BASE64.decode(TEST_FILE).unwrap_or_default()
}
