//! Servers that send more behind an answer, when the connection may work for somebody else by then.

use serde_json::json;

use crate::support::client::{post, sized};
use crate::support::icap_answers::{NO_CONTENT, block_page};
use crate::support::icap_server::IcapServer;
use crate::support::scene::{Scene, plugin};

/// As much as Envoy reads at once where the cluster's buffer is small: what follows comes in the next turn of its loop.
const ONE_READ: usize = 128 * 1024;

/// A page that blocks, as long as what Envoy reads at once.
fn page_of_one_read() -> Vec<u8> {
    let length = |page: usize| block_page("", &"p".repeat(page)).len();
    let page = ONE_READ - (length(ONE_READ - 1_000) - (ONE_READ - 1_000));
    let answer = block_page("", &"p".repeat(page));
    assert_eq!(answer.len(), ONE_READ);
    answer
}

/// The next request is not passed by the 204 that came behind the answer to the one before.
#[tokio::test(flavor = "multi_thread")]
async fn with_quarantine_what_comes_late_is_nobodys_verdict() {
    let server = IcapServer::listen().await;
    let configuration = plugin(json!({"max_connections": 1, "quarantine": true}));
    let scene = Scene::with(server.address(), json!({}), |setup| {
        setup.plugin = configuration.to_string();
        setup.patch_pool(|pool| pool["per_connection_buffer_limit_bytes"] = json!(1024));
    })
    .await;
    for round in 0..10 {
        let first = scene.send_in_background(post("/first", sized("a"))).await;
        let mut connection = server.accept().await;
        connection.request().await;
        let second = scene.send_in_background(post("/second", sized("b"))).await;
        scene
            .envoy
            .until_stat("http.ingress.downstream_rq_active", 2)
            .await;
        let late = [page_of_one_read(), NO_CONTENT.into()].concat();
        connection.send(late).await;
        assert_eq!(first.response().await.status, 403, "round {round}");
        connection.closed().await;
        let mut fresh = server.accept().await;
        assert_eq!(fresh.request().await.body, b"b", "round {round}");
        fresh.send(block_page("", "blocked")).await;
        assert_eq!(second.response().await.status, 403, "round {round}");
        fresh.close().await;
        scene
            .envoy
            .until_stat("wasmcustom.icap_filter.connections_idle", 0)
            .await;
    }
    assert_eq!(scene.application.requests_received(), 0);
}

/// A connection that has rested is used again, and nothing is lost by it.
#[tokio::test(flavor = "multi_thread")]
async fn with_quarantine_connections_are_used_again() {
    let server = IcapServer::listen().await;
    let changes = json!({"max_connections": 1, "quarantine": true});
    let scene = Scene::new(server.address(), changes).await;
    let mut all = Vec::new();
    for n in 0..5 {
        let upload = post(&format!("/{n}"), sized("x"));
        all.push(scene.send_in_background(upload).await);
    }
    let mut connection = server.accept().await;
    for _ in 0..5 {
        connection.request().await;
        connection.send(NO_CONTENT).await;
    }
    for pending in all {
        assert_eq!(pending.response().await.status, 200);
    }
    assert_eq!(server.accepted(), 1);
}
