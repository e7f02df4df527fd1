//! Plain uploads by the clients that most programs have: those that read while they write, and those that write first.

use std::net::SocketAddr;
use std::path::Path;

use crate::lab::Lab;
use crate::program::{Application, Said, client, run};
use crate::support::payload::{MIB, eicar, pattern};

fn curl(address: SocketAddr, name: &str, more: &[&str], file: &Path) -> Said {
    run("curl", |command| {
        command
            .args(["-sS", "--noproxy", "*", "-w", " %{http_code}", "-T"])
            .arg(file)
            .args(more)
            .arg(format!("http://{address}/{name}"));
    })
}

fn wget(address: SocketAddr, file: &Path) -> Said {
    run("wget", |command| {
        command
            .args([
                "-nv",
                "-O-",
                "--tries=1",
                "--content-on-error",
                "--no-proxy",
                "--post-file",
            ])
            .arg(file)
            .arg(format!("http://{address}/wget"));
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_sees_why_its_upload_was_refused_and_clean_ones_arrive() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let application = Application::own("files", at).await;
    let lab = Lab::new(application.address).await;
    let file = |name: &str, content: &[u8]| {
        let path = at.join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let clean = file("clean", &pattern(12 * MIB));
    let infected = file("infected", &eicar());
    // Its length says so: the answer is there before the first byte of the body.
    let large = file("large", &pattern(60 * MIB));

    for (name, address) in [
        ("bare", lab.bare()),
        ("scanned", lab.scanned()),
        ("both", lab.both()),
    ] {
        for (version, more) in [
            ("1", &["--http1.1"][..]),
            ("2", &["--http2-prior-knowledge"]),
            ("chunked", &["-H", "Transfer-Encoding: chunked"]),
            ("slow", &["--limit-rate", "8M"]),
        ] {
            let said = curl(address, &format!("{name}-{version}"), more, &clean);
            assert!(
                said.text.ends_with(" 201"),
                "{name} {version}: {}",
                said.text
            );
            let got = std::fs::read(at.join("store").join(format!("{name}-{version}"))).unwrap();
            assert!(got == std::fs::read(&clean).unwrap(), "{name} {version}");
        }
        let said = client("uploads", &[&address.to_string(), &clean]);
        for library in ["http.client", "requests", "httpx"] {
            assert_eq!(said[library]["status"], 201, "{name}: {said}");
        }
    }

    for (file, status, why) in [
        (&infected, "403", "VIRUS FOUND"),
        (&large, "413", "The content is too large to be scanned."),
    ] {
        let said = curl(lab.scanned(), "x", &["--http1.1"], file);
        assert!(
            said.text.contains(why) && said.text.ends_with(status),
            "{}",
            said.text
        );
        let said = wget(lab.scanned(), file);
        assert!(
            said.text.contains(status) && said.text.contains(why),
            "{}",
            said.text
        );
        let said = client("uploads", &[&lab.scanned().to_string(), file]);
        for library in ["http.client", "requests", "httpx"] {
            let said = &said[library];
            assert_eq!(said["status"].to_string(), status, "{library}: {said}");
            assert!(
                said["text"].as_str().unwrap().contains(why),
                "{library}: {said}"
            );
        }
    }
    let said = curl(lab.scanned(), "x", &["--http2-prior-knowledge"], &large);
    assert!(said.text.ends_with("413"), "{}", said.text);
    assert!(!at.join("store/x").exists());
    assert!(!at.join("store/wget").exists());
}
