//! A real Envoy with the built module in it.

use std::fs::{File, read_to_string};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use serde_json::Value;
use tempfile::TempDir;

use super::client::{Client, Version, empty, request};
use super::envoy_config::Setup;
use super::process::Process;
use super::{eventually, within};

/// Access log with icap_log as text, nested by the format.
pub const PLAIN_LOG: &str = "access-plain.json";
/// Access log with icap_log as typed filter state.
pub const TYPED_LOG: &str = "access-typed.json";
const ENVOY_LOG: &str = "envoy.log";
const ADMIN_ADDRESS: &str = "admin-address";

/// How much of the access log a failed test shows.
const LAST_ENTRIES: usize = 5;

/// What Envoy writes when a module has crashed.
const SIGNS_OF_A_DEAD_VM: [&str; 4] = [
    "panicked at",
    "Proxy-Wasm plugin in-VM backtrace",
    "RuntimeError",
    "Proxy-Wasm VM failed",
];

/// A running Envoy. Dropping it ends it, and fails the test when the module has crashed in it.
pub struct Envoy {
    directory: TempDir,
    process: Process,
    listeners: Vec<(String, SocketAddr)>,
    admin: SocketAddr,
}

/// An Envoy that refused its configuration.
#[derive(Debug)]
pub struct Refusal {
    /// How it exited.
    pub status: ExitStatus,
    /// What it wrote.
    pub log: String,
}

impl Envoy {
    /// Starts Envoy and waits until it is ready.
    pub async fn start(setup: &Setup) -> Self {
        Self::run(launch(setup)).await
    }

    /// The same with a bootstrap configuration of the test's own, which gets the module's path and a directory for logs.
    pub async fn start_with(
        concurrency: u32,
        bootstrap: impl FnOnce(&Path, &Path) -> Value,
    ) -> Self {
        Self::run(launch_with(concurrency, bootstrap)).await
    }

    async fn run((directory, mut process): (TempDir, Process)) -> Self {
        let admin = eventually("Envoy's admin address", async || {
            fail_if_ended(&mut process, directory.path());
            let text = read_to_string(directory.path().join(ADMIN_ADDRESS)).ok()?;
            text.trim().parse().ok()
        })
        .await;
        eventually("Envoy to be ready", async || {
            fail_if_ended(&mut process, directory.path());
            (get(admin, "/ready").await? == "LIVE\n").then_some(())
        })
        .await;
        let listeners = get(admin, "/listeners?format=json").await.unwrap();
        let listeners: Value = serde_json::from_str(&listeners).unwrap();
        let listeners = listeners["listener_statuses"].as_array().unwrap().iter();
        let listeners = listeners.map(|listener| {
            let name = listener["name"].as_str().unwrap().to_owned();
            let port = &listener["local_address"]["socket_address"]["port_value"];
            let port = u16::try_from(port.as_u64().unwrap()).unwrap();
            (name, SocketAddr::from(([127, 0, 0, 1], port)))
        });
        Self {
            listeners: listeners.collect(),
            directory,
            process,
            admin,
        }
    }

    /// Starts Envoy with a configuration that it must refuse, and waits until it has.
    pub async fn refuse(setup: &Setup) -> Refusal {
        let (directory, mut process) = launch(setup);
        let status = eventually("Envoy to refuse its configuration", async || {
            process.ended()
        })
        .await;
        Refusal {
            status,
            log: log_text(directory.path()),
        }
    }

    /// Replaces the listener's file by that of `setup`. Envoy notices by itself.
    pub fn update(&self, setup: &Setup) {
        setup.write_listener(&module(), self.directory.path());
    }

    /// A page of the admin interface.
    pub async fn admin(&self, path: &str) -> String {
        get(self.admin, path).await.unwrap()
    }

    /// Lets Envoy write into its log each call between it and the module, from now on.
    pub async fn log_calls(&self) {
        let levels = ask(self.admin, hyper::Method::POST, "/logging?wasm=trace").await;
        assert!(levels.is_some_and(|it| it.contains("wasm: trace")));
    }

