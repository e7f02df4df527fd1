//! The HTTP security policy: which request goes to which ICAP server, and which to none.

use hyper::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::application::Application;
use crate::support::client::{Body, empty, post, request, request_with, sized};
use crate::support::envoy::Envoy;
use crate::support::envoy_config::Setup;
use crate::support::icap_answers::block_page;
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::scene::{Scene, profile};
use crate::support::within;

/// Three profiles, each with an ICAP server of its own that nobody else is sent to.
struct Services {
    servers: [IcapServer; 3],
    scene: Scene,
}

const PROFILES: [(&str, &str); 3] = [
    ("first", "icap_pool"),
    ("second", "pool_b"),
    ("third", "pool_c"),
];

impl Services {
    async fn new(rules: Value, adjust: impl FnOnce(&mut Setup)) -> Self {
        let servers = [
            IcapServer::serving(Behaviour::Allow).await,
            IcapServer::serving(Behaviour::Allow).await,
            IcapServer::serving(Behaviour::Allow).await,
        ];
        let profiles: Vec<Value> = PROFILES
            .iter()
            .map(|(name, cluster)| profile(json!({"name": name, "cluster": cluster})))
            .collect();
        let mut plugin = json!({"profiles": profiles});
        if !rules.is_null() {
            plugin["rules"] = rules;
        }
        let pools = [
            ("pool_b", servers[1].address()),
            ("pool_c", servers[2].address()),
        ];
        let scene = Scene::with(servers[0].address(), json!({}), |setup| {
            setup.plugin = plugin.to_string();
            setup.more_pools = pools.to_vec();
            adjust(setup);
        })
        .await;
        Self { servers, scene }
    }

    /// Sends the `n`-th request of the test, and demands that the server of `profile` alone scans it, or none at all.
    async fn expect(
        &self,
        n: usize,
        request: hyper::Request<Body>,
        profile: Option<&str>,
        rule: Option<&str>,
    ) {
        let what = format!("{} {:?}", request.uri(), request.headers());
        let before: Vec<usize> = self.servers.iter().map(IcapServer::accepted).collect();
        assert_eq!(self.scene.send(request).await.status, 200, "{what}");
        let log = self.scene.icap_log(n).await;
        let action = profile.map_or("ICAP_DISABLED", |_| "ICAP_PASSED");
        assert_eq!(log["action"], action, "{what}: {log}");
        assert_eq!(log["profile"].as_str(), profile, "{what}: {log}");
        assert_eq!(log["rule_name"].as_str(), rule, "{what}: {log}");
        for ((server, (name, _)), before) in self.servers.iter().zip(PROFILES).zip(before) {
            if Some(name) == profile {
                server.next_request().await;
                let port = &log["request_logs"][0]["icap_server_port"];
                assert_eq!(*port, server.address().port(), "{what}: {log}");
            } else {
                assert_eq!(server.accepted(), before, "{what}: {name} was asked");
            }
        }
    }
}

fn scan(name: &str, criteria: Value, profile: &str) -> Value {
    json!({"name": name, "match": criteria, "action": "enable_icap", "profile": profile})
}

