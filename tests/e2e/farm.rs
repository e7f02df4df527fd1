//! Groups of ICAP servers: the configurations in `envoy/`, balancing, health checks, failover and return.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::json;
use tokio::task::JoinSet;

use crate::support::application::Application;
use crate::support::client::{Client, Version, post, sized};
use crate::support::envoy::Envoy;
use crate::support::icap_server::{Behaviour, IcapServer, refused_address};
use crate::support::scene::Scene;
use crate::support::token::{Ending, Tagged, WISHES, decide};
use crate::support::{eventually, example};

/// Servers that answer by token, and an Envoy as one of the examples says.
struct Farm {
    servers: Vec<IcapServer>,
    envoy: Envoy,
    _application: Application,
}

impl Farm {
    async fn of(name: &str, hosts: &[&str]) -> Self {
        let application = Application::start().await;
        let mut servers = Vec::new();
        for _ in hosts {
            servers.push(IcapServer::serving(Behaviour::Decide(decide)).await);
        }
        let mut endpoints: Vec<(&str, SocketAddr)> = vec![("10.0.0.80", application.address())];
        for (host, server) in hosts.iter().zip(&servers) {
            endpoints.push((host, server.address()));
        }
        Self {
            envoy: example::start(name, &endpoints, &[]).await,
            servers,
            _application: application,
        }
    }

    /// Waits until so many members of a cluster are healthy.
    async fn until_healthy(&self, cluster: &str, count: u64) {
        let healthy = format!("cluster.{cluster}.membership_healthy");
        eventually(&format!("{healthy} to be {count}"), async || {
            (self.envoy.stat(&healthy).await == count).then_some(())
        })
        .await;
    }

    async fn send(&self, n: usize) -> Ending {
        let tagged = Tagged::new(WISHES[n % 3], format!("single-{n}"), 100);
        let mut client = self.envoy.connect(Version::Http1).await;
        tagged.judge(&client.send(tagged.request()).await)
    }

    async fn kill(&self, n: usize) {
        self.servers[n].stop().await;
    }

    async fn revive(&self, n: usize) {
        self.servers[n].restart().await;
        self.servers[n].serve(Behaviour::Decide(decide)).await;
    }

    /// Sends until a server has taken a connection that it had not before.
    async fn until_used(&self, n: usize) {
        let before = self.servers[n].accepted();
        let load = Load::start(self.envoy.listener());
        // A health check takes a connection as well, but one that ends at once.
        eventually("the server to be in use", async || {
            (self.servers[n].accepted() > before && self.servers[n].open() >= 2).then_some(())
        })
        .await;
        load.without_error().await;
    }
}

/// Sixteen clients at work.
struct Load {
    stop: Arc<AtomicBool>,
    right: Arc<AtomicU64>,
    clients: JoinSet<Vec<String>>,
}

impl Load {
    fn start(envoy: SocketAddr) -> Self {
        const CLIENTS: usize = 16;
        let stop = Arc::<AtomicBool>::default();
        let right = Arc::<AtomicU64>::default();
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let (stop, right) = (stop.clone(), right.clone());
            clients.spawn(async move {
                let mut errors = Vec::new();
                let mut n = number;
                while !stop.load(Ordering::SeqCst) {
                    n += 1;
                    let tagged = Tagged::new(WISHES[n % 3], format!("{number}-{n}"), n % 9 * 2000);
                    let mut client = Client::connect(envoy, Version::Http1).await;
                    let answer = client.send(tagged.request()).await;
                    if tagged.judge(&answer) == Ending::Right {
                        right.fetch_add(1, Ordering::SeqCst);
                    } else {
                        errors.push(format!("{tagged:?}: {answer:?}"));
                    }
                }
                errors
            });
        }
        Self {
            stop,
            right,
            clients,
        }
    }

    /// Waits until so many further requests have ended as they were to.
    async fn until_served(&self, more: u64) {
        let goal = self.right.load(Ordering::SeqCst) + more;
        eventually("requests to be served", async || {
            (self.right.load(Ordering::SeqCst) >= goal).then_some(())
        })
        .await;
    }

    async fn without_error(self) {
        self.stop.store(true, Ordering::SeqCst);
        let errors = self.clients.join_all().await.concat();
        assert!(errors.is_empty(), "{errors:#?}");
    }
}

