//! The programs of others that the tests run: servers, and clients that end.

use std::ffi::OsStr;
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::eventually;
use crate::support::process::Process;

/// An application. Dropping it ends it.
pub struct Application {
    /// Where it listens.
    pub address: SocketAddr,
    _process: Process,
}

/// The Python with the clients' packages.
pub fn python() -> PathBuf {
    std::env::var_os("APPLICATIONS_PYTHON").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/applications/bin/python3"),
        PathBuf::from,
    )
}

/// A command that pip has installed beside [`python`].
pub fn installed(name: &str) -> PathBuf {
    python().with_file_name(name)
}

/// A file of these tests.
fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/applications")
        .join(name)
}

impl Application {
    /// Starts a server of these tests, which takes the port and a directory.
    pub async fn own(name: &str, directory: &Path) -> Self {
        let script = script(&format!("servers/{name}.py"));
        Self::start(python(), directory, |command, port| {
            command.arg(script).arg(port.to_string()).arg(directory);
        })
        .await
    }

    /// Starts a program that listens at the port that `prepare` gives it, and waits until it does.
    pub async fn start(
        program: impl AsRef<OsStr>,
        directory: &Path,
        prepare: impl FnOnce(&mut Command, u16),
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let log = directory.join("server.log");
        let output = File::create(&log).unwrap();
        let mut process = Process::start(program, |command| {
            prepare(command, address.port());
            command
                .stdout(output.try_clone().unwrap())
                .stderr(output)
                .env_remove("HTTP_PROXY")
                .env_remove("http_proxy");
        });
        eventually("the application", async || {
            if let Some(status) = process.ended() {
                panic!("{status}: {}", std::fs::read_to_string(&log).unwrap());
            }
            tokio::net::TcpStream::connect(address).await.ok()
        })
        .await;
        Self {
            address,
            _process: process,
        }
    }
}

/// What a client that has ended says.
#[derive(Debug)]
pub struct Said {
    /// Whether it takes what it did for a success.
    pub success: bool,
    /// Both outputs.
    pub text: String,
}

/// Runs a client to its end, without proxies between it and Envoy.
pub fn run(program: impl AsRef<OsStr>, prepare: impl FnOnce(&mut Command)) -> Said {
    let output = output(program, prepare);
    let text = [output.stdout, output.stderr].concat();
    Said {
        success: output.status.success(),
        text: String::from_utf8_lossy(&text).into_owned(),
    }
}

/// Runs a client of these tests, which prints one JSON object about what it saw.
#[track_caller]
pub fn client(name: &str, arguments: &[&dyn AsRef<OsStr>]) -> Value {
    let output = output(python(), |command| {
        command
            .arg(script(&format!("clients/{name}.py")))
            .args(arguments.iter().map(AsRef::as_ref));
    });
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {text}{errors}");
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}: {text}{errors}"))
}

fn output(program: impl AsRef<OsStr>, prepare: impl FnOnce(&mut Command)) -> Output {
    let mut command = Command::new("timeout");
    command.arg("120").arg(&program);
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    prepare(&mut command);
    command
        .output()
        .unwrap_or_else(|e| panic!("{:?}: {e}", program.as_ref()))
}
