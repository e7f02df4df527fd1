//! What clients are told in the application's stead: the profile's pages, and the status of a gRPC call.

use hyper::Method;
use serde_json::{Value, json};

use crate::steering::{lua, put_before};
use crate::support::client::{HttpResponse, VERSIONS, Version, request_with, sized};
use crate::support::icap_answers::block_page;
use crate::support::icap_server::{Behaviour, IcapServer, refused_address};
use crate::support::payload::pattern;
use crate::support::scene::Scene;

const S3_ERROR: &str = "<Error><Code>AccessDenied</Code><Message>%THREAT%</Message><RequestId>%REQUEST_ID%</RequestId></Error>";

/// What the server says of a file, with what would be markup.
fn found() -> Behaviour {
    let fields = "X-Virus-ID: <b>\"A&B\"</b>\r\nX-Blocked-Reason: it's \"bad\"\r\n";
    Behaviour::Answer(block_page(
        fields,
        "the page of scanner 1.2.3 at icap://scanner/",
    ))
}

async fn upload(scene: &Scene, fields: &[(&str, &str)]) -> HttpResponse {
    let request = request_with(Method::POST, "/upload", fields, sized(pattern(1000)));
    scene.send(request).await
}

async fn blocked(page: Value) -> HttpResponse {
    let server = IcapServer::serving(found()).await;
    let scene = Scene::new(server.address(), json!({"block_response": page})).await;
    let answer = upload(&scene, &[]).await;
    scene.assert_application_untouched(1).await;
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_has_threat_reason_and_request_id_as_its_kind_wants_them() {
    for (content_type, body, expected) in [
        (
            "text/html; charset=utf-8",
            "<p title='%REASON%'>%THREAT%, 100%",
            "<p title='it&#39;s &#34;bad&#34;'>&#60;b&#62;&#34;A&#38;B&#34;&#60;/b&#62;, 100%",
        ),
        (
            "application/json",
            r#"{"error": "%THREAT%", "detail": "%REASON%"}"#,
            r#"{"error": "<b>\"A&B\"</b>", "detail": "it's \"bad\""}"#,
        ),
        (
            "text/plain",
            "%THREAT%: %REASON%\n",
            "<b>\"A&B\"</b>: it's \"bad\"\n",
        ),
    ] {
        let page =
            json!({"use_server_response": false, "content_type": content_type, "body": body});
        let answer = blocked(page).await;
        assert_eq!(answer.status, 403);
        assert_eq!(answer.header("content-type"), Some(content_type));
        assert_eq!(answer.text(), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_request_id_is_envoys() {
    let server = IcapServer::serving(found()).await;
    let page =
        json!({"use_server_response": false, "content_type": "application/xml", "body": S3_ERROR});
    let scene = Scene::with(server.address(), json!({"block_response": page}), |setup| {
        setup.manager = json!({"preserve_external_request_id": true});
    })
    .await;
    let answer = upload(&scene, &[("x-request-id", "4711<")]).await;
    let threat = "&#60;b&#62;&#34;A&#38;B&#34;&#60;/b&#62;";
    let expected = S3_ERROR
        .replace("%THREAT%", threat)
        .replace("%REQUEST_ID%", "4711&#60;");
    assert_eq!(answer.text(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_failure_has_a_page() {
    let pages = json!({
        "request_buffer_size_kb": 1,
        "too_large_response": {"status": 400, "content_type": "application/xml",
                               "body": "<Error><Code>EntityTooLarge</Code></Error>"},
        "fail_response": {"status": 500, "body": "%REASON%|%THREAT%", "retry_after_s": 17},
        "bad_request_response": {"status": 422, "content_type": "application/json", "body": "{}"},
    });
    let code = "function envoy_on_request(h) if h:headers():get('x-bad') then h:headers():replace(':path', '/a b') end end";
    let scene = Scene::with(refused_address(), pages, |setup| {
        put_before(setup, lua(code))
    })
    .await;
    let large = request_with(Method::POST, "/upload", &[], sized(pattern(2000)));
    let answer = scene.send(large).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.header("content-type"), Some("application/xml"));
    assert_eq!(answer.text(), "<Error><Code>EntityTooLarge</Code></Error>");
    assert_eq!(answer.header("retry-after"), None);

    let answer = upload(&scene, &[]).await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.header("retry-after"), Some("17"));
    let (reason, threat) = answer
        .text()
        .split_once('|')
        .map(|(r, t)| (r.to_owned(), t.to_owned()))
        .unwrap();
    assert_eq!(threat, "-");
    let log = scene.icap_log(1).await;
    let logged = log["request_logs"].as_array().unwrap().last().unwrap()["reason"].clone();
    assert_eq!(json!(reason), logged, "{log}");

    let answer = upload(&scene, &[("x-bad", "1")]).await;
    assert_eq!((answer.status, answer.text().as_str()), (422, "{}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn by_default_a_failure_says_when_to_try_again_and_nothing_of_the_scanner() {
    let scene = Scene::new(refused_address(), json!({})).await;
    let answer = upload(&scene, &[]).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after"), Some("5"));
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    assert_eq!(answer.text(), "The content could not be scanned.\n");
    let scene = Scene::new(
        refused_address(),
        json!({"fail_response": {"retry_after_s": 0}}),
    )
    .await;
    assert_eq!(upload(&scene, &[]).await.header("retry-after"), None);
}

/// What a call gets: the HTTP status, gRPC's, and its message.
async fn call(scene: &Scene, content_type: &str, size: usize) -> (u16, String, String) {
    let fields = [("content-type", content_type), ("te", "trailers")];
    let request = request_with(Method::POST, "/a.B/C", &fields, sized(pattern(size)));
    let answer = scene.client(Version::Http2).await.send(request).await;
    let field = |name| answer.header(name).unwrap_or_default().to_owned();
    (answer.status, field("grpc-status"), field("grpc-message"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grpc_call_gets_a_status_of_its_own_and_never_a_page() {
    let large_page = Behaviour::Answer(block_page("X-Virus-ID: Eicar\r\n", &"x".repeat(20_000)));
    let server = IcapServer::serving(large_page).await;
    let changes = json!({"request_buffer_size_kb": 1});
    let scene = Scene::new(server.address(), changes.clone()).await;
    for (kind, http) in [
        ("application/grpc", 200),
        ("application/grpc+proto", 200),
        ("application/grpc-web+proto", 403),
    ] {
        let (status, code, message) = call(&scene, kind, 500).await;
        assert_eq!((status, code.as_str()), (http, "7"), "{kind}");
        let start = "blocked by the content scanner: Eicar; request ";
        assert!(
            message.starts_with(start) && message.len() < 200,
            "{message}"
        );
    }
    let (_, code, message) = call(&scene, "application/grpc", 2000).await;
    assert_eq!(code, "8");
    assert!(message.starts_with("too large to be scanned"), "{message}");

    let scene = Scene::new(refused_address(), changes).await;
    let (_, code, message) = call(&scene, "application/grpc", 500).await;
    assert_eq!(code, "14");
    assert!(message.starts_with("could not be scanned"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_page_goes_to_the_client_without_the_names_of_its_software() {
    let head = "HTTP/1.1 403 Forbidden\r\nServer: Scanner/1.2.3\r\nVia: ICAP/1.0 host (Scanner/1.2.3)\r\n\
                Content-Type: text/plain";
    let page = crate::support::icap_answers::response("", head, Some(b"blocked"));
    let server = IcapServer::serving(Behaviour::Answer(page)).await;
    let scene = Scene::new(server.address(), json!({})).await;
    for version in VERSIONS {
        let request = request_with(Method::POST, "/upload", &[], sized("x"));
        let answer = scene.client(version).await.send(request).await;
        assert_eq!((answer.status, answer.text().as_str()), (403, "blocked"));
        for name in ["server", "via"] {
            let value = answer.header(name).unwrap_or_default();
            assert!(!value.contains("Scanner"), "{name}: {value}");
        }
    }
}
