//! The client in front of Envoy: HTTP/1.1, or HTTP/2 with prior knowledge.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::channel::{Channel, Sender};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Frame;
use hyper::client::conn::{http1, http2};
use hyper::header::{HOST, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::within;

/// Any error of a body.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;
/// A request body.
pub type Body = BoxBody<Bytes, BodyError>;
/// The test's end of a body that is fed piece by piece.
pub type Feed = Sender<Bytes, BodyError>;

/// The version of HTTP that a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.1
    Http1,
    /// HTTP/2 without TLS.
    Http2,
}

/// Both versions, for tests that hold for each.
pub const VERSIONS: [Version; 2] = [Version::Http1, Version::Http2];

/// No body at all.
pub fn empty() -> Body {
    Empty::new().map_err(Into::into).boxed()
}

/// A body with `content-length`.
pub fn sized(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(Into::into).boxed()
}

/// A body without `content-length`: chunked in HTTP/1.1.
pub fn unsized_body(bytes: impl Into<Bytes>) -> Body {
    let bytes = bytes.into();
    let (mut feed, body) = fed();
    if !bytes.is_empty() {
        feed.try_send(Frame::data(bytes))
            .expect("room for one frame");
    }
    body
}

/// A body that the test feeds. Dropping the [`Feed`] ends it; [`abort`] breaks it off.
pub fn fed() -> (Feed, Body) {
    let (feed, body) = Channel::new(1);
    (feed, body.boxed())
}

/// Breaks a body off, as a client that goes away.
pub fn abort(feed: Feed) {
    feed.abort("the test's client goes away".into());
}

/// An HTTP response, read to its end.
#[derive(Clone, Debug)]
pub struct HttpResponse {
    /// Its status.
    pub status: u16,
    /// Its header fields.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// Its trailer fields.
    pub trailers: HeaderMap,
}

impl HttpResponse {
    /// A header field as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|v| v.to_str().unwrap())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// One connection to Envoy.
pub enum Client {
    /// HTTP/1.1
    Http1(http1::SendRequest<Body>),
    /// HTTP/2; clones share the connection.
    Http2(http2::SendRequest<Body>),
}

impl Client {
    /// Connects.
    pub async fn connect(address: SocketAddr, version: Version) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let io = TokioIo::new(stream);
        match version {
            Version::Http1 => {
                let (sender, connection) = http1::handshake(io).await.unwrap();
                tokio::spawn(connection);
                Self::Http1(sender)
            }
            Version::Http2 => {
                let (sender, connection) =
                    http2::handshake(TokioExecutor::new(), io).await.unwrap();
                tokio::spawn(connection);
                Self::Http2(sender)
            }
        }
    }

    /// Sends a request and reads the whole response.
    pub async fn send(&mut self, request: Request<Body>) -> HttpResponse {
        within("a response for the client", self.try_send(request))
            .await
            .unwrap()
    }

    /// Sends a request and reads the whole response; an error where the connection ends instead.
    pub async fn try_send(&mut self, request: Request<Body>) -> Result<HttpResponse, hyper::Error> {
        let response: Response<hyper::body::Incoming> = match self {
            Self::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(in_origin_form(request)).await?
            }
            Self::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        let (parts, body) = response.into_parts();
        let body = body.collect().await?;
        Ok(HttpResponse {
            status: parts.status.as_u16(),
            headers: parts.headers,
            trailers: body.trailers().cloned().unwrap_or_default(),
            body: body.to_bytes(),
        })
    }

    /// Sends a request in the background, on a connection that is given up afterwards.
    pub fn send_in_background(mut self, request: Request<Body>) -> Pending {
        Pending(tokio::spawn(async move { self.try_send(request).await }))
    }
}

/// A request under way.
pub struct Pending(JoinHandle<Result<HttpResponse, hyper::Error>>);

impl Pending {
    /// Whether a response, or an error, is there.
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }

    /// The response.
    pub async fn response(self) -> HttpResponse {
        within("a response for the client", self.0)
            .await
            .unwrap()
            .unwrap()
    }

    /// The error that must come instead of a response.
    pub async fn error(self) -> hyper::Error {
        within("an error for the client", self.0)
            .await
            .unwrap()
            .expect_err("no response")
    }

    /// The response, or the error that came instead, however long it takes.
    pub async fn outcome(self) -> Result<HttpResponse, hyper::Error> {
        self.0.await.unwrap()
    }

    /// Drops the request and its connection, as a client that goes away.
    pub fn abandon(self) {
        self.0.abort();
    }
}

/// HTTP/2 takes the authority from the URI; HTTP/1.1 needs a path alone and a `Host` field.
fn in_origin_form(mut request: Request<Body>) -> Request<Body> {
    let uri = request.uri().clone();
    let authority = HeaderValue::from_str(uri.authority().unwrap().as_str()).unwrap();
    request.headers_mut().insert(HOST, authority);
    *request.uri_mut() = uri.path_and_query().unwrap().as_str().parse().unwrap();
    request
}

/// A request to `path` with authority `app.test`.
pub fn request(method: Method, path: &str, body: Body) -> Request<Body> {
    request_with(method, path, &[], body)
}

/// The same with header fields.
pub fn request_with(
    method: Method,
    path: &str,
    fields: &[(&str, &str)],
    body: Body,
) -> Request<Body> {
    let mut builder = Request::builder()
        .method(method)
        .uri(format!("http://app.test{path}"));
    for (name, value) in fields {
        builder = builder.header(*name, *value);
    }
    builder.body(body).unwrap()
}

/// A POST.
pub fn post(path: &str, body: Body) -> Request<Body> {
    request(Method::POST, path, body)
}
