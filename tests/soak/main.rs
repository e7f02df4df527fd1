//! Sixty-four clients for a long time, while servers are killed, restarted, paused, and close what idles.
//!
//! `SOAK_SECONDS` says how long (30). The servers are processes of their own, this program started anew with their
//! port, so that they can be killed and stopped as such. Every request carries a token that its answer has to carry.

#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "a test may fail, and says what it found"
)]
#![allow(unreachable_pub, reason = "a test binary exports nothing")]

#[path = "../e2e/support/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "shared by several test targets, none of which uses all of it"
)]
mod support;

mod load;
mod servers;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use load::Load;
use servers::Servers;
use support::application::Application;
use support::envoy::Envoy;
use support::envoy_config::Setup;
use support::scene::plugin;

const CLIENTS: usize = 64;
const SERVERS: usize = 3;
/// What the server may take for a request.
const TIMEOUT: Duration = Duration::from_millis(2000);
/// Requests on kept connections, of all, in steady load.
const HIT_RATE: f64 = 0.99;

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Some(port) = servers::port_to_serve() {
        return runtime.block_on(servers::serve(port));
    }
    let seconds = std::env::var("SOAK_SECONDS").ok();
    let seconds = seconds.map_or(30, |text| text.parse().expect("SOAK_SECONDS is a number"));
    runtime.block_on(soak(Duration::from_secs(seconds)));
}

async fn soak(time: Duration) {
    let mut servers = Servers::start(SERVERS).await;
    let application = Application::start().await;
    let mut setup = Setup::new(&profile(), servers.addresses()[0], application.address());
    setup.icap = servers.addresses();
    setup.health_check = true;
    setup.patch_pool(spread);
    setup.patch(without_access_log);
    let envoy = Envoy::start(&setup).await;
    let watch = load::watch(application);

    // Steady: nothing fails, and connections are kept.
    let load = Load::start(envoy.listener(), CLIENTS);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = Turnover::of(&envoy).await;
    tokio::time::sleep(time / 3).await;
    let after = Turnover::of(&envoy).await;
    let steady = load.counts();
    let memory = envoy.resident_bytes();
    println!("steady: {steady}, {} MiB resident", memory >> 20);
    let opened = after.opened - before.opened;
    let reused = after.reused - before.reused;
    let hit_rate = reused as f64 / (opened + reused).max(1) as f64;
    println!("kept connections: {reused} requests, {opened} opened, hit rate {hit_rate:.5}");
    assert_eq!(steady.failed, 0, "nothing was done to the servers yet");
    assert!(hit_rate >= HIT_RATE);

    // Trouble: every second something happens to a server.
    servers.close_idle(true);
    let end = Instant::now() + time * 2 / 3;
    let mut most_memory = memory;
    let mut round = 0;
    while Instant::now() < end {
        servers.trouble(round);
        round += 1;
        tokio::time::sleep(Duration::from_secs(1)).await;
        most_memory = most_memory.max(envoy.resident_bytes());
    }
    servers.close_idle(false);
    servers.recover().await;
    let troubled = load.counts();
    println!("with {round} troubles: {troubled}");

    // Calm again: once the servers are all known to be healthy, nothing fails.
    envoy
        .until_stat("cluster.icap_pool.membership_healthy", SERVERS as u64)
        .await;
    tokio::time::sleep(TIMEOUT).await;
    let calm = load.counts();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let total = load.stop().await;
    let left = envoy.resident_bytes();
    println!(
        "in all: {total}; memory {} MiB at first, {} at most, {} at last",
        memory >> 20,
        most_memory >> 20,
        left >> 20
    );
    envoy.assert_vm_alive();
    assert_eq!(total.failed, calm.failed, "the servers were well again");
    assert!(total.right > calm.right);
    assert_eq!(total.wrong, 0, "wrong verdicts");
    assert_eq!(
        watch.crossed(),
        0,
        "requests that reached the application and should not"
    );
    let longest = total.longest;
    assert!(longest <= TIMEOUT + Duration::from_secs(1), "{longest:?}");
    // What the allocator keeps for a burst is not a leak; what grows with the requests is.
    assert!(left <= memory + memory / 4 + (32 << 20), "memory grew");
}

fn profile() -> Value {
    plugin(json!({
        "request_buffer_size_kb": 1024,
        "response_timeout_ms": TIMEOUT.as_millis() as u64,
        "max_connections": CLIENTS,
        "options": {"enabled": true},
    }))
}

/// What `envoy/round-robin.yaml` has for several servers.
fn spread(cluster: &mut Value) {
    cluster["common_lb_config"] = json!({"healthy_panic_threshold": {"value": 0}});
    cluster["health_checks"][0]["reuse_connection"] = json!(false);
    cluster["close_connections_on_host_health_failure"] = json!(true);
}

/// It would grow with every request.
fn without_access_log(bootstrap: &mut Value) {
    const MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
    bootstrap.pointer_mut(MANAGER).unwrap()["access_log"] = json!([]);
}

/// Connections opened, and requests on kept ones, so far.
struct Turnover {
    opened: u64,
    reused: u64,
}

impl Turnover {
    async fn of(envoy: &Envoy) -> Self {
        Self {
            opened: envoy.metric("connections_opened").await,
            reused: envoy.metric("connections_reused").await,
        }
    }
}