const THREE: [&str; 3] = ["10.0.0.11", "10.0.0.12", "10.0.0.13"];

/// Connections at each server while twelve requests are under way.
async fn spread_of_twelve(name: &str) -> Vec<usize> {
    let farm = Farm::of(name, &THREE).await;
    farm.until_healthy("icap_pool", 3).await;
    for server in &farm.servers {
        server.now(Behaviour::Silence);
    }
    let mut pending = Vec::new();
    for _ in 0..12 {
        let client = farm.envoy.connect(Version::Http1).await;
        pending.push(client.send_in_background(post("/", sized("x"))));
    }
    let active = "wasmcustom.icap_filter.connections_active";
    farm.envoy.until_stat(active, 12).await;
    let mut counts = Vec::new();
    for server in &farm.servers {
        let mut seen = 0;
        while let Ok(request) =
            tokio::time::timeout(std::time::Duration::from_millis(500), server.next_request()).await
        {
            // Not what the filter asks of its own accord.
            let is_own = request.method() == "OPTIONS"
                || request.http().get("host") == Some("icap-filter.invalid");
            seen += usize::from(!is_own);
        }
        counts.push(seen);
    }
    pending.into_iter().for_each(|pending| pending.abandon());
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn round_robin_gives_each_server_the_same_share() {
    let counts = spread_of_twelve("round-robin").await;
    assert_eq!(counts.iter().sum::<usize>(), 12, "{counts:?}");
    assert!(
        counts.iter().all(|count| (3..=5).contains(count)),
        "{counts:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn least_request_serves_them_all() {
    // Of two servers taken at random the less busy one is chosen, and none is busy yet: the shares are random.
    let counts = spread_of_twelve("least-request").await;
    assert_eq!(counts.iter().sum::<usize>(), 12, "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_under_load_costs_no_client_an_error_and_comes_back() {
    for name in ["round-robin", "least-request"] {
        let farm = Farm::of(name, &THREE).await;
        farm.until_healthy("icap_pool", 3).await;
        let load = Load::start(farm.envoy.listener());
        load.until_served(200).await;
        farm.kill(1).await;
        load.until_served(200).await;
        farm.until_healthy("icap_pool", 2).await;
        load.until_served(200).await;
        load.without_error().await;
        farm.revive(1).await;
        farm.until_healthy("icap_pool", 3).await;
        farm.until_used(1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_every_server_down_a_request_fails_as_connection_and_works_again_later() {
    let farm = Farm::of("round-robin", &THREE).await;
    farm.until_healthy("icap_pool", 3).await;
    for n in 0..3 {
        farm.kill(n).await;
    }
    assert_eq!(farm.send(0).await, Ending::Failed, "not known yet");
    // Each looks for a server that lives, and none for the others' share of that time.
    let mut all = Vec::new();
    for _ in 0..32 {
        let client = farm.envoy.connect(Version::Http1).await;
        all.push(client.send_in_background(post("/", sized("x"))));
    }
    for pending in all {
        assert_eq!(pending.response().await.status, 503, "a moment later");
    }
    farm.until_healthy("icap_pool", 0).await;
    assert_eq!(farm.send(1).await, Ending::Failed, "no panic routing");
    assert_eq!(farm.envoy.metric("failed.connection").await, 34);
    for n in 0..3 {
        farm.revive(n).await;
    }
    farm.until_healthy("icap_pool", 3).await;
    assert_eq!(farm.send(2).await, Ending::Right);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_backup_serves_while_the_first_are_down_and_no_longer() {
    let farm = Farm::of("priorities", &THREE).await;
    farm.until_healthy("icap_pool", 3).await;
    let asked = farm.servers[2].options_asked().len();
    for n in 0..20 {
        assert_eq!(farm.send(n).await, Ending::Right);
    }
    farm.kill(0).await;
    farm.until_healthy("icap_pool", 2).await;
    for n in 0..20 {
        assert_eq!(farm.send(n).await, Ending::Right, "one of the first lives");
    }
    assert!(asked <= farm.servers[2].options_asked().len());
    farm.kill(1).await;
    farm.until_healthy("icap_pool", 1).await;
    for n in 0..20 {
        assert_eq!(farm.send(n).await, Ending::Right, "the backup");
    }
    farm.revive(0).await;
    farm.until_healthy("icap_pool", 2).await;
    farm.kill(2).await;
    for n in 0..20 {
        assert_eq!(farm.send(n).await, Ending::Right, "the first again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aggregate_goes_on_to_its_next_cluster() {
    let hosts = ["10.0.0.11", "10.0.0.12", "icap.backup.example.net"];
    let farm = Farm::of("aggregate", &hosts).await;
    farm.until_healthy("icap_primary", 2).await;
    farm.until_healthy("icap_backup", 1).await;
    for n in 0..20 {
        assert_eq!(farm.send(n).await, Ending::Right);
    }
    farm.kill(0).await;
    farm.kill(1).await;
    farm.until_healthy("icap_primary", 0).await;
    for n in 0..20 {
        assert_eq!(farm.send(n).await, Ending::Right, "the backup");
    }
    farm.revive(0).await;
    farm.until_healthy("icap_primary", 1).await;
    farm.kill(2).await;
    for n in 0..20 {
        assert_eq!(farm.send(n).await, Ending::Right, "the first again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_are_found_by_dns() {
    let farm = Farm::of("dns", &["icap.example.net"]).await;
    farm.until_healthy("icap_pool", 1).await;
    for n in 0..20 {
        assert_eq!(farm.send(n).await, Ending::Right);
    }
    assert!(farm.servers[0].accepted() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_at_several_ports_are_several_servers() {
    let one = IcapServer::serving(Behaviour::Allow).await;
    let two = IcapServer::serving(Behaviour::Allow).await;
    let ports = [one.address().port(), two.address().port()];
    let each_once = json!({"max_requests_per_connection": 1});
    let scene = Scene::with(one.address(), each_once, move |setup| {
        setup.patch_pool(move |cluster| {
            cluster["type"] = json!("STRICT_DNS");
            cluster["dns_lookup_family"] = json!("V4_ONLY");
            let endpoints = ports.map(|port| {
                json!({"endpoint": {"address": {"socket_address": {
                    "address": "localhost", "port_value": port,
                }}}})
            });
            cluster["load_assignment"]["endpoints"][0]["lb_endpoints"] = json!(endpoints);
        });
    })
    .await;
    for _ in 0..10 {
        let answer = scene.send(post("/", sized("x"))).await;
        assert_eq!(answer.status, 200);
    }
    assert!(one.accepted() > 0 && two.accepted() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_connections_is_ejected_without_a_health_check() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let dead = refused_address();
    let each_once = json!({"max_requests_per_connection": 1});
    let scene = Scene::with(server.address(), each_once, |setup| {
        setup.icap = vec![dead, server.address()];
        setup.patch_pool(|cluster| {
            cluster["outlier_detection"] = json!({
                "consecutive_gateway_failure": 3,
                "enforcing_consecutive_gateway_failure": 100,
                "base_ejection_time": "60s",
                "max_ejection_percent": 50,
            });
        });
    })
    .await;
    for n in 0..20 {
        let answer = scene.send(post("/", sized("x"))).await;
        assert_eq!(answer.status, 200, "request {n}");
    }
    let ejected = "cluster.icap_pool.outlier_detection.ejections_active";
    assert_eq!(scene.envoy.stat(ejected).await, 1);
    let retries = scene.envoy.metric("retries").await;
    assert!(retries > 0, "it was tried");
    for _ in 0..20 {
        scene.send(post("/", sized("x"))).await;
    }
    assert_eq!(scene.envoy.metric("retries").await, retries, "no more");
}
