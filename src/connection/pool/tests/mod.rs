//! The pool: order of waiting requests, reuse, limits, pauses.

#[cfg(not(target_arch = "wasm32"))]
mod in_any_order;
mod queries;

use super::*;
use crate::icap::Direction;

const LIMITS: PoolLimits = PoolLimits {
    max_connections: 2,
    max_pending: 2,
    idle_timeout_ms: 1_000,
    max_requests: 3,
    max_age_ms: 10_000,
    quarantine: false,
};

fn message(context: u32) -> Owner {
    Owner::Unit(UnitId {
        context,
        direction: Direction::Request,
        index: 0,
    })
}

/// A request asks for a connection, and there is none yet.
#[track_caller]
fn wait(pool: &mut Pool, id: u32) {
    let checkout = pool.checkout(message(id), CheckoutOptions::default(), 0);
    assert_eq!(checkout, Checkout::Waiting, "{id}");
}

/// Opens every connection that the pool wants opened, with tokens from `first` on.
fn open_all(pool: &mut Pool, first: StreamToken) -> Vec<(Owner, StreamToken)> {
    let mut opened = Vec::new();
    let mut token = first;
    while let Some(owner) = pool.next_to_open(0, 0) {
        pool.opened(token, owner, 0);
        opened.push((owner, token));
        token += 1;
    }
    opened
}

#[test]
fn a_kept_connection_is_handed_out_again() {
    let mut pool = Pool::new(LIMITS);
    wait(&mut pool, 1);
    assert_eq!(open_all(&mut pool, 10), [(message(1), 10)]);
    assert_eq!(pool.release(10, 0), Released::Kept);
    assert_eq!(
        pool.checkout(message(2), CheckoutOptions::default(), 0),
        Checkout::Kept(10)
    );
    assert_eq!(pool.owner(10), Some(message(2)));
}

#[test]
fn the_connection_used_last_is_reused_first() {
    let mut pool = Pool::new(LIMITS);
    for id in [1, 2] {
        wait(&mut pool, id);
    }
    open_all(&mut pool, 10);
    assert_eq!(pool.release(10, 0), Released::Kept);
    assert_eq!(pool.release(11, 1), Released::Kept);
    assert_eq!(
        pool.checkout(message(3), CheckoutOptions::default(), 0),
        Checkout::Kept(11)
    );
}

#[test]
fn waiters_are_served_in_order_and_nobody_overtakes_them() {
    let mut pool = Pool::new(LIMITS);
    for id in 1..=4 {
        wait(&mut pool, id);
    }
    assert_eq!(
        open_all(&mut pool, 10),
        [(message(1), 10), (message(2), 11)]
    );
    assert_eq!(pool.pending(), 2);
    assert_eq!(pool.release(11, 0), Released::HandedTo(message(3)));
    assert_eq!(pool.release(10, 0), Released::HandedTo(message(4)));
    assert_eq!(pool.release(11, 0), Released::Kept);
    assert_eq!(
        pool.checkout(message(5), CheckoutOptions::default(), 0),
        Checkout::Kept(11)
    );
}

#[test]
fn past_max_pending_is_overload_and_requests_with_room_do_not_count() {
    let mut pool = Pool::new(LIMITS);
    for id in 1..=4 {
        assert!(pool.takes_another(), "{id}");
        wait(&mut pool, id);
    }
    assert!(!pool.takes_another());
    assert_eq!(
        pool.checkout(message(5), CheckoutOptions::default(), 0),
        Checkout::Overloaded
    );
    open_all(&mut pool, 10);
    assert_eq!(
        pool.checkout(message(5), CheckoutOptions::default(), 0),
        Checkout::Overloaded
    );
    pool.forget(message(3));
    assert!(pool.takes_another());
    wait(&mut pool, 5);
}

