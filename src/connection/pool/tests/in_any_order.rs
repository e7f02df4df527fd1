//! The pool: its bounds, in any order of events.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

proptest! {
    /// In any order of events there are no more connections than allowed, none with two owners, and none idle and
    /// owned at once.
    #[test]
    fn the_bounds_hold_in_any_order_of_events(rests: bool, events in prop::collection::vec((0_u8..6, 0_u32..12), 0..200)) {
        let limits = PoolLimits { max_connections: 3, max_pending: 4, idle_timeout_ms: 5, max_requests: 4, max_age_ms: 30, quarantine: rests };
        let mut pool = Pool::new(limits);
        let mut owned: BTreeMap<StreamToken, Owner> = BTreeMap::new();
        let (mut next_token, mut next_owner) = (0, 0);
        for (now, (event, pick)) in events.into_iter().enumerate() {
            let now = now as u64;
            let picked = owned.keys().copied().nth(pick as usize % owned.len().max(1));
            match (event, picked) {
                (0 | 1, _) => {
                    next_owner += 1;
                    if let Checkout::Kept(token) = pool.checkout(message(next_owner), CheckoutOptions { fresh: event == 1, again: pick == 0, not_before_ms: now + u64::from(pick) }, now) {
                        prop_assert!(owned.insert(token, message(next_owner)).is_none());
                    }
                }
                (2, _) => {
                    if let Some(idle) = pool.evict(0) {
                        prop_assert!(!owned.contains_key(&idle));
                    }
                    while let Some(owner) = pool.next_to_open(0, now) {
                        next_token += 1;
                        pool.opened(next_token, owner, now);
                        owned.insert(next_token, owner);
                    }
                }
                (3, Some(token)) => {
                    owned.remove(&token);
                    if let Released::HandedTo(owner) = pool.release(token, now) {
                        owned.insert(token, owner);
                    }
                }
                (4, Some(token)) => {
                    let closed = pool.remove(token).unwrap();
                    prop_assert_eq!(closed.owner, owned.remove(&token));
                }
                _ => {
                    while let Some(token) = pool.expire(now) {
                        prop_assert!(!owned.contains_key(&token));
                    }
                    while let Some((token, released)) = pool.end_rest(now) {
                        prop_assert!(!owned.contains_key(&token));
                        if let Released::HandedTo(owner) = released {
                            owned.insert(token, owner);
                        }
                    }
                }
            }
            prop_assert_eq!(pool.active(), owned.len());
            prop_assert!(pool.active() + pool.idle() <= 3);
            for (token, owner) in &owned {
                prop_assert_eq!(pool.owner(*token), Some(*owner));
            }
        }
    }
}
