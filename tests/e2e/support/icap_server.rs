//! An ICAP server of which the test controls every byte, split and close.
//!
//! Either the test itself plays the server, connection by connection ([`IcapServer::accept`]), or the server plays a
//! ready-made behaviour ([`IcapServer::serve`]). OPTIONS is answered on its own, as [`IcapServer::answer_options`] says.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

pub use super::icap_behaviour::{Behaviour, echo};
pub use super::icap_connection::Connection;
use super::icap_message::IcapRequest;
use super::wire::Head;
use super::{eventually, within};

/// What the server counts.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) accepted: AtomicUsize,
    pub(super) open: AtomicUsize,
    pub(super) most_open: AtomicUsize,
    pub(super) options: std::sync::Mutex<OptionsScript>,
    pub(super) hang_up: tokio::sync::Notify,
}

/// How OPTIONS is answered, and what was asked.
#[derive(Debug, Default)]
pub(super) struct OptionsScript {
    /// `None`: as a server that says no more than it must.
    pub(super) answer: Option<OptionsAnswer>,
    pub(super) asked: Vec<Head>,
}

/// An answer to OPTIONS.
#[derive(Clone, Debug)]
pub enum OptionsAnswer {
    /// These bytes.
    Bytes(Vec<u8>),
    /// None at all: the connection stays open.
    Silence,
    /// None: the connection is closed.
    Close,
}

impl OptionsAnswer {
    /// A `200` with these header lines, each with its CRLF.
    pub fn ok(fields: &str) -> Self {
        Self::Bytes(
            format!("ICAP/1.0 200 OK\r\n{fields}Encapsulated: null-body=0\r\n\r\n").into_bytes(),
        )
    }
}

/// What is answered where the test says nothing.
pub(super) const OPTIONS: &str =
    "Methods: REQMOD, RESPMOD\r\nISTag: \"e2e-1\"\r\nAllow: 204\r\nPreview: 65536\r\n";

/// The server.
pub struct IcapServer {
    address: SocketAddr,
    listener: Mutex<Option<TcpListener>>,
    behaviour: Arc<std::sync::Mutex<Behaviour>>,
    counts: Arc<Counts>,
    requests: UnboundedSender<IcapRequest>,
    inbox: Mutex<UnboundedReceiver<IcapRequest>>,
    tasks: Mutex<JoinSet<()>>,
}

impl IcapServer {
    /// Listens on a free port. Connections wait until [`IcapServer::accept`] takes them.
    pub async fn listen() -> Self {
        Self::listen_at("127.0.0.1:0".parse().unwrap()).await
    }

    /// The same at that address.
    pub async fn listen_at(address: SocketAddr) -> Self {
        let listener = bind(address);
        let (requests, inbox) = unbounded_channel();
        Self {
            address: listener.local_addr().unwrap(),
            listener: Mutex::new(Some(listener)),
            behaviour: Arc::new(std::sync::Mutex::new(Behaviour::Silence)),
            counts: Arc::default(),
            requests,
            inbox: Mutex::new(inbox),
            tasks: Mutex::default(),
        }
    }

    /// Listens and plays `behaviour` on every connection.
    pub async fn serving(behaviour: Behaviour) -> Self {
        let server = Self::listen().await;
        server.serve(behaviour).await;
        server
    }

