//! The module in the wrong place of Envoy's configuration: it says so, and nothing hangs.

use serde_json::{Value, json};

use crate::support::client::{VERSIONS, post, sized};
use crate::support::envoy_config::Setup;
use crate::support::eventually;
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::scene::{Scene, plugin};

const FILTER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/0/typed_config/config";

fn set_configuration(filter: &mut Value, configuration: Value) {
    filter["configuration"] = json!({
        "@type": "type.googleapis.com/google.protobuf.Struct",
        "value": configuration,
    });
}

fn transport_filter(cluster: &mut Value) -> &mut Value {
    cluster["typed_extension_protocol_options"]
        .as_object_mut()
        .unwrap()
        .values_mut()
        .next()
        .unwrap()
        .pointer_mut("/http_filters/0/typed_config/config")
        .unwrap()
}

async fn assert_refused(scene: &Scene, sentence: &str) {
    for version in VERSIONS {
        let mut client = scene.client(version).await;
        let answer = client.send(post("/upload", sized("clean"))).await;
        assert_eq!(answer.status, 503, "{version:?}");
    }
    eventually(&format!("a line with {sentence:?}"), async || {
        let log = scene.envoy.log();
        let found = log
            .lines()
            .any(|line| line.contains("[error]") && line.contains(sentence));
        found.then_some(())
    })
    .await;
    assert_eq!(scene.application.bytes_received(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_filter_among_the_upstream_filters_of_the_cluster_is_refused_and_envoy_lives() {
    for vm_id in ["icap_transport", "icap_filter"] {
        let server = IcapServer::serving(Behaviour::Allow).await;
        let scene = Scene::with(server.address(), json!({}), |setup: &mut Setup| {
            setup.patch_pool(move |pool| {
                let filter = transport_filter(pool);
                set_configuration(filter, plugin(json!({"options": {"enabled": true}})));
                filter["vm_config"]["vm_id"] = json!(vm_id);
                filter["allow_on_headers_stop_iteration"] = json!(true);
            });
        })
        .await;
        assert_refused(&scene, "upstream filters of the ICAP cluster").await;
        // Envoy's main thread still answers.
        scene.envoy.stat("server.live").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_transport_role_in_a_listener_is_refused() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::with(server.address(), json!({}), |setup: &mut Setup| {
        setup.patch(|bootstrap| {
            set_configuration(
                bootstrap.pointer_mut(FILTER).unwrap(),
                json!({"role": "transport"}),
            );
        });
    })
    .await;
    assert_refused(
        &scene,
        "belongs into the upstream filters of the ICAP cluster",
    )
    .await;
}
