//! e2guardian as an ICAP server, with the configuration that its package brings.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::eventually;
use super::process::Process;

/// The host that it blocks.
pub const BLOCKED_HOST: &str = "blocked.test";

/// The running server.
pub struct E2guardian {
    address: SocketAddr,
    _process: Process,
    _directory: TempDir,
}

impl E2guardian {
    /// Starts it on a free port. `None`: it is not here, and `E2GUARDIAN_BIN` does not say that it has to be.
    pub async fn start() -> Option<Self> {
        let binary = binary()?;
        let [port, proxy, transparent] = std::array::from_fn(|_| free_port());
        // It reads the names of files that its lists include in lower case.
        let directory = tempfile::Builder::new()
            .prefix(&format!("e2guardian-{port}"))
            .rand_bytes(0)
            .tempdir()
            .unwrap();
        let root = directory.path();
        let packaged = binary.ancestors().nth(3).unwrap().join("etc/e2guardian");
        copy(&packaged, root);
        let languages = format!("{}/languages", root.display());
        in_each_file(root, &|text| {
            text.replace("/usr/share/e2guardian/languages", &languages)
                .replace("/etc/e2guardian", &root.display().to_string())
        });
        let file = root.join("e2guardian.conf");
        let own = format!(
            "icapport = {port}\nfilterip = 127.0.0.1\nfilterports = {proxy}\nhttpworkers = 20\nnodaemon = on\ntransparenthttpsport = {transparent}\n\
             usecustombannedimage = off\nusecustombannedflash = off\n\
             pidfilename = '{0}/pid'\nloglocation = '{0}/access.log'\ndaemonuser = '{1}'\ndaemongroup = '{2}'\n",
            root.display(),
            own_name("-un"),
            own_name("-gn")
        );
        let set: Vec<&str> = own
            .lines()
            .filter_map(|line| line.split(' ').next())
            .collect();
        let text = fs::read_to_string(&file).unwrap();
        let kept = text.lines().filter(|line| {
            let name = line.split([' ', '=']).next().unwrap_or_default();
            !set.contains(&name)
        });
        let text = kept.map(|line| format!("{line}\n")).collect::<String>() + &own;
        fs::write(&file, text).unwrap();
        let list = root.join("lists/bannedsitelist");
        let sites = fs::read_to_string(&list).unwrap();
        fs::write(list, format!("{sites}\n{BLOCKED_HOST}\n")).unwrap();
        let log = root.join("stderr");
        let mut process = Process::start(&binary, |command| {
            command
                .args(["-N", "-c"])
                .arg(&file)
                .stdout(fs::File::create(root.join("stdout")).unwrap())
                .stderr(fs::File::create(&log).unwrap());
        });
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        eventually("e2guardian to answer OPTIONS", async || {
            if let Some(status) = process.ended() {
                let log = fs::read_to_string(&log).unwrap_or_default();
                panic!("e2guardian ended: {status}\n{log}");
            }
            answers_options(address).await
        })
        .await;
        Some(Self {
            address,
            _process: process,
            _directory: directory,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

fn binary() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("E2GUARDIAN_BIN") {
        return Some(named.into());
    }
    Some(PathBuf::from("/usr/sbin/e2guardian")).filter(|path| path.exists())
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else if path.is_file() {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn in_each_file(directory: &Path, change: &dyn Fn(&str) -> String) {
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            in_each_file(&path, change);
        } else if let Ok(text) = fs::read_to_string(&path) {
            let changed = change(&text);
            if changed != text {
                fs::write(path, changed).unwrap();
            }
        }
    }
}

/// The user, or the group, that the tests run as.
fn own_name(option: &str) -> String {
    let output = Command::new("id").arg(option).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A port that nobody uses at this moment.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

async fn answers_options(address: SocketAddr) -> Option<()> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let options = "OPTIONS icap://icap.test/request ICAP/1.0\r\nHost: icap.test\r\n\r\n";
    stream.write_all(options.as_bytes()).await.ok()?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.ok()?;
    answer.starts_with(b"ICAP/1.0 200").then_some(())
}
