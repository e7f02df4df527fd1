//! A 200 with a response in it: the client gets that response, the application gets nothing.

use serde_json::{Value, json};

use crate::support::client::{HttpResponse, VERSIONS, empty, post, request, sized};
use crate::support::icap_answers::{NO_CONTENT, block_page, chunked, response};
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::payload::{MIB, assert_same_bytes, pattern};
use crate::support::scene::{PREVIEW, Scene};

/// What the client gets when the server answers an upload with `answer`; nothing may reach the application.
async fn blocked_with(answer: Vec<u8>, changes: Value) -> (HttpResponse, Value) {
    let server = IcapServer::serving(Behaviour::Answer(answer)).await;
    let scene = Scene::new(server.address(), changes).await;
    let mut last = None;
    for (sent, version) in VERSIONS.into_iter().enumerate() {
        let mut client = scene.client(version).await;
        let answer = client.send(post("/upload", sized(pattern(20_000)))).await;
        assert_eq!(answer.header("x-application"), None, "{version:?}");
        let log = scene.icap_log(sent).await;
        assert_eq!(log["action"], "ICAP_BLOCKED", "{version:?}: {log}");
        assert_eq!(log["significance"], json!(["ADF_ICAP_BLOCKED"]), "{log}");
        last = Some((answer, log));
    }
    scene.assert_application_untouched(2).await;
    last.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_403_page_is_given_to_the_client() {
    let answer = block_page("X-Virus-ID: Some.Virus\r\n", "<h1>Some.Virus</h1>");
    let (answer, log) = blocked_with(answer, json!({})).await;
    assert_eq!(answer.status, 403);
    assert_eq!(answer.text(), "<h1>Some.Virus</h1>");
    assert_eq!(answer.header("content-type"), Some("text/html"));
    let entry = &log["request_logs"][0];
    assert_eq!(entry["icap_response_code"], 200, "{log}");
    assert_eq!(entry["http_response_code"], 403, "{log}");
    assert_eq!(entry["threat_id"], "Some.Virus", "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_http_1_0_with_a_wrong_length_is_given_with_the_right_one() {
    let head = "HTTP/1.0 403 Forbidden\r\nServer: scanner\r\nContent-Type: text/plain\r\n\
                Content-Length: 4711\r\nConnection: close\r\nKeep-Alive: timeout=5\r\nX-Kept: yes";
    let (answer, _) = blocked_with(response("", head, Some(b"blocked")), json!({})).await;
    assert_eq!((answer.status, answer.text().as_str()), (403, "blocked"));
    assert_eq!(answer.header("content-length"), Some("7"));
    assert_eq!(answer.header("x-kept"), Some("yes"));
    assert_eq!(answer.header("keep-alive"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_given_to_the_client() {
    let head = "HTTP/1.1 307 Temporary Redirect\r\nLocation: https://block.test/why?id=1\r\n\
                Content-Length: 0";
    let (answer, log) = blocked_with(response("", head, Some(b"")), json!({})).await;
    assert_eq!(answer.status, 307);
    assert_eq!(
        answer.header("location"),
        Some("https://block.test/why?id=1")
    );
    assert_eq!(answer.text(), "");
    assert_eq!(log["request_logs"][0]["http_response_code"], 307, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_without_a_body_is_given_to_the_client() {
    let answer = response("", "HTTP/1.1 403 Forbidden\r\nX-Why: av", None);
    let (answer, _) = blocked_with(answer, json!({})).await;
    assert_eq!((answer.status, answer.text().as_str()), (403, ""));
    assert_eq!(answer.header("x-why"), Some("av"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_with_status_200_is_a_block_as_well() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html";
    let (answer, log) = blocked_with(response("", head, Some(b"please log in")), json!({})).await;
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (200, "please log in")
    );
    assert_eq!(log["request_logs"][0]["http_response_code"], 200, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_page_in_many_chunks_is_given_whole() {
    let page = pattern(300_000);
    let head = "HTTP/1.1 403 Forbidden\r\nContent-Type: application/octet-stream";
    let (answer, _) = blocked_with(response("", head, Some(&page)), json!({})).await;
    assert_eq!(answer.status, 403);
    assert_same_bytes("page", &answer.body, &page);
}

#[tokio::test(flavor = "multi_thread")]
async fn chunk_extensions_and_trailers_of_the_answer_do_not_reach_the_client() {
    let mut answer = response("", "HTTP/1.1 403 Forbidden", Some(b""));
    let body = chunked(b"");
    answer.truncate(answer.len() - body.len());
    answer.extend_from_slice(b"3;x=y\r\nno!\r\n0;z\r\nX-Trailer: 1\r\n\r\n");
    let (answer, _) = blocked_with(answer, json!({})).await;
    assert_eq!((answer.status, answer.text().as_str()), (403, "no!"));
    assert_eq!(answer.header("x-trailer"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_header_on_a_204_blocks() {
    let fields = "X-Infection-Found: Type=0; Resolution=2; Threat=Some.Virus;\r\n";
    let answer = NO_CONTENT.replace("\r\n\r\n", &format!("\r\n{fields}\r\n"));
    let (answer, log) = blocked_with(answer.into_bytes(), json!({})).await;
    assert_eq!(answer.status, 403);
    assert_eq!(log["request_logs"][0]["threat_id"], "Some.Virus", "{log}");
    assert_eq!(
        log["request_logs"][0].get("http_response_code"),
        None,
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configured_page_replaces_the_servers_where_told_so() {
    let answer = block_page("", "the server's page");
    let block = json!({"use_server_response": false, "status": 451, "content_type": "text/plain",
                       "body": "our page"});
    let (answer, _) = blocked_with(answer, json!({"block_response": block})).await;
    assert_eq!((answer.status, answer.text().as_str()), (451, "our page"));
    assert_eq!(answer.header("content-type"), Some("text/plain"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_body_is_blocked_too() {
    let server = IcapServer::serving(Behaviour::Answer(block_page("", "no"))).await;
    let scene = Scene::new(server.address(), json!({})).await;
    for version in VERSIONS {
        let mut client = scene.client(version).await;
        let get = request(hyper::Method::GET, "/bad", empty());
        let answer = client.send(get).await;
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (403, "no"),
            "{version:?}"
        );
        let head = request(hyper::Method::HEAD, "/bad", empty());
        let answer = client.send(head).await;
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (403, ""),
            "{version:?}"
        );
    }
    scene.assert_application_untouched(4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_after_the_preview_answers_a_client_that_sends_much_more() {
    let page = block_page("", "no");
    let server = IcapServer::serving(Behaviour::AnswerPreview(page)).await;
    let scene = Scene::new(server.address(), json!({})).await;
    for version in VERSIONS {
        let mut client = scene.client(version).await;
        let answer = client.send(post("/upload", sized(pattern(MIB)))).await;
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (403, "no"),
            "{version:?}"
        );
        let seen = server.next_request().await;
        assert_eq!(seen.body.len(), PREVIEW, "{version:?}");
    }
    scene.assert_application_untouched(2).await;
    assert_eq!(server.accepted(), 1, "the answer was read to its end");
}
