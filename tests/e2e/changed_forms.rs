//! Forms of which a server changes parts: the application gets the new ones and all else as it was.

use serde_json::json;

use crate::support::client::{Version, sized, unsized_body};
use crate::support::form::FormBody;
use crate::support::icap_answers::{NO_CONTENT, request};
use crate::support::icap_behaviour::Decide;
use crate::support::icap_message::IcapRequest;
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::payload::{MIB, assert_same_bytes, pattern};
use crate::support::scene::Scene;

/// What stands in a file that is to be rebuilt.
const MACRO: &[u8] = b"macro";

/// The answer with that body in the place of what was shown.
fn changed(shown: &IcapRequest, body: &[u8]) -> Vec<u8> {
    let head = shown.http().raw.trim_end_matches("\r\n");
    let lines = head
        .lines()
        .filter(|line| !line.to_ascii_lowercase().starts_with("content-length"));
    let head = lines.collect::<Vec<_>>().join("\r\n");
    request(
        "",
        &format!("{head}\r\nContent-Length: {}", body.len()),
        Some(body),
    )
}

/// A server that rebuilds documents: each gets as many bytes as its first line says.
fn rebuild(shown: &IcapRequest) -> Option<Vec<u8>> {
    if !shown.complete {
        return None;
    }
    let Some(rest) = shown.body.strip_prefix(MACRO) else {
        return Some(NO_CONTENT.into());
    };
    let digits: String = rest
        .iter()
        .map(|b| char::from(*b))
        .take_while(char::is_ascii_digit)
        .collect();
    Some(changed(shown, &rebuilt(digits.parse().unwrap())))
}

fn rebuilt(length: usize) -> Vec<u8> {
    pattern(length + 7)[7..].to_vec()
}

