//! What the ICAP server sees: request line, header fields, `Encapsulated`, `Allow`.

use hyper::Method;
use serde_json::{Value, json};

use crate::support::client::{VERSIONS, Version, empty, post, request, request_with, sized};
use crate::support::icap_message::IcapRequest;
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::scene::Scene;

/// A server that allows everything and a scene around it.
async fn scene(changes: Value) -> (IcapServer, Scene) {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::new(server.address(), changes).await;
    (server, scene)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_icap_head_names_service_host_and_what_this_side_accepts() {
    let (server, scene) = scene(json!({})).await;
    scene.send(post("/upload", sized("x"))).await;
    let seen = server.next_request().await;
    assert_eq!(
        seen.icap.first_line,
        "REQMOD icap://icap.test:1344/scan ICAP/1.0"
    );
    assert_eq!(seen.icap.all("host"), ["icap.test:1344"]);
    let allow = seen.icap.get("allow").unwrap_or_default();
    assert!(allow.split(',').any(|t| t.trim() == "204"), "{allow:?}");
    assert_eq!(seen.icap.get("connection"), None, "kept alive");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_given_as_a_path_takes_the_clusters_name_as_authority() {
    let (server, scene) = scene(json!({"service_url": "/avscan?mode=full"})).await;
    scene.send(post("/upload", sized("x"))).await;
    let seen = server.next_request().await;
    assert_eq!(
        seen.icap.first_line,
        "REQMOD icap://icap_pool/avscan?mode=full ICAP/1.0"
    );
    assert_eq!(seen.icap.all("host"), ["icap_pool"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_allow_204_none_is_offered_outside_the_preview() {
    let (server, scene) = scene(json!({"allow_204": false})).await;
    scene.send(post("/upload", sized("x"))).await;
    let seen = server.next_request().await;
    let allow = seen.icap.get("allow").unwrap_or_default();
    assert!(!allow.contains("204"), "{allow:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn request_line_and_host_are_those_of_http_1_1() {
    let (server, scene) = scene(json!({})).await;
    for version in VERSIONS {
        let mut client = scene.client(version).await;
        let path = "/a%20b/file.bin?name=x&y=%2F";
        client.send(request(Method::PUT, path, sized("body"))).await;
        let seen = server.next_request().await;
        let head = seen.http();
        let words: Vec<&str> = head.first_line.split(' ').collect();
        assert_eq!((words[0], words[2]), ("PUT", "HTTP/1.1"), "{version:?}");
        // Origin form or absolute form: scanners read the file's name from either.
        assert!(
            words[1] == path || words[1] == format!("http://app.test{path}"),
            "{version:?}: {}",
            words[1]
        );
        assert_eq!(head.all("host"), ["app.test"], "{version:?}");
        assert!(
            head.fields
                .iter()
                .all(|(name, _)| !name.starts_with(':') && !name.is_empty()),
            "{version:?}: {:?}",
            head.fields
        );
        assert_eq!(seen.body, b"body");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn encapsulated_offsets_are_right_with_and_without_a_body() {
    // The server has already refused to read heads that do not end exactly at the next offset.
    let (server, scene) = scene(json!({})).await;
    scene.send(post("/upload", sized("x"))).await;
    scene.send(request(Method::GET, "/", empty())).await;
    let seen = server.next_request().await;
    assert_offsets(&seen, "req-body");
    let seen = server.next_request().await;
    assert_offsets(&seen, "null-body");
    assert_eq!(seen.icap.get("preview").unwrap_or("0"), "0");
}

fn assert_offsets(seen: &IcapRequest, body: &str) {
    let expected = [
        ("req-hdr".to_owned(), 0),
        (body.to_owned(), seen.http().raw.len()),
    ];
    assert_eq!(seen.encapsulated(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn hop_by_hop_fields_and_expect_are_left_out() {
    let (server, scene) = scene(json!({})).await;
    let fields = [
        ("connection", "keep-alive, x-private"),
        ("x-private", "for the next hop only"),
        ("keep-alive", "timeout=5"),
        ("te", "trailers"),
        ("expect", "100-continue"),
        ("proxy-authorization", "Basic c2VjcmV0"),
        ("proxy-connection", "keep-alive"),
        ("x-end-to-end", "stays"),
        ("content-type", "text/plain"),
    ];
    let answer = scene
        .send(request_with(Method::POST, "/upload", &fields, sized("x")))
        .await;
    assert_eq!(answer.status, 200);
    let seen = server.next_request().await;
    let head = seen.http();
    for name in [
        "connection",
        "keep-alive",
        "te",
        "expect",
        "proxy-connection",
        "transfer-encoding",
        "upgrade",
    ] {
        assert_eq!(head.get(name), None, "{name}");
    }
    assert_eq!(head.get("x-end-to-end"), Some("stays"));
    assert_eq!(head.get("content-type"), Some("text/plain"));
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_that_http2_splits_are_rejoined() {
    let (server, scene) = scene(json!({})).await;
    let mut client = scene.client(Version::Http2).await;
    let fields = [("cookie", "a=1"), ("cookie", "b=2"), ("cookie", "c=3")];
    client
        .send(request_with(Method::POST, "/upload", &fields, sized("x")))
        .await;
    let seen = server.next_request().await;
    assert_eq!(seen.http().all("cookie"), ["a=1; b=2; c=3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_field_keeps_all_its_values() {
    let (server, scene) = scene(json!({})).await;
    let fields = [("x-many", "one"), ("x-many", "two")];
    scene
        .send(request_with(Method::POST, "/upload", &fields, sized("x")))
        .await;
    let seen = server.next_request().await;
    assert_eq!(seen.http().all("x-many").join(", "), "one, two");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_address_is_sent_and_a_forged_one_is_not() {
    let (server, scene) = scene(json!({"send_client_ip": true})).await;
    let fields = [("x-client-ip", "203.0.113.9")];
    scene
        .send(request_with(Method::POST, "/upload", &fields, sized("x")))
        .await;
    let seen = server.next_request().await;
    assert_eq!(seen.icap.all("x-client-ip"), ["127.0.0.1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_address_is_kept_back_where_told_so() {
    let (server, scene) = scene(json!({"send_client_ip": false})).await;
    scene.send(post("/upload", sized("x"))).await;
    let seen = server.next_request().await;
    assert_eq!(seen.icap.get("x-client-ip"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn user_credentials_and_further_icap_fields_are_sent() {
    let (server, scene) = scene(json!({
        "authenticated_user_header": "x-user",
        "authenticated_user_scheme": "Local",
        "authorization": {"basic": {"username": "u", "password": "p"}},
        "icap_headers": {"X-Custom": "v"},
    }))
    .await;
    let fields = [("x-user", "alice")];
    scene
        .send(request_with(Method::POST, "/upload", &fields, sized("x")))
        .await;
    let seen = server.next_request().await;
    // base64 of "Local://alice" and of "u:p".
    assert_eq!(
        seen.icap.get("x-authenticated-user"),
        Some("TG9jYWw6Ly9hbGljZQ==")
    );
    assert_eq!(seen.icap.get("authorization"), Some("Basic dTpw"));
    assert_eq!(seen.icap.get("x-custom"), Some("v"));
    let sent = scene.icap_log(0).await["request_logs"][0]["icap_headers_sent_to_server"].clone();
    let sent = sent.as_str().unwrap();
    assert!(!sent.contains("dTpw"), "{sent}");
    assert!(sent.contains("***"), "{sent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_204_that_repeats_the_encapsulated_of_its_request_lets_it_pass() {
    fn repeat(message: &IcapRequest) -> Option<Vec<u8>> {
        let encapsulated = message.icap.get("encapsulated")?;
        let answer = format!("ICAP/1.0 204 No Content\r\nEncapsulated: {encapsulated}\r\n\r\n");
        Some(answer.into_bytes())
    }
    let server = IcapServer::serving(Behaviour::Decide(repeat)).await;
    let scene = Scene::new(server.address(), json!({})).await;
    let uploads = [empty(), sized("x"), sized(vec![b'x'; 20_000])];
    for (n, body) in uploads.into_iter().enumerate() {
        let answer = scene.send(post("/upload", body)).await;
        let log = scene.icap_log(n).await;
        assert_eq!(answer.status, 200, "{n}: {log}");
        assert_eq!(log["action"], "ICAP_PASSED", "{n}: {log}");
    }
}
