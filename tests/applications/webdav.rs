//! WebDAV: rclone and cadaver with wsgidav.

use std::net::SocketAddr;
use std::path::Path;

use crate::lab::Lab;
use crate::program::{Application, Said, installed, run};
use crate::support::payload::{MIB, eicar, pattern};

async fn wsgidav(directory: &Path) -> Application {
    let store = directory.join("store");
    std::fs::create_dir_all(&store).unwrap();
    Application::start(installed("wsgidav"), directory, |command, port| {
        command
            .args([
                "--host",
                "127.0.0.1",
                "--auth",
                "anonymous",
                "--no-config",
                "--port",
            ])
            .arg(port.to_string())
            .arg("--root")
            .arg(&store);
    })
    .await
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn rclone(address: SocketAddr, arguments: &[&str]) -> Said {
    run("rclone", |command| {
        command
            .args([
                "--config",
                "/dev/null",
                "--retries",
                "1",
                "--low-level-retries",
                "1",
            ])
            .args(["--webdav-vendor", "other", "--webdav-url"])
            .arg(format!("http://{address}"))
            .args(arguments);
    })
}

/// cadaver writes a whole file before it reads the answer.
fn cadaver(directory: &Path, address: SocketAddr, file: &Path, name: &str) -> Said {
    let script = directory.join("cadaver-script");
    std::fs::write(&script, format!("put {} {name}\n", file.display())).unwrap();
    run("sh", |command| {
        command
            .args(["-c", "cadaver \"$1\" < \"$2\"", "sh"])
            .arg(format!("http://{address}/"))
            .arg(&script)
            .env("HOME", directory);
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn files_arrive_as_they_were_and_both_clients_see_why_one_did_not() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let application = wsgidav(at).await;
    let lab = Lab::new(application.address).await;
    let files = at.join("files");
    std::fs::create_dir_all(files.join("below/here")).unwrap();
    std::fs::write(files.join("small"), "small").unwrap();
    std::fs::write(files.join("empty"), "").unwrap();
    std::fs::write(files.join("below/here/large ü"), pattern(12 * MIB)).unwrap();
    for (name, address) in [
        ("bare", lab.bare()),
        ("scanned", lab.scanned()),
        ("both", lab.both()),
    ] {
        let remote = format!(":webdav:{name}");
        let copied = rclone(address, &["copy", text(&files), &remote]);
        assert!(copied.success, "{name}: {}", copied.text);
        let back = at.join(format!("back-{name}"));
        let copied = rclone(address, &["copy", &remote, text(&back)]);
        assert!(copied.success, "{name}: {}", copied.text);
        for file in ["small", "empty", "below/here/large ü"] {
            let original = std::fs::read(files.join(file)).unwrap();
            assert!(
                std::fs::read(back.join(file)).unwrap() == original,
                "{name}: {file}"
            );
        }
        let moved = rclone(
            address,
            &[
                "moveto",
                &format!("{remote}/small"),
                &format!("{remote}/moved"),
            ],
        );
        assert!(moved.success, "{name}: {}", moved.text);
        assert!(at.join("store").join(name).join("moved").exists());
    }

    let infected = at.join("infected");
    std::fs::write(&infected, eicar()).unwrap();
    let said = rclone(lab.scanned(), &["copy", text(&infected), ":webdav:"]);
    assert!(!said.success && said.text.contains("403"), "{}", said.text);
    let said = cadaver(at, lab.scanned(), &infected, "infected");
    assert!(said.text.contains("403 Forbidden"), "{}", said.text);
    assert!(!at.join("store/infected").exists());
    let said = cadaver(at, lab.bare(), &infected, "infected");
    assert!(said.text.contains("succeeded"), "{}", said.text);

    // Larger than the buffer.
    let large = at.join("large");
    std::fs::write(&large, pattern(55 * MIB)).unwrap();
    let said = rclone(lab.scanned(), &["copy", text(&large), ":webdav:"]);
    assert!(
        said.text
            .contains("The content is too large to be scanned.: 413"),
        "{}",
        said.text
    );
    let said = cadaver(at, lab.scanned(), &large, "large");
    assert!(said.text.contains("413"), "{}", said.text);
    assert!(!at.join("store/large").exists());
}