/// A document that is to become one of that length.
fn document(length: usize, filler: usize) -> Vec<u8> {
    [
        MACRO,
        length.to_string().as_bytes(),
        b"\n",
        &pattern(filler),
    ]
    .concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuilt_file_takes_the_place_of_the_original() {
    let server = IcapServer::serving(Behaviour::Decide(rebuild)).await;
    let scene = Scene::new(server.address(), json!({})).await;
    let form = |second: &[u8]| {
        FormBody::new()
            .field("title", "x")
            .file("f", "a.pdf", pattern(70_000))
            .file("f", "b.doc", second)
            .file("f", "c.pdf", pattern(200_000))
            .field("end", "y")
    };
    let mut sent = 0;
    for (filler, length) in [
        (10, 5),
        (10, 0),
        (10, 3 * MIB),
        (2 * MIB, 100),
        (100_000, 100_000),
    ] {
        let upload = form(&document(length, filler));
        let expected = form(&rebuilt(length)).bytes();
        for version in [Version::Http1, Version::Http2] {
            for body in [sized(upload.bytes()), unsized_body(upload.bytes())] {
                let mut client = scene.client(version).await;
                let answer = client.send(upload.upload_with(&[], body)).await;
                assert_eq!(answer.status, 200, "{version:?} {length}");
                let received = scene.application.next().await;
                let case = format!("{version:?}, {filler} bytes to {length}");
                assert_same_bytes(&case, &received.body, &expected);
                let log = scene.icap_log(sent).await;
                assert_eq!(log["action"], "ICAP_MODIFIED", "{log}");
                let entries = log["request_logs"].as_array().unwrap();
                let modified = entries
                    .iter()
                    .find(|entry| entry["action"] == "ICAP_MODIFIED");
                let modified = modified.unwrap_or_else(|| panic!("{log}"));
                assert_eq!(modified["modified_content_length"], length, "{log}");
                assert_eq!(modified["part"]["file_name"], "b.doc", "{log}");
                sent += 1;
            }
        }
    }
    assert_eq!(scene.envoy.metric("modified").await, sent as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_parts_may_change_at_once() {
    let server = IcapServer::serving(Behaviour::Decide(rebuild)).await;
    let scene = Scene::new(server.address(), json!({})).await;
    let form = |first: &[u8], last: &[u8]| {
        FormBody::new()
            .file("f", "a.doc", first)
            .file("f", "b.pdf", "b")
            .part(
                &format!(
                    "Content-Disposition: form-data; name=\"g\"; filename=\"c.doc\"\r\n\
                     Content-Length: {}\r\nX-Own: yes\r\n",
                    last.len()
                ),
                last,
            )
    };
    let upload = form(&document(17, 100), &document(4321, 3)).upload();
    assert_eq!(scene.send(upload).await.status, 200);
    let received = scene.application.next().await;
    let expected = form(&rebuilt(17), &rebuilt(4321)).bytes();
    assert_same_bytes("the form", &received.body, &expected);
    let length = expected.len().to_string();
    assert_eq!(received.head.get("content-length"), Some(length.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_fields_take_their_places() {
    let server = IcapServer::serving(Behaviour::Decide(|shown| {
        if !shown.complete {
            return None;
        }
        let text = String::from_utf8_lossy(&shown.body);
        let changed = match text.contains("4111") {
            true => changed(shown, text.replace("4111 1111", "****").as_bytes()),
            false => NO_CONTENT.into(),
        };
        Some(changed)
    }))
    .await;
    let scene = Scene::new(server.address(), json!({})).await;
    let form = |card: &str| {
        FormBody::new()
            .field("name", "Alice")
            .file("f", "a.pdf", pattern(300))
            .field("card", card)
            .file("f", "b.pdf", pattern(400))
            .field("end", "")
    };
    assert_eq!(scene.send(form("no 4111 1111!").upload()).await.status, 200);
    let received = scene.application.next().await;
    assert_same_bytes("the form", &received.body, &form("no ****!").bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_would_make_another_form_is_refused() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let changes = json!({"fail_action": "fail_open"});
    let scene = Scene::new(server.address(), changes).await;
    let form = FormBody::with_boundary("b1")
        .field("title", "x")
        .file("f", "a.pdf", "file");
    /// Answers the file so, and the fields with 204.
    fn file(shown: &IcapRequest, body: &[u8]) -> Option<Vec<u8>> {
        let is_file = shown.http().get("content-disposition").is_some();
        shown.complete.then(|| match is_file {
            true => changed(shown, body),
            false => NO_CONTENT.into(),
        })
    }
    /// Answers the fields so, and the file with 204.
    fn fields(shown: &IcapRequest, body: &FormBody) -> Option<Vec<u8>> {
        let is_file = shown.http().get("content-disposition").is_some();
        shown.complete.then(|| match is_file {
            true => NO_CONTENT.into(),
            false => changed(shown, &body.bytes()),
        })
    }
    let answers: [Decide; 5] = [
        |shown| {
            let part = "x\r\n--b1\r\nContent-Disposition: form-data; name=\"admin\"\r\n\r\nyes";
            file(shown, part.as_bytes())
        },
        |shown| file(shown, b"x\r\n--b1--\r\n"),
        |shown| fields(shown, &FormBody::with_boundary("b1")),
        |shown| fields(shown, &FormBody::with_boundary("b1").field("other", "x")),
        |shown| {
            let two = FormBody::with_boundary("b1")
                .field("title", "x")
                .field("more", "y");
            fields(shown, &two)
        },
    ];
    for (n, answer) in answers.into_iter().enumerate() {
        server.now(Behaviour::Decide(answer));
        assert_eq!(scene.send(form.upload()).await.status, 503, "case {n}");
        let log = scene.icap_log(n).await;
        assert_eq!(log["action"], "ICAP_FAILED", "{log}");
    }
    assert_eq!(scene.envoy.metric("failed.protocol").await, 5);
    scene.assert_application_untouched(5).await;
}
