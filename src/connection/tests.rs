//! Connections with the streams behind them, on a host that notes what is sent.

use std::rc::Rc;

use super::*;
use crate::host::MemoryHost;
use crate::icap::Direction;
use crate::verdict::tests::profile;

fn owner(index: u16) -> Owner {
    Owner::Unit(UnitId {
        context: 7,
        direction: Direction::Request,
        index,
    })
}

/// A profile with one connection, for which one request may wait beside its own.
fn narrow() -> crate::config::Profile {
    crate::config::Profile {
        max_connections: 1,
        max_pending: 1,
        ..profile("generic")
    }
}

/// The connections of one profile, and its pool.
fn connections() -> (Connections, PoolId) {
    let connections = Connections::new(1, &[Rc::new(narrow())]);
    let pool = connections.pool_of("av");
    (connections, pool)
}

/// Opens a connection for a new request.
fn open(connections: &mut Connections, pool: PoolId, host: &MemoryHost) -> StreamToken {
    let checkout = connections.checkout(pool, owner(0), CheckoutOptions::default(), 0);
    assert_eq!(checkout, Checkout::Waiting);
    match connections.open_next(host, 0) {
        Some(Opened::For(_, token)) => token,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_cluster_that_no_profile_names_has_no_connections() {
    let (mut connections, _) = connections();
    let nowhere = connections.pool_of("elsewhere");
    let checkout = connections.checkout(nowhere, owner(0), CheckoutOptions::default(), 0);
    assert_eq!(checkout, Checkout::Overloaded);
    assert!(!connections.takes_another(nowhere) && !connections.starves(nowhere));
    assert_eq!(connections.waiting(nowhere), []);
}

#[test]
fn two_profiles_of_a_cluster_share_the_stricter_limits() {
    let mut roomy = profile("generic");
    roomy.max_connections = 9;
    roomy.max_pending = 9;
    let profiles = [Rc::new(roomy), Rc::new(narrow())];
    let mut connections = Connections::new(1, &profiles);
    let pool = connections.pool_of("av");
    for index in 0..2 {
        let checkout = connections.checkout(pool, owner(index), CheckoutOptions::default(), 0);
        assert_eq!(checkout, Checkout::Waiting);
    }
    let third = connections.checkout(pool, owner(2), CheckoutOptions::default(), 0);
    assert_eq!(third, Checkout::Overloaded);
}

#[test]
fn requests_starve_while_the_only_connection_is_in_use() {
    let host = MemoryHost::default();
    let (mut connections, pool) = connections();
    open(&mut connections, pool, &host);
    assert!(!connections.starves(pool));
    let waits = connections.checkout(pool, owner(1), CheckoutOptions::default(), 0);
    assert_eq!(waits, Checkout::Waiting);
    assert!(connections.starves(pool));
}

#[test]
fn a_connection_that_does_not_close_when_told_to_is_reset() {
    let host = MemoryHost::default();
    let (mut connections, pool) = connections();
    let token = open(&mut connections, pool, &host);
    connections.connected(&host, token, "10.0.0.9:1344".to_owned(), 0);
    connections.close(&host, token, 500);
    assert_eq!(*host.sent.borrow(), [(token, Vec::new())]);
    connections.expire(&host, 1_499);
    assert!(host.cancelled.borrow().is_empty() && connections.any());
    connections.expire(&host, 1_500);
    assert_eq!(*host.cancelled.borrow(), [token]);
    assert!(!connections.any());
}

#[test]
fn a_connection_is_told_to_close_only_once_it_is_established() {
    let host = MemoryHost::default();
    let (mut connections, pool) = connections();
    let token = open(&mut connections, pool, &host);
    connections.close(&host, token, 0);
    assert!(host.sent.borrow().is_empty() && !connections.has_untold());
    connections.expire(&host, 1_000_000);
    assert!(
        host.cancelled.borrow().is_empty(),
        "it may yet be established"
    );
    connections.connected(&host, token, "10.0.0.9:1344".to_owned(), 10);
    assert_eq!(*host.sent.borrow(), [(token, Vec::new())]);
    assert!(connections.closed(token).is_none() && !connections.any());
}

#[test]
fn a_connection_whose_bytes_are_read_is_told_to_close_later() {
    let host = MemoryHost::default();
    let (mut connections, pool) = connections();
    let token = open(&mut connections, pool, &host);
    connections.connected(&host, token, "10.0.0.9:1344".to_owned(), 0);
    connections.receive_from(Some(token));
    assert!(connections.receives());
    connections.close(&host, token, 0);
    assert!(host.sent.borrow().is_empty() && connections.has_untold());
    connections.receive_from(None);
    connections.tell_untold(&host, 0);
    assert_eq!(*host.sent.borrow(), [(token, Vec::new())]);
    assert!(!connections.has_untold());
}

#[test]
fn every_stream_can_be_dropped_at_once() {
    let host = MemoryHost::default();
    let mut roomy = profile("generic");
    roomy.max_connections = 3;
    let mut connections = Connections::new(1, &[Rc::new(roomy)]);
    let pool = connections.pool_of("av");
    let closing = open(&mut connections, pool, &host);
    let open = open(&mut connections, pool, &host);
    connections.close(&host, closing, 0);
    connections.drop_all(&host);
    assert_eq!(*host.cancelled.borrow(), [closing, open]);
    assert!(!connections.any());
    let (_, stock, turnover) = connections.take_stock().next().unwrap();
    assert_eq!(stock, Stock::default());
    let counted = (turnover.opened, turnover.reused, turnover.closed);
    assert_eq!(counted, (2, 0, 2));
}

#[test]
fn the_release_of_an_unknown_connection_changes_nothing() {
    let host = MemoryHost::default();
    let (mut connections, _) = connections();
    assert_eq!(connections.release(&host, 9, 0), Released::Retired);
    assert!(host.sent.borrow().is_empty() && !connections.any());
}
