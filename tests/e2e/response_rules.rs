//! Rules that look at the response, and another cluster for responses.

use hyper::Method;
use serde_json::{Value, json};

use crate::support::client::{empty, post, request, sized};
use crate::support::icap_answers::block_page;
use crate::support::icap_server::{Behaviour, IcapServer, OptionsAnswer};
use crate::support::scene::{Scene, profile};

/// The methods of the transactions of the `n`-th request, and what became of it.
async fn transactions(scene: &Scene, n: usize) -> (Vec<String>, Value) {
    let log = scene.icap_log(n).await;
    let entries = log["request_logs"].as_array().cloned().unwrap_or_default();
    let methods = entries.iter().map(|entry| {
        let method = entry["icap_method"].as_str().unwrap();
        method.strip_prefix("ICAP_METHOD_").unwrap().to_owned()
    });
    (methods.collect(), log)
}

async fn scene(rules: Value) -> (IcapServer, Scene) {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let profile = profile(json!({"response_service_url": "icap://icap.test:1344/respmod"}));
    let plugin = json!({"profiles": [profile], "rules": rules});
    let scene = Scene::with(server.address(), json!({}), |setup| {
        setup.plugin = plugin.to_string();
    })
    .await;
    (server, scene)
}

fn rule(name: &str, criteria: Value, action: &str) -> Value {
    let mut rule = json!({"name": name, "match": criteria, "action": action});
    if action == "enable_icap" {
        rule["profile"] = json!("upload-av");
    }
    rule
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_304_and_video_are_left_out() {
    let (_server, scene) = scene(json!([
        rule(
            "no-video",
            json!({"response_content_type": {"prefix": "video/"}}),
            "bypass"
        ),
        rule(
            "no-redirects",
            json!({"response_status": ["3xx", 404]}),
            "bypass"
        ),
        rule(
            "no-flag",
            json!({"response_header": [{"name": "x-clean", "exact": "yes"}]}),
            "bypass"
        ),
        rule("no-small", json!({"response_size": {"max": 1}}), "bypass"),
        rule("all", json!({}), "enable_icap"),
    ]))
    .await;
    let both = ["REQMOD", "RESPMOD"];
    for (n, (line, fields, body, expected)) in [
        ("200 OK", "content-type: text/html\r\n", "page", &both[..]),
        (
            "200 OK",
            "content-type: Video/mp4; x=y\r\n",
            "film",
            &both[..1],
        ),
        ("302 Found", "location: /x\r\n", "moved", &both[..1]),
        ("304 Not Modified", "", "", &both[..1]),
        ("404 Not Found", "", "none", &both[..1]),
        ("403 Forbidden", "", "no", &both[..]),
        ("200 OK", "x-clean: yes\r\n", "page", &both[..1]),
        ("200 OK", "x-clean: no\r\n", "page", &both[..]),
        ("200 OK", "", "x", &both[..1]),
    ]
    .into_iter()
    .enumerate()
    {
        let length = match body {
            "" => String::new(),
            body => format!("content-length: {}\r\n", body.len()),
        };
        let answer = format!("HTTP/1.1 {line}\r\n{fields}{length}\r\n{body}");
        scene.application.answer_with(answer);
        let got = scene.send(post("/", sized("up"))).await;
        assert_eq!(got.status.to_string(), line[..3]);
        let (methods, log) = transactions(&scene, n).await;
        assert_eq!(methods, expected, "{line} {fields}: {log}");
        assert_eq!(log["rule_name"], "all", "{log}");
    }
    for (rule, matched) in [("no-video", 1), ("no-redirects", 3), ("all", 9)] {
        let metric = format!("rule.{rule}.matched");
        assert_eq!(scene.envoy.metric(&metric).await, matched, "{rule}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_that_is_not_told_is_scanned() {
    let (_server, scene) = scene(json!([
        rule("no-large", json!({"response_size": {"min": 3}}), "bypass"),
        rule("all", json!({}), "enable_icap"),
    ]))
    .await;
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nlarge\r\n0\r\n\r\n";
    scene.application.answer_with(chunked);
    scene.send(post("/", sized("up"))).await;
    let (methods, log) = transactions(&scene, 0).await;
    assert_eq!(methods, ["REQMOD", "RESPMOD"], "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn downloads_alone_are_scanned() {
    let (server, scene) = scene(json!([rule(
        "downloads",
        json!({
            "path": {"prefix": "/files/"},
            "response_header": [{"name": "content-disposition", "prefix": "attachment"}],
        }),
        "enable_icap",
    )]))
    .await;
    let page = block_page("X-Virus-ID: Eicar\r\n", "found");
    let download =
        "HTTP/1.1 200 OK\r\ncontent-disposition: attachment\r\ncontent-length: 5\r\n\r\nvirus";
    let text = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
    server.now(Behaviour::Answer(page));
    for (n, (path, answer, status, action)) in [
        ("/files/a", download, 403, "ICAP_BLOCKED"),
        ("/files/a", text, 200, "ICAP_DISABLED"),
        ("/other/a", download, 200, "ICAP_DISABLED"),
    ]
    .into_iter()
    .enumerate()
    {
        scene.application.answer_with(answer);
        let got = scene.send(request(Method::GET, path, empty())).await;
        let (methods, log) = transactions(&scene, n).await;
        assert_eq!(got.status, status, "{log}");
        assert_eq!(log["action"], action, "{log}");
        if status == 403 {
            assert_eq!(methods, ["RESPMOD"], "{log}");
            assert_eq!(log["rule_name"], "downloads", "{log}");
            let seen = server.next_request().await;
            assert!(seen.http().first_line.starts_with("GET /files/a "));
        }
    }
    // What is not scanned is not held: an upload goes through as it is.
    scene.application.answer_with(text);
    let upload = scene
        .send(post("/files/a", sized(vec![b'x'; 300_000])))
        .await;
    assert_eq!(upload.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn responses_go_to_a_cluster_of_their_own() {
    let (requests, responses) = (
        IcapServer::serving(Behaviour::Allow).await,
        IcapServer::serving(Behaviour::Allow).await,
    );
    requests.answer_options(OptionsAnswer::ok("Methods: REQMOD\r\nISTag: \"q\"\r\n"));
    responses.answer_options(OptionsAnswer::ok(
        "Methods: RESPMOD\r\nISTag: \"r\"\r\nMax-Connections: 1\r\nPreview: 4\r\n",
    ));
    let settings = json!({
        "response_service_url": "icap://responses.test:1344/respmod",
        "response_cluster": "icap_resp",
        "self_test": {"enabled": true, "fail_profile": true},
        "options": {"enabled": true},
        "fail_action": "fail_closed",
    });
    let address = responses.address();
    let page = block_page("X-Virus-ID: Eicar\r\n", "found");
    requests.now(Behaviour::Answer(page.clone()));
    responses.now(Behaviour::Answer(page));
    let scene = Scene::with(requests.address(), settings, |setup| {
        setup.more_pools.push(("icap_resp", address));
    })
    .await;
    // Each is asked for its OPTIONS and tested by every instance, in its own way.
    for (server, method, uri) in [
        (&requests, "REQMOD", "icap://icap.test:1344/scan"),
        (&responses, "RESPMOD", "icap://responses.test:1344/respmod"),
    ] {
        server.until_options_asked(2).await;
        for _ in 0..2 {
            let test = server.next_request().await;
            assert_eq!(test.icap.first_line, format!("{method} {uri} ICAP/1.0"));
            assert!(test.body.starts_with(b"X5O!P%@AP"));
        }
    }
    requests.now(Behaviour::Allow);
    responses.now(Behaviour::Allow);
    scene.send(post("/", sized("up"))).await;
    let (methods, log) = transactions(&scene, 0).await;
    assert_eq!(methods, ["REQMOD", "RESPMOD"], "{log}");
    for (n, (server, path)) in [
        (&requests, "icap.test:1344/scan"),
        (&responses, "responses.test:1344/respmod"),
    ]
    .into_iter()
    .enumerate()
    {
        let entry = &log["request_logs"][n];
        assert_eq!(entry["icap_server_port"], server.address().port(), "{log}");
        assert_eq!(
            entry["icap_absolute_uri"],
            format!("icap://{path}"),
            "{log}"
        );
        assert_eq!(entry["action"], "ICAP_PASSED", "{log}");
    }
    assert_eq!(responses.next_request().await.preview().bytes.len(), 4);
}