    /// Plays `behaviour` on every connection that nobody has taken.
    pub async fn serve(&self, behaviour: Behaviour) {
        self.now(behaviour);
        let Some(listener) = self.listener.lock().await.take() else {
            panic!("the server does not listen");
        };
        let (counts, requests) = (self.counts.clone(), self.requests.clone());
        let behaviour = self.behaviour.clone();
        self.tasks.lock().await.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let mut connection = Connection::new(stream, counts.clone(), requests.clone());
                let behaviour = behaviour.clone();
                connections.spawn(async move {
                    // The peer may close whenever it likes: the test sees that at the other end.
                    match connection.play(&behaviour).await {
                        Err(error) if error.kind() == ErrorKind::InvalidData => {
                            eprintln!("the ICAP server could not read a request: {error}");
                        }
                        _ => {}
                    }
                });
            }
        });
    }

    /// Plays `play` on every connection that nobody has taken.
    pub async fn play<F, R>(&self, play: F)
    where
        F: Fn(Connection) -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let Some(listener) = self.listener.lock().await.take() else {
            panic!("the server does not listen");
        };
        let (counts, requests) = (self.counts.clone(), self.requests.clone());
        self.tasks.lock().await.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let connection = Connection::new(stream, counts.clone(), requests.clone());
                connections.spawn(play(connection));
            }
        });
    }

    /// Plays `behaviour` for responses, and lets every request pass on its preview.
    pub async fn serve_responses(&self, behaviour: Behaviour) {
        self.serve(Behaviour::Responses(Box::new(behaviour))).await;
    }

    /// Changes what is played, on connections that are already open as well.
    pub fn now(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }

    /// Goes on with a connection that the test had taken, as [`IcapServer::serve`] does.
    pub async fn hand_back(&self, mut connection: Connection) {
        let behaviour = self.behaviour.clone();
        self.tasks.lock().await.spawn(async move {
            let _ = connection.play(&behaviour).await;
        });
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes the next connection.
    pub async fn accept(&self) -> Connection {
        let listener = self.listener.lock().await;
        let listener = listener.as_ref().expect("the server listens");
        let (stream, _) = within("a connection to the ICAP server", listener.accept())
            .await
            .unwrap();
        Connection::new(stream, self.counts.clone(), self.requests.clone())
    }

    /// Stops listening and drops every connection that a behaviour serves: from now on connections are refused.
    pub async fn stop(&self) {
        self.listener.lock().await.take();
        self.tasks.lock().await.shutdown().await;
    }

    /// Listens again, on the same port.
    pub async fn restart(&self) {
        *self.listener.lock().await = Some(bind(self.address));
    }

    /// Closes, without a word, every connection on which a behaviour waits for a request.
    pub fn close_idle(&self) {
        self.counts.hang_up.notify_waiters();
    }

    /// Connections taken so far.
    pub fn accepted(&self) -> usize {
        self.counts.accepted.load(Ordering::SeqCst)
    }

    /// Connections open now.
    pub fn open(&self) -> usize {
        self.counts.open.load(Ordering::SeqCst)
    }

    /// The most connections that were open at one time.
    pub fn most_open(&self) -> usize {
        self.counts.most_open.load(Ordering::SeqCst)
    }

    /// Answers OPTIONS so from now on.
    pub fn answer_options(&self, answer: OptionsAnswer) {
        self.counts.options.lock().unwrap().answer = Some(answer);
    }

    /// The heads of the OPTIONS requests so far.
    pub fn options_asked(&self) -> Vec<Head> {
        self.counts.options.lock().unwrap().asked.clone()
    }

    /// Waits until OPTIONS has been asked `n` times.
    pub async fn until_options_asked(&self, n: usize) {
        eventually(&format!("{n} OPTIONS requests"), async || {
            (self.options_asked().len() >= n).then_some(())
        })
        .await;
    }

    /// Waits until `n` connections are open.
    pub async fn until_open(&self, n: usize) {
        eventually(&format!("{n} open connections"), async || {
            (self.open() == n).then_some(())
        })
        .await;
    }

    /// The next request that a behaviour has answered.
    pub async fn next_request(&self) -> IcapRequest {
        within("a request at the ICAP server", async {
            self.inbox.lock().await.recv().await.unwrap()
        })
        .await
    }
}

/// An address of this machine on which nobody listens.
pub fn refused_address() -> SocketAddr {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    // It stays bound and does not listen: no other test is given the port.
    std::mem::forget(socket);
    address
}

fn bind(address: SocketAddr) -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket.listen(1024).unwrap()
}
