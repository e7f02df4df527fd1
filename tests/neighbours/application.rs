//! The application of one row. It keeps every request, also one that is cut off, and every byte that belongs to none.
//!
//! A connection ends with its first answer, unless told otherwise: what Envoy sends after that request's body is kept as
//! stray bytes, and nothing of it can be taken for a later request.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::support::POLL;
use crate::support::wire::{Chunk, Head, Wire};

/// What the application says of itself in each answer.
pub const SIGN: &str = "x-application";

/// How requests are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// 200, each on a connection of its own.
    Plain,
    /// 200, connections kept: what follows a body is the next request.
    Kept,
    /// The first request of a case gets a 307 to itself with a query, the second 200.
    RedirectFirst,
    /// The first gets 503, the second 200.
    FailFirst,
    /// The first gets nothing, the second 200.
    SilentFirst,
}

/// A request, as far as it came.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// Request line and header fields.
    pub head: Head,
    /// The body so far, without chunk framing.
    pub body: Vec<u8>,
    /// Whether its end was there.
    pub complete: bool,
}

#[derive(Default)]
struct State {
    requests: Vec<Received>,
    stray: Vec<u8>,
    open: usize,
}

impl State {
    fn complete(&self) -> usize {
        self.requests.iter().filter(|r| r.complete).count()
    }
}

/// The application.
pub struct Application {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    _tasks: JoinSet<()>,
}

struct Desk {
    manner: Manner,
    state: Arc<Mutex<State>>,
    /// Complete requests of the running case.
    complete: watch::Sender<usize>,
}

impl Application {
    /// Starts it on a free port.
    pub async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let desk = Arc::new(Desk {
            manner,
            state: state.clone(),
            complete: watch::Sender::new(0),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let desk = desk.clone();
                desk.state.lock().unwrap().open += 1;
                connections.spawn(async move {
                    // What was cut off is kept by then.
                    let _ = desk.serve(stream).await;
                    desk.state.lock().unwrap().open -= 1;
                });
            }
        });
        Self {
            address,
            state,
            _tasks: tasks,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until no connection is open, and at least `complete` whole requests have come; takes all requests, and the
    /// stray bytes. Gives up waiting, not the look, after a while.
    pub async fn take(&self, complete: usize) -> (Vec<Received>, Vec<u8>) {
        let idle = async {
            loop {
                {
                    let state = self.state.lock().unwrap();
                    if state.open == 0 && state.complete() >= complete {
                        return;
                    }
                }
                tokio::time::sleep(POLL).await;
            }
        };
        let _ = tokio::time::timeout(crate::judge::PATIENCE, idle).await;
        let mut state = self.state.lock().unwrap();
        (
            std::mem::take(&mut state.requests),
            std::mem::take(&mut state.stray),
        )
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Received> {
        self.state.lock().unwrap().requests.clone()
    }
}

impl Desk {
    async fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let (source, mut sink) = stream.into_split();
        let mut wire = Wire::new(source, Arc::default());
        while let Some(head) = wire.head().await? {
            let place = {
                let mut state = self.state.lock().unwrap();
                state.requests.push(Received {
                    head: head.clone(),
                    ..Received::default()
                });
                state.requests.len() - 1
            };
            self.body(&mut wire, &head, place).await?;
            let nth = {
                let mut state = self.state.lock().unwrap();
                let Some(request) = state.requests.get_mut(place) else {
                    return Ok(());
                };
                request.complete = true;
                state.complete()
            };
            self.complete.send_replace(nth);
            let answer = match (self.manner, nth) {
                (Manner::RedirectFirst, 1) => {
                    let target = head.first_line.split(' ').nth(1).unwrap_or_default();
                    format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: http://app.test{target}?again\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
                }
                (Manner::FailFirst, 1) => {
                    "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_owned()
                }
                (Manner::SilentFirst, 1) => String::new(),
                _ => {
                    let end = if self.manner == Manner::Kept { "" } else { "connection: close\r\n" };
                    format!("HTTP/1.1 200 OK\r\n{SIGN}: yes\r\n{end}content-length: 3\r\n\r\nok\n")
                }
            };
            sink.write_all(answer.as_bytes()).await?;
            if self.manner != Manner::Kept {
                break;
            }
        }
        while let Some(bytes) = wire.some().await? {
            self.state.lock().unwrap().stray.extend_from_slice(&bytes);
        }
        Ok(())
    }

    async fn body(
        &self,
        wire: &mut Wire<tokio::net::tcp::OwnedReadHalf>,
        head: &Head,
        place: usize,
    ) -> std::io::Result<()> {
        let keep = |bytes: &[u8]| {
            if let Some(request) = self.state.lock().unwrap().requests.get_mut(place) {
                request.body.extend_from_slice(bytes);
            }
        };
        if head.get("transfer-encoding").is_some() {
            while let Chunk::Data(data) = wire.chunk().await? {
                keep(&data);
            }
        } else if let Some(length) = head.get("content-length") {
            let mut left: usize = length.parse().unwrap();
            while left > 0 {
                let piece = left.min(1024);
                keep(&wire.exactly(piece).await?);
                left -= piece;
            }
        }
        Ok(())
    }
}
