//! icaps, as `envoy/icaps.yaml` has it: who the ICAP server is, and who asks it, is checked.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;
use tempfile::TempDir;

use crate::support::application::Application;
use crate::support::client::{Version, post, sized};
use crate::support::envoy::Envoy;
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::process::Process;
use crate::support::{eventually, example};

/// The name that the example asks for.
const NAME: &str = "icap.example.net";

/// Certificates made for one test.
struct Certificates(TempDir);

impl Certificates {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn openssl(&self, arguments: &[&str]) {
        let output = Command::new("openssl")
            .args(arguments)
            .current_dir(self.0.path())
            .output();
        let output = output.unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Makes `NAME.pem` and `NAME.key`, an authority.
    fn authority(&self, name: &str) {
        self.openssl(&[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            &format!("/CN={name}"),
            "-keyout",
            &format!("{name}.key"),
            "-out",
            &format!("{name}.pem"),
        ]);
    }

    /// Makes `NAME.pem` and `NAME.key`, signed by `authority`, for the host `host`.
    fn signed(&self, name: &str, authority: &str, host: &str) {
        self.openssl(&[
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            &format!("/CN={name}"),
            "-addext",
            &format!("subjectAltName=DNS:{host}"),
            "-keyout",
            &format!("{name}.key"),
            "-out",
            &format!("{name}.csr"),
        ]);
        self.openssl(&[
            "x509",
            "-req",
            "-days",
            "2",
            "-copy_extensions",
            "copyall",
            "-in",
            &format!("{name}.csr"),
            "-CA",
            &format!("{authority}.pem"),
            "-CAkey",
            &format!("{authority}.key"),
            "-CAcreateserial",
            "-out",
            &format!("{name}.pem"),
        ]);
    }
}

/// Starts TLS with the certificate `server`, for clients of the authority `clients`, in front of an ICAP server.
async fn terminator(
    certificates: &Certificates,
    server: &str,
    clients: &str,
    icap: SocketAddr,
) -> (Process, SocketAddr) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/support/tls_terminator.py");
    let said = certificates.path("port");
    let process = Process::start("python3", |command| {
        command
            .arg(script)
            .arg(certificates.path(&format!("{server}.pem")))
            .arg(certificates.path(&format!("{server}.key")))
            .arg(certificates.path(&format!("{clients}.pem")))
            .args([NAME, &icap.to_string()])
            .stdout(Stdio::from(std::fs::File::create(&said).unwrap()));
    });
    let port: u16 = eventually("the port of the TLS terminator", async || {
        std::fs::read_to_string(&said).ok()?.trim().parse().ok()
    })
    .await;
    (process, SocketAddr::from(([127, 0, 0, 1], port)))
}

/// Sends an upload through `envoy/icaps.yaml` to an ICAP server behind TLS: the status for the client, and icap_log.
async fn upload(certificates: &Certificates, server: &str, clients: &str) -> (u16, String) {
    certificates.signed("client", "authority", "client.example.net");
    let icap = IcapServer::serving(Behaviour::Allow).await;
    let application = Application::start().await;
    let (_process, tls) = terminator(certificates, server, clients, icap.address()).await;
    let hosts = [("10.0.0.11", tls), ("10.0.0.80", application.address())];
    let (authority, client, key) = (
        certificates.path("authority.pem"),
        certificates.path("client.pem"),
        certificates.path("client.key"),
    );
    let files: [(&str, &Path); 3] = [
        ("/etc/envoy/icap-ca.pem", &authority),
        ("/etc/envoy/icap-client.pem", &client),
        ("/etc/envoy/icap-client.key", &key),
    ];
    let envoy: Envoy = example::start("icaps", &hosts, &files).await;
    let answer = envoy
        .connect(Version::Http1)
        .await
        .send(post("/upload", sized("clean")))
        .await;
    let failed = envoy.metric("failed.connection").await;
    let passed = envoy.metric("passed").await;
    envoy.assert_vm_alive();
    (
        answer.status,
        json!({"passed": passed, "failed": failed}).to_string(),
    )
}

const PASSED: &str = r#"{"failed":0,"passed":1}"#;
const FAILED: &str = r#"{"failed":1,"passed":0}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_the_right_authority_and_name_scans_for_a_client_that_it_knows() {
    let certificates = Certificates::new();
    certificates.authority("authority");
    certificates.signed("server", "authority", NAME);
    let (status, counted) = upload(&certificates, "server", "authority").await;
    assert_eq!((status, counted.as_str()), (200, PASSED));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_another_authority_is_no_connection() {
    let certificates = Certificates::new();
    certificates.authority("authority");
    certificates.authority("stranger");
    certificates.signed("server", "stranger", NAME);
    let (status, counted) = upload(&certificates, "server", "authority").await;
    assert_eq!((status, counted.as_str()), (503, FAILED));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_another_name_is_no_connection() {
    let certificates = Certificates::new();
    certificates.authority("authority");
    certificates.signed("server", "authority", "other.example.net");
    let (status, counted) = upload(&certificates, "server", "authority").await;
    assert_eq!((status, counted.as_str()), (503, FAILED));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_know_the_client_is_no_connection() {
    let certificates = Certificates::new();
    certificates.authority("authority");
    certificates.authority("stranger");
    certificates.signed("server", "authority", NAME);
    let (status, counted) = upload(&certificates, "server", "stranger").await;
    assert_eq!((status, counted.as_str()), (503, FAILED));
}