#[test]
fn with_max_pending_0_an_idle_connection_takes_a_request() {
    let mut pool = Pool::new(PoolLimits {
        max_connections: 1,
        max_pending: 0,
        ..LIMITS
    });
    wait(&mut pool, 1);
    open_all(&mut pool, 10);
    assert!(!pool.takes_another());
    assert_eq!(pool.release(10, 0), Released::Kept);
    assert!(pool.takes_another());
    let kept = pool.checkout(message(2), CheckoutOptions::default(), 0);
    assert_eq!(kept, Checkout::Kept(10));
}

#[test]
fn a_connection_is_retired_after_its_last_request() {
    let mut pool = Pool::new(LIMITS);
    wait(&mut pool, 1);
    open_all(&mut pool, 10);
    for id in [2, 3] {
        assert_eq!(pool.release(10, 0), Released::Kept);
        assert_eq!(
            pool.checkout(message(id), CheckoutOptions::default(), 0),
            Checkout::Kept(10)
        );
    }
    assert_eq!(pool.release(10, 0), Released::Retired);
    assert_eq!((pool.active(), pool.idle()), (0, 0));
}

#[test]
fn a_retry_waits_in_front_for_a_fresh_connection_and_an_idle_one_makes_room() {
    let mut pool = Pool::new(LIMITS);
    for id in [1, 2] {
        wait(&mut pool, id);
    }
    open_all(&mut pool, 10);
    assert_eq!(pool.release(10, 0), Released::Kept);
    assert_eq!(
        pool.checkout(message(3), CheckoutOptions::FRESH, 0),
        Checkout::Waiting
    );
    assert_eq!(pool.next_to_open(0, 0), None);
    assert!(pool.can_open(0));
    assert_eq!(pool.evict(0), Some(10));
    assert_eq!(pool.evict(0), None);
    assert_eq!(open_all(&mut pool, 20), [(message(3), 20)]);
    assert_eq!(pool.release(11, 0), Released::Kept, "nobody else waits");
}

#[test]
fn a_delayed_request_does_not_delay_others() {
    let mut pool = Pool::new(LIMITS);
    let later = CheckoutOptions {
        fresh: true,
        again: false,
        not_before_ms: 50,
    };
    assert_eq!(pool.checkout(message(1), later, 0), Checkout::Waiting);
    assert!(!pool.can_open(49));
    wait(&mut pool, 2);
    assert_eq!(pool.next_to_open(0, 49), Some(message(2)));
    pool.opened(10, message(2), 49);
    assert_eq!(pool.next_to_open(0, 49), None);
    assert_eq!(pool.next_to_open(0, 50), Some(message(1)));
}

#[test]
fn a_kept_connection_does_not_go_to_a_retry() {
    let mut pool = Pool::new(LIMITS);
    wait(&mut pool, 1);
    open_all(&mut pool, 10);
    assert_eq!(
        pool.checkout(message(2), CheckoutOptions::FRESH, 0),
        Checkout::Waiting
    );
    assert_eq!(pool.release(10, 0), Released::Kept);
}

#[test]
fn a_waiting_retry_does_not_keep_others_from_a_kept_connection() {
    let mut pool = Pool::new(LIMITS);
    for id in [1, 2, 3] {
        wait(&mut pool, id);
    }
    open_all(&mut pool, 10);
    assert_eq!(
        pool.checkout(message(4), CheckoutOptions::FRESH, 0),
        Checkout::Waiting
    );
    assert_eq!(pool.release(10, 0), Released::HandedTo(message(3)));
    assert_eq!(pool.release(11, 0), Released::Kept);
    assert_eq!(
        pool.checkout(message(5), CheckoutOptions::default(), 0),
        Checkout::Kept(11)
    );
    assert_eq!(pool.waiting(), [message(4)]);
}

