//! A server on pyicap, an ICAP library for Python: `pyicap_server.py` beside this file.

use std::fs::{File, read_to_string};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::eventually;
use super::process::Process;

/// What it blocks, wherever in a body.
pub const BLOCKED_MARK: &str = "marked: to be blocked";
/// What it replaces by [`CHANGED_TO`].
pub const CHANGED_MARK: &str = "marked: to be changed";
/// What stands there afterwards.
pub const CHANGED_TO: &str = "[it was changed]";
/// The page in place of what it blocks.
pub const PAGE: &str = "<html><body>blocked by a server on pyicap</body></html>";

/// The running server.
pub struct Pyicap {
    address: SocketAddr,
    _process: Process,
    _directory: TempDir,
}

impl Pyicap {
    /// Starts it on a free port.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with arguments. `--single`: pyicap's own class, which serves one connection at a time.
    pub async fn start_with(arguments: &[&str]) -> Self {
        let directory = TempDir::new().unwrap();
        let (said, log) = (directory.path().join("port"), directory.path().join("log"));
        let script =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/support/pyicap_server.py");
        let mut process = Process::start(python(), |command| {
            command
                .arg(script)
                .args(arguments)
                .stdout(File::create(&said).unwrap())
                .stderr(File::create(&log).unwrap());
        });
        let port: u16 = eventually("the port of the server on pyicap", async || {
            if let Some(status) = process.ended() {
                let log = read_to_string(&log).unwrap_or_default();
                panic!("the server on pyicap ended: {status}\n{log}");
            }
            read_to_string(&said).ok()?.trim().parse().ok()
        })
        .await;
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            _process: process,
            _directory: directory,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// A Python with pyicap.
/// The Python of the tests.
pub fn python() -> PathBuf {
    std::env::var_os("PYTHON_BIN").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python3"),
        PathBuf::from,
    )
}