    /// A new connection to the listener.
    pub async fn connect(&self, version: Version) -> Client {
        Client::connect(self.listener(), version).await
    }

    /// Where the listener is; the first of several.
    pub fn listener(&self) -> SocketAddr {
        self.listeners[0].1
    }

    /// Where the listener of that name is.
    pub fn listener_named(&self, name: &str) -> SocketAddr {
        let found = self.listeners.iter().find(|(found, _)| found == name);
        found.unwrap_or_else(|| panic!("no listener {name}")).1
    }

    /// Memory that is resident now, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        self.status_bytes("VmRSS:")
    }

    /// Has [`peak_resident_bytes`](Self::peak_resident_bytes) begin anew: starting takes more than rest does.
    pub fn forget_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.process.id()), "5").unwrap();
    }

    /// The most memory that was resident so far, in bytes.
    pub fn peak_resident_bytes(&self) -> u64 {
        self.status_bytes("VmHWM:")
    }

    /// The processor time that it has taken so far, in user and system mode, in seconds.
    pub fn processor_seconds(&self) -> f64 {
        // Linux tells hundredths of a second, whatever the kernel's own clock.
        const A_SECOND: f64 = 100.0;
        let stat = read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        // The command's name, in brackets, may hold blanks.
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        let ticks = fields.split(' ').skip(11).take(2);
        ticks
            .map(|ticks| ticks.parse::<f64>().unwrap())
            .sum::<f64>()
            / A_SECOND
    }

    fn status_bytes(&self, name: &str) -> u64 {
        let status = read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name));
        let kilobytes = line.unwrap().split_whitespace().nth(1).unwrap();
        kilobytes.parse::<u64>().unwrap() * 1024
    }

    /// The `n`-th access log entry, counted from 0, once it is written. Its `icap_log` is `null` where none was set.
    pub async fn log_entry(&self, n: usize) -> Value {
        let path = self.directory.path().join(PLAIN_LOG);
        let line = nth_line(&path, n).await;
        let line = line.replace("\"icap_log\":-", "\"icap_log\":null");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line}"))
    }

    /// icap_log of the `n`-th access log entry as typed filter state.
    pub async fn typed_icap_log(&self, n: usize) -> Value {
        let path = self.directory.path().join(TYPED_LOG);
        let entry: Value = serde_json::from_str(&nth_line(&path, n).await).unwrap();
        entry["icap_log"].clone()
    }

    /// How many access log entries are written by now.
    pub fn log_entries(&self) -> usize {
        read_to_string(self.directory.path().join(PLAIN_LOG))
            .unwrap_or_default()
            .lines()
            .count()
    }

    /// The value of a counter or gauge; 0 where it does not exist (yet).
    pub async fn stat(&self, name: &str) -> u64 {
        let all = get(self.admin, "/stats").await.unwrap();
        all.lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(stat, _)| *stat == name)
            .map_or(0, |(_, value)| value.trim().parse().unwrap())
    }

    /// A counter or gauge of the module, by its name in the contract.
    pub async fn metric(&self, name: &str) -> u64 {
        self.stat(&format!("wasmcustom.icap_filter.{name}")).await
    }

    /// Waits until a counter or gauge holds at least `value`.
    pub async fn until_stat(&self, name: &str, value: u64) {
        eventually(&format!("{name} to reach {value}"), async || {
            (self.stat(name).await >= value).then_some(())
        })
        .await;
    }

    /// What Envoy wrote so far.
    pub fn log(&self) -> String {
        log_text(self.directory.path())
    }

    /// Fails the test when the module has crashed.
    #[track_caller]
    pub fn assert_vm_alive(&self) {
        let log = self.log();
        let death = log
            .lines()
            .find(|line| SIGNS_OF_A_DEAD_VM.iter().any(|sign| line.contains(sign)));
        assert!(death.is_none(), "the module has crashed: {death:?}");
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- Envoy's log ---\n{}", self.log());
            let entries = read_to_string(self.directory.path().join(PLAIN_LOG)).unwrap_or_default();
            let entries: Vec<&str> = entries.lines().collect();
            let last = &entries[entries.len().saturating_sub(LAST_ENTRIES)..];
            eprintln!("--- end of the access log ---\n{}", last.join("\n"));
        } else {
            self.assert_vm_alive();
        }
    }
}

