//! Keeps the OPTIONS response of one service and decides when to ask again.

use crate::config::OptionsConfig;
use crate::icap::ServiceOptions;

/// First pause after a failure, in milliseconds; it doubles with each further one.
const BACK_OFF_MS: u64 = 1_000;
/// Longest pause after a failure, in milliseconds.
const MAX_BACK_OFF_MS: u64 = 60_000;

/// The shortest time between two OPTIONS requests caused by another `ISTag`, in milliseconds.
const ISTAG_PAUSE_MS: u64 = 60_000;
/// For how many servers the `ISTag` is kept.
const MAX_SERVERS: usize = 256;

/// What is known of one service.
///
/// ```text
///  Due ──ask──▶ Asked ──learned──▶ Known ──TTL, or another ISTag──▶ Due
///                 └────failed────▶ Failed ──back-off──▶ Due
/// ```
///
/// The last OPTIONS response holds until a newer one arrives. It may grow stale, but is never forgotten.
#[derive(Debug)]
pub struct OptionsCache {
    config: OptionsConfig,
    state: State,
    options: Option<ServiceOptions>,
    failures: u32,
    /// The tag of each server by its address, oldest first.
    istags: Vec<(String, String)>,
    /// When another tag caused, or will cause, an OPTIONS request.
    asked_for_istag_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Due,
    Asked,
    Known { until_ms: u64 },
    Failed { until_ms: u64 },
}

impl OptionsCache {
    /// Nothing is known yet.
    pub fn new(config: OptionsConfig) -> Self {
        Self {
            config,
            state: State::Due,
            options: None,
            failures: 0,
            istags: Vec::new(),
            asked_for_istag_ms: None,
        }
    }

    /// Whether it is time to ask. Never true where OPTIONS is disabled.
    pub fn is_due(&self, now_ms: u64) -> bool {
        self.config.enabled
            && match self.state {
                State::Due => true,
                State::Asked => false,
                State::Known { until_ms } | State::Failed { until_ms } => until_ms <= now_ms,
            }
    }

    /// Whether the service becomes due as time passes.
    pub fn waits(&self) -> bool {
        self.config.enabled && self.state != State::Asked
    }

    /// The filter has sent an OPTIONS request.
    pub fn asked(&mut self) {
        self.state = State::Asked;
    }

    /// The service sent a usable OPTIONS response.
    pub fn learned(&mut self, options: ServiceOptions, now_ms: u64) {
        /// A TTL of 0 must not cause endless requests.
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

    /// No usable OPTIONS response came. True for the first failure in a row, which deserves a line in the log.
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

    /// The options from the last usable response.
    pub fn options(&self) -> Option<&ServiceOptions> {
        self.options.as_ref()
    }

    /// An ICAP response of the server at `address` carried this `ISTag`. True where this server had another tag
    /// before: then the service becomes due, but for this reason at most once in `ISTAG_PAUSE_MS`. Each server of a
    /// cluster has its own tag.
    pub fn notice_istag(&mut self, address: &str, istag: &str, now_ms: u64) -> bool {
        if let Some((_, known)) = self.istags.iter_mut().find(|(known, _)| known == address) {
            if known == istag {
                return false;
            }
            known.clear();
            known.push_str(istag);
            if let State::Known { until_ms } = &mut self.state {
                let soonest_ms = match self.asked_for_istag_ms {
                    None => now_ms,
                    Some(later) if later > now_ms => later,
                    Some(asked) => asked.saturating_add(ISTAG_PAUSE_MS).max(now_ms),
                };
                *until_ms = soonest_ms.min(*until_ms);
                self.asked_for_istag_ms = Some(soonest_ms);
            }
            return true;
        }
        if self.istags.len() >= MAX_SERVERS {
            self.istags.remove(0);
        }
        self.istags.push((address.to_owned(), istag.to_owned()));
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options_cache(enabled: bool) -> OptionsCache {
        OptionsCache::new(OptionsConfig {
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
    fn options_are_asked_once_and_again_after_the_ttl() {
        let mut known = options_cache(true);
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
        let mut known = options_cache(true);
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
        assert!(known.failed(0), "a new row of failures begins");
    }

    #[test]
    fn disabled_options_are_never_asked() {
        assert!(!options_cache(false).is_due(u64::MAX));
    }

    const HOUR: u64 = 3_600_000;

    fn known_for_an_hour() -> OptionsCache {
        let mut known = options_cache(true);
        known.learned(with_ttl(Some(3_600)), 0);
        assert!(!known.notice_istag("10.0.0.1:1344", "a", 0));
        known
    }

    #[test]
    fn another_istag_makes_options_due() {
        let mut known = known_for_an_hour();
        assert!(!known.notice_istag("10.0.0.1:1344", "a", 1));
        assert!(!known.is_due(1));
        assert!(known.notice_istag("10.0.0.1:1344", "b", 1));
        assert!(known.is_due(1));
        assert!(!known.notice_istag("10.0.0.1:1344", "b", 1));
    }

    #[test]
    fn two_servers_with_different_istags_are_no_change() {
        let mut known = known_for_an_hour();
        for now_ms in 0..100 {
            assert!(!known.notice_istag("10.0.0.2:1344", "b", now_ms));
            assert!(!known.notice_istag("10.0.0.1:1344", "a", now_ms));
        }
        assert!(!known.is_due(HOUR - 1));
    }

    #[test]
    fn an_endlessly_changing_istag_causes_one_request_a_minute() {
        let mut known = known_for_an_hour();
        let mut asked = 0;
        for now_ms in (0..10 * ISTAG_PAUSE_MS).step_by(100) {
            assert!(known.notice_istag("10.0.0.1:1344", &format!("b{now_ms}"), now_ms));
            if known.is_due(now_ms) {
                asked += 1;
                known.asked();
                known.learned(with_ttl(Some(3_600)), now_ms);
            }
        }
        assert_eq!(asked, 10);
    }

    #[test]
    fn the_servers_that_are_remembered_are_bounded() {
        let mut known = known_for_an_hour();
        for n in 0..2 * MAX_SERVERS {
            known.notice_istag(&format!("10.0.0.9:{n}"), "a", 0);
        }
        assert_eq!(known.istags.len(), MAX_SERVERS);
    }
}
