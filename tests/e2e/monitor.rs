//! `enforcement: monitor`: everything is scanned, logged and counted, and every message goes on as it came.

use hyper::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::client::{VERSIONS, empty, fed, post, request, sized, unsized_body};
use crate::support::icap_answers::{block_page, request as changed, response};
use crate::support::icap_server::{Behaviour, IcapServer, refused_address};
use crate::support::payload::{MIB, assert_same_bytes, pattern};
use crate::support::scene::{PREVIEW, Scene, plugin, profile};
use crate::support::within;

/// What is logged of one message, and what its counter is called.
struct Would {
    action: &'static str,
    significance: &'static str,
    counter: &'static str,
}

const BLOCK: Would = Would {
    action: "ICAP_BLOCKED",
    significance: "ADF_ICAP_BLOCKED",
    counter: "would_block",
};
const MODIFY: Would = Would {
    action: "ICAP_MODIFIED",
    significance: "ADF_ICAP_MODIFIED",
    counter: "would_modify",
};

fn fail(significance: &'static str) -> Would {
    Would {
        action: "ICAP_FAILED",
        significance,
        counter: "would_fail",
    }
}

fn monitoring(more: Value) -> Value {
    let mut changes = json!({"enforcement": "monitor"});
    for (name, value) in more.as_object().unwrap() {
        changes[name] = value.clone();
    }
    changes
}

#[track_caller]
fn assert_logged(log: &Value, would: &Would) {
    assert_eq!(log["action"], would.action, "{log}");
    assert_eq!(log["enforced"], false, "{log}");
    assert_eq!(log["significance"], json!([would.significance]), "{log}");
    let last = log["request_logs"].as_array().unwrap().last().unwrap();
    assert_eq!(last.get("http_response_code"), None, "{log}");
}

/// Each of `requests` messages counts once, under its own name and under no other's.
async fn assert_counted(scene: &Scene, would: &Would, times: u64) {
    for name in ["passed", "modified", "blocked", "failed", "failed_open"] {
        assert_eq!(scene.envoy.metric(name).await, 0, "{name}");
    }
    for name in ["would_block", "would_modify", "would_fail"] {
        let expected = if name == would.counter { times } else { 0 };
        assert_eq!(scene.envoy.metric(name).await, expected, "{name}");
    }
    assert_eq!(scene.envoy.metric("requests").await, times);
}