#[test]
fn idle_connections_expire_oldest_first() {
    let mut pool = Pool::new(LIMITS);
    for id in [1, 2] {
        wait(&mut pool, id);
    }
    open_all(&mut pool, 10);
    assert_eq!(pool.release(11, 0), Released::Kept);
    assert_eq!(pool.release(10, 500), Released::Kept);
    assert_eq!(pool.expire(999), None);
    assert_eq!(pool.expire(1_000), Some(11));
    assert_eq!(pool.expire(1_000), None);
    assert_eq!(pool.expire(1_500), Some(10));
}

#[test]
fn a_connection_that_is_old_enough_is_retired_after_its_request_or_while_it_idles() {
    let mut pool = Pool::new(PoolLimits {
        idle_timeout_ms: 60_000,
        max_requests: 1_000,
        ..LIMITS
    });
    for id in [1, 2] {
        wait(&mut pool, id);
    }
    open_all(&mut pool, 10);
    assert_eq!(pool.release(10, 9_999), Released::Kept);
    assert_eq!(pool.release(11, 10_000), Released::Retired);
    assert_eq!(pool.expire(9_999), None);
    assert_eq!(pool.expire(10_000), Some(10));
    assert_eq!((pool.active(), pool.idle()), (0, 0));
}

#[test]
fn a_closed_connection_names_its_owner() {
    let mut pool = Pool::new(LIMITS);
    wait(&mut pool, 1);
    open_all(&mut pool, 10);
    let lost = |owner, was_connected| {
        Some(ClosedConnection {
            owner,
            was_connected,
        })
    };
    assert_eq!(pool.remove(10), lost(Some(message(1)), false));
    assert_eq!(pool.remove(10), None);
    wait(&mut pool, 2);
    open_all(&mut pool, 11);
    pool.connected(11, "10.0.0.9:1344".into(), 0);
    assert_eq!(pool.peer(11), Some("10.0.0.9:1344"));
    assert_eq!(pool.release(11, 0), Released::Kept);
    assert_eq!(pool.remove(11), lost(None, true));
    assert_eq!(pool.idle(), 0);
}

#[test]
fn a_second_server_is_noticed() {
    let mut pool = Pool::new(LIMITS);
    for id in [1, 2] {
        wait(&mut pool, id);
    }
    open_all(&mut pool, 10);
    pool.connected(10, "10.0.0.9:1344".into(), 0);
    assert!(!pool.has_several_servers());
    pool.connected(11, "10.0.0.9:1344".into(), 0);
    assert!(!pool.has_several_servers());
    pool.connected(11, "10.0.0.10:1344".into(), 0);
    assert!(pool.has_several_servers());
}

#[test]
fn what_the_server_allows_goes_before_the_limit() {
    let mut pool = Pool::new(LIMITS);
    for id in [1, 2] {
        wait(&mut pool, id);
    }
    open_all(&mut pool, 10);
    pool.allow(Some(1));
    assert_eq!(pool.release(10, 0), Released::Retired, "one too many");
    assert_eq!(pool.release(11, 0), Released::Kept);
    pool.allow(Some(0));
    assert_eq!(
        pool.checkout(message(3), CheckoutOptions::default(), 0),
        Checkout::Kept(11),
        "at least one"
    );
    pool.allow(Some(9));
    for id in [4, 5] {
        wait(&mut pool, id);
    }
    assert_eq!(
        open_all(&mut pool, 20).len(),
        1,
        "never more than configured"
    );
}

#[test]
fn an_idle_connection_past_the_limit_is_closed_at_once() {
    let mut pool = Pool::new(LIMITS);
    for id in [1, 2] {
        wait(&mut pool, id);
    }
    open_all(&mut pool, 10);
    assert_eq!(pool.release(10, 0), Released::Kept);
    assert_eq!(pool.release(11, 0), Released::Kept);
    pool.allow(Some(1));
    assert_eq!(pool.expire(0), Some(10));
    assert_eq!(pool.expire(0), None);
}