fn launch(setup: &Setup) -> (TempDir, Process) {
    launch_with(setup.concurrency, |module, directory| {
        setup.bootstrap(module, directory)
    })
}

fn launch_with(
    concurrency: u32,
    bootstrap: impl FnOnce(&Path, &Path) -> Value,
) -> (TempDir, Process) {
    let directory = TempDir::new().unwrap();
    let bootstrap = bootstrap(&module(), directory.path());
    let config = directory.path().join("envoy.json");
    std::fs::write(&config, bootstrap.to_string()).unwrap();
    let log = File::create(directory.path().join(ENVOY_LOG)).unwrap();
    let process = Process::start(binary(), |command| {
        command
            .arg("--config-path")
            .arg(&config)
            .arg("--admin-address-path")
            .arg(directory.path().join(ADMIN_ADDRESS))
            .args(["--concurrency", &concurrency.to_string()])
            .args(["--disable-hot-restart", "--file-flush-interval-msec", "10"])
            .args(["--log-level", "warning"])
            .args(["--component-log-level", "wasm:info"])
            .stdout(log.try_clone().unwrap())
            .stderr(log);
    });
    (directory, process)
}

fn fail_if_ended(process: &mut Process, directory: &Path) {
    if let Some(status) = process.ended() {
        panic!("Envoy ended: {status}\n{}", log_text(directory));
    }
}

fn log_text(directory: &Path) -> String {
    let bytes = std::fs::read(directory.join(ENVOY_LOG)).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn nth_line(path: &Path, n: usize) -> String {
    eventually(&format!("access log entry {n}"), async || {
        let text = read_to_string(path).ok()?;
        // The last line may be half written.
        let complete = &text[..text.rfind('\n')?];
        complete.lines().nth(n).map(str::to_owned)
    })
    .await
}

/// A page of the admin interface; `None` while nobody listens there.
async fn get(admin: SocketAddr, path: &str) -> Option<String> {
    ask(admin, hyper::Method::GET, path).await
}

async fn ask(admin: SocketAddr, method: hyper::Method, path: &str) -> Option<String> {
    let stream = tokio::net::TcpStream::connect(admin).await.ok()?;
    drop(stream);
    let mut client = Client::connect(admin, Version::Http1).await;
    let answer = within("Envoy's admin interface", async {
        client.try_send(request(method, path, empty())).await
    })
    .await
    .ok()?;
    Some(answer.text())
}

/// The numbers of this Envoy's version.
pub fn version() -> Vec<u32> {
    let output = Command::new(binary()).arg("--version").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // "/path/of/envoy  version: COMMIT/1.40.0/Clean/RELEASE/BoringSSL"
    let version = text
        .split_once("version: ")
        .and_then(|(_, version)| version.split('/').nth(1))
        .expect("a version");
    version
        .split(['.', '-'])
        .map_while(|number| number.parse().ok())
        .collect()
}

fn binary() -> PathBuf {
    if let Some(named) = std::env::var_os("ENVOY_BIN") {
        return named.into();
    }
    let local = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/envoy");
    if local.exists() {
        local
    } else {
        "envoy".into()
    }
}

fn module() -> PathBuf {
    let module = match std::env::var_os("ICAP_FILTER_WASM") {
        Some(named) => PathBuf::from(named),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("target/module/icap_filter.wasm"),
    };
    module
        .canonicalize()
        .unwrap_or_else(|error| panic!("{}: {error}; build it first", module.display()))
}
