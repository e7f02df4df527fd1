//! A client of HTTP/1.1, and of HTTP/2 with prior knowledge.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

type Fault = Box<dyn std::error::Error>;

/// How long an answer may take; none takes that long when all is well.
const DEADLINE: Duration = Duration::from_secs(60);

/// GET over HTTP/1.1; `None` where there is no answer.
pub fn get(address: SocketAddr, path: &str) -> Option<Answer> {
    let request = Request::get(path).header("host", "test");
    let request = request.body(Full::default()).unwrap();
    run(http1_exchange(address, request)).ok()
}

/// POST over HTTP/1.1.
pub fn post(address: SocketAddr, path: &str, body: &[u8]) -> Answer {
    let request = Request::post(path).header("host", "test");
    let request = request.body(Bytes::copy_from_slice(body).into()).unwrap();
    run(http1_exchange(address, request)).unwrap()
}

/// POST over HTTP/2.
pub fn post_http2(address: SocketAddr, path: &str, body: &[u8]) -> Answer {
    let request = Request::post(format!("http://test{path}"));
    let request = request.body(Bytes::copy_from_slice(body).into()).unwrap();
    run(http2_exchange(address, request)).unwrap()
}

fn run<T>(exchange: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime
        .unwrap()
        .block_on(async { tokio::time::timeout(DEADLINE, exchange).await? })
}

async fn http1_exchange(
    address: SocketAddr,
    request: Request<Full<Bytes>>,
) -> Result<Answer, Fault> {
    let stream = TokioIo::new(TcpStream::connect(address).await?);
    let (mut sender, connection) = http1::handshake(stream).await?;
    tokio::spawn(connection);
    whole(sender.send_request(request).await?).await
}

async fn http2_exchange(
    address: SocketAddr,
    request: Request<Full<Bytes>>,
) -> Result<Answer, Fault> {
    let stream = TokioIo::new(TcpStream::connect(address).await?);
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
    tokio::spawn(connection);
    whole(sender.send_request(request).await?).await
}

async fn whole(answer: Response<Incoming>) -> Result<Answer, Fault> {
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await?.to_bytes().to_vec();
    Ok(Answer { status, body })
}
