//! What `make run` starts, on ports of its own: the same scripts, the same configuration.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::bootstrap::module;
use crate::envoy::Envoy;
use crate::process::Process;
use crate::{eventually, root};

/// Where the documentation finds Envoy, and its admin port.
pub const LISTENER: &str = "127.0.0.1:10000";
/// See [`LISTENER`].
pub const ADMIN: &str = "127.0.0.1:9901";

/// Envoy with `envoy/envoy.yaml`, c-icap, ClamAV and the application. Dropping it ends them.
pub struct Demonstration {
    envoy: Envoy,
    _servers: Vec<Process>,
    _directory: TempDir,
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn start(script: &str, arguments: &[&str], directory: &Path) -> Process {
    let name = Path::new(script).file_name().unwrap();
    let output = File::create(directory.join("log").join(name)).unwrap();
    Process::start(root().join(script), |command| {
        command
            .args(arguments)
            .current_dir(root())
            .stdout(output.try_clone().unwrap())
            .stderr(output);
    })
}

/// `envoy/envoy.yaml`, with its addresses and file names changed to those that are given.
fn configuration(directory: &Path, application: u16, icap: u16) -> PathBuf {
    let mut text = std::fs::read_to_string(root().join("envoy/envoy.yaml")).unwrap();
    for (from, to) in [
        ("port_value: 10000", "port_value: 0".to_owned()),
        ("port_value: 9901", "port_value: 0".to_owned()),
        ("port_value: 8080", format!("port_value: {application}")),
        ("port_value: 1344", format!("port_value: {icap}")),
        (
            "target/module/icap_filter.wasm",
            module().display().to_string(),
        ),
    ] {
        assert!(text.contains(from), "no {from}");
        text = text.replace(from, &to);
    }
    let path = directory.join("envoy.yaml");
    std::fs::write(&path, text).unwrap();
    path
}

impl Demonstration {
    /// Starts it and waits until it is ready.
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        std::fs::create_dir(at.join("log")).unwrap();
        let (application, icap) = (free_port(), free_port());
        let name = at.to_str().unwrap();
        let mut servers = vec![start("scripts/start-clamd", &[name], at)];
        eventually("clamd", || {
            std::os::unix::net::UnixStream::connect(at.join("clamd.sock")).ok()
        });
        servers.push(start(
            "scripts/start-c-icap",
            &[name, &icap.to_string()],
            at,
        ));
        servers.push(start(
            "scripts/echo-application.py",
            &[&application.to_string()],
            at,
        ));
        for port in [icap, application] {
            eventually("a server", || TcpStream::connect(("127.0.0.1", port)).ok());
        }
        Self {
            envoy: Envoy::start(&configuration(at, application, icap)),
            _servers: servers,
            _directory: directory,
        }
    }

    /// Runs a line of shell in the repository's root, with the addresses in it changed to those here.
    pub fn run(&self, line: &str) -> Output {
        let here = |address: SocketAddr| address.to_string();
        let line = line
            .replace(LISTENER, &here(self.envoy.listener))
            .replace(ADMIN, &here(self.envoy.admin));
        let mut command = Command::new("timeout");
        command.args(["60", "bash", "-o", "pipefail", "-c", &line]);
        command.current_dir(root()).output().unwrap()
    }

    /// The access log's line of the first request with that outcome.
    pub fn logged(&self, action: &str) -> Value {
        eventually("the access log", || {
            let text = self.envoy.output();
            let lines = text.lines().filter(|line| line.starts_with('{'));
            let mut entries = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
            entries.find(|entry| {
                entry["icap_log"]
                    .to_string()
                    .contains(&format!("\"{action}\""))
            })
        })
    }
}
