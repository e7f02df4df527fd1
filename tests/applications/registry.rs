//! Container images: skopeo with docker-registry.

use std::net::SocketAddr;
use std::path::Path;

use crate::lab::{Changes, Lab};
use crate::program::{Application, Said, client, run};
use crate::rules;

async fn registry(directory: &Path) -> Application {
    Application::start("docker-registry", directory, |command, port| {
        let config = directory.join("registry.yml");
        let store = directory.join("store");
        let text = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n",
            store.display()
        );
        std::fs::write(&config, text).unwrap();
        command.arg("serve").arg(&config);
    })
    .await
}

fn skopeo(directory: &Path, from: &str, to: &str) -> Said {
    run("skopeo", |command| {
        command
            .args([
                "--insecure-policy",
                "copy",
                "--src-tls-verify=false",
                "--dest-tls-verify=false",
            ])
            .args([from, to])
            .env("HOME", directory)
            .env("XDG_RUNTIME_DIR", directory);
    })
}

fn image(address: SocketAddr, name: &str) -> String {
    format!("docker://{address}/{name}:1")
}

/// The layers and the configuration of an image in a directory, by their digests.
fn blobs(image: &Path) -> Vec<(String, Vec<u8>)> {
    let mut blobs: Vec<(String, Vec<u8>)> = image
        .join("blobs/sha256")
        .read_dir()
        .unwrap()
        .flatten()
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect();
    blobs.sort();
    blobs
}

#[tokio::test(flavor = "multi_thread")]
async fn images_come_back_as_they_were_and_an_infected_layer_is_not_taken() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let application = registry(at).await;
    let changes = Changes {
        profile: rules::answers("registry"),
        ..Changes::default()
    };
    let lab = Lab::with(application.address, changes).await;
    client("images", &[&at]);
    let oci = |name: &str| format!("oci:{}:1", at.join(name).display());
    for (name, address) in [
        ("bare", lab.bare()),
        ("scanned", lab.scanned()),
        ("both", lab.both()),
    ] {
        let pushed = skopeo(at, &oci("clean"), &image(address, name));
        assert!(pushed.success, "{name}: {}", pushed.text);
        let back = format!("back-{name}");
        let pulled = skopeo(at, &image(address, name), &oci(&back));
        assert!(pulled.success, "{name}: {}", pulled.text);
        assert!(blobs(&at.join(back)) == blobs(&at.join("clean")), "{name}");
    }
    let said = skopeo(at, &oci("infected"), &image(lab.scanned(), "infected"));
    assert!(
        !said.success && said.text.contains("denied: virus: Eicar-Test-Signature"),
        "{}",
        said.text
    );
    let said = skopeo(at, &oci("infected"), &image(lab.bare(), "infected"));
    assert!(said.success, "{}", said.text);
    let said = skopeo(at, &image(lab.both(), "infected"), &oci("back-infected"));
    assert!(!said.success && said.text.contains("403"), "{}", said.text);
}