#[tokio::test(flavor = "multi_thread")]
async fn the_path_chooses_the_server() {
    let rules = json!([
        {"name": "not-there", "match": {"path": {"prefix": "/b/open"}}, "action": "bypass"},
        {"name": "off", "enabled": false, "match": {}, "action": "bypass"},
        scan("a", json!({"path": {"prefix": "/a/"}}), "first"),
        scan("b", json!({"path": {"prefix": "/b/"}}), "second"),
        scan("c", json!({"path": {"regex": "/c/[0-9]+"}}), "third"),
    ]);
    let services = Services::new(rules, |_| {}).await;
    let cases = [
        ("/a/1?x=/b/", Some(("first", "a"))),
        ("/b/1", Some(("second", "b"))),
        ("/c/12", Some(("third", "c"))),
        ("/c/12x", None),
        ("/elsewhere", None),
    ];
    for (n, (path, expected)) in cases.into_iter().enumerate() {
        let (profile, rule) = expected.unzip();
        services
            .expect(n, post(path, sized("x")), profile, rule)
            .await;
    }
    services
        .expect(
            cases.len(),
            post("/b/open", sized("x")),
            None,
            Some("not-there"),
        )
        .await;
    let envoy = &services.scene.envoy;
    // A worker tells at its next tick what no scan's end told before.
    envoy.until_stat("wasmcustom.icap_filter.disabled", 3).await;
    assert_eq!(envoy.metric("disabled").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_chooses_the_server() {
    let named = |value: &str| json!({"header": [{"name": "x-tenant", "exact": value}]});
    let rules = json!([
        scan("one", named("one"), "third"),
        scan("two", named("two"), "second"),
        scan(
            "any",
            json!({"header": [{"name": "x-tenant", "present": true}]}),
            "first"
        ),
    ]);
    let services = Services::new(rules, |_| {}).await;
    let cases = [
        (Some("one"), Some(("third", "one"))),
        (Some("two"), Some(("second", "two"))),
        (Some("three"), Some(("first", "any"))),
        (None, None),
    ];
    for (n, (tenant, expected)) in cases.into_iter().enumerate() {
        let fields: Vec<(&str, &str)> = tenant.map(|t| ("x-tenant", t)).into_iter().collect();
        let (profile, rule) = expected.unzip();
        let request = request_with(Method::POST, "/", &fields, sized("x"));
        services.expect(n, request, profile, rule).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_address_that_envoy_trusts_chooses_the_server() {
    let rules = json!([
        scan("office", json!({"client_ip": ["10.1.0.0/16"]}), "second"),
        scan("six", json!({"client_ip": ["2001:db8::/32"]}), "third"),
        scan("rest", json!({"client_ip_not": ["127.0.0.0/8"]}), "first"),
    ]);
    let services = Services::new(rules, |setup| {
        setup.manager = json!({"use_remote_address": true, "xff_num_trusted_hops": 1});
    })
    .await;
    let cases = [
        (Some("10.1.2.3"), Some(("second", "office"))),
        (Some("2001:db8::7"), Some(("third", "six"))),
        (Some("192.0.2.1"), Some(("first", "rest"))),
        // Only the last hop is believed.
        (Some("10.1.2.3, 192.0.2.1"), Some(("first", "rest"))),
        (None, None),
    ];
    for (n, (from, expected)) in cases.into_iter().enumerate() {
        let fields: Vec<(&str, &str)> = from.map(|f| ("x-forwarded-for", f)).into_iter().collect();
        let (profile, rule) = expected.unzip();
        let request = request_with(Method::POST, "/", &fields, sized("x"));
        services.expect(n, request, profile, rule).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_nobody_vouches_for_chooses_nothing() {
    let rules = json!([scan(
        "office",
        json!({"client_ip": ["10.1.0.0/16"]}),
        "second"
    )]);
    let services = Services::new(rules, |setup| {
        setup.manager = json!({"use_remote_address": true});
    })
    .await;
    let fields = [("x-forwarded-for", "10.1.2.3")];
    let request = request_with(Method::POST, "/", &fields, sized("x"));
    services.expect(0, request, None, None).await;
}

fn route(prefix: &str, metadata: Value) -> Value {
    json!({
        "match": {"prefix": prefix},
        "route": {"cluster": "application"},
        "metadata": {"filter_metadata": {"icap_filter": metadata}},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn route_metadata_wins_over_the_rules() {
    let services = Services::new(json!([scan("all", json!({}), "first")]), |setup| {
        setup.more_routes = vec![
            route("/second", json!({"profile": "second"})),
            route("/third", json!({"profile": "third"})),
            route("/open", json!({"disabled": true})),
            route("/on", json!({"disabled": false})),
        ];
    })
    .await;
    let cases = [
        ("/second", Some("second"), None),
        ("/third", Some("third"), None),
        ("/open", None, None),
        ("/on", Some("first"), Some("all")),
        ("/", Some("first"), Some("all")),
    ];
    for (n, (path, profile, rule)) in cases.into_iter().enumerate() {
        services
            .expect(n, post(path, sized("x")), profile, rule)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_that_names_no_known_profile_fails_as_the_first_one_says() {
    for (fail_action, status) in [("fail_closed", 503), ("fail_open", 200)] {
        for metadata in [json!({"profile": "nobody"})] {
            let server = IcapServer::serving(Behaviour::Allow).await;
            let changes = json!({"fail_action": fail_action});
            let scene = Scene::with(server.address(), changes, |setup| {
                setup.route_metadata = Some(metadata.clone());
            })
            .await;
            let answer = scene.send(post("/", sized("x"))).await;
            assert_eq!(answer.status, status, "{metadata}");
            let log = scene.icap_log(0).await;
            assert_eq!(log["action"], "ICAP_FAILED", "{metadata}: {log}");
            assert_eq!(log["significance"], json!(["ADF_ICAP_FAILED"]), "{log}");
            assert_eq!(server.accepted(), 0, "{metadata}");
            if status == 503 {
                scene.assert_application_untouched(1).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn route_metadata_that_cannot_be_meant_is_said_and_fails_closed() {
    for (namespace, metadata, words) in [
        (
            "icap-filter",
            json!({"disabled": true}),
            "write icap_filter",
        ),
        ("icap", json!({"profile": "upload-av"}), "write icap_filter"),
        (
            "icap_filter",
            json!({"disable": true}),
            "icap_filter.disable is no key",
        ),
        (
            "icap_filter",
            json!({"disabled": "true"}),
            "icap_filter.disabled is a string",
        ),
        (
            "icap_filter",
            json!({"profile": 7}),
            "icap_filter.profile is a number",
        ),
        (
            "icap_filter",
            json!({"disabled": [true]}),
            "icap_filter.disabled is a list",
        ),
    ] {
        let server = IcapServer::serving(Behaviour::Allow).await;
        let scene = Scene::with(
            server.address(),
            json!({"fail_action": "fail_open"}),
            |setup| {
                let mut plugin: Value = serde_json::from_str(&setup.plugin).unwrap();
                plugin["rules"] = json!([]);
                setup.plugin = plugin.to_string();
                let metadata = json!({"filter_metadata": {namespace: metadata}});
                setup.patch(move |bootstrap| {
                    let listener = &mut bootstrap["static_resources"]["listeners"][0];
                    let manager = &mut listener["filter_chains"][0]["filters"][0]["typed_config"];
                    manager["route_config"]["virtual_hosts"][0]["routes"][0]["metadata"] =
                        metadata.clone();
                });
            },
        )
        .await;
        for n in 0..2 {
            assert_eq!(
                scene.send(post("/", sized("x"))).await.status,
                503,
                "{words}"
            );
            let log = scene.icap_log(n).await;
            let reason = log["request_logs"][0]["reason"].as_str().unwrap();
            assert!(reason.contains(words), "{log}");
        }
        let said = scene.envoy.log();
        assert_eq!(
            said.lines().filter(|line| line.contains(words)).count(),
            1,
            "{said}"
        );
        assert_eq!(server.accepted(), 0, "{words}");
        scene.assert_application_untouched(2).await;
    }
}

/// An application that takes any upgrade or CONNECT and then sends back every byte.
async fn tunnelling_application() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within("a head", stream.read_u8()).await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

async fn assert_sent(from: &mut TcpStream, to: &mut TcpStream, bytes: &[u8]) {
    from.write_all(bytes).await.unwrap();
    let mut got = vec![0; bytes.len()];
    within("bytes through the tunnel", to.read_exact(&mut got))
        .await
        .unwrap();
    assert_eq!(got, bytes);
}

/// A scene in which Envoy lets `upgrade` through, and a server that would block every message.
async fn tunnel_scene(upgrade: &str, application: &TcpListener) -> (IcapServer, Envoy) {
    let server = IcapServer::serving(Behaviour::Answer(block_page("", "no"))).await;
    let plugin = json!({"profiles": [profile(json!({"response_service_url": "/respmod"}))]});
    let mut setup = Setup::new(&plugin, server.address(), application.local_addr().unwrap());
    setup.manager = json!({"upgrade_configs": [{"upgrade_type": upgrade}]});
    if upgrade == "CONNECT" {
        setup.more_routes = vec![json!({
            "match": {"connect_matcher": {}},
            "route": {"cluster": "application",
                      "upgrade_configs": [{"upgrade_type": "CONNECT", "connect_config": {}}]},
        })];
    }
    (server, Envoy::start(&setup).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_passes_untouched() {
    let application = tunnelling_application().await;
    let (server, envoy) = tunnel_scene("websocket", &application).await;
    let mut client = TcpStream::connect(envoy.listener()).await.unwrap();
    client
        .write_all(
            b"GET /chat HTTP/1.1\r\nHost: app.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n",
        )
        .await
        .unwrap();
    let (mut behind, _) = within("the application's connection", application.accept())
        .await
        .unwrap();
    let head = read_head(&mut behind).await;
    assert!(head.starts_with("GET /chat HTTP/1.1\r\n"), "{head}");
    behind
        .write_all(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        )
        .await
        .unwrap();
    let head = read_head(&mut client).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    for round in 0..3_u8 {
        assert_sent(&mut client, &mut behind, &[round; 1000]).await;
        assert_sent(&mut behind, &mut client, &[!round; 1000]).await;
    }
    drop(client);
    let log = envoy.log_entry(0).await;
    let expected = json!({"action": "ICAP_DISABLED", "reason": "tunnel"});
    assert_eq!(log["icap_log"], expected, "{log}");
    assert_eq!(server.accepted(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connect_tunnel_passes_untouched() {
    let application = tunnelling_application().await;
    let (server, envoy) = tunnel_scene("CONNECT", &application).await;
    let mut client = TcpStream::connect(envoy.listener()).await.unwrap();
    client
        .write_all(b"CONNECT app.test:443 HTTP/1.1\r\nHost: app.test:443\r\n\r\n")
        .await
        .unwrap();
    // The tunnel ends in Envoy: what the application gets are the client's bytes alone.
    let (mut behind, _) = within("the application's connection", application.accept())
        .await
        .unwrap();
    let head = read_head(&mut client).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_sent(&mut client, &mut behind, b"to the application").await;
    assert_sent(&mut behind, &mut client, b"and back").await;
    drop(client);
    let log = envoy.log_entry(0).await;
    let expected = json!({"action": "ICAP_DISABLED", "reason": "tunnel"});
    assert_eq!(log["icap_log"], expected, "{log}");
    assert_eq!(server.accepted(), 0);
}

/// What a client gets that sends `head` and, whatever Envoy makes of it, a body; nothing may reach the application.
async fn assert_no_way_around(head: &str, body: &str) {
    let server = IcapServer::serving(Behaviour::AnswerPreview(block_page("", "no"))).await;
    let application = Application::start().await;
    let plugin = json!({"profiles": [profile(json!({}))]});
    let mut setup = Setup::new(&plugin, server.address(), application.address());
    setup.manager = json!({"upgrade_configs": [{"upgrade_type": "websocket"}]});
    let envoy = Envoy::start(&setup).await;
    let mut client = TcpStream::connect(envoy.listener()).await.unwrap();
    client
        .write_all(format!("{head}\r\n\r\n{body}").as_bytes())
        .await
        .unwrap();
    let answer = read_head(&mut client).await;
    assert!(
        answer.starts_with("HTTP/1.1 403 ") || answer.starts_with("HTTP/1.1 400 "),
        "{head}: {answer}"
    );
    envoy.log_entry(0).await;
    assert_eq!(application.bytes_received(), 0, "{head}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_scanned_though_its_head_speaks_of_an_upgrade() {
    for head in [
        "POST /upload HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 4",
        "POST /upload HTTP/1.1\r\nHost: app.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 4",
        "POST /upload HTTP/1.1\r\nHost: app.test\r\nUpgrade: websocket\r\nContent-Length: 4",
    ] {
        assert_no_way_around(head, "evil").await;
    }
    let head = "POST /upload HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                Transfer-Encoding: chunked";
    // Envoy passes on the frames of the chunks as if they were a tunnel's bytes: the preview fills up with them.
    let chunked = format!("1770\r\n{}\r\n0\r\n\r\n", "evil".repeat(1500));
    assert_no_way_around(head, &chunked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_rules_the_first_profile_takes_everything() {
    let services = Services::new(Value::Null, |_| {}).await;
    services
        .expect(0, post("/", sized("x")), Some("first"), None)
        .await;
    services
        .expect(1, request(Method::GET, "/", empty()), Some("first"), None)
        .await;
}
