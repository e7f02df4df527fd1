//! An earlier filter that makes a body longer than Content-Length says, and leaves Content-Length as it is.

use crate::filters;
use crate::outcome::{Delivery, Outcome};
use crate::rows::{Place, Row};
use crate::support::payload::eicar;
use crate::world::World;

/// Puts EICAR behind the last chunk that has bytes.
fn longer() -> Row {
    let tail: String = eicar().iter().map(|byte| format!("\\{byte:03}")).collect();
    let script = format!(
        "function envoy_on_request(h) for chunk in h:bodyChunks() do local n = chunk:length() \
         if n > 0 then chunk:setBytes(chunk:getBytes(0, n) .. '{tail}') end end end"
    );
    Row::new("lua", Place::Before, vec![filters::lua(&script)])
}

#[tokio::test(flavor = "multi_thread")]
async fn lua_body_chunks_longer_than_content_length_end_in_400_and_nothing_is_forwarded() {
    let row = longer();
    let (world, application) = World::of(row.clone()).await;
    let way = world.way(&row);
    for outcome in [Outcome::Clean, Outcome::CleanPreview, Outcome::FailOpen] {
        for delivery in [Delivery::OnePiece, Delivery::SlowLength] {
            let case = format!("{outcome:?}, {delivery:?}");
            let path = format!("/lua/request/{}/{delivery:?}", outcome.word());
            let parts = outcome.parts();
            let answer = way.send_parts(&path, &parts, outcome, delivery).await;
            let log = world.log(&row, &path, "ICAP_FAILED").await;
            assert_eq!(answer.unwrap().status, 400, "{case}: {log}");
            assert!(log.contains("ADF_ICAP_BAD_REQUEST"), "{case}: {log}");
            let (requests, stray) = application.take(0).await;
            let whole = requests.iter().filter(|request| request.complete).count();
            assert_eq!(
                whole + stray.len(),
                0,
                "{case}: whole requests or stray bytes"
            );
            if outcome == Outcome::Clean || delivery == Delivery::OnePiece {
                assert!(requests.is_empty(), "{case}: a part was forwarded");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lua_body_chunks_that_grow_without_content_length_are_scanned_to_their_end() {
    let mut row = longer();
    row.name = "lua growing";
    let (world, application) = World::of(row.clone()).await;
    let way = world.way(&row);
    let parts = Outcome::Clean.parts();
    for delivery in [Delivery::SlowChunked, Delivery::Http2] {
        let path = format!("/lua/request/clean/{delivery:?}");
        let answer = way
            .send_parts(&path, &parts, Outcome::Clean, delivery)
            .await;
        assert_eq!(answer.unwrap().status, 200, "{delivery:?}");
        let (requests, stray) = application.take(1).await;
        assert_eq!(stray.len(), 0, "{delivery:?}: bytes for another request");
        let seen = world.scanner.follow(&path).borrow().seen;
        assert_eq!(
            requests[0].body.len(),
            seen,
            "{delivery:?}: bytes not scanned"
        );
        assert!(seen > parts.concat().len(), "{delivery:?}");
    }
}
