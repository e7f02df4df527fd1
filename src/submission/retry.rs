//! Whether a submission that lost its connection is sent anew, and when.

use crate::connection::{CheckoutOptions, Connections, PoolId};

/// How many tries to reach a server may follow one another at once.
const QUICK_TRIES: u32 = 3;
/// How long after the next one that came to nothing none is opened for that submission, in milliseconds; twice as long after each
/// further one. Envoy tells its workers which servers live up to a second later than it knows it (`update_merge_window`).
const NO_SERVER_PAUSE_MS: u64 = 50;
/// How long after a sign of life it is worth looking for a server that lives, in milliseconds.
const HOPE_MS: u64 = 10_000;

/// How a submission lost its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The server had the submission.
    Closed,
    /// No server could be reached.
    Unreachable,
    /// Envoy knows of no server.
    NoServer,
}

/// What is known of the servers that a submission could still go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prospect {
    /// There is but one, and no sign of life lately.
    Poor,
    /// There are several.
    Several,
    /// One was alive a moment ago.
    Alive,
}

impl Prospect {
    /// What is known of the servers of a pool after that loss.
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

/// How often a submission may be sent anew in all. Of one server: once where the server had it, for it may hang up on this very
/// one, and twice where no server could be reached, the first try having met a connection that the server had just closed.
/// Where there is a prospect of another: until one that lives should have been met. Where Envoy knows of none, that is worth
/// waiting for only if one was there a moment ago.
fn allowed(loss: Loss, prospect: Prospect) -> u32 {
    match (loss, prospect) {
        (Loss::Closed, Prospect::Poor | Prospect::Alive) => 1,
        (Loss::Unreachable, Prospect::Poor) => 2,
        (Loss::Closed | Loss::Unreachable, Prospect::Several) => 4,
        (Loss::Unreachable | Loss::NoServer, Prospect::Alive) => 8,
        (Loss::NoServer, Prospect::Poor | Prospect::Several) => 0,
    }
}

/// The connection on which a submission that was sent anew `tries` times is to be sent anew again; `None`: not any more.
pub(super) fn after(
    loss: Loss,
    prospect: Prospect,
    tries: u32,
    now_ms: u64,
) -> Option<CheckoutOptions> {
    (tries < allowed(loss, prospect))
        .then(|| checkout_options(loss, tries.saturating_add(1), now_ms))
}

/// The connection for a submission that is sent anew for the `tries`-th time.
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

    /// The pauses before each retry, in milliseconds, until there is none.
    fn pauses(loss: Loss, prospect: Prospect) -> Vec<u64> {
        (0..)
            .map_while(|tries| after(loss, prospect, tries, 1_000))
            .map(|checkout_options| checkout_options.not_before_ms - 1_000)
            .collect()
    }

    #[test]
    fn a_submission_is_sent_anew_as_long_as_there_is_a_prospect() {
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
    fn whoever_lost_a_connection_gets_no_kept_one() {
        for (loss, fresh) in [
            (Loss::Closed, true),
            (Loss::Unreachable, true),
            (Loss::NoServer, false),
        ] {
            assert_eq!(checkout_options(loss, 1, 0).fresh, fresh, "{loss:?}");
        }
    }
}
