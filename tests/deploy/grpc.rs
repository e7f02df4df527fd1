//! An application that speaks gRPC, and a client: frames in both directions, of which each is answered as it comes.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};

use bytes::Bytes;
use http_body_util::channel::{Channel, Sender};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::client;
use crate::servers::Server;

/// A message as gRPC frames it.
fn frame(text: &[u8]) -> Bytes {
    let length = u32::try_from(text.len()).unwrap().to_be_bytes();
    [&[0][..], &length, text].concat().into()
}

/// Answers each part of a request as it comes, and ends with status 0.
pub fn application() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server::counting(listener.local_addr().unwrap().port());
    let counted = server.clone();
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        client::runtime().block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let counted = counted.clone();
                let service = service_fn(move |request: Request<Incoming>| {
                    counted.count();
                    async { Ok::<_, Infallible>(answer(request)) }
                });
                let connection = http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
        });
    });
    server
}

fn answer(request: Request<Incoming>) -> Response<Channel<Bytes, Infallible>> {
    let (mut sender, body) = Channel::new(1);
    tokio::spawn(async move { echo(request.into_body(), &mut sender).await });
    Response::builder()
        .header("content-type", "application/grpc")
        .body(body)
        .unwrap()
}

async fn echo(mut body: Incoming, sender: &mut Sender<Bytes, Infallible>) -> Option<()> {
    while let Some(part) = body.frame().await {
        sender.send_data(part.ok()?.into_data().ok()?).await.ok()?;
    }
    let status = HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())]);
    sender.send_trailers(status).await.ok()
}

async fn connect(address: SocketAddr) -> SendRequest<Channel<Bytes, Infallible>> {
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (sender, connection) = handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn call(path: &str, content_type: &str) -> http::request::Builder {
    Request::post(format!("http://test{path}"))
        .header("content-type", content_type)
        .header("te", "trailers")
}

/// Sends a message only once the one before was answered.
pub fn talk(address: SocketAddr, path: &str, content_type: &str) {
    client::run(async {
        let mut connection = connect(address).await;
        let (mut sender, body) = Channel::new(1);
        let request = call(path, content_type).body(body).unwrap();
        let answer = connection.send_request(request);
        let mut answer = answer.await.unwrap().into_body();
        for text in ["one", "two"] {
            let message = frame(text.as_bytes());
            sender.send_data(message.clone()).await.unwrap();
            let came = answer.frame().await.unwrap().unwrap();
            assert_eq!(came.into_data().unwrap(), message);
        }
        drop(sender);
        let trailers = answer.collect().await.unwrap().trailers().cloned();
        assert_eq!(trailers.unwrap()["grpc-status"], "0");
        Ok(())
    })
    .unwrap();
}

/// Sends a body that only says that it is gRPC; gives back the status.
pub fn send(address: SocketAddr, path: &str, body: &'static [u8]) -> String {
    client::run(async {
        let stream = TokioIo::new(TcpStream::connect(address).await?);
        let (mut sender, connection) = handshake(TokioExecutor::new(), stream).await?;
        tokio::spawn(connection);
        let request = call(path, "application/grpc").body(Full::new(Bytes::from_static(body)))?;
        let answer = sender.send_request(request).await?;
        let mut status = answer.headers().get("grpc-status").cloned();
        let trailers = answer.into_body().collect().await?.trailers().cloned();
        status = status.or_else(|| trailers?.get("grpc-status").cloned());
        Ok(status.expect("a status").to_str()?.to_owned())
    })
    .unwrap()
}
