//! Writes log messages that requests or servers could repeat without end, at a bounded rate: see [`Limiter`].

use std::cell::RefCell;
use std::fmt;

use crate::report::Limiter;

thread_local! {
    static LIMITER: RefCell<Limiter> = RefCell::default();
}

/// Writes a log message, unless one of that kind about that subject was written less than a minute ago.
pub(super) fn say(
    now_ms: u64,
    level: log::Level,
    kind: &'static str,
    subject: &str,
    message: fmt::Arguments<'_>,
) {
    let admitted = LIMITER.with_borrow_mut(|limiter| limiter.admit(kind, subject, now_ms));
    match admitted {
        None => {}
        Some(0) => log::log!(level, "{message}"),
        Some(suppressed) => log::log!(
            level,
            "{message} ({suppressed} more such messages were left out)"
        ),
    }
}
