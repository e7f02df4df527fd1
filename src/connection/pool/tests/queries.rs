//! The pool: what it knows of connections, servers and the line.

use super::*;

#[test]
fn a_connection_has_served_once_it_is_used_again() {
    let mut pool = Pool::new(LIMITS);
    wait(&mut pool, 1);
    open_all(&mut pool, 10);
    assert!(!pool.has_served(10));
    wait(&mut pool, 2);
    wait(&mut pool, 3);
    assert_eq!(pool.release(10, 0), Released::HandedTo(message(2)));
    assert!(pool.has_served(10));
    assert!(!pool.has_served(99), "no such connection");
}

#[test]
fn a_server_lives_when_it_takes_a_connection_or_finishes_a_request() {
    let mut pool = Pool::new(LIMITS);
    assert!(!pool.was_alive_within(u64::MAX, 0), "no sign so far");
    wait(&mut pool, 1);
    open_all(&mut pool, 10);
    assert!(!pool.was_alive_within(u64::MAX, 0), "not established");
    pool.connected(10, "10.0.0.9:1344".into(), 100);
    assert!(pool.was_alive_within(50, 150));
    assert!(!pool.was_alive_within(49, 150));
    assert_eq!(pool.release(10, 200), Released::Kept);
    assert!(pool.was_alive_within(50, 250));
    assert!(!pool.was_alive_within(49, 250));
}

#[test]
fn the_pool_starves_while_a_request_waits_without_room() {
    let mut pool = Pool::new(LIMITS);
    assert!(!pool.starves());
    wait(&mut pool, 1);
    assert!(!pool.starves(), "there is room");
    wait(&mut pool, 2);
    open_all(&mut pool, 10);
    assert!(!pool.starves(), "nobody waits");
    wait(&mut pool, 3);
    assert!(pool.starves());
    pool.forget(message(3));
    assert!(!pool.starves());
}

#[test]
fn a_connection_that_is_still_closing_takes_up_room() {
    let mut pool = Pool::new(LIMITS);
    wait(&mut pool, 1);
    assert_eq!(pool.next_to_open(2, 0), None);
    assert_eq!(pool.next_to_open(1, 0), Some(message(1)));
    assert_eq!(pool.waiting(), [message(1)], "it waits until it is opened");
}

#[test]
fn a_tick_is_needed_soon_where_a_connection_can_be_opened() {
    let mut pool = Pool::new(LIMITS);
    assert!(!pool.can_open(0), "nobody waits");
    wait(&mut pool, 1);
    assert!(pool.can_open(0));
    wait(&mut pool, 2);
    open_all(&mut pool, 10);
    wait(&mut pool, 3);
    assert!(!pool.can_open(0), "no room");
    pool.forget(message(3));
    let waits = pool.checkout(message(4), CheckoutOptions::FRESH, 0);
    assert_eq!(waits, Checkout::Waiting);
    assert!(!pool.can_open(0), "no connection idles");
    assert_eq!(pool.release(10, 0), Released::Kept);
    assert!(pool.can_open(0), "the idle one can make room");
    pool.pause(5);
    assert!(!pool.can_open(4));
    assert!(pool.can_open(5));
}

#[test]
fn an_idle_connection_stays_while_there_is_room_or_nobody_needs_a_fresh_one() {
    let mut pool = Pool::new(LIMITS);
    wait(&mut pool, 1);
    open_all(&mut pool, 10);
    assert_eq!(pool.release(10, 0), Released::Kept);
    let waits = pool.checkout(message(2), CheckoutOptions::FRESH, 0);
    assert_eq!(waits, Checkout::Waiting);
    assert_eq!(pool.evict(0), None, "there is room");
    open_all(&mut pool, 11);
    assert_eq!(pool.evict(0), None, "nobody waits");
    assert_eq!(pool.idle(), 1);
}

#[test]
fn a_later_pause_holds_and_an_earlier_one_changes_nothing() {
    let mut pool = Pool::new(LIMITS);
    wait(&mut pool, 1);
    pool.pause(100);
    pool.pause(50);
    assert_eq!(pool.next_to_open(0, 99), None);
    assert_eq!(pool.next_to_open(0, 100), Some(message(1)));
}

#[test]
fn a_second_user_tightens_the_pool() {
    let mut pool = Pool::new(LIMITS);
    pool.tighten(PoolLimits {
        max_connections: 1,
        ..LIMITS
    });
    wait(&mut pool, 1);
    wait(&mut pool, 2);
    assert_eq!(open_all(&mut pool, 10).len(), 1);
}

#[test]
fn resting_connections_count_as_idle_and_are_known_to_rest() {
    let mut pool = Pool::new(PoolLimits {
        quarantine: true,
        ..LIMITS
    });
    wait(&mut pool, 1);
    open_all(&mut pool, 10);
    assert!(!pool.rests());
    assert_eq!((pool.active(), pool.idle()), (1, 0));
    assert_eq!(pool.release(10, 0), Released::Resting);
    assert!(pool.rests());
    assert_eq!((pool.active(), pool.idle()), (0, 1));
    assert_eq!(pool.end_rest(7), None);
    assert_eq!(pool.end_rest(7), Some((10, Released::Kept)));
    assert_eq!((pool.active(), pool.idle()), (0, 1));
    assert_eq!(
        pool.expire(1_006),
        None,
        "it idles since the end of its rest"
    );
    assert_eq!(pool.expire(1_007), Some(10));
}

#[test]
fn a_removed_connection_leaves_the_others_alone() {
    for quarantine in [false, true] {
        let mut pool = Pool::new(PoolLimits {
            quarantine,
            ..LIMITS
        });
        for id in [1, 2] {
            wait(&mut pool, id);
        }
        open_all(&mut pool, 10);
        for token in [10, 11] {
            let _ = pool.release(token, 0);
        }
        assert!(pool.remove(10).is_some());
        assert_eq!((pool.active(), pool.idle()), (0, 1));
        assert_eq!(pool.rests(), quarantine);
    }
}

#[test]
fn a_connection_that_is_not_of_the_pool_is_retired() {
    let mut pool = Pool::new(LIMITS);
    assert_eq!(pool.release(9, 0), Released::Retired);
    assert_eq!((pool.owner(9), pool.peer(9)), (None, None));
}

#[test]
fn probes_name_their_service() {
    assert_eq!(Owner::Options(3).service(), Some(3));
    assert_eq!(Owner::SelfTest(4).service(), Some(4));
    assert_eq!(message(1).service(), None);
}
