//! Scripts in a browser's page: what Chromium's XMLHttpRequest and fetch see.

use crate::browser::Browser;
use crate::lab::Lab;
use crate::program::Application;
use crate::support::payload::{MIB, eicar, pattern};

#[tokio::test(flavor = "multi_thread")]
async fn scripts_read_why_their_upload_was_refused_and_clean_ones_arrive() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let application = Application::own("files", at).await;
    let lab = Lab::new(application.address).await;
    let file = |name: &str, content: &[u8]| {
        let path = at.join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let clean = file("clean", &pattern(3 * MIB));
    let infected = file("infected", &eicar());
    let large = file("large", &pattern(60 * MIB));
    let browser = Browser::start(800, 600).await;
    for (name, address) in [
        ("bare", lab.bare()),
        ("scanned", lab.scanned()),
        ("both", lab.both()),
    ] {
        for (what, path, status, text) in [
            ("clean", &clean, 201, ""),
            ("infected", &infected, 403, "VIRUS FOUND"),
            (
                "large",
                &large,
                413,
                "The content is too large to be scanned.",
            ),
        ] {
            if name == "bare" && what != "clean" {
                continue;
            }
            for how in ["xhr", "fetch"] {
                browser.visit(&format!("http://{address}/")).await;
                browser.choose("#file", [path.clone()].into_iter()).await;
                let stored = format!("{name}-{what}-{how}");
                browser
                    .value(&format!("upload('{how}', '/{stored}')"))
                    .await;
                browser.until("said !== null").await;
                let said = browser.value("said").await;
                assert_eq!(said["status"], status, "{stored}: {said}");
                let shown = said["text"].as_str().unwrap();
                assert!(shown.contains(text), "{stored}: {said}");
                let stored = at.join("store").join(&stored);
                assert_eq!(stored.exists(), what == "clean", "{}", stored.display());
                if what == "clean" {
                    assert!(std::fs::read(stored).unwrap() == std::fs::read(path).unwrap());
                }
            }
        }
    }
}
