//! Envoy's custom error pages, which it asks an application for: with the request that was refused.

use serde_json::json;

use crate::filters;
use crate::outcome::{DELIVERIES, Delivery, Outcome};
use crate::rows::{Place, Row};
use crate::scanner::SILENT;
use crate::world::World;

/// Sends bodies that end in `status`, and fails the test where one of their bytes reaches an application.
async fn refuse(path: &str, outcome: Outcome, status: u16) {
    for place in [Place::Before, Place::After] {
        let filter = filters::custom_response(&[status]);
        let mut row = Row::new("custom_response", place, vec![filter]);
        row.profile = json!({"fail_action": "fail_closed", "response_timeout_ms": 300});
        let (world, application) = World::of(row.clone()).await;
        let way = world.way(&row);
        for delivery in DELIVERIES {
            let path = format!("/error/request/{path}/{delivery:?}");
            let parts = outcome.parts();
            let answer = way.send_parts(&path, &parts, outcome, delivery).await;
            assert_eq!(answer.unwrap().status, status, "{place:?}, {delivery:?}");
            // After ours in the list it does not see what ours answers.
            let asked = usize::from(place == Place::Before);
            let (pages, stray) = world.error_page.take(asked).await;
            assert_eq!(pages.len(), asked, "{place:?}, {delivery:?}: error pages");
            let body: Vec<u8> = pages.into_iter().flat_map(|page| page.body).collect();
            assert!(
                body.is_empty() && stray.is_empty(),
                "{place:?}, {delivery:?}: {} bytes at the error page, and {} after them",
                body.len(),
                stray.len()
            );
        }
        let (requests, stray) = application.take(0).await;
        assert!(requests.is_empty() && stray.is_empty(), "{place:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn custom_response_redirect_after_a_block_gets_no_byte_of_the_held_body() {
    refuse(Outcome::Blocked.word(), Outcome::Blocked, 403).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn custom_response_redirect_after_a_time_out_gets_no_byte_of_the_held_body() {
    refuse(SILENT, Outcome::Clean, 503).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn custom_response_redirect_after_413_gets_no_byte_of_the_held_body() {
    let filter = filters::custom_response(&[413]);
    let mut row = Row::new("custom_response", Place::Before, vec![filter]);
    row.profile = json!({"large_upload_fail_action": "fail_closed"});
    let (world, application) = World::of(row.clone()).await;
    let parts = Outcome::Over.parts();
    let way = world.way(&row);
    for delivery in DELIVERIES {
        let path = format!("/error/request/over/{delivery:?}");
        let answer = way.send_parts(&path, &parts, Outcome::Over, delivery).await;
        // A client that sends on may see the connection end before the page.
        if delivery != Delivery::OnePiece {
            assert_eq!(answer.unwrap().status, 413, "{delivery:?}");
        }
        let (pages, stray) = world.error_page.take(1).await;
        let bytes = pages.iter().map(|page| page.body.len()).sum::<usize>() + stray.len();
        assert_eq!(bytes, 0, "{delivery:?}: bytes at the error page");
    }
    let (requests, _) = application.take(0).await;
    assert!(requests.is_empty());
}
