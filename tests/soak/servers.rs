//! The ICAP servers: processes that can be killed and stopped.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::support::eventually;
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::process::Process;
use crate::support::token;

/// Tells this program to be a server, and at which port.
const PORT: &str = "SOAK_SERVER_PORT";
/// Names a file; as long as it is there, the server closes what idles.
const CLOSING: &str = "SOAK_SERVER_CLOSING";
/// How often a server closes what idles.
const CLOSE_IDLE: Duration = Duration::from_secs(1);

/// The port, in a process that is to be a server.
pub fn port_to_serve() -> Option<u16> {
    std::env::var(PORT).ok()?.parse().ok()
}

/// Serves until the process is killed.
pub async fn serve(port: u16) {
    let server = IcapServer::listen_at(SocketAddr::from(([127, 0, 0, 1], port))).await;
    server.serve(Behaviour::Decide(token::decide)).await;
    let closing = PathBuf::from(std::env::var_os(CLOSING).unwrap());
    loop {
        tokio::time::sleep(CLOSE_IDLE).await;
        if closing.exists() {
            server.close_idle();
        }
    }
}

/// All of them.
pub struct Servers {
    servers: Vec<Server>,
    /// Holds the file that says whether they close what idles.
    directory: TempDir,
}

struct Server {
    port: u16,
    closing: PathBuf,
    /// `None` while it is down.
    process: Option<Process>,
    stopped: bool,
}

impl Servers {
    /// Starts so many, each at a port that is free at this moment.
    pub async fn start(count: usize) -> Self {
        let held: Vec<TcpListener> = (0..count)
            .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
            .collect();
        let ports: Vec<u16> = held
            .iter()
            .map(|listener| listener.local_addr().unwrap().port())
            .collect();
        drop(held);
        let directory = TempDir::new().unwrap();
        let start = |port| Server::start(port, &directory.path().join("closing"));
        let servers = Self {
            servers: ports.into_iter().map(start).collect(),
            directory,
        };
        servers.until_up().await;
        servers
    }

    /// Where they are.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.servers.iter().map(Server::address).collect()
    }

    /// From now on, or no longer, they close every second what idles.
    pub fn close_idle(&self, closing: bool) {
        let file = self.directory.path().join("closing");
        if closing {
            std::fs::write(file, "").unwrap();
        } else {
            std::fs::remove_file(file).unwrap();
        }
    }

    /// Does one thing to one server, and undoes what was done to the one before: two are well at any time.
    pub fn trouble(&mut self, round: usize) {
        for server in &mut self.servers {
            server.revive();
        }
        let count = self.servers.len();
        let server = &mut self.servers[round % count];
        match round / count % 2 {
            0 => server.process = None,
            _ => server.stop(),
        }
    }

    /// Undoes all of it.
    pub async fn recover(&mut self) {
        for server in &mut self.servers {
            server.revive();
        }
        self.until_up().await;
    }

    async fn until_up(&self) {
        for server in &self.servers {
            eventually("an ICAP server", async || {
                TcpStream::connect(server.address()).await.ok()
            })
            .await;
        }
    }
}

impl Server {
    fn start(port: u16, closing: &Path) -> Self {
        Self {
            port,
            closing: closing.to_owned(),
            process: Some(launch(port, closing)),
            stopped: false,
        }
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    fn stop(&mut self) {
        if let Some(process) = &self.process {
            process.signal("STOP");
            self.stopped = true;
        }
    }

    fn revive(&mut self) {
        match &self.process {
            None => self.process = Some(launch(self.port, &self.closing)),
            Some(process) if self.stopped => process.signal("CONT"),
            Some(_) => {}
        }
        self.stopped = false;
    }
}

fn launch(port: u16, closing: &Path) -> Process {
    Process::start(std::env::current_exe().unwrap(), |command| {
        command.env(PORT, port.to_string()).env(CLOSING, closing);
    })
}
