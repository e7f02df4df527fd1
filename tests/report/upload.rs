//! A page with a form in a real browser: each file that is chosen is scanned on its own.

use serde_json::json;

use crate::browser::Browser;
use crate::support::icap_answers::{NO_CONTENT, block_page};
use crate::support::icap_message::IcapRequest;
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::payload::{eicar, pattern};
use crate::support::scene::Scene;

const PAGE: &str = "<!doctype html><title>Upload</title><link rel=icon href='data:,'>\
    <form method=post action=/upload enctype=multipart/form-data>\
    <input name=title value='a title'><input type=file name=files multiple><input type=file name=none>\
    <button>Send</button></form>";

/// Finds EICAR at a file's start alone, as ClamAV does.
fn scan(shown: &IcapRequest) -> Option<Vec<u8>> {
    match (shown.body.starts_with(&eicar()), shown.complete) {
        (true, _) => Some(block_page(
            "",
            "<link rel=icon href='data:,'><h1>infected</h1>",
        )),
        (false, true) => Some(NO_CONTENT.into()),
        (false, false) => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_of_a_browsers_form_are_scanned_on_their_own() {
    let server = IcapServer::serving(Behaviour::Decide(scan)).await;
    let scene = Scene::new(server.address(), json!({})).await;
    let length = PAGE.len();
    scene.application.answer_with(format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {length}\r\n\r\n{PAGE}"
    ));
    let directory = tempfile::tempdir().unwrap();
    let files = [
        ("clean.bin", pattern(20_000).to_vec()),
        ("\u{fc}ber \"uns\".txt", b"text".to_vec()),
        ("eicar.com", eicar()),
    ];
    for (name, content) in &files {
        std::fs::write(directory.path().join(name), content).unwrap();
    }
    let browser = Browser::start(800, 600).await;
    let url = format!("http://{}/", scene.envoy.listener());
    for (chosen, infected) in [(&files[..2], false), (&files[..], true)] {
        browser.visit(&url).await;
        let paths = chosen.iter().map(|(name, _)| directory.path().join(name));
        browser.choose("[name=files]", paths).await;
        browser.click("button").await;
        // The page itself is a request, too.
        assert_eq!(scene.application.next().await.method(), "GET");
        if infected {
            browser
                .until("document.body.textContent === 'infected'")
                .await;
            continue;
        }
        let received = scene.application.next().await;
        assert_eq!(received.target(), "/upload");
        for (name, content) in chosen {
            let found = received.body.windows(content.len()).any(|w| w == content);
            assert!(found, "{name} did not arrive");
        }
    }
    assert_eq!(scene.application.requests_received(), 3);
    assert_eq!(scene.envoy.metric("blocked").await, 1);
    assert_eq!(scene.envoy.metric("parts").await, 5);
}
