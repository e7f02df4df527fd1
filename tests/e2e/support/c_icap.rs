//! c-icap with its services `echo`, `ex206`, `virus_scan` (on ClamAV's clamd), `srv_url_check` and
//! `srv_content_filtering`, started once and shared by the tests.

use std::fs::{File, write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::OnceCell;

use super::eventually;
use super::payload::{MARK, eicar};
use super::process::Process;

/// The name of the signature for EICAR in the local database; clamd adds `.UNOFFICIAL`. As ClamAV's own it is found at a
/// file's start only.
pub const SIGNATURE: &str = "Eicar-Test-Signature";
/// The name of the signature for [`MARK`](super::payload::MARK), which is found anywhere.
pub const MARK_SIGNATURE: &str = "Mark-Anywhere";

/// Requests to this host are what `url_check` blocks, with a page.
pub const BLOCKED_HOST: &str = "blocked.test";
/// Requests to this host are what it blocks without a page, in the ICAP header alone.
pub const QUIETLY_BLOCKED_HOST: &str = "quiet.test";
/// Requests to this host get the header field `X-Category: marked` from `url_check`.
pub const MARKED_HOST: &str = "marked.test";
/// What `url_check` has in its table of URLs that it blocks.
pub const BLOCKED_URL: &str = "app.test/blocked";
/// A text with this in it is what `content_filtering` blocks.
pub const FORBIDDEN: &str = "forbidden-word";
/// What `content_filtering` replaces in a text by [`MASK`].
pub const SECRET: &str = "secret-42";
/// What stands there afterwards.
pub const MASK: &str = "[masked]";
/// Bodies longer than this `content_filtering` lets pass unread.
pub const CONTENT_LIMIT: usize = 2 * 1024 * 1024;

/// MD5, length and name of the file that Debian's `clamav-testfiles` are about, as ClamAV's own tests have it.
const TEST_FILE: &str = "aa15bcf478d165efd2065190eb473bcb:544:ClamAV-Test-File";

/// The running server.
pub struct CIcap {
    address: SocketAddr,
    clamd_socket: PathBuf,
    _clamd: Process,
    _c_icap: Process,
}

static SHARED: OnceCell<CIcap> = OnceCell::const_new();

/// The address of the shared c-icap, started by the first test that asks.
pub async fn address() -> SocketAddr {
    SHARED.get_or_init(CIcap::start).await.address
}

/// Whether clamd itself finds something in these bytes.
pub async fn finds(bytes: &[u8]) -> bool {
    let socket = &SHARED.get_or_init(CIcap::start).await.clamd_socket;
    let mut stream = UnixStream::connect(socket).await.unwrap();
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    for part in [&b"zINSTREAM\0"[..], &length, bytes, &[0; 4]] {
        stream.write_all(part).await.unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    match answer.trim_end_matches('\0') {
        "stream: OK" => false,
        found if found.ends_with("FOUND") => true,
        other => panic!("clamd said {other}"),
    }
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
            clamd_socket: directory.join("clamd.sock"),
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
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
    let (virus, mark) = (hex(&eicar()), hex(MARK.as_bytes()));
    write(
        directory.join("database/local.ndb"),
        format!("{SIGNATURE}:0:0:{virus}\n{MARK_SIGNATURE}:0:*:{mark}\n"),
    )
    .unwrap();
    let hashes = directory.join("database/local.hdb");
    write(hashes, format!("{TEST_FILE}\n")).unwrap();
    let config = directory.join("clamd.conf");
    let socket = directory.join("clamd.sock");
    write(
        &config,
        format!(
            "Foreground yes\nLocalSocket {}\nDatabaseDirectory {}\nTemporaryDirectory {}\n\
             MaxThreads 4\nMaxFileSize 100M\nMaxScanSize 400M\nStreamMaxLength 100M\nAlertExceedsMax yes\n",
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
             virus_scan.ScanFileTypes TEXT DATA EXECUTABLE ARCHIVE GRAPHICS STREAM DOCUMENT\n\
             virus_scan.SendPercentData 5\nvirus_scan.StartSendPercentDataAfter 2M\n\
             virus_scan.MaxObjectSize 100M\nModule common clamd_mod.so\n\
             clamd_mod.ClamdSocket {dir}/clamd.sock\n{}{}",
            url_check(directory),
            content_filtering(),
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

/// A service that looks at the URL alone.
fn url_check(directory: &Path) -> String {
    let dir = directory.display();
    for (table, entries) in [
        ("blocked_hosts", &[BLOCKED_HOST, QUIETLY_BLOCKED_HOST][..]),
        ("marked_hosts", &[MARKED_HOST]),
        ("blocked_urls", &[BLOCKED_URL]),
    ] {
        write(directory.join(table), entries.join("\n") + "\n").unwrap();
    }
    format!(
        "Service url_check srv_url_check.so\n\
         url_check.LookupTableDB blocked_hosts host hash:{dir}/blocked_hosts\n\
         url_check.LookupTableDB marked_hosts host hash:{dir}/marked_hosts\n\
         url_check.LookupTableDB blocked_urls url hash:{dir}/blocked_urls\n\
         url_check.DefaultAction match HttpHeaderAddIfNone X-Category marked\n\
         url_check.Profile default block blocked_hosts\n\
         url_check.Profile default block blocked_urls\n\
         url_check.Profile default match marked_hosts\n\
         url_check.Profile default pass ALL\n\
         acl quiet http_req_header{{Host}} /^{QUIETLY_BLOCKED_HOST}$/\n\
         url_check.Profile quiet DefaultAction block NoErrorPage\n\
         url_check.Profile quiet block blocked_hosts\n\
         url_check.ProfileAccess quiet quiet\n"
    )
}

/// A service that looks for regular expressions in texts. Without `RequireContentLength off` a chunked body passes unread.
fn content_filtering() -> String {
    format!(
        "Service content_filtering srv_content_filtering.so\n\
         srv_content_filtering.MaxBodyData {CONTENT_LIMIT}\n\
         srv_content_filtering.RequireContentLength off\n\
         srv_content_filtering.Match forbidden body /forbidden-[a-z]+/ score=10\n\
         srv_content_filtering.Match secret body /secret-[0-9]+/g score=5 info{{mask}}={MASK}\n\
         srv_content_filtering.Action replace score{{secret>0}} replaceInfo=mask\n\
         srv_content_filtering.Action block score{{forbidden>0}}\n"
    )
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
