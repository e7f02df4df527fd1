//! A real Envoy.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::process::Process;
use crate::{client, eventually, root};

/// A running Envoy. Dropping it ends it.
pub struct Envoy {
    /// Its listener.
    pub listener: SocketAddr,
    /// Its admin port.
    pub admin: SocketAddr,
    log: PathBuf,
    _process: Process,
}

/// The program: `ENVOY_BIN`, `.venv/bin/envoy`, or `envoy` in `PATH`.
fn program() -> PathBuf {
    let installed = root().join(".venv/bin/envoy");
    match std::env::var_os("ENVOY_BIN") {
        Some(path) => path.into(),
        None if installed.is_file() => installed,
        None => "envoy".into(),
    }
}

/// Whether `request_body_buffer_limit` lifts the limit of an upload: from Envoy 1.37 on.
pub fn lifts_by_route() -> bool {
    minor_version() >= 37
}

/// Of Envoy 1.40.0 it is 40.
pub fn minor_version() -> u32 {
    let output = Command::new(program()).arg("--version").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split('/').find_map(|part| part.strip_prefix("1."));
    let minor = version
        .and_then(|v| v.split_once('.'))
        .expect("a version")
        .0;
    minor.parse().expect("a number")
}

/// What `envoy --mode validate` complains of.
pub fn validate(config: &Path) -> Result<(), String> {
    let output = Command::new(program())
        .current_dir(root())
        .args([
            "--mode",
            "validate",
            "--disable-hot-restart",
            "--log-level",
            "error",
            "-c",
        ])
        .arg(config)
        .output()
        .unwrap();
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

impl Envoy {
    /// Starts it and waits until it is ready.
    pub fn start(config: &Path) -> Self {
        let directory = config.parent().unwrap();
        let address = directory.join("admin-address");
        let log = directory.join("envoy.log");
        let output = File::create(&log).unwrap();
        let mut process = Process::start(program(), |command| {
            command
                .args([
                    "--disable-hot-restart",
                    "--concurrency",
                    "1",
                    "--log-level",
                    "warning",
                ])
                .arg("--admin-address-path")
                .arg(&address)
                .arg("-c")
                .arg(config)
                .stdout(output.try_clone().unwrap())
                .stderr(output);
        });
        let admin: SocketAddr = eventually("Envoy's admin address", || {
            if let Some(status) = process.ended() {
                panic!("{status}: {}", std::fs::read_to_string(&log).unwrap());
            }
            std::fs::read_to_string(&address).ok()?.trim().parse().ok()
        });
        eventually("Envoy to be ready", || {
            (client::get(admin, "/ready")?.body == b"LIVE\n").then_some(())
        });
        let listeners = client::get(admin, "/listeners?format=json").unwrap().body;
        let listeners: Value = serde_json::from_slice(&listeners).unwrap();
        let socket = &listeners["listener_statuses"][0]["local_address"]["socket_address"];
        let port: u16 = socket["port_value"].as_u64().unwrap().try_into().unwrap();
        Self {
            listener: ([127, 0, 0, 1], port).into(),
            admin,
            log,
            _process: process,
        }
    }

    /// A counter or gauge; 0 where there is none of that name.
    pub fn stat(&self, name: &str) -> usize {
        let text = client::get(self.admin, &format!("/stats?filter=^{name}$")).unwrap();
        let text = String::from_utf8(text.body).unwrap();
        let value = text.trim().rsplit_once(": ").map(|(_, value)| value);
        value.unwrap_or("0").parse().unwrap()
    }

    /// All metrics as Prometheus gets them.
    pub fn prometheus(&self) -> String {
        let text = client::get(self.admin, "/stats/prometheus").unwrap().body;
        String::from_utf8(text).unwrap()
    }

    /// What it has printed: its own log, and the access log if that goes there.
    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Fails the test when the module has crashed.
    pub fn assert_vm_alive(&self) {
        let log = self.output();
        assert!(!log.contains("panicked at"), "{log}");
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(&self.log);
            eprintln!("{}", log.unwrap_or_default());
        }
    }
}
