//! `x-icap-action` and `x-icap-threat`: told to client and application where wanted, believed from nobody.

use hyper::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::client::{HttpResponse, request_with, sized};
use crate::support::icap_answers::{NO_CONTENT, block_page, request as changed};
use crate::support::icap_server::{Behaviour, IcapServer, refused_address};
use crate::support::scene::{Scene, plugin};
use crate::support::wire::Head;
use crate::support::within;

const LIES: [(&str, &str); 2] = [("x-icap-action", "ICAP_LIE"), ("x-icap-threat", "lie")];

fn exposing(changes: Value, client: bool, application: bool) -> Value {
    let mut plugin = plugin(changes);
    plugin["expose"] = json!({"client": client, "application": application});
    plugin
}

async fn scene(plugin: Value, icap: std::net::SocketAddr) -> Scene {
    Scene::with(icap, json!({}), |setup| setup.plugin = plugin.to_string()).await
}

/// Sends an upload that carries the headers itself.
async fn upload(scene: &Scene) -> HttpResponse {
    let request = request_with(Method::POST, "/upload", &LIES, sized("content"));
    scene.send(request).await
}

fn told(answer: &HttpResponse) -> [Option<&str>; 2] {
    LIES.map(|(name, _)| {
        assert!(answer.headers.get_all(name).iter().count() <= 1, "{name}");
        answer.header(name)
    })
}

fn told_in(head: &Head) -> [Option<&str>; 2] {
    LIES.map(|(name, _)| {
        assert!(head.all(name).len() <= 1, "{name}");
        head.get(name)
    })
}

/// What client and application are told when the server behaves so, with each of the four settings.
async fn assert_told(
    behaviour: Behaviour,
    changes: Value,
    status: u16,
    expected: [Option<&str>; 2],
) {
    let server = IcapServer::serving(behaviour).await;
    for (client, application) in [(false, false), (true, false), (false, true), (true, true)] {
        let plugin = exposing(changes.clone(), client, application);
        let scene = scene(plugin, server.address()).await;
        let answer = upload(&scene).await;
        let what = format!("client {client}, application {application}, {expected:?}");
        assert_eq!(answer.status, status, "{what}");
        let nothing = [None, None];
        assert_eq!(
            told(&answer),
            if client { expected } else { nothing },
            "{what}"
        );
        if status == 200 {
            let received = scene.application.next().await;
            let wanted = if application { expected } else { nothing };
            assert_eq!(told_in(&received.head), wanted, "{what}");
        } else {
            scene.assert_application_untouched(1).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_passed_request() {
    assert_told(
        Behaviour::Allow,
        json!({}),
        200,
        [Some("ICAP_PASSED"), None],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_modified_request() {
    // The server's own word for it counts as little as the client's.
    let head =
        "POST /upload HTTP/1.1\r\nHost: app.test\r\nX-Icap-Action: ICAP_LIE\r\nX-Icap-Threat: lie";
    let answer = changed(
        "X-Infection-Found: Type=0; Resolution=1; Threat=Macro.Virus;\r\n",
        head,
        Some(b"clean"),
    );
    let expected = [Some("ICAP_MODIFIED"), Some("Macro.Virus")];
    assert_told(Behaviour::Answer(answer), json!({}), 200, expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_blocked_request() {
    let answer = block_page("X-Virus-ID: Some Virus\r\n", "no");
    let expected = [Some("ICAP_BLOCKED"), Some("Some Virus")];
    assert_told(Behaviour::Answer(answer), json!({}), 403, expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_failed_request() {
    let broken = Behaviour::Answer(b"ICAP/1.0 500 Oops\r\n\r\n".to_vec());
    let expected = [Some("ICAP_FAILED"), None];
    assert_told(
        broken.clone(),
        json!({"fail_action": "fail_open"}),
        200,
        expected,
    )
    .await;
    assert_told(broken, json!({}), 503, expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_request_that_is_not_scanned() {
    for exposed in [false, true] {
        let mut plugin = exposing(json!({}), exposed, exposed);
        plugin["rules"] = json!([]);
        let scene = scene(plugin, refused_address()).await;
        let expected = [exposed.then_some("ICAP_DISABLED"), None];
        assert_eq!(told(&upload(&scene).await), expected);
        assert_eq!(told_in(&scene.application.next().await.head), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_is_not_shown_what_a_client_says() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = scene(exposing(json!({}), true, true), server.address()).await;
    upload(&scene).await;
    assert_eq!(told_in(server.next_request().await.http()), [None, None]);
}

/// The answer for a client whose application says these things itself.
async fn answer_of_a_lying_application(changes: Value, exposed: bool) -> HttpResponse {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let application = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = application.local_addr().unwrap();
    let plugin = exposing(changes, exposed, false);
    let scene = Scene::with(server.address(), json!({}), |setup| {
        setup.plugin = plugin.to_string();
        setup.application = address;
    })
    .await;
    let pending = scene
        .send_in_background(request_with(Method::POST, "/", &[], sized("x")))
        .await;
    let (mut stream, _) = within("the application's connection", application.accept())
        .await
        .unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\nx") {
        request.push(within("a request", stream.read_u8()).await.unwrap());
    }
    stream
        .write_all(
            b"HTTP/1.1 200 OK\r\nx-icap-action: ICAP_LIE\r\nx-icap-threat: lie\r\ncontent-length: 2\r\n\r\nok",
        )
        .await
        .unwrap();
    pending.response().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_is_not_believed_where_clients_are_told() {
    for changes in [json!({}), json!({"response_service_url": "/respmod"})] {
        for exposed in [false, true] {
            let answer = answer_of_a_lying_application(changes.clone(), exposed).await;
            assert_eq!(answer.text(), "ok");
            // Where clients are told nothing they have nothing to believe: the fields are the application's own.
            let expected = match exposed {
                true => [Some("ICAP_PASSED"), None],
                false => [Some("ICAP_LIE"), Some("lie")],
            };
            assert_eq!(told(&answer), expected, "{changes} {exposed}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_blocked_response() {
    for (fields, status) in [("X-Virus-ID: Eicar\r\n", 403), ("", 200)] {
        let server = IcapServer::listen().await;
        let answer = match status {
            403 => block_page(fields, "no"),
            _ => NO_CONTENT.into(),
        };
        server.serve_responses(Behaviour::Answer(answer)).await;
        let changes = json!({"response_service_url": "icap://icap.test:1344/respmod"});
        let scene = scene(exposing(changes, true, false), server.address()).await;
        let answer = upload(&scene).await;
        assert_eq!(answer.status, status);
        let expected = match status {
            403 => [Some("ICAP_BLOCKED"), Some("Eicar")],
            _ => [Some("ICAP_PASSED"), None],
        };
        assert_eq!(told(&answer), expected);
    }
}
