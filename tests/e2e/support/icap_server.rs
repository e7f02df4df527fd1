//! An ICAP server of which the test controls every byte, split and close.
//!
//! Either the test itself plays the server, connection by connection ([`IcapServer::accept`]), or the server plays a
//! ready-made behaviour ([`IcapServer::serve`]). OPTIONS is answered on its own, as [`IcapServer::answer_options`] says.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::icap_answers::{CONTINUE, NO_CONTENT, request};
use super::icap_message::{IcapRequest, Preview};
use super::wire::{Chunk, Head, Wire};
use super::{eventually, within};

/// What a server does with every request.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// 204 after the preview; after the body where there is no preview.
    Allow,
    /// 100 after the preview, then 204 after the whole body.
    ContinueThenAllow,
    /// Reads the whole body and sends the request back unchanged with a 200.
    Echo,
    /// Reads the whole body, then sends these bytes.
    Answer(Vec<u8>),
    /// Reads the preview only (the body where there is no preview), then sends these bytes.
    AnswerPreview(Vec<u8>),
    /// Reads the preview only, sends these bytes, and closes with a FIN.
    AnswerPreviewThenClose(Vec<u8>),
    /// Reads the whole body, sends these bytes, and closes with a FIN.
    AnswerThenClose(Vec<u8>),
    /// Reads the whole body, sends these bytes, and closes with a RST.
    AnswerThenReset(Vec<u8>),
    /// Reads the whole body and never answers.
    Silence,
    /// Sends what the function makes of the preview, or else of the whole body. Not recorded, so that it can go on for long.
    Decide(Decide),
    /// [`Behaviour::Allow`] for requests, another for responses.
    Responses(Box<Behaviour>),
}

/// The answer to a request; `None` where the rest of the body is wanted first.
pub type Decide = fn(&IcapRequest) -> Option<Vec<u8>>;

/// What the server counts.
#[derive(Debug, Default)]
struct Counts {
    accepted: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
    options: std::sync::Mutex<OptionsScript>,
    hang_up: tokio::sync::Notify,
}

/// How OPTIONS is answered, and what was asked.
#[derive(Debug, Default)]
struct OptionsScript {
    /// `None`: as a server that says no more than it must.
    answer: Option<OptionsAnswer>,
    asked: Vec<Head>,
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
const OPTIONS: &str =
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
    bind("127.0.0.1:0".parse().unwrap()).local_addr().unwrap()
}

fn bind(address: SocketAddr) -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket.listen(1024).unwrap()
}

/// One connection from Envoy.
pub struct Connection {
    wire: Wire<TcpStream>,
    requests: UnboundedSender<IcapRequest>,
    counts: Arc<Counts>,
}

impl Connection {
    fn new(stream: TcpStream, counts: Arc<Counts>, requests: UnboundedSender<IcapRequest>) -> Self {
        counts.accepted.fetch_add(1, Ordering::SeqCst);
        let open = counts.open.fetch_add(1, Ordering::SeqCst) + 1;
        counts.most_open.fetch_max(open, Ordering::SeqCst);
        let _ = stream.set_nodelay(true);
        Self {
            wire: Wire::new(stream, Arc::default()),
            requests,
            counts,
        }
    }

    /// Reads the next request: heads, and the preview where there is one. Fails the test when none comes.
    pub async fn request(&mut self) -> IcapRequest {
        within("an ICAP request", self.next())
            .await
            .unwrap()
            .expect("a request before the connection ends")
    }

