//! What a client says about itself and its request does not decide whether it is scanned.

use std::process::Command;

use hyper::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::client::{VERSIONS, Version, empty, post, request, request_with, sized};
use crate::support::envoy::Envoy;
use crate::support::envoy_config::Setup;
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::scene::{Scene, profile};
use crate::support::{raw_h2, within};

/// A rule `first` with these criteria, which scans.
fn scanning(criteria: Value) -> Value {
    json!({
        "profiles": [profile(json!({}))],
        "rules": [{"name": "first", "match": criteria, "action": "enable_icap", "profile": "upload-av"}],
    })
}

async fn scene(plugin: Value, adjust: impl FnOnce(&mut Setup)) -> (IcapServer, Scene) {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::with(server.address(), json!({}), |setup| {
        setup.plugin = plugin.to_string();
        adjust(setup);
    })
    .await;
    (server, scene)
}

/// Puts a filter before the module's.
pub fn put_before(setup: &mut Setup, filter: Value) {
    setup.patch(move |bootstrap| {
        let listener = &mut bootstrap["static_resources"]["listeners"][0];
        let manager = &mut listener["filter_chains"][0]["filters"][0]["typed_config"];
        let filters = manager["http_filters"].as_array_mut().unwrap();
        filters.insert(0, filter.clone());
    });
}

fn peer_filter() -> Value {
    json!({
        "name": "peer",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config",
            "on_request_headers": [{
                "object_key": "icap_filter.peer",
                "factory_key": "envoy.string",
                "format_string": {"text_format_source": {
                    "inline_string": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%",
                }},
            }],
        },
    })
}

pub fn lua(code: &str) -> Value {
    json!({
        "name": "lua",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
            "default_source_code": {"inline_string": code},
        },
    })
}

