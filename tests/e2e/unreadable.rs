//! What a server said before a byte that can't be read stands, and what nobody defined is no pass.

use hyper::Method;
use serde_json::{Value, json};

use crate::support::client::{VERSIONS, empty, post, request, sized};
use crate::support::icap_answers::{CONTINUE, NO_CONTENT, block_page, response};
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::payload::{MIB, pattern};
use crate::support::scene::{PREVIEW, Scene};

const INFECTED: &str = "X-Infection-Found: Type=0; Resolution=2; Threat=Eicar;\r\n";
const PAGE: &str = "HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\n4\r\npage\r\n0\r\n\r\n";
const OPEN: &str = "fail_open";

fn open() -> Value {
    json!({"fail_action": OPEN, "response_timeout_ms": 1000})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_status_that_nobody_defined_is_no_pass() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::new(server.address(), json!({})).await;
    let mut sent = 0;
    for status in [202, 203, 205, 207, 226, 250, 299] {
        for fields in ["", "Encapsulated: null-body=0\r\n"] {
            let answer = format!("ICAP/1.0 {status} Fine\r\n{fields}\r\n");
            server.now(Behaviour::Answer(answer.into()));
            let answer = scene.send(post("/upload", sized("x"))).await;
            assert_eq!(answer.status, 503, "{status}");
            let log = scene.icap_log(sent).await;
            assert_eq!(log["action"], "ICAP_FAILED", "{log}");
            assert_eq!(log["significance"], json!(["ADF_ICAP_SERVER_ERROR"]));
            sent += 1;
        }
        let answer = format!("ICAP/1.0 {status} Fine\r\n{INFECTED}\r\n");
        server.now(Behaviour::Answer(answer.into()));
        let answer = scene.send(post("/upload", sized("x"))).await;
        assert_eq!(answer.status, 403, "{status}");
        sent += 1;
    }
    assert_eq!(scene.envoy.metric("failed.protocol").await, 14);
    scene.assert_application_untouched(sent).await;
}

