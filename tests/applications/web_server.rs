//! Files of a web server: nginx with curl, whole, in ranges, resumed and by their ETag; and many uploads over one connection.

use std::net::SocketAddr;
use std::path::Path;

use crate::lab::Lab;
use crate::program::{Application, Said, run};
use crate::support::payload::{MIB, eicar, pattern};

async fn nginx(directory: &Path) -> Application {
    let at = directory.display().to_string();
    Application::start("/usr/sbin/nginx", directory, |command, port| {
        let config = format!(
            "daemon off; master_process off; pid {at}/nginx.pid; error_log stderr; events {{}}\n\
             http {{ access_log off; client_body_temp_path {at}/body;\n\
             server {{ listen 127.0.0.1:{port}; root {at}/files; }} }}\n"
        );
        std::fs::write(directory.join("nginx.conf"), config).unwrap();
        command.args(["-e", "stderr", "-p", &at, "-c"]);
        command.arg(directory.join("nginx.conf"));
    })
    .await
}

/// Gets a file, and says the status code.
fn get(address: SocketAddr, name: &str, more: &[&str], into: &Path) -> Said {
    run("curl", |command| {
        command
            .args(["-sS", "--noproxy", "*", "-w", "%{http_code}", "-o"])
            .arg(into)
            .args(more)
            .arg(format!("http://{address}/{name}"));
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn files_come_whole_in_ranges_resumed_and_by_their_etag() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    std::fs::create_dir(at.join("files")).unwrap();
    let content = pattern(3 * MIB);
    std::fs::write(at.join("files/clean"), &content).unwrap();
    std::fs::write(at.join("files/infected"), eicar()).unwrap();
    let application = nginx(at).await;
    let lab = Lab::new(application.address).await;
    let got = at.join("got");
    let read = || std::fs::read(&got).unwrap();
    for (name, address) in [
        ("bare", lab.bare()),
        ("scanned", lab.scanned()),
        ("both", lab.both()),
    ] {
        for version in ["--http1.1", "--http2-prior-knowledge"] {
            assert_eq!(get(address, "clean", &[version], &got).text, "200");
            assert!(read() == content, "{name} {version}");
            let range = [version, "-r", "1000-70000"];
            assert_eq!(get(address, "clean", &range, &got).text, "206");
            assert!(read() == content[1000..=70000], "{name} {version}");
            std::fs::write(&got, &content[..MIB]).unwrap();
            let resume = [version, "-C", "-"];
            assert_eq!(get(address, "clean", &resume, &got).text, "206");
            assert!(read() == content, "{name} {version}: resumed");
            assert_eq!(get(address, "clean", &[version, "-I"], &got).text, "200");
            let head = String::from_utf8(read()).unwrap().to_ascii_lowercase();
            let length = format!("content-length: {}", content.len());
            assert!(head.contains(&length), "{name} {version}: {head}");
            let etag = head
                .lines()
                .find_map(|line| line.strip_prefix("etag: "))
                .unwrap();
            let unchanged = [version, "-H", &format!("if-none-match: {etag}")];
            assert_eq!(get(address, "clean", &unchanged, &got).text, "304");
        }
        let status = match name {
            "both" => "403",
            _ => "200",
        };
        assert_eq!(get(address, "infected", &[], &got).text, status, "{name}");
        assert_eq!(read() == eicar(), name != "both", "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_uploads_over_one_connection_all_arrive() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let application = Application::own("files", at).await;
    let lab = Lab::new(application.address).await;
    let content = pattern(50_000);
    std::fs::write(at.join("clean"), &content).unwrap();
    for (name, address) in [("bare", lab.bare()), ("scanned", lab.scanned())] {
        let said = run("h2load", |command| {
            command
                .args([
                    "-n",
                    "400",
                    "-c",
                    "1",
                    "-m",
                    "50",
                    "-H",
                    ":method: PUT",
                    "-d",
                ])
                .arg(at.join("clean"))
                .arg(format!("http://{address}/{name}"));
        });
        assert!(
            said.text.contains("400 succeeded") && said.text.contains("400 2xx"),
            "{name}: {}",
            said.text
        );
        let got = std::fs::read(at.join("store").join(name)).unwrap();
        assert!(got == content, "{name}");
    }
    assert_eq!(lab.envoy.metric("passed").await, 400);
}