async fn raw(envoy: &Envoy, bytes: &[u8]) -> Vec<u8> {
    let mut client = TcpStream::connect(envoy.listener()).await.unwrap();
    client.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let _ = within("an answer", client.read_to_end(&mut answer)).await;
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn the_protocol_is_that_of_the_connection_and_not_the_clients_word() {
    let (_server, scene) = scene(scanning(json!({"protocol": "http"})), |setup| {
        setup.manager = json!({"scheme_header_transformation": {}});
    })
    .await;
    // An absolute target, X-Forwarded-Proto and `:scheme` all claim TLS.
    let request = "POST https://app.test/ HTTP/1.1\r\nHost: app.test\r\nX-Forwarded-Proto: https\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx";
    raw(&scene.envoy, request.as_bytes()).await;
    assert_eq!(scene.icap_log(0).await["rule_name"], "first");
    let fields = [
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "app.test"),
        (":path", "/"),
        ("x-forwarded-proto", "https"),
    ];
    raw_h2::send(scene.envoy.listener(), &fields, Some(b"x")).await;
    assert_eq!(scene.icap_log(1).await["rule_name"], "first");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_with_tls_is_https_whatever_the_scheme_says() {
    let files = TempDir::new().unwrap();
    let made = Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        ])
        .args([
            "-subj",
            "/CN=app.test",
            "-keyout",
            "key.pem",
            "-out",
            "cert.pem",
        ])
        .current_dir(files.path())
        .output();
    assert!(made.unwrap().status.success());
    let (key, cert) = (files.path().join("key.pem"), files.path().join("cert.pem"));
    let (_server, scene) = scene(scanning(json!({"protocol": "https"})), |setup| {
        setup.patch(move |bootstrap| {
            let listener = &mut bootstrap["static_resources"]["listeners"][0];
            listener["filter_chains"][0]["transport_socket"] = json!({
                "name": "envoy.transport_sockets.tls",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                    "common_tls_context": {"tls_certificates": [{
                        "certificate_chain": {"filename": cert.to_str()},
                        "private_key": {"filename": key.to_str()},
                    }]},
                },
            });
        });
    })
    .await;
    let url = format!("https://{}/", scene.envoy.listener());
    let curl = Command::new("curl")
        .args([
            "-sk",
            "--http1.1",
            "-H",
            "X-Forwarded-Proto: http",
            "-d",
            "x",
            &url,
        ])
        .output()
        .unwrap();
    assert!(curl.status.success());
    assert_eq!(scene.icap_log(0).await["rule_name"], "first");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_peer_and_not_x_forwarded_for_is_the_client() {
    for with_state in [true, false] {
        let plugin = json!({
            "profiles": [profile(json!({"client_ip_source": "peer"}))],
            "rules": [
                {"name": "spoofed", "match": {"client_ip": "10.0.0.0/8"}, "action": "bypass"},
                {"name": "here", "match": {"client_ip": "127.0.0.0/8"}, "action": "enable_icap", "profile": "upload-av"},
            ],
        });
        let (server, scene) = scene(plugin, |setup| {
            // Envoy's default: it believes X-Forwarded-For.
            if with_state {
                put_before(setup, peer_filter());
            }
        })
        .await;
        scene.send(post("/", sized("x"))).await;
        let asked = server.next_request().await;
        assert_eq!(asked.icap.get("x-client-ip"), Some("127.0.0.1"));
        for from in ["10.1.2.3", "10.1.2.3, 10.4.5.6", "127.0.0.1"] {
            let fields = [("x-forwarded-for", from)];
            scene
                .send(request_with(Method::POST, "/", &fields, sized("x")))
                .await;
            let asked = server.next_request().await;
            let expected = with_state.then_some("127.0.0.1");
            assert_eq!(asked.icap.get("x-client-ip"), expected, "{from}");
        }
        for n in 0..4 {
            assert_eq!(scene.icap_log(n).await["rule_name"], "here");
        }
        let told = scene.envoy.log().matches("set_filter_state").count();
        assert_eq!(told, usize::from(!with_state), "said once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_has_no_form_for_the_server_is_a_bad_request_and_never_opens() {
    for code in [
        "function envoy_on_request(h) h:headers():replace(':path', '/a b') end",
        "function envoy_on_request(h) h:headers():add('x\"y', 'z') end",
    ] {
        let mut plugin = scanning(json!({}));
        plugin["profiles"][0]["fail_action"] = json!("fail_open");
        let (server, scene) = scene(plugin, |setup| put_before(setup, lua(code))).await;
        let answer = scene.send(post("/", sized("x"))).await;
        assert_eq!(answer.status, 400, "{code}");
        assert_eq!(answer.text(), "The request can't be scanned.\n");
        let log = scene.icap_log(0).await;
        assert_eq!(log["action"], "ICAP_FAILED", "{log}");
        assert_eq!(
            log["significance"],
            json!(["ADF_ICAP_BAD_REQUEST"]),
            "{log}"
        );
        assert_eq!(scene.envoy.metric("failed.bad_request").await, 1);
        assert_eq!(scene.envoy.metric("failed_open").await, 0);
        assert_eq!(server.accepted(), 0);
        scene.assert_application_untouched(1).await;
    }
}

/// Reads until `end` has come.
async fn read_until(stream: &mut TcpStream, end: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end) {
        bytes.push(within("bytes", stream.read_u8()).await.unwrap());
    }
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_above_7f_in_a_target_survive_the_round_trip() {
    let target = b"/a\xff\xfe?q=\xe4&r=%ff".as_slice();
    let line = [b"POST ", target, b" HTTP/1.1\r\n"].concat();
    let icap = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let application = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plugin = json!({"profiles": [profile(json!({"enable_preview": false}))]});
    let setup = Setup::new(
        &plugin,
        icap.local_addr().unwrap(),
        application.local_addr().unwrap(),
    );
    let envoy = Envoy::start(&setup).await;
    let fields: [(&str, &[u8]); 4] = [
        (":method", b"POST"),
        (":scheme", b"http"),
        (":authority", b"app.test"),
        (":path", target),
    ];
    let client = raw_h2::send_bytes(envoy.listener(), &fields, Some(b"x"));
    let expected = line.clone();
    let servers = async {
        let (mut server, _) = within("an ICAP connection", icap.accept()).await.unwrap();
        read_until(&mut server, b"\r\n\r\n").await;
        let shown = read_until(&mut server, b"\r\n\r\n").await;
        assert!(shown.starts_with(&expected), "{}", shown.escape_ascii());
        read_until(&mut server, b"0\r\n\r\n").await;
        // Changed, so that it is the head as the server sends it that goes on.
        let head = [&expected[..], b"Host: app.test\r\nX-Changed: yes\r\n\r\n"].concat();
        let answer = format!(
            "ICAP/1.0 200 OK\r\nEncapsulated: req-hdr=0, req-body={}\r\n\r\n",
            head.len()
        );
        let answer = [answer.as_bytes(), &head, b"1\r\nx\r\n0\r\n\r\n"].concat();
        server.write_all(&answer).await.unwrap();
        let (mut behind, _) = within("the application's connection", application.accept())
            .await
            .unwrap();
        let got = read_until(&mut behind, b"\r\n\r\n").await;
        assert!(got.starts_with(&expected), "{}", got.escape_ascii());
        behind
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .await
            .unwrap();
        (server, behind)
    };
    let ((), _open) = tokio::join!(client, servers);
    let log = envoy.log_entry(0).await;
    assert_eq!(log["icap_log"]["action"], "ICAP_MODIFIED", "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_sees_every_spelling_of_a_path() {
    let (_server, scene) =
        scene(scanning(json!({"path": {"prefix": "/api/upload"}})), |_| {}).await;
    let paths = [
        "/api%2fupload",
        "/api%252fupload",
        "/api/upload;x",
        "/api;x/upload",
        "//api/upload",
        "/./api/upload",
        "/static/../api/upload",
        "/static/..%2fapi/upload",
        "/api\\upload",
    ];
    for (n, path) in paths.into_iter().enumerate() {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: app.test\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"
        );
        raw(&scene.envoy, request.as_bytes()).await;
        assert_eq!(scene.icap_log(n).await["rule_name"], "first", "{path}");
    }
    scene.send(post("/api/other", sized("x"))).await;
    let log = scene.icap_log(paths.len()).await;
    assert_eq!(log["action"], "ICAP_DISABLED", "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_of_zero_is_no_body() {
    let (_server, scene) = scene(scanning(json!({"has_body": true})), |_| {}).await;
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "app.test"),
        (":path", "/"),
        ("content-length", "0"),
    ];
    // The headers do not end the stream; an empty DATA frame does.
    raw_h2::send(scene.envoy.listener(), &fields, Some(b"")).await;
    let log = scene.icap_log(0).await;
    assert_eq!(log["action"], "ICAP_DISABLED", "{log}");
    for version in VERSIONS {
        let mut client = scene.client(version).await;
        client.send(request(Method::POST, "/", empty())).await;
    }
    for n in [1, 2] {
        let log = scene.icap_log(n).await;
        assert_eq!(log["action"], "ICAP_DISABLED", "{log}");
    }
    scene
        .client(Version::Http2)
        .await
        .send(post("/", sized("x")))
        .await;
    assert_eq!(scene.icap_log(3).await["action"], "ICAP_PASSED");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_chunked_body_is_shown_as_a_request_without_body() {
    let (server, scene) = scene(scanning(json!({"has_body": true})), |_| {}).await;
    let request = "POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n";
    raw(&scene.envoy, request.as_bytes()).await;
    let asked = server.next_request().await;
    let encapsulated = asked.icap.get("encapsulated").unwrap();
    assert!(encapsulated.contains("null-body"), "{encapsulated}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_cut_at_its_first_colon_and_a_user_is_no_host() {
    let (_server, scene) = scene(scanning(json!({"host": "upload.example"})), |_| {}).await;
    let hosts = [
        "upload.example:abc",
        "upload.example:80:80",
        "upload.example:-1",
        "u@upload.example",
        "upload%2eexample",
    ];
    for host in hosts {
        let request = format!(
            "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"
        );
        let answer = raw(&scene.envoy, request.as_bytes()).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let n = scene.envoy.log_entries().saturating_sub(1);
        if answer.starts_with("HTTP/1.1 200") {
            let log = scene.icap_log(n).await;
            assert_eq!(log["rule_name"], "first", "{host}: {log}");
        } else {
            assert!(answer.starts_with("HTTP/1.1 400"), "{host}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_content_types_each_counts() {
    let plugin = json!({
        "profiles": [profile(json!({}))],
        "rules": [
            {"name": "pictures", "match": {"content_type": "image/png"}, "action": "bypass"},
            {"name": "archives", "match": {"content_type": "application/zip"},
             "action": "enable_icap", "profile": "upload-av"},
        ],
    });
    let (_server, scene) = scene(plugin, |_| {}).await;
    for (n, types) in [
        ["image/png", "application/zip"],
        ["application/zip", "image/png"],
    ]
    .into_iter()
    .enumerate()
    {
        let fields = types.map(|media_type| ("content-type", media_type));
        scene
            .send(request_with(Method::POST, "/", &fields, sized("x")))
            .await;
        assert_eq!(
            scene.icap_log(n).await["rule_name"],
            "archives",
            "{types:?}"
        );
    }
}
