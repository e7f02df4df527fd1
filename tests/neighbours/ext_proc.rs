//! An external processor that lets everything go on as it is.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::{Buf, BytesMut};
use http_body_util::BodyExt;
use http_body_util::channel::Channel;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// What a gRPC message begins with: a flag and its length.
const PREFIX: usize = 5;

/// The processor.
pub struct Processor {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Processor {
    /// Starts it on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service_fn(process));
                connections.spawn(async move {
                    // Envoy closes when it likes.
                    let _ = http.await;
                });
            }
        });
        Self {
            address,
            _tasks: tasks,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

type Answers = Channel<Bytes, Infallible>;

async fn process(request: Request<Incoming>) -> Result<Response<Answers>, Infallible> {
    let (mut answers, body) = Answers::new(8);
    tokio::spawn(async move {
        let mut incoming = request.into_body();
        let mut buffer = BytesMut::new();
        while let Some(Ok(frame)) = incoming.frame().await {
            if let Some(data) = frame.data_ref() {
                buffer.extend_from_slice(data);
            }
            while let Some(message) = next(&mut buffer) {
                if answers.send_data(go_on(&message)).await.is_err() {
                    return;
                }
            }
        }
        let mut status = HeaderMap::new();
        status.insert("grpc-status", "0".parse().unwrap());
        let _ = answers.send_trailers(status).await;
    });
    let response = Response::builder().header("content-type", "application/grpc");
    Ok(response.body(body).unwrap())
}

fn next(buffer: &mut BytesMut) -> Option<BytesMut> {
    let length = buffer.get(1..PREFIX)?.get_u32() as usize;
    if buffer.len() < PREFIX + length {
        return None;
    }
    buffer.advance(PREFIX);
    Some(buffer.split_to(length))
}

/// The empty answer to a `ProcessingRequest`. Its first field says what is asked for: 2 to 7 are headers, bodies and
/// trailers. `ProcessingResponse` has the answers to them, in the same order, as fields 1 to 6; an empty one changes
/// nothing.
fn go_on(message: &[u8]) -> Bytes {
    let asked = message[0] >> 3;
    Bytes::from(vec![0, 0, 0, 0, 2, (asked - 1) << 3 | 2, 0])
}
