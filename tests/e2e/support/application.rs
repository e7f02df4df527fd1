//! The application behind Envoy. It records every byte that reaches it, from the moment a connection is accepted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::wire::{Chunk, Head, Wire};
use super::{eventually, within};

/// The body of every answer.
pub const ANSWER: &str = "the application's answer\n";

/// A request as the application got it.
#[derive(Clone, Debug)]
pub struct Received {
    /// Request line and header fields.
    pub head: Head,
    /// The whole body, without chunk framing.
    pub body: Vec<u8>,
    /// Trailer fields.
    pub trailers: Vec<(String, String)>,
}

impl Received {
    /// The method.
    pub fn method(&self) -> &str {
        self.word(0)
    }

    /// The request target.
    pub fn target(&self) -> &str {
        self.word(1)
    }

    fn word(&self, n: usize) -> &str {
        self.head.first_line.split(' ').nth(n).unwrap_or_default()
    }
}

/// What is answered instead of the usual 200, byte for byte.
type OtherAnswer = Arc<std::sync::Mutex<Option<Vec<u8>>>>;

/// An HTTP/1.1 server that answers 200 to everything, or what the test says.
pub struct Application {
    address: SocketAddr,
    other_answer: OtherAnswer,
    bytes: Arc<AtomicU64>,
    requests: Arc<AtomicU64>,
    inbox: Mutex<UnboundedReceiver<Received>>,
    _tasks: JoinSet<()>,
}

impl Application {
    /// Starts it on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let bytes = Arc::new(AtomicU64::new(0));
        let requests = Arc::new(AtomicU64::new(0));
        let (record, inbox) = unbounded_channel();
        let mut tasks = JoinSet::new();
        let (byte_count, request_count) = (bytes.clone(), requests.clone());
        let other_answer = OtherAnswer::default();
        let other = other_answer.clone();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (bytes, requests) = (byte_count.clone(), request_count.clone());
                let (record, other) = (record.clone(), other.clone());
                connections.spawn(async move {
                    // A request cut short is not recorded as a request; its bytes are counted all the same.
                    let _ = serve(stream, bytes, &requests, &record, &other).await;
                });
            }
        });
        Self {
            address,
            other_answer,
            bytes,
            requests,
            inbox: Mutex::new(inbox),
            _tasks: tasks,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on these bytes are the answer to every request.
    pub fn answer_with(&self, answer: impl Into<Vec<u8>>) {
        *self.other_answer.lock().unwrap() = Some(answer.into());
    }

    /// Bytes that have arrived, heads included, on all connections.
    pub fn bytes_received(&self) -> u64 {
        self.bytes.load(Ordering::SeqCst)
    }

    /// Waits until `n` bytes have arrived.
    pub async fn until_received(&self, n: u64) {
        eventually(&format!("{n} bytes at the application"), async || {
            (self.bytes_received() >= n).then_some(())
        })
        .await;
    }

    /// Complete requests that have arrived.
    pub fn requests_received(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }

    /// The next complete request, however long it takes; `None` when no more can come.
    pub async fn next_or_none(&self) -> Option<Received> {
        self.inbox.lock().await.recv().await
    }

    /// The next complete request.
    pub async fn next(&self) -> Received {
        within("a request at the application", async {
            self.inbox.lock().await.recv().await.unwrap()
        })
        .await
    }
}

async fn serve(
    stream: TcpStream,
    bytes: Arc<AtomicU64>,
    requests: &AtomicU64,
    record: &UnboundedSender<Received>,
    other: &OtherAnswer,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (source, mut sink) = stream.into_split();
    let mut wire = Wire::new(source, bytes);
    while let Some(head) = wire.head().await? {
        let received = read(&mut wire, head).await?;
        let body = if received.method() == "HEAD" {
            ""
        } else {
            ANSWER
        };
        let token = super::token::returned(&received.head);
        requests.fetch_add(1, Ordering::SeqCst);
        // The test may have ended already.
        let _ = record.send(received);
        let other = other.lock().unwrap().clone();
        if let Some(answer) = other {
            sink.write_all(&answer).await?;
            continue;
        }
        let answer = format!(
            "HTTP/1.1 200 OK\r\nx-application: yes\r\n{token}content-length: {}\r\n\r\n{body}",
            ANSWER.len()
        );
        sink.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

async fn read<R: tokio::io::AsyncRead + Unpin>(
    wire: &mut Wire<R>,
    head: Head,
) -> std::io::Result<Received> {
    let mut body = Vec::new();
    let mut trailers = Vec::new();
    if head.get("transfer-encoding").is_some() {
        loop {
            match wire.chunk().await? {
                Chunk::Data(data) => body.extend_from_slice(&data),
                Chunk::Last { trailers: last, .. } => {
                    trailers = last;
                    break;
                }
            }
        }
    } else if let Some(length) = head.get("content-length") {
        body = wire.exactly(length.parse().unwrap()).await?;
    }
    Ok(Received {
        head,
        body,
        trailers,
    })
}