/// Sends uploads of all kinds, each of which has to reach the application as it is.
async fn assert_uploads_go_on(scene: &Scene, would: &Would) {
    let bytes = pattern(3 * PREVIEW);
    let mut sent = 0;
    for version in VERSIONS {
        for body in [sized(bytes.clone()), unsized_body(bytes.clone())] {
            let answer = scene
                .client(version)
                .await
                .send(post("/upload", body))
                .await;
            assert_eq!(answer.status, 200, "{version:?}");
            let received = scene.application.next().await;
            assert_eq!(received.target(), "/upload");
            assert_same_bytes("forwarded", &received.body, &bytes);
            assert_logged(&scene.icap_log(sent).await, would);
            sent += 1;
        }
    }
    assert_counted(scene, would, sent as u64).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_be_blocked_goes_on() {
    let page = block_page("X-Virus-ID: Some.Virus\r\n", "no");
    for behaviour in [
        Behaviour::AnswerPreview(page.clone()),
        Behaviour::Answer(page.clone()),
        // Broken off, and no less a verdict.
        Behaviour::AnswerThenClose(page[..page.len() - 4].to_vec()),
    ] {
        let server = IcapServer::serving(behaviour).await;
        let scene = Scene::new(server.address(), monitoring(json!({}))).await;
        assert_uploads_go_on(&scene, &BLOCK).await;
        let log = scene.icap_log(0).await;
        assert_eq!(log["request_logs"][0]["threat_id"], "Some.Virus", "{log}");
        assert_eq!(
            scene.envoy.typed_icap_log(0).await["value"]["enforced"],
            false
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_be_changed_goes_on_unchanged() {
    let head = "POST /other HTTP/1.1\r\nHost: app.test\r\nX-Added: yes";
    let answer = changed("", head, Some(b"changed"));
    for behaviour in [
        Behaviour::AnswerPreview(answer.clone()),
        Behaviour::Answer(answer),
    ] {
        let server = IcapServer::serving(behaviour).await;
        let scene = Scene::new(server.address(), monitoring(json!({}))).await;
        assert_uploads_go_on(&scene, &MODIFY).await;
        let log = scene.icap_log(0).await;
        assert_eq!(
            log["request_logs"][0]["modified_content_length"], 7,
            "{log}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_fail_goes_on_whatever_the_profile_says_of_failures() {
    let broken = b"ICAP/1.0 500 Oops\r\n\r\n".to_vec();
    let unscannable = b"ICAP/1.0 500 No\r\nX-Error-Code: password_protected\r\n\r\n".to_vec();
    for fail_action in ["fail_closed", "fail_open"] {
        for (behaviour, would, cause) in [
            (
                Behaviour::Answer(broken.clone()),
                fail("ADF_ICAP_SERVER_ERROR"),
                "failed.server_error",
            ),
            (
                Behaviour::AnswerPreview(b"nonsense\r\n\r\n".to_vec()),
                fail("ADF_ICAP_SERVER_ERROR"),
                "failed.protocol",
            ),
            (
                Behaviour::Silence,
                fail("ADF_ICAP_TIMEDOUT"),
                "failed.timeout",
            ),
            (
                Behaviour::Answer(unscannable.clone()),
                Would {
                    significance: "ADF_ICAP_UNSCANNABLE",
                    ..BLOCK
                },
                "failed.unscannable",
            ),
        ] {
            let server = IcapServer::serving(behaviour).await;
            let changes =
                json!({"fail_action": fail_action, "response_timeout_ms": 500, "vendor": "opswat"});
            let scene = Scene::new(server.address(), monitoring(changes)).await;
            assert_uploads_go_on(&scene, &would).await;
            assert_eq!(scene.envoy.metric(cause).await, 4, "{cause}");
        }
    }
    let scene = Scene::new(refused_address(), monitoring(json!({}))).await;
    assert_uploads_go_on(&scene, &fail("ADF_ICAP_CONNECTION_ERROR")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_is_marked_too_and_counted_as_ever() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::new(server.address(), monitoring(json!({}))).await;
    assert_eq!(scene.send(post("/", sized("clean"))).await.status, 200);
    let log = scene.icap_log(0).await;
    assert_eq!(log["action"], "ICAP_PASSED", "{log}");
    assert_eq!(log["enforced"], false, "{log}");
    assert_eq!(scene.envoy.metric("passed").await, 1);
}

/// The body is larger than what Envoy may buffer, too: it must flow through.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_the_buffer_flows_through() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let changes = json!({"request_buffer_size_kb": 64});
    let scene = Scene::with(server.address(), monitoring(changes), |setup| {
        setup.buffer_limit = MIB as u32;
    })
    .await;
    let bytes = pattern(5 * MIB);
    let would = fail("ADF_ICAP_BODY_SIZE_BIGGER_THAN_CONFIGURED");
    let mut sent = 0;
    for version in VERSIONS {
        for body in [sized(bytes.clone()), unsized_body(bytes.clone())] {
            let answer = scene
                .client(version)
                .await
                .send(post("/upload", body))
                .await;
            assert_eq!(answer.status, 200, "{version:?}");
            assert_same_bytes("forwarded", &scene.application.next().await.body, &bytes);
            assert_logged(&scene.icap_log(sent).await, &would);
            sent += 1;
        }
    }
    assert_counted(&scene, &would, 4).await;
    assert_eq!(scene.envoy.metric("oversize").await, 4);
}

/// A verdict on the preview: the application gets what there is before the client sends the rest.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_held_longer_than_until_the_verdict() {
    let page = block_page("X-Virus-ID: v\r\n", "no");
    let head = "POST /other HTTP/1.1\r\nHost: app.test";
    for answer in [page, changed("", head, Some(b"changed"))] {
        for version in VERSIONS {
            let server = IcapServer::serving(Behaviour::AnswerPreview(answer.clone())).await;
            let scene = Scene::new(server.address(), monitoring(json!({}))).await;
            let (mut feed, body) = fed();
            let client = scene.client(version).await;
            let pending = client.send_in_background(post("/upload", body));
            let bytes = pattern(3 * PREVIEW);
            feed.send_data(bytes.slice(..PREVIEW + 1)).await.unwrap();
            server.next_request().await;
            scene
                .envoy
                .until_stat("wasmcustom.icap_filter.requests", 1)
                .await;
            feed.send_data(bytes.slice(PREVIEW + 1..2 * PREVIEW))
                .await
                .unwrap();
            scene.application.until_received(PREVIEW as u64).await;
            assert!(!pending.is_finished());
            feed.send_data(bytes.slice(2 * PREVIEW..)).await.unwrap();
            drop(feed);
            assert_eq!(pending.response().await.status, 200);
            assert_same_bytes("forwarded", &scene.application.next().await.body, &bytes);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stalls_goes_on_with_its_next_part_however_late_that_is() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let changes = monitoring(json!({"body_progress_timeout_ms": 300}));
    let scene = Scene::new(server.address(), changes).await;
    let bytes = pattern(2 * PREVIEW);
    let mut stalled = 0;
    for version in VERSIONS {
        let mut uploads = Vec::new();
        // When the second one is given up, the first has stalled for as long again.
        for _ in 0..2 {
            let (mut feed, body) = fed();
            let client = scene.client(version).await;
            let pending = client.send_in_background(post("/upload", body));
            feed.send_data(bytes.slice(..100)).await.unwrap();
            stalled += 1;
            let counter = "wasmcustom.icap_filter.would_fail";
            scene.envoy.until_stat(counter, stalled).await;
            uploads.push((feed, pending));
        }
        for (mut feed, pending) in uploads {
            assert!(!pending.is_finished(), "{version:?}");
            feed.send_data(bytes.slice(100..)).await.unwrap();
            drop(feed);
            assert_eq!(pending.response().await.status, 200, "{version:?}");
            assert_same_bytes("forwarded", &scene.application.next().await.body, &bytes);
        }
    }
    for n in 0..4 {
        assert_logged(&scene.icap_log(n).await, &fail("ADF_ICAP_TIMEDOUT"));
    }
}

/// A filter before ours, in Lua.
fn script(setup: &mut crate::support::envoy_config::Setup, code: &'static str) {
    setup.patch(move |bootstrap| {
        let chain = &mut bootstrap["static_resources"]["listeners"][0]["filter_chains"][0];
        let filters = &mut chain["filters"][0]["typed_config"]["http_filters"];
        let lua = json!({"name": "lua", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
            "default_source_code": {"inline_string": code},
        }});
        filters.as_array_mut().unwrap().insert(0, lua);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_request_goes_on() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let scene = Scene::with(server.address(), monitoring(json!({})), |setup| {
        script(
            setup,
            "function envoy_on_request(h) h:headers():replace(':path', '/a b') end",
        );
    })
    .await;
    let answer = scene.send(post("/upload", sized("content"))).await;
    assert_eq!(answer.status, 200);
    let received = scene.application.next().await;
    assert_eq!(received.head.first_line, "POST /a b HTTP/1.1");
    assert_eq!(received.body, b"content");
    let would = fail("ADF_ICAP_BAD_REQUEST");
    assert_logged(&scene.icap_log(0).await, &would);
    assert_counted(&scene, &would, 1).await;
}

/// What is too much must not be another request for the application.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_longer_than_its_content_length_goes_on_as_one_message() {
    const CODE: &str = "function envoy_on_request(h) for chunk in h:bodyChunks() do local n = chunk:length() \
                        if n > 0 then chunk:setBytes(chunk:getBytes(0, n) .. 'EVIL') end end end";
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let scene = Scene::with(server.address(), monitoring(json!({})), |setup| {
        script(setup, CODE);
    })
    .await;
    for (sent, rest) in [&b""[..], b"and more"].into_iter().enumerate() {
        let mut client = TcpStream::connect(scene.envoy.listener()).await.unwrap();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            7 + rest.len()
        );
        client.write_all(head.as_bytes()).await.unwrap();
        client.write_all(b"content").await.unwrap();
        if !rest.is_empty() {
            // The first part is over the length only where nothing else is to come.
            let requests = sent as u64 + 1;
            let counter = "wasmcustom.icap_filter.requests";
            scene.envoy.until_stat(counter, requests).await;
            client.write_all(rest).await.unwrap();
        }
        let mut answer = Vec::new();
        let read = client.read_to_end(&mut answer);
        within("the end of the answer", read).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200 "));
        let received = scene.application.next().await;
        assert!(received.body.starts_with(b"content"), "{received:?}");
        assert!(received.body.ends_with(b"EVIL"), "{received:?}");
        assert_eq!(received.head.get("content-length"), None, "{received:?}");
        let log = scene.icap_log(sent).await;
        assert_logged(&log, &fail("ADF_ICAP_BAD_REQUEST"));
    }
    assert_eq!(scene.application.requests_received(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_100_continue_gets_it_from_the_application() {
    let server = IcapServer::serving(Behaviour::ContinueThenAllow).await;
    let scene = Scene::with(server.address(), monitoring(json!({})), |setup| {
        setup.manager = json!({"proxy_100_continue": true});
    })
    .await;
    let mut client = TcpStream::connect(scene.envoy.listener()).await.unwrap();
    let head = "POST /upload HTTP/1.1\r\nHost: app.test\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    client.write_all(b"body").await.unwrap();
    let mut answer = Vec::new();
    let read = client.read_to_end(&mut answer);
    within("the end of the answer", read).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 "));
    assert_eq!(scene.application.next().await.body, b"body");
    assert_logged(&scene.icap_log(0).await, &fail("ADF_ICAP_BAD_REQUEST"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_says_otherwise_for_itself() {
    let server = IcapServer::serving(Behaviour::Answer(block_page("", "no"))).await;
    for (of_profile, of_rule) in [("enforce", "monitor"), ("monitor", "enforce")] {
        let rules = json!([
            {"name": "own", "match": {"path": "/own"}, "action": "enable_icap", "profile": "upload-av",
             "enforcement": of_rule},
            {"name": "rest", "action": "enable_icap", "profile": "upload-av"},
        ]);
        let mut plugin = plugin(json!({"enforcement": of_profile}));
        plugin["rules"] = rules;
        let scene = Scene::with(server.address(), json!({}), |setup| {
            setup.plugin = plugin.to_string();
        })
        .await;
        for (n, (path, enforcement)) in [("/own", of_rule), ("/rest", of_profile)]
            .into_iter()
            .enumerate()
        {
            let is_enforced = enforcement == "enforce";
            let answer = scene.send(post(path, sized("x"))).await;
            assert_eq!(answer.status, if is_enforced { 403 } else { 200 }, "{path}");
            let log = scene.icap_log(n).await;
            assert_eq!(log["action"], "ICAP_BLOCKED", "{log}");
            assert_eq!(log.get("enforced").is_none(), is_enforced, "{log}");
        }
        assert_eq!(scene.envoy.metric("blocked").await, 1);
        assert_eq!(scene.envoy.metric("would_block").await, 1);
    }
}

/// A route's metadata that can't be meant: nobody knows whether it is to be enforced.
#[tokio::test(flavor = "multi_thread")]
async fn what_no_profile_is_found_for_goes_on_only_where_nothing_is_enforced() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let other = |enforcement: &str| {
        profile(json!({"name": "other", "enforcement": enforcement, "fail_action": "fail_open"}))
    };
    for metadata in [json!({"profile": "missing"}), json!({"disable": true})] {
        for (second, status) in [("monitor", 200), ("enforce", 503)] {
            let plugin = json!({"profiles": [profile(monitoring(json!({}))), other(second)]});
            let scene = Scene::with(server.address(), json!({}), |setup| {
                setup.plugin = plugin.to_string();
                setup.route_metadata = Some(metadata.clone());
            })
            .await;
            let answer = scene.send(post("/", sized("x"))).await;
            assert_eq!(answer.status, status, "{metadata} {second}");
            let log = scene.icap_log(0).await;
            assert_eq!(log["action"], "ICAP_FAILED", "{log}");
            assert_eq!(log.get("enforced").is_some(), status == 200, "{log}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn responses_go_on_as_the_application_made_them() {
    let body = pattern(20_000);
    let head = format!(
        "HTTP/1.1 200 OK\r\nx-application: yes\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let page = [head.as_bytes(), &body].concat();
    let other = response("", "HTTP/1.1 404 Not Found", Some(b"gone"));
    let infected = block_page("X-Virus-ID: v\r\n", "no");
    let oops = b"ICAP/1.0 500 Oops\r\n\r\n".to_vec();
    let small = json!({"response_buffer_size_kb": 10});
    for (behaviour, more, would) in [
        (Behaviour::AnswerPreview(infected), json!({}), BLOCK),
        (Behaviour::Answer(other), json!({}), MODIFY),
        (
            Behaviour::Answer(oops),
            json!({}),
            fail("ADF_ICAP_SERVER_ERROR"),
        ),
        (
            Behaviour::ContinueThenAllow,
            small,
            fail("ADF_ICAP_BODY_SIZE_BIGGER_THAN_CONFIGURED"),
        ),
    ] {
        let server = IcapServer::listen().await;
        server.serve_responses(behaviour).await;
        let mut changes = monitoring(more);
        changes["response_service_url"] = json!("/respmod");
        let scene = Scene::new(server.address(), changes).await;
        scene.application.answer_with(page.clone());
        for (n, version) in VERSIONS.into_iter().enumerate() {
            let mut client = scene.client(version).await;
            let got = client.send(request(Method::GET, "/", empty())).await;
            assert_eq!(got.status, 200, "{version:?}");
            assert_eq!(got.header("x-application"), Some("yes"));
            assert_same_bytes("answer", &got.body, &body);
            assert_logged(&scene.icap_log(n).await, &would);
        }
        assert_eq!(scene.envoy.metric(would.counter).await, 2);
    }
}

/// `x-icap-action` never says of what was not done that it was.
#[tokio::test(flavor = "multi_thread")]
async fn client_and_application_are_told_that_it_was_not_done() {
    let head = "POST / HTTP/1.1\r\nHost: app.test";
    for (behaviour, expected, threat) in [
        (Behaviour::Allow, "ICAP_PASSED", None),
        (
            Behaviour::Answer(block_page("X-Virus-ID: v\r\n", "no")),
            "ICAP_BLOCKED; enforced=false",
            Some("v"),
        ),
        (
            Behaviour::Answer(changed("", head, Some(b"changed"))),
            "ICAP_MODIFIED; enforced=false",
            None,
        ),
        (
            Behaviour::Answer(b"ICAP/1.0 500 Oops\r\n\r\n".to_vec()),
            "ICAP_FAILED; enforced=false",
            None,
        ),
    ] {
        let server = IcapServer::serving(behaviour).await;
        let mut plugin = plugin(monitoring(json!({})));
        plugin["expose"] = json!({"client": true, "application": true});
        let scene = Scene::with(server.address(), json!({}), |setup| {
            setup.plugin = plugin.to_string();
        })
        .await;
        let answer = scene.send(post("/", sized("x"))).await;
        assert_eq!(answer.header("x-icap-action"), Some(expected));
        assert_eq!(answer.header("x-icap-threat"), threat);
        let received = scene.application.next().await;
        assert_eq!(received.head.get("x-icap-action"), Some(expected));
        assert_eq!(received.head.get("x-icap-threat"), threat);
    }
}
