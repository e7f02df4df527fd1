//! A running Envoy gets a new plugin configuration: a bad one changes nothing, a good one takes over.

use serde_json::{Value, json};

use crate::support::application::Application;
use crate::support::client::{Version, post, sized};
use crate::support::envoy::Envoy;
use crate::support::envoy_config::Setup;
use crate::support::eventually;
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::scene::plugin;

const REJECTED: &str = "listener_manager.lds.update_rejected";
const SUCCEEDED: &str = "listener_manager.lds.update_success";

/// icap_log of one more upload.
async fn upload(envoy: &Envoy) -> Value {
    let mut client = envoy.connect(Version::Http1).await;
    let n = envoy.log_entries();
    assert_eq!(client.send(post("/", sized("x"))).await.status, 200);
    envoy.log_entry(n).await["icap_log"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_configuration_is_rejected_and_a_good_one_takes_over() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let application = Application::start().await;
    let with = |changes: Value| {
        let mut setup = Setup::new(&plugin(changes), server.address(), application.address());
        setup.listener_from_file = true;
        setup
    };
    let envoy = Envoy::start(&with(json!({"name": "old"}))).await;
    assert_eq!(upload(&envoy).await["profile"], "old");
    let mut rejected = 0;
    for bad in [
        json!({"preview_size": 1}),
        json!({"response_timeout_ms": 1}),
        json!({"name": ""}),
    ] {
        envoy.update(&with(bad.clone()));
        rejected += 1;
        envoy.until_stat(REJECTED, rejected).await;
        let log = upload(&envoy).await;
        assert_eq!(log["profile"], "old", "{bad}: {log}");
        assert_eq!(log["action"], "ICAP_PASSED", "{bad}: {log}");
    }
    assert!(
        envoy.log().contains("profiles[0].preview_size"),
        "{}",
        envoy.log()
    );

    let successes = envoy.stat(SUCCEEDED).await;
    let good = json!({"name": "new", "service_url": "icap://icap.test:1344/new"});
    envoy.update(&with(good));
    envoy.until_stat(SUCCEEDED, successes + 1).await;
    // The listener changes over a moment after the update is accepted.
    eventually("the new profile", async || {
        (upload(&envoy).await["profile"] == "new").then_some(())
    })
    .await;
    let log = upload(&envoy).await;
    assert_eq!(log["action"], "ICAP_PASSED", "{log}");
    let uri = &log["request_logs"][0]["icap_absolute_uri"];
    assert_eq!(uri, "icap://icap.test:1344/new", "{log}");
    assert_eq!(envoy.stat(REJECTED).await, rejected);
}