#[test]
fn a_pause_holds_back_new_connections_and_not_kept_ones() {
    let mut pool = Pool::new(LIMITS);
    wait(&mut pool, 1);
    open_all(&mut pool, 10);
    wait(&mut pool, 2);
    pool.pause(100);
    assert_eq!(pool.next_to_open(0, 99), None);
    assert_eq!(pool.release(10, 50), Released::HandedTo(message(2)));
    wait(&mut pool, 3);
    assert_eq!(pool.next_to_open(0, 100), Some(message(3)));
}

#[test]
fn two_users_of_a_pool_share_the_stricter_bounds() {
    let other = PoolLimits {
        max_connections: 9,
        max_pending: 1,
        idle_timeout_ms: 10,
        max_requests: 99,
        max_age_ms: 20_000,
        quarantine: true,
    };
    let both = PoolLimits {
        max_connections: 2,
        max_pending: 1,
        idle_timeout_ms: 10,
        max_requests: 3,
        max_age_ms: 10_000,
        quarantine: true,
    };
    assert_eq!(LIMITS.strictest(other), both);
    assert_eq!(other.strictest(LIMITS), both);
}

#[test]
fn a_waiter_without_room_becomes_overdue() {
    let mut pool = Pool::new(LIMITS);
    for id in [1, 2] {
        wait(&mut pool, id);
    }
    assert!(!pool.is_overdue(0, 1_000), "there is room");
    open_all(&mut pool, 10);
    let probe = Owner::Options(0);
    let waits = pool.checkout(probe, CheckoutOptions::default(), 0);
    assert_eq!(waits, Checkout::Waiting);
    assert!(!pool.is_overdue(200, 1_000), "it is no message");
    let waits = pool.checkout(message(3), CheckoutOptions::default(), 1_000);
    assert_eq!(waits, Checkout::Waiting);
    assert!(!pool.is_overdue(200, 1_199));
    assert!(pool.is_overdue(200, 1_200));
    pool.remove(10);
    assert!(!pool.is_overdue(200, 1_200), "there is room again");
    let later = CheckoutOptions {
        not_before_ms: 2_000,
        ..CheckoutOptions::default()
    };
    let waits = pool.checkout(message(4), later, 1_000);
    assert_eq!(waits, Checkout::Waiting);
    assert!(!pool.is_overdue(200, 2_199), "for this one there is none");
    assert!(pool.is_overdue(200, 2_200));
    pool.pause(3_000);
    assert!(
        !pool.is_overdue(200, 2_200),
        "the server has too much to do"
    );
}

#[test]
fn a_connection_rests_for_a_whole_turn_and_then_serves_the_first_waiter() {
    let mut pool = Pool::new(PoolLimits {
        quarantine: true,
        ..LIMITS
    });
    for id in 1..=3 {
        wait(&mut pool, id);
    }
    open_all(&mut pool, 10);
    for token in [10, 11] {
        assert_eq!(pool.release(token, 0), Released::Resting);
        assert_eq!(pool.owner(token), None);
    }
    assert_eq!(pool.end_rest(0), None, "the turn may be the same");
    assert_eq!(pool.remove(11).map(|it| it.owner), Some(None));
    let handed = Released::HandedTo(message(3));
    assert_eq!(pool.end_rest(0), Some((10, handed)));
    assert_eq!(pool.end_rest(0), None);
    assert!(!pool.rests());
}

#[test]
fn a_preempted_request_waits_in_front_however_many_wait() {
    let mut pool = Pool::new(LIMITS);
    for id in 1..=4 {
        wait(&mut pool, id);
    }
    open_all(&mut pool, 10);
    let last = pool.checkout(message(5), CheckoutOptions::default(), 0);
    assert_eq!(last, Checkout::Overloaded);
    let again = pool.checkout(message(1), CheckoutOptions::AGAIN, 0);
    assert_eq!(again, Checkout::Waiting);
    assert_eq!(pool.release(10, 0), Released::HandedTo(message(1)));
}
