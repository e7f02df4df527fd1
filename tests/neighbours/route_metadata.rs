//! Route metadata where an earlier filter has the route chosen anew.

use serde_json::{Value, json};

use crate::filters;
use crate::outcome::{Delivery, Outcome};
use crate::rows::{Place, Row, claim_routes};
use crate::world::World;

/// A filter that makes a request one of the scanned route, and clears the route cache.
fn routers() -> [(&'static str, Value); 2] {
    let script = "function envoy_on_request(h) h:headers():replace('x-tenant', 'scanned') h:clearRouteCache() end";
    [
        ("jwt_authn", filters::jwt_authn()),
        ("lua", filters::lua(script)),
    ]
}

fn row(name: &'static str, filters: Vec<Value>, metadata: bool) -> Row {
    let mut row = Row::new(name, Place::Before, filters);
    let token = format!("Bearer {}", filters::JWT);
    row.fields.push(("authorization", token));
    let (scanned, others) = if metadata {
        (json!({"profile": "upload-av"}), json!({"disabled": true}))
    } else {
        (json!({}), json!({}))
    };
    row.routes = Some(claim_routes(&row.slug(), &scanned, &others));
    row
}

/// Sends what the scanner blocks; gives the statuses.
async fn send(row: &Row) -> Vec<u16> {
    let (world, application) = World::of(row.clone()).await;
    let way = world.way(row);
    let mut statuses = Vec::new();
    for delivery in [Delivery::OnePiece; 2] {
        let answer = way.send(Outcome::Blocked, delivery).await.unwrap();
        statuses.push(answer.status);
    }
    let (requests, _) = application.take(0).await;
    assert_eq!(
        requests.len(),
        statuses.iter().filter(|status| **status == 200).count()
    );
    statuses
}

#[tokio::test(flavor = "multi_thread")]
async fn route_metadata_after_a_cleared_route_cache_holds_behind_an_empty_header_mutation() {
    for (name, filter) in routers() {
        let row = row(name, vec![filter, filters::header_mutation()], true);
        assert_eq!(send(&row).await, [403; 2], "{name}");
    }
}

/// Why header_mutation is there. Where this fails, Envoy has learned to tell, and the documentation may say less.
#[tokio::test(flavor = "multi_thread")]
async fn route_metadata_after_a_cleared_route_cache_is_the_earlier_routes_without_one() {
    for (name, filter) in routers() {
        let row = row(name, vec![filter], true);
        assert_eq!(send(&row).await, [200; 2], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_hold_after_a_cleared_route_cache_without_a_header_mutation() {
    for (name, filter) in routers() {
        let row = row(name, vec![filter], false);
        assert_eq!(send(&row).await, [403; 2], "{name}");
    }
}