    /// Reads the next request as [`Connection::request`] does; `None` when the connection ends instead.
    pub async fn next(&mut self) -> Result<Option<IcapRequest>> {
        loop {
            let Some(icap) = self.wire.head().await? else {
                return Ok(None);
            };
            let mut request = IcapRequest {
                icap,
                ..IcapRequest::default()
            };
            if request.method() == "OPTIONS" {
                let answer = {
                    let mut script = self.counts.options.lock().unwrap();
                    script.asked.push(request.icap);
                    script.answer.clone()
                };
                match answer.unwrap_or_else(|| OptionsAnswer::ok(OPTIONS)) {
                    OptionsAnswer::Bytes(bytes) => self.wire.source().write_all(&bytes).await?,
                    OptionsAnswer::Silence => {}
                    OptionsAnswer::Close => return Ok(None),
                }
                continue;
            }
            self.encapsulated_heads(&mut request).await?;
            if request.has_body && request.icap.get("preview").is_some() {
                let ieof = self.read_body(&mut request).await?;
                request.complete = ieof;
                request.preview = Some(Preview {
                    bytes: request.body.clone(),
                    ieof,
                });
            }
            return Ok(Some(request));
        }
    }

    async fn encapsulated_heads(&mut self, request: &mut IcapRequest) -> Result<()> {
        let parts = request.encapsulated();
        for (index, (name, offset)) in parts.iter().enumerate() {
            let end = parts.get(index + 1).map(|(_, next)| *next);
            match (name.as_str(), end) {
                ("req-hdr" | "res-hdr", Some(end)) => {
                    let raw = self.wire.exactly(end - offset).await?;
                    let raw = String::from_utf8_lossy(&raw).into_owned();
                    if raw.find("\r\n\r\n") != Some(raw.len().saturating_sub(4)) {
                        return Err(Error::new(
                            ErrorKind::InvalidData,
                            format!("{name} does not end at the next offset: {raw:?}"),
                        ));
                    }
                    let head = Some(Head::parse(&raw));
                    if name == "req-hdr" {
                        request.http = head;
                    } else {
                        request.http_response = head;
                    }
                }
                ("req-body" | "res-body", None) => request.has_body = true,
                ("null-body", None) => request.complete = true,
                _ => {
                    return Err(Error::new(
                        ErrorKind::InvalidData,
                        format!("Encapsulated: {parts:?}"),
                    ));
                }
            }
        }
        Ok(())
    }

    /// Reads chunks up to a last one; says whether that carried `ieof`.
    async fn read_body(&mut self, request: &mut IcapRequest) -> Result<bool> {
        loop {
            match self.wire.chunk().await? {
                Chunk::Data(data) => {
                    request.chunks.push(data.len());
                    request.body.extend_from_slice(&data);
                }
                Chunk::Last { extension, .. } => return Ok(extension == "ieof"),
            }
        }
    }

    /// Reads one chunk of the body beyond the preview into `request`. Fails the test when none comes.
    pub async fn chunk(&mut self, request: &mut IcapRequest) {
        match within("a chunk", self.wire.chunk()).await.unwrap() {
            Chunk::Data(data) => {
                request.chunks.push(data.len());
                request.body.extend_from_slice(&data);
            }
            Chunk::Last { .. } => request.complete = true,
        }
    }

    /// Reads the rest of the body into `request`, to the last chunk.
    pub async fn rest(&mut self, request: &mut IcapRequest) {
        within("the rest of the body", self.read_rest(request))
            .await
            .unwrap();
    }

    async fn read_rest(&mut self, request: &mut IcapRequest) -> Result<()> {
        if !request.complete {
            self.read_body(request).await?;
            request.complete = true;
        }
        Ok(())
    }

    /// Sends bytes.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.wire.source().write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends bytes one by one, each in a packet of its own as far as the kernel allows.
    pub async fn send_bytewise(&mut self, bytes: impl AsRef<[u8]>) {
        for byte in bytes.as_ref() {
            self.send([*byte]).await;
            tokio::task::yield_now().await;
        }
    }

    /// Says `100 Continue` where the body goes on, and reads it to its end.
    pub async fn take_whole(&mut self, request: &mut IcapRequest) {
        within("the whole body", self.read_whole(request))
            .await
            .unwrap();
    }

    async fn read_whole(&mut self, request: &mut IcapRequest) -> Result<()> {
        if request.preview.is_some() && !request.complete {
            self.wire.source().write_all(CONTINUE.as_bytes()).await?;
        }
        self.read_rest(request).await
    }

