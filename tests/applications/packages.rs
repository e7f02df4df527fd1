//! Packages of Python: twine and pip with pypiserver.

use std::net::SocketAddr;
use std::path::Path;

use crate::lab::Lab;
use crate::program::{Application, Said, client, installed, run};

async fn pypiserver(directory: &Path) -> Application {
    let store = directory.join("store");
    std::fs::create_dir_all(&store).unwrap();
    Application::start(installed("pypi-server"), directory, |command, port| {
        command
            .args(["run", "-i", "127.0.0.1", "-P", ".", "-a", ".", "-p"])
            .arg(port.to_string())
            .arg(&store);
    })
    .await
}

fn twine(address: SocketAddr, wheel: &Path) -> Said {
    run(installed("twine"), |command| {
        command
            .args([
                "upload",
                "--non-interactive",
                "--disable-progress-bar",
                "--username",
                "x",
            ])
            .args(["--password", "x", "--repository-url"])
            .arg(format!("http://{address}/"))
            .arg(wheel)
            .env("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
            .env("COLUMNS", "400");
    })
}

fn pip(address: SocketAddr, package: &str, into: &Path) -> Said {
    run(installed("pip"), |command| {
        command
            .args([
                "--isolated",
                "--disable-pip-version-check",
                "download",
                "--no-deps",
                "--no-cache-dir",
            ])
            .args(["--retries", "0", "--index-url"])
            .arg(format!("http://{address}/simple/"))
            .arg("--dest")
            .arg(into)
            .arg(package);
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn wheels_arrive_as_they_were_and_an_infected_one_neither_goes_up_nor_down() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let application = pypiserver(at).await;
    let lab = Lab::new(application.address).await;
    let wheels = at.join("wheels");
    std::fs::create_dir(&wheels).unwrap();
    client("wheels", &[&wheels]);
    let wheel = |name: &str| wheels.join(format!("{name}-1.0-py3-none-any.whl"));
    for (name, address) in [
        ("bare", lab.bare()),
        ("scanned", lab.scanned()),
        ("both", lab.both()),
    ] {
        let said = twine(address, &wheel(&format!("clean_{name}")));
        assert!(said.success, "{name}: {}", said.text);
        let into = at.join(format!("from-{name}"));
        let said = pip(address, &format!("clean-{name}"), &into);
        assert!(said.success, "{name}: {}", said.text);
        let file = format!("clean_{name}-1.0-py3-none-any.whl");
        let got = std::fs::read(into.join(&file)).unwrap();
        assert_eq!(got, std::fs::read(wheels.join(&file)).unwrap(), "{name}");
    }

    // A wheel is a zip, and ClamAV looks into it, also where it is a part of a form.
    let said = twine(lab.scanned(), &wheel("infected"));
    assert!(!said.success && said.text.contains("403"), "{}", said.text);
    assert!(!at.join("store/infected-1.0-py3-none-any.whl").exists());
    let said = twine(lab.bare(), &wheel("infected"));
    assert!(said.success, "{}", said.text);
    for address in [lab.bare(), lab.scanned()] {
        let said = pip(address, "infected", &at.join("from-bare"));
        assert!(
            said.success,
            "downloads are not scanned here: {}",
            said.text
        );
    }
    let said = pip(lab.both(), "infected", &at.join("from-both"));
    assert!(!said.success && said.text.contains("403"), "{}", said.text);
    assert!(!at.join("from-both/infected-1.0-py3-none-any.whl").exists());
}