/// Answers that say "infected", or that a response follows, and can't be read as they should be.
fn broken_blocks() -> Vec<(&'static str, Behaviour)> {
    let status = "ICAP/1.0 200 OK\r\n";
    let parts = "Encapsulated: res-hdr=0, res-body=45\r\n\r\n";
    let members: String = (0..1200)
        .map(|n| {
            format!(
                "\tfolder/a-member-with-a-name-of-some-length-{n}.com\r\n\tEicar\r\n\t0\r\n\t1\r\n"
            )
        })
        .collect();
    let fields: String = (0..400).map(|n| format!("X-{n}: y\r\n")).collect();
    let lines = "A: b\r\n".repeat(20_000);
    let long = format!("X-Long: {}\r\n", "x".repeat(2 * MIB));
    let answer = |text: String| Behaviour::Answer(text.into_bytes());
    let closed = |text: String| Behaviour::AnswerThenClose(text.into_bytes());
    vec![
        (
            "1200 infected members of an archive",
            answer(format!(
                "{status}X-Violations-Found: 1200\r\n{members}Encapsulated: null-body=0\r\n\r\n"
            )),
        ),
        (
            "more than 256 fields",
            answer(format!(
                "{status}{fields}{INFECTED}Encapsulated: null-body=0\r\n\r\n"
            )),
        ),
        (
            "a line feed in a name",
            answer(format!(
                "{status}X-Violations-Found: 1\r\n\ta\nb.com\r\n\tEicar\r\n\t0\r\n\t0\r\nEncapsulated: null-body=0\r\n\r\n"
            )),
        ),
        (
            "odd bytes",
            answer(format!(
                "{status}{INFECTED}\u{1}\u{e4}: x\r\nno colon\r\nEncapsulated: null-body=0\r\n\r\n"
            )),
        ),
        (
            "an unfolded list",
            answer(format!(
                "{status}X-Violations-Found: 1\r\na.com\r\nEicar\r\n0\r\n0\r\nEncapsulated: null-body=0\r\n\r\n"
            )),
        ),
        (
            "a blank before the colon",
            answer(format!(
                "{status}X-Infection-Found : Type=0; Resolution=2; Threat=Eicar;\r\nEncapsulated: null-body=0\r\n\r\n"
            )),
        ),
        (
            "a name with a blank",
            answer(format!(
                "{status}{INFECTED}X Odd: y\r\nEncapsulated: null-body=0\r\n\r\n"
            )),
        ),
        (
            "too many lines",
            answer(format!("{status}{INFECTED}{lines}\r\n")),
        ),
        (
            "a line too long",
            answer(format!("{status}{INFECTED}{long}\r\n")),
        ),
        (
            "trailers that break off",
            closed(format!(
                "ICAP/1.0 500 Oops\r\nEncapsulated: opt-body=0\r\n\r\n1\r\nx\r\n0\r\n{INFECTED}"
            )),
        ),
        (
            "a blank before the first field",
            answer(format!("ICAP/1.0 204 No\r\n {INFECTED}\r\n")),
        ),
        (
            "Encapsulated with other punctuation",
            answer(format!(
                "{status}Encapsulated: \"res-hdr:0\"; \"res-body:45\"\r\n\r\n{PAGE}"
            )),
        ),
        (
            "a head that breaks off",
            closed(format!("{status}{INFECTED}ISTag: ")),
        ),
        (
            "a head that stops",
            answer(format!("{status}{INFECTED}ISTag: ")),
        ),
        (
            "wrong offsets",
            answer(format!(
                "{status}Encapsulated: res-hdr=0, res-body=7\r\n\r\n{PAGE}"
            )),
        ),
        (
            "an offset that is no number",
            answer(format!(
                "{status}Encapsulated: res-hdr=0, res-body=-5\r\n\r\n"
            )),
        ),
        (
            "no res-hdr",
            answer(format!(
                "{status}Encapsulated: res-body=0\r\n\r\n4\r\npage\r\n0\r\n\r\n"
            )),
        ),
        (
            "a head that is another message's",
            answer(format!(
                "{status}Encapsulated: req-hdr=0, res-body=45\r\n\r\n{PAGE}"
            )),
        ),
        (
            "HTTP/2",
            answer(format!(
                "{status}Encapsulated: res-hdr=0, res-body=33\r\n\r\nHTTP/2 403\r\nContent-Length: 4\r\n\r\n4\r\npage\r\n0\r\n\r\n"
            )),
        ),
        (
            "a second status line",
            answer(format!(
                "{status}Encapsulated: res-hdr=0, res-body=50\r\n\r\nHTTP/1.1 200 OK\r\nHTTP/1.1 200 OK:  403 Forbidden\r\n\r\n4\r\npage\r\n0\r\n\r\n"
            )),
        ),
        (
            "no chunk size",
            answer(format!(
                "{status}Encapsulated: res-hdr=0, res-body=26\r\n\r\nHTTP/1.1 403 Forbidden\r\n\r\nzz\r\n"
            )),
        ),
        (
            "a page that breaks off before its head",
            closed(format!("{status}{parts}")),
        ),
        (
            "a page that breaks off in its head",
            closed(format!("{status}{parts}HTTP/1.1 403")),
        ),
        (
            "a page that breaks off after its head",
            closed(format!("{status}{parts}{}", &PAGE[..45])),
        ),
        (
            "a page that is reset",
            Behaviour::AnswerThenReset(format!("{status}{parts}{}", &PAGE[..50]).into_bytes()),
        ),
        (
            "a page that stops",
            answer(format!("{status}{parts}{}", &PAGE[..50])),
        ),
        (
            "a 204 with the parts of a page",
            answer(format!("ICAP/1.0 204 Hm\r\n{parts}{PAGE}")),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_before_a_byte_that_can_t_be_read_blocks_though_told_to_fail_open() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let mut settings = open();
    settings["block_response"] = json!({"body": "our own page"});
    let scene = Scene::new(server.address(), settings).await;
    let mut sent = 0;
    for (case, behaviour) in broken_blocks() {
        server.now(behaviour);
        let answer = scene
            .send(post("/upload", sized(pattern(4 * PREVIEW))))
            .await;
        let log = scene.icap_log(sent).await;
        assert_eq!(answer.status, 403, "{case}: {log}");
        assert_eq!(answer.text(), "our own page", "{case}: {log}");
        assert_eq!(log["action"], "ICAP_BLOCKED", "{case}: {log}");
        assert_eq!(
            log["significance"],
            json!(["ADF_ICAP_BLOCKED"]),
            "{case}: {log}"
        );
        let entry = log["request_logs"].as_array().unwrap().last().unwrap();
        assert!(entry["reason"].is_string(), "{case}: {log}");
        sent += 1;
    }
    assert_eq!(scene.envoy.metric("failed_open").await, 0);
    scene.assert_application_untouched(sent).await;
    server.now(Behaviour::Allow);
    assert_eq!(scene.send(post("/", sized("x"))).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_header_on_a_response_that_can_t_be_read_blocks_though_told_to_fail_open() {
    let server = IcapServer::listen().await;
    server.serve_responses(Behaviour::Allow).await;
    let mut settings = open();
    settings["response_service_url"] = json!("icap://icap.test:1344/respmod");
    let scene = Scene::new(server.address(), settings).await;
    scene
        .application
        .answer_with("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\noriginal");
    let parts = "Encapsulated: res-hdr=0, res-body=45\r\n\r\n";
    for (n, behaviour) in [
        Behaviour::AnswerThenClose(format!("ICAP/1.0 200 OK\r\n{INFECTED}{parts}HTTP/1.").into()),
        Behaviour::Answer(format!("ICAP/1.0 200 OK\r\n{INFECTED}{parts}HTTP/2 403\r\n").into()),
        Behaviour::AnswerThenClose(format!("ICAP/1.0 200 OK\r\n{INFECTED}IS").into()),
    ]
    .into_iter()
    .enumerate()
    {
        server.now(Behaviour::Responses(Box::new(behaviour)));
        let answer = scene.send(request(Method::GET, "/", empty())).await;
        let log = scene.icap_log(n).await;
        assert_eq!(answer.status, 403, "{n}: {log}");
        assert_eq!(log["action"], "ICAP_BLOCKED", "{n}: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_means_the_servers_own_trouble_stays_a_failure() {
    let page = response("", "HTTP/1.1 500 Oops", Some(b"scan error"));
    let cut = page[..page.len() - 8].to_vec();
    let server = IcapServer::serving(Behaviour::Answer(page)).await;
    let mut settings = open();
    settings["vendor"] = json!("trend_micro");
    let scene = Scene::new(server.address(), settings).await;
    for (n, behaviour) in [None, Some(Behaviour::AnswerThenClose(cut))]
        .into_iter()
        .enumerate()
    {
        if let Some(behaviour) = behaviour {
            server.now(behaviour);
        }
        let answer = scene.send(post("/upload", sized("x"))).await;
        assert_eq!(answer.status, 200, "{n}");
        assert_eq!(scene.application.next().await.body, b"x");
        let log = scene.icap_log(n).await;
        assert_eq!(
            log["significance"],
            json!(["ADF_ICAP_SERVER_ERROR"]),
            "{log}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_with_a_status_that_carries_none_gets_the_profiles_status() {
    for status in [100, 103, 204, 205, 304] {
        for (body, expected) in [(Some(&b"the page"[..]), "the page"), (None, "our own")] {
            let head = format!("HTTP/1.1 {status} Hm");
            let answer = response("", &head, body);
            let server = IcapServer::serving(Behaviour::Answer(answer)).await;
            let settings = json!({"block_response": {"status": 451, "body": "our own"}});
            let scene = Scene::new(server.address(), settings).await;
            for version in VERSIONS {
                let mut client = scene.client(version).await;
                let answer = client.send(post("/upload", sized("x"))).await;
                assert_eq!(answer.status, 451, "{status} {version:?}");
                assert_eq!(answer.text(), expected, "{status} {version:?}");
            }
            scene.assert_application_untouched(2).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_changed_to_one_without_a_body_carries_none() {
    let server = IcapServer::listen().await;
    server.serve_responses(Behaviour::Allow).await;
    let mut settings = open();
    settings["response_service_url"] = json!("icap://icap.test:1344/respmod");
    let scene = Scene::new(server.address(), settings).await;
    scene
        .application
        .answer_with("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\noriginal");
    for version in VERSIONS {
        let mut client = scene.client(version).await;
        for status in [204, 304, 205] {
            let head = format!("HTTP/1.1 {status} Hm\r\nContent-Length: 5");
            let answer = Behaviour::Answer(response("", &head, Some(b"stray")));
            server.now(Behaviour::Responses(Box::new(answer)));
            let answer = client.send(request(Method::GET, "/", empty())).await;
            assert_eq!((answer.status, answer.text().as_str()), (status, ""));
            assert_ne!(answer.header("content-length"), Some("5"), "{status}");
            // The connection is where it should be.
            server.now(Behaviour::Responses(Box::new(Behaviour::Allow)));
            let answer = client.send(request(Method::GET, "/", empty())).await;
            assert_eq!((answer.status, answer.text().as_str()), (200, "original"));
        }
    }
    for status in [100, 101, 103] {
        let head = format!("HTTP/1.1 {status} Hm");
        let answer = Behaviour::Answer(response("", &head, Some(b"stray")));
        server.now(Behaviour::Responses(Box::new(answer)));
        let answer = scene.send(request(Method::GET, "/", empty())).await;
        assert_eq!(answer.status, 503, "{status}");
    }
    assert_eq!(scene.envoy.metric("failed_open").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_not_used_again_after_an_answer_without_a_known_end() {
    for (n, answer) in [
        "ICAP/1.0 404 Not found\r\n\r\n",
        "ICAP/1.0 500 Oops\r\nContent-Length: 5\r\n\r\n",
        "ICAP/1.0 500 Oops\r\nEncapsulated: null-body=0\r\nContent-Length: 5\r\n\r\n",
        "ICAP/1.0 204 No\r\nContent-Length: 5\r\n\r\n",
        "ICAP/1.0 204 No\r\nTransfer-Encoding: chunked\r\n\r\n",
        "ICAP/1.0 204 No\r\nEncapsulated: req-hdr=0, req-body=5\r\n\r\n",
        "ICAP/1.0 299 Hm\r\n\r\n",
    ]
    .into_iter()
    .enumerate()
    {
        let server = IcapServer::serving(Behaviour::Answer(answer.into())).await;
        let scene = Scene::new(server.address(), json!({})).await;
        scene.send(post("/", sized("x"))).await;
        server.now(Behaviour::Allow);
        assert_eq!(scene.send(post("/", sized("x"))).await.status, 200, "{n}");
        assert_eq!(server.accepted(), 2, "{n}");
    }
    for answer in [
        NO_CONTENT,
        "ICAP/1.0 204 No\r\nContent-Length: 0\r\n\r\n",
        "ICAP/1.0 404 Not found\r\nEncapsulated: null-body=0\r\n\r\n",
    ] {
        let server = IcapServer::serving(Behaviour::Answer(answer.into())).await;
        let scene = Scene::new(server.address(), json!({})).await;
        scene.send(post("/", sized("x"))).await;
        scene.send(post("/", sized("x"))).await;
        assert_eq!(server.accepted(), 1, "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn late_bytes_of_an_earlier_answer_cost_a_connection_and_no_verdict() {
    let server = IcapServer::listen().await;
    let scene = Scene::new(server.address(), json!({})).await;
    let first = scene.send_in_background(post("/", sized("one"))).await;
    let mut connection = server.accept().await;
    connection.request().await;
    connection.send(NO_CONTENT).await;
    assert_eq!(first.response().await.status, 200);
    let second = scene.send_in_background(post("/", sized("two"))).await;
    connection.request().await;
    connection.send("<html>the body of a 204</html>").await;
    let mut fresh = server.accept().await;
    assert_eq!(fresh.request().await.body, b"two");
    fresh.send(block_page("", "two is bad")).await;
    let answer = second.response().await;
    assert_eq!((answer.status, answer.text().as_str()), (403, "two is bad"));
    // On a fresh connection they are the server's answer, and unreadable.
    let third = scene.send_in_background(post("/", sized("three"))).await;
    fresh.request().await;
    fresh.send("still no answer").await;
    let mut last = server.accept().await;
    last.request().await;
    last.send("no answer either").await;
    assert_eq!(third.response().await.status, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_request_gets_the_head_of_a_block_page_alone() {
    let server = IcapServer::serving(Behaviour::Answer(block_page("", "no"))).await;
    let scene = Scene::new(server.address(), json!({})).await;
    for version in VERSIONS {
        let mut client = scene.client(version).await;
        for _ in 0..2 {
            let answer = client.send(request(Method::HEAD, "/", empty())).await;
            assert_eq!((answer.status, answer.text().as_str()), (403, ""));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_too_long_is_not_read_on_and_the_profiles_own_is_given() {
    let server = IcapServer::listen().await;
    let settings = json!({"block_response": {"body": "our own page"}});
    let scene = Scene::new(server.address(), settings).await;
    let pending = scene
        .send_in_background(post("/", sized(pattern(2 * PREVIEW))))
        .await;
    let mut connection = server.accept().await;
    let mut seen = connection.request().await;
    connection.send(CONTINUE).await;
    connection.rest(&mut seen).await;
    let page = response("", "HTTP/1.1 403 Forbidden", Some(&vec![b'x'; 4 * MIB]));
    // The page has no end, and none is waited for.
    connection.send(&page[..2 * MIB]).await;
    let answer = pending.response().await;
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (403, "our own page")
    );
    connection.closed().await;
    let log = scene.icap_log(0).await;
    assert_eq!(log["action"], "ICAP_BLOCKED", "{log}");
}
