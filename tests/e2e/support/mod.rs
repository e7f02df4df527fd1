//! What the tests stand on: the processes and servers around Envoy, and the client in front of it.

pub mod any_http;
pub mod application;
pub mod aws;
pub mod c_icap;
pub mod client;
pub mod collector;
pub mod e2guardian;
pub mod envoy;
pub mod envoy_config;
pub mod example;
pub mod form;
pub mod http3;
pub mod http_body;
pub mod icap_answers;
pub mod icap_behaviour;
pub mod icap_connection;
pub mod icap_message;
pub mod icap_server;
pub mod page;
pub mod payload;
pub mod process;
pub mod pyicap;
pub mod raw_h2;
pub mod scene;
pub mod telemetry;
pub mod token;
pub mod wire;

use std::future::Future;
use std::time::Duration;

/// How long a test waits for something that must happen. Long, because the machine may be busy; nothing waits that long
/// when all is well.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// How often a state that sends no event (a file, a statistic) is looked at.
pub const POLL: Duration = Duration::from_millis(10);

/// Waits for `event`, and fails the test when it does not come within [`DEADLINE`].
pub async fn within<T>(what: &str, event: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, event).await {
        Ok(value) => value,
        Err(_) => panic!("still waiting for {what} after {DEADLINE:?}"),
    }
}

/// Looks again and again until `look` finds something, and fails the test when that takes longer than [`DEADLINE`].
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    within(what, async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(POLL).await;
        }
    })
    .await
}
