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

/// An HTTP response.
#[derive(Debug)]
pub struct HttpResponse {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// What went wrong.
pub type Fault = Box<dyn std::error::Error>;

/// How long a response may take; none takes that long when all is well.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// GET over HTTP/1.1; `None` where there is no response.
pub fn get(address: SocketAddr, path: &str) -> Option<HttpResponse> {
    let request = Request::get(path).header("host", "test");
    let request = request.body(Full::default()).unwrap();
    run(http1_exchange(address, request)).ok()
}

/// POST over HTTP/1.1.
pub fn post(address: SocketAddr, path: &str, body: &[u8]) -> HttpResponse {
    let request = Request::post(path).header("host", "test");
    let request = request.body(Bytes::copy_from_slice(body).into()).unwrap();
    run(http1_exchange(address, request)).unwrap()
}

/// POST over HTTP/2.
pub fn post_http2(address: SocketAddr, path: &str, body: &[u8]) -> HttpResponse {
    let request = Request::post(format!("http://test{path}"));
    let request = request.body(Bytes::copy_from_slice(body).into()).unwrap();
    run(http2_exchange(address, request)).unwrap()
}

/// GET over one connection of HTTP/2, so many times: the answers have begun, and nobody reads them. They end when what is
/// given back is dropped.
pub fn unread_http2(address: SocketAddr, path: &str, count: usize) -> Unread {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let answers = runtime.block_on(async {
        let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
            .handshake(stream)
            .await
            .unwrap();
        tokio::spawn(connection);
        let mut answers = Vec::new();
        for _ in 0..count {
            let request = Request::get(format!("http://test{path}"));
            let request = request.body(Full::<Bytes>::default()).unwrap();
            answers.push(sender.send_request(request).await.unwrap());
        }
        answers
    });
    Unread {
        _answers: answers,
        _runtime: runtime,
    }
}

/// See [`unread_http2`].
pub struct Unread {
    _answers: Vec<Response<Incoming>>,
    _runtime: tokio::runtime::Runtime,
}

/// What the clients run in.
pub fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

/// Runs an exchange, for no longer than any may take.
pub fn run<T>(exchange: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    runtime().block_on(async { tokio::time::timeout(DEADLINE, exchange).await? })
}

async fn http1_exchange(
    address: SocketAddr,
    request: Request<Full<Bytes>>,
) -> Result<HttpResponse, Fault> {
    let stream = TokioIo::new(TcpStream::connect(address).await?);
    let (mut sender, connection) = http1::handshake(stream).await?;
    tokio::spawn(connection);
    whole(sender.send_request(request).await?).await
}

async fn http2_exchange(
    address: SocketAddr,
    request: Request<Full<Bytes>>,
) -> Result<HttpResponse, Fault> {
    let stream = TokioIo::new(TcpStream::connect(address).await?);
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
    tokio::spawn(connection);
    whole(sender.send_request(request).await?).await
}

async fn whole(answer: Response<Incoming>) -> Result<HttpResponse, Fault> {
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await?.to_bytes().to_vec();
    Ok(HttpResponse { status, body })
}
