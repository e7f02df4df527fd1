//! What is known of a service from its OPTIONS, and when to ask again.

use crate::config::OptionsConfig;
use crate::icap::ServiceOptions;

/// First pause after a failure, in milliseconds; it doubles with each further one.
const BACK_OFF_MS: u64 = 1_000;
/// Longest pause after a failure, in milliseconds.
const MAX_BACK_OFF_MS: u64 = 60_000;

/// Knowledge of one service.
///
/// ```text
///  Due ──ask──▶ Asked ──learned──▶ Known ──TTL, or another ISTag──▶ Due
///                 └────failed────▶ Failed ──back-off──▶ Due
/// ```
///
/// What was learned holds until something newer is learned: it grows stale, it is never forgotten.
#[derive(Debug)]
pub struct Knowledge {
    config: OptionsConfig,
    state: State,
    options: Option<ServiceOptions>,
    failures: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Due,
    Asked,
    Known { until_ms: u64 },
    Failed { until_ms: u64 },
}

impl Knowledge {
    /// Nothing is known yet.
    pub fn new(config: OptionsConfig) -> Self {
        Self {
            config,
            state: State::Due,
            options: None,
            failures: 0,
        }
    }

    /// Whether it is time to ask. Never where asking is disabled.
    pub fn is_due(&self, now_ms: u64) -> bool {
        self.config.enabled
            && match self.state {
                State::Due => true,
                State::Asked => false,
                State::Known { until_ms } | State::Failed { until_ms } => until_ms <= now_ms,
            }
    }

    /// Whether time will make it due.
    pub fn waits(&self) -> bool {
        self.config.enabled && self.state != State::Asked
    }

    /// The service is being asked.
    pub fn asked(&mut self) {
        self.state = State::Asked;
    }

    /// It answered.
    pub fn learned(&mut self, options: ServiceOptions, now_ms: u64) {
        /// A TTL of 0 must not mean to ask without end.
        const SHORTEST_S: u32 = 1;
        let ttl_s = options
            .ttl_s
            .unwrap_or(self.config.default_ttl_s)
            .max(SHORTEST_S);
        self.state = State::Known {
            until_ms: now_ms.saturating_add(u64::from(ttl_s).saturating_mul(1_000)),
        };
        self.failures = 0;
        self.options = Some(options);
    }

    /// It did not. True for the first failure in a row: that one is worth a line in the log.
    pub fn failed(&mut self, now_ms: u64) -> bool {
        let pause_ms = BACK_OFF_MS
            .saturating_mul(1_u64.checked_shl(self.failures).unwrap_or(u64::MAX))
            .min(MAX_BACK_OFF_MS);
        self.state = State::Failed {
            until_ms: now_ms.saturating_add(pause_ms),
        };
        self.failures = self.failures.saturating_add(1);
        self.failures == 1
    }

    /// What was learned last.
    pub fn options(&self) -> Option<&ServiceOptions> {
        self.options.as_ref()
    }

    /// An answer of the service carried this `ISTag`. True where it is another than the one known: the service has changed,
    /// and is asked again.
    pub fn notice_istag(&mut self, istag: &str) -> bool {
        let Some(options) = &mut self.options else {
            return false;
        };
        let changed = options.istag.as_deref().is_some_and(|known| known != istag);
        if changed || options.istag.is_none() {
            options.istag = Some(istag.to_owned());
        }
        if changed && matches!(self.state, State::Known { .. }) {
            self.state = State::Due;
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knowledge(enabled: bool) -> Knowledge {
        Knowledge::new(OptionsConfig {
            enabled,
            default_ttl_s: 60,
        })
    }

    fn with_ttl(ttl_s: Option<u32>) -> ServiceOptions {
        ServiceOptions {
            ttl_s,
            istag: Some("a".into()),
            ..ServiceOptions::default()
        }
    }

    #[test]
    fn it_is_asked_once_and_again_when_the_ttl_is_over() {
        let mut known = knowledge(true);
        assert!(known.is_due(0));
        known.asked();
        assert!(!known.is_due(u64::MAX));
        known.learned(with_ttl(Some(5)), 1_000);
        assert!(!known.is_due(5_999));
        assert!(known.is_due(6_000));
        known.learned(with_ttl(None), 6_000);
        assert!(!known.is_due(65_999));
        assert!(known.is_due(66_000));
        known.learned(with_ttl(Some(0)), 0);
        assert!(!known.is_due(999));
    }

    #[test]
    fn failures_back_off_and_keep_what_was_known() {
        let mut known = knowledge(true);
        known.learned(with_ttl(None), 0);
        assert!(known.failed(0));
        assert!(!known.is_due(999) && known.is_due(1_000));
        assert!(!known.failed(1_000));
        assert!(!known.is_due(2_999) && known.is_due(3_000));
        for _ in 0..100 {
            assert!(!known.failed(0));
        }
        assert!(!known.is_due(59_999) && known.is_due(60_000));
        assert_eq!(known.options(), Some(&with_ttl(None)));
        known.learned(with_ttl(None), 0);
        assert!(known.failed(0), "the row begins anew");
    }

    #[test]
    fn nothing_is_asked_where_it_is_disabled() {
        assert!(!knowledge(false).is_due(u64::MAX));
    }

    #[test]
    fn another_istag_makes_it_due() {
        let mut known = knowledge(true);
        assert!(
            !known.notice_istag("a"),
            "nothing is known to compare it with"
        );
        known.learned(with_ttl(Some(3_600)), 0);
        assert!(!known.notice_istag("a"));
        assert!(!known.is_due(1));
        assert!(known.notice_istag("b"));
        assert!(known.is_due(1));
        assert!(!known.notice_istag("b"));
    }
}