    /// Plays a behaviour until the connection ends.
    async fn play(&mut self, behaviour: &std::sync::Mutex<Behaviour>) -> Result<()> {
        let counts = self.counts.clone();
        loop {
            let next = tokio::select! {
                next = self.next() => next?,
                () = counts.hang_up.notified() => None,
            };
            let Some(mut request) = next else {
                return Ok(());
            };
            let behaviour = match behaviour.lock().unwrap().clone() {
                Behaviour::Responses(of_responses) if request.method() == "RESPMOD" => {
                    *of_responses
                }
                Behaviour::Responses(_) => Behaviour::Allow,
                behaviour => behaviour,
            };
            if let Behaviour::Decide(decide) = behaviour {
                let answer = match decide(&request) {
                    Some(answer) if request.preview.is_some() || request.complete => answer,
                    _ => {
                        self.read_whole(&mut request).await?;
                        decide(&request).unwrap_or_default()
                    }
                };
                self.wire.source().write_all(&answer).await?;
                continue;
            }
            match behaviour {
                Behaviour::Allow
                | Behaviour::AnswerPreview(_)
                | Behaviour::AnswerPreviewThenClose(_) => {
                    if request.preview.is_none() {
                        self.read_rest(&mut request).await?;
                    }
                }
                _ => self.read_whole(&mut request).await?,
            }
            let answer = match &behaviour {
                Behaviour::Allow | Behaviour::ContinueThenAllow => NO_CONTENT.as_bytes().to_vec(),
                Behaviour::Echo => echo(&request),
                Behaviour::Answer(answer)
                | Behaviour::AnswerPreview(answer)
                | Behaviour::AnswerPreviewThenClose(answer)
                | Behaviour::AnswerThenClose(answer)
                | Behaviour::AnswerThenReset(answer) => answer.clone(),
                Behaviour::Silence | Behaviour::Decide(_) | Behaviour::Responses(_) => Vec::new(),
            };
            // Recorded first: who sees the answer finds the record. The test may have ended already.
            let _ = self.requests.send(request);
            self.wire.source().write_all(&answer).await?;
            match behaviour {
                Behaviour::AnswerThenClose(_) | Behaviour::AnswerPreviewThenClose(_) => {
                    return self.wire.source().shutdown().await;
                }
                Behaviour::AnswerThenReset(_) => return self.wire.source().set_zero_linger(),
                _ => {}
            }
        }
    }

    /// Reads the rest of the body; an error where the connection ends first.
    pub async fn try_rest(&mut self, request: &mut IcapRequest) -> Result<()> {
        within("the rest of the body", self.read_rest(request)).await
    }

    /// Fails the test if anything arrives, or the connection ends, within `time`.
    pub async fn stays_quiet(&mut self, time: Duration) {
        if let Ok(some) = tokio::time::timeout(time, self.wire.some()).await {
            panic!("expected nothing, got {some:?}");
        }
    }

    /// Waits for the peer to close, and returns what it still sent. A reset counts as a close.
    pub async fn closed(&mut self) -> Vec<u8> {
        within("the connection to be closed by the filter", async {
            let mut left = Vec::new();
            while let Ok(Some(bytes)) = self.wire.some().await {
                left.extend_from_slice(&bytes);
            }
            left
        })
        .await
    }

    /// Closes with a FIN.
    pub async fn close(mut self) {
        // The peer may have closed first.
        let _ = self.wire.source().shutdown().await;
    }

    /// Closes with a RST.
    pub fn reset(mut self) {
        self.wire.source().set_zero_linger().unwrap();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.counts.open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The request sent back as it came.
pub fn echo(message: &IcapRequest) -> Vec<u8> {
    let head = message.http().raw.trim_end_matches("\r\n").to_owned();
    let body = message.has_body.then_some(message.body.as_slice());
    request("", &head, body)
}
