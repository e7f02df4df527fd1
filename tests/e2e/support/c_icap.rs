//! c-icap with its services `echo` and `virus_scan` (on ClamAV's clamd), started once and shared by the tests.

use std::fs::{File, write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::OnceCell;

use super::eventually;
use super::payload::eicar;
use super::process::Process;

/// The name of the signature for EICAR in the local database; clamd adds `.UNOFFICIAL`.
pub const SIGNATURE: &str = "Eicar-Test-Signature";

/// The running server.
pub struct CIcap {
    address: SocketAddr,
    _clamd: Process,
    _c_icap: Process,
}

static SHARED: OnceCell<CIcap> = OnceCell::const_new();

/// The address of the shared c-icap, started by the first test that asks.
pub async fn address() -> SocketAddr {
    SHARED.get_or_init(CIcap::start).await.address
}

impl CIcap {
    async fn start() -> Self {
        let directory = directory();
        let clamd = start_clamd(&directory).await;
        let port = free_port();
        let c_icap = start_c_icap(&directory, port);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        eventually("c-icap to answer OPTIONS", async || {
            answers_options(address).await
        })
        .await;
        Self {
            address,
            _clamd: clamd,
            _c_icap: c_icap,
        }
    }
}

/// A directory for this process. What is shared lives as long as the process and so cannot remove it: the next run does.
fn directory() -> PathBuf {
    let parent = std::env::temp_dir();
    let prefix = "icap-filter-e2e-";
    for entry in parent.read_dir().unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix(prefix);
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            // Another run may be removing it, too.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    let directory = parent.join(format!("{prefix}{}", std::process::id()));
    std::fs::create_dir_all(directory.join("database")).unwrap();
    directory
}

async fn start_clamd(directory: &Path) -> Process {
    let pattern: String = eicar().iter().map(|byte| format!("{byte:02x}")).collect();
    write(
        directory.join("database/local.ndb"),
        format!("{SIGNATURE}:0:*:{pattern}\n"),
    )
    .unwrap();
    let config = directory.join("clamd.conf");
    let socket = directory.join("clamd.sock");
    write(
        &config,
        format!(
            "Foreground yes\nLocalSocket {}\nDatabaseDirectory {}\nTemporaryDirectory {}\n\
             MaxThreads 4\nMaxFileSize 100M\nMaxScanSize 400M\nStreamMaxLength 100M\n",
            socket.display(),
            directory.join("database").display(),
            directory.display(),
        ),
    )
    .unwrap();
    let log = File::create(directory.join("clamd.log")).unwrap();
    let mut clamd = Process::start(daemon("CLAMD_BIN", "clamd"), |command| {
        command
            .arg("--config-file")
            .arg(&config)
            .stdout(log.try_clone().unwrap())
            .stderr(log);
    });
    eventually("clamd to answer", async || {
        if let Some(status) = clamd.ended() {
            let log = std::fs::read_to_string(directory.join("clamd.log"));
            panic!("clamd ended: {status}\n{}", log.unwrap_or_default());
        }
        let mut stream = UnixStream::connect(&socket).await.ok()?;
        stream.write_all(b"PING").await.ok()?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await.ok()?;
        (&answer == b"PONG").then_some(())
    })
    .await;
    clamd
}

fn start_c_icap(directory: &Path, port: u16) -> Process {
    let config = directory.join("c-icap.conf");
    let dir = directory.display();
    let modules = modules();
    let modules = modules.display();
    write(
        &config,
        format!(
            "PidFile {dir}/c-icap.pid\nCommandsSocket {dir}/c-icap.ctl\nTmpDir {dir}\n\
             Port 127.0.0.1:{port}\nServerAdmin nobody@icap.test\nServerName icap.test\n\
             StartServers 1\nMaxServers 2\nMinSpareThreads 8\nMaxSpareThreads 64\nThreadsPerChild 64\n\
             MaxKeepAliveRequests 100\nKeepAliveTimeout 600\nTimeout 300\nMaxMemObject 131072\nPipelining on\n\
             ModulesDir {modules}\nServicesDir {modules}\n\
             TemplateDir /usr/share/c_icap/templates/\nTemplateDefaultLanguage en\n\
             LoadMagicFile /etc/c-icap/c-icap.magic\n\
             ServerLog {dir}/server.log\nAccessLog {dir}/access.log\nDebugLevel 1\n\
             Service echo srv_echo.so\nService ex206 srv_ex206.so\nService antivirus_module virus_scan.so\n\
             ServiceAlias avscan virus_scan?allow204=on&sizelimit=off&mode=simple\n\
             virus_scan.ScanFileTypes TEXT DATA EXECUTABLE ARCHIVE GIF JPEG MSOFFICE\n\
             virus_scan.SendPercentData 5\nvirus_scan.StartSendPercentDataAfter 2M\n\
             virus_scan.MaxObjectSize 100M\nModule common clamd_mod.so\n\
             clamd_mod.ClamdSocket {dir}/clamd.sock\n"
        ),
    )
    .unwrap();
    let log = File::create(directory.join("c-icap.out")).unwrap();
    Process::start(daemon("C_ICAP_BIN", "c-icap"), |command| {
        command
            .arg("-N")
            .arg("-f")
            .arg(&config)
            .stdout(log.try_clone().unwrap())
            .stderr(log);
    })
}

/// What the environment names, or what is installed: Debian keeps daemons where not every user's `PATH` leads.
fn daemon(variable: &str, name: &str) -> PathBuf {
    if let Some(named) = std::env::var_os(variable) {
        return named.into();
    }
    ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"]
        .iter()
        .map(|directory| Path::new(directory).join(name))
        .find(|path| path.exists())
        .unwrap_or_else(|| name.into())
}

/// Where the modules are: below the directory of the machine's architecture.
fn modules() -> PathBuf {
    Path::new("/usr/lib")
        .read_dir()
        .unwrap()
        .flatten()
        .map(|entry| entry.path().join("c_icap"))
        .find(|path| path.join("virus_scan.so").exists())
        .expect("c-icap's modules below /usr/lib")
}

/// A port that nobody uses at this moment.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

async fn answers_options(address: SocketAddr) -> Option<()> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream
        .write_all(
            b"OPTIONS icap://icap.test/avscan ICAP/1.0\r\nHost: icap.test\r\nConnection: close\r\n\r\n",
        )
        .await
        .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    answer.starts_with("ICAP/1.0 200").then_some(())
}
