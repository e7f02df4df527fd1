//! Stands for what takes telemetry in: an OpenTelemetry collector, over HTTP and gRPC, and a service for access logs.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::{Buf, Bytes, BytesMut};
use http_body_util::BodyExt;
use http_body_util::channel::{Channel, Sender};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::eventually;

/// Bytes in front of a message of gRPC: a flag, and its length.
const PREFIX: usize = 5;

/// How messages come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// One message is the body of a POST over HTTP/1.1.
    Http,
    /// gRPC, one or more messages in a call.
    Grpc,
}

/// What came: the path, and a message.
type Inbox = Arc<Mutex<Vec<(String, Bytes)>>>;

/// A server that keeps the messages that are sent to it, and thanks for each call.
pub struct Collector {
    address: SocketAddr,
    inbox: Inbox,
    _task: JoinSet<()>,
}

impl Collector {
    /// Starts it on a free port.
    pub async fn start(protocol: Protocol) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inbox = Inbox::default();
        let kept = inbox.clone();
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let kept = kept.clone();
                let service = service_fn(move |request: Request<Incoming>| {
                    let answer = answer(request, protocol, kept.clone());
                    async { Ok::<_, Infallible>(answer) }
                });
                let stream = TokioIo::new(stream);
                connections.spawn(async move {
                    // A connection that Envoy closes is no fault.
                    let _ = match protocol {
                        Protocol::Http => {
                            http1::Builder::new()
                                .serve_connection(stream, service)
                                .await
                        }
                        Protocol::Grpc => {
                            http2::Builder::new(TokioExecutor::new())
                                .serve_connection(stream, service)
                                .await
                        }
                    };
                });
            }
        });
        Self {
            address,
            inbox,
            _task: task,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What `pick` takes out of the messages to `path`, once these are `n` or more.
    pub async fn until<M: Message + Default, T>(
        &self,
        path: &str,
        n: usize,
        pick: impl Fn(M) -> Vec<T>,
    ) -> Vec<T> {
        eventually(&format!("{n} entries at {path}"), async || {
            let inbox = self.inbox.lock().unwrap();
            let messages = inbox.iter().filter(|(to, _)| to == path);
            let picked: Vec<T> = messages
                .flat_map(|(_, message)| pick(M::decode(message.clone()).unwrap()))
                .collect();
            (picked.len() >= n).then_some(picked)
        })
        .await
    }
}

/// Answers at once, and reads what comes for as long as it comes.
fn answer(
    request: Request<Incoming>,
    protocol: Protocol,
    inbox: Inbox,
) -> Response<Channel<Bytes, Infallible>> {
    let (mut sender, body) = Channel::new(1);
    let path = request.uri().path().to_owned();
    let kind = match protocol {
        Protocol::Http => "application/x-protobuf",
        Protocol::Grpc => "application/grpc",
    };
    tokio::spawn(async move {
        match protocol {
            Protocol::Http => {
                if let Ok(whole) = request.into_body().collect().await {
                    inbox.lock().unwrap().push((path, whole.to_bytes()));
                }
            }
            Protocol::Grpc => {
                let _ = call(request.into_body(), &path, &inbox, &mut sender).await;
            }
        }
    });
    Response::builder()
        .header("content-type", kind)
        .body(body)
        .unwrap()
}

/// Reads a call's messages to its end, and answers it with an empty message.
async fn call(
    mut body: Incoming,
    path: &str,
    inbox: &Inbox,
    sender: &mut Sender<Bytes, Infallible>,
) -> Option<()> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(part) = frame.ok()?.into_data() {
            bytes.extend_from_slice(&part);
        }
        while let Some(message) = first_message(&mut bytes) {
            inbox.lock().unwrap().push((path.to_owned(), message));
        }
    }
    sender
        .send_data(Bytes::from_static(&[0; PREFIX]))
        .await
        .ok()?;
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().ok()?);
    sender.send_trailers(trailers).await.ok()
}

/// Takes the first message out of what has come, if it is complete.
fn first_message(bytes: &mut BytesMut) -> Option<Bytes> {
    let length: [u8; 4] = bytes.get(1..PREFIX)?.try_into().ok()?;
    let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
    if bytes.len() < PREFIX + length {
        return None;
    }
    assert_eq!(bytes[0], 0, "a compressed message");
    bytes.advance(PREFIX);
    Some(bytes.split_to(length).freeze())
}
