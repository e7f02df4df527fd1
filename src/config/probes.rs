//! What the filter asks a server for itself: OPTIONS, and the self-test.

use super::attribute::{boolean, integer};
use super::object::object;

object! {
    /// Whether and how the filter asks the server for its OPTIONS.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct OptionsConfig, at "profiles[].options", read from fields {
        /// Ask the server what it can do before the first request and when that knowledge is out of date.
        pub enabled: bool = boolean().or_bool(true);
        /// How long an answer without `Options-TTL` holds.
        pub default_ttl_s: u32 = integer(1, 86_400, "s").or(3600);
    }
}

object! {
    /// Each worker tests for itself. A test that is not blocked is logged and counted as `selftest_failed`; one that gets no
    /// verdict at all says nothing and is tried again.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct SelfTestConfig, at "profiles[].self_test", read from fields {
        /// Test at the start and every `interval_minutes`.
        pub enabled: bool = boolean().or_bool(false);
        /// The time between two tests.
        pub interval_minutes: u32 = integer(1, 10_080, "min").or(60);
        /// After a failed test let every request of the profile fail with the cause `server_error`, until a test succeeds.
        pub fail_profile: bool = boolean().or_bool(false);
    }
}
