//! Decides whether and when a submission that lost its connection is sent again.

use crate::connection::{CheckoutOptions, Connections, PoolId};

/// How many tries to reach a server may follow without a pause.
const QUICK_TRIES: u32 = 3;
/// The pause after the next failed try, in milliseconds. It doubles with each further one. Envoy's main thread knows
/// which servers live, and tells the workers up to a second later (`update_merge_window`).
const NO_SERVER_PAUSE_MS: u64 = 50;
/// How long after a sign of life a retry is worthwhile, in milliseconds.
const HOPE_MS: u64 = 10_000;

/// How a submission lost its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The server had received the submission.
    Closed,
    /// No server could be reached.
    Unreachable,
    /// Envoy has no healthy server.
    NoServer,
}

/// What is known of the other servers of the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prospect {
    /// There is one server only, and it gave no sign of life lately.
    Poor,
    /// There are several servers.
    Several,
    /// A server was alive a moment ago.
    Alive,
}

impl Prospect {
    /// The prospect of the pool after this loss.
    pub fn of(connections: &Connections, pool: PoolId, loss: Loss, now_ms: u64) -> Self {
        let is_reached = loss == Loss::Closed;
        if !is_reached && connections.was_alive_within(pool, HOPE_MS, now_ms) {
            Self::Alive
        } else if connections.has_several_servers(pool) {
            Self::Several
        } else {
            Self::Poor
        }
    }
}

/// How many retries a submission may have in all:
///
/// ```text
///  loss         Poor  Several  Alive  why
///  Closed         1      4       1    this very submission may make a server hang up
///  Unreachable    2      4       8    the first try may have met a connection that the server had just closed
///  NoServer       0      0       8    only a server that lived a moment ago is worth the wait
/// ```
fn allowed(loss: Loss, prospect: Prospect) -> u32 {
    match (loss, prospect) {
        (Loss::Closed, Prospect::Poor | Prospect::Alive) => 1,
        (Loss::Unreachable, Prospect::Poor) => 2,
        (Loss::Closed | Loss::Unreachable, Prospect::Several) => 4,
        (Loss::Unreachable | Loss::NoServer, Prospect::Alive) => 8,
        (Loss::NoServer, Prospect::Poor | Prospect::Several) => 0,
    }
}

/// The connection for the next retry of a submission with `tries` retries; `None`: no further retry.
pub(super) fn after(
    loss: Loss,
    prospect: Prospect,
    tries: u32,
    now_ms: u64,
) -> Option<CheckoutOptions> {
    (tries < allowed(loss, prospect))
        .then(|| checkout_options(loss, tries.saturating_add(1), now_ms))
}

/// The connection for retry number `tries`.
pub(super) fn checkout_options(loss: Loss, tries: u32, now_ms: u64) -> CheckoutOptions {
    let slow = tries
        .checked_sub(QUICK_TRIES.saturating_add(1))
        .filter(|_| loss != Loss::Closed);
    let pause_ms = slow.map_or(0, |slow| {
        NO_SERVER_PAUSE_MS.saturating_mul(2_u64.saturating_pow(slow))
    });
    CheckoutOptions {
        fresh: loss != Loss::NoServer,
        again: false,
        not_before_ms: now_ms.saturating_add(pause_ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pauses before each retry, in milliseconds, until no retry follows.
    fn pauses(loss: Loss, prospect: Prospect) -> Vec<u64> {
        (0..)
            .map_while(|tries| after(loss, prospect, tries, 1_000))
            .map(|checkout_options| checkout_options.not_before_ms - 1_000)
            .collect()
    }

    #[test]
    fn a_submission_is_retried_as_long_as_there_is_a_prospect() {
        let far = [0, 0, 0, 50, 100, 200, 400, 800];
        for (loss, prospect, expected) in [
            (Loss::Closed, Prospect::Poor, &[0][..]),
            (Loss::Closed, Prospect::Several, &[0; 4]),
            (Loss::Closed, Prospect::Alive, &[0]),
            (Loss::Unreachable, Prospect::Poor, &[0, 0]),
            (Loss::Unreachable, Prospect::Several, &far[..4]),
            (Loss::Unreachable, Prospect::Alive, &far),
            (Loss::NoServer, Prospect::Poor, &[]),
            (Loss::NoServer, Prospect::Several, &[]),
            (Loss::NoServer, Prospect::Alive, &far),
        ] {
            assert_eq!(pauses(loss, prospect), expected, "{loss:?} {prospect:?}");
        }
    }

    #[test]
    fn a_retry_gets_no_kept_connection() {
        for (loss, fresh) in [
            (Loss::Closed, true),
            (Loss::Unreachable, true),
            (Loss::NoServer, false),
        ] {
            assert_eq!(checkout_options(loss, 1, 0).fresh, fresh, "{loss:?}");
        }
    }
}
