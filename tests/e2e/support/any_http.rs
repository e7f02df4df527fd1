//! An application that speaks HTTP/1.1 or HTTP/2, for bodies of every kind in both directions.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::client::{Body, Version};
use super::http_body::Kind;

/// A request as it came, to its end.
#[derive(Clone, Debug)]
pub struct Whole {
    /// Its header fields.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// Its trailer fields.
    pub trailers: HeaderMap,
}

/// Whole requests, and the kind of body of the answers.
#[derive(Debug)]
struct State {
    received: Mutex<Vec<Whole>>,
    /// Requests that began.
    begun: Mutex<usize>,
    answer: Mutex<(Kind, Bytes)>,
}

/// The application.
pub struct AnyHttp {
    address: SocketAddr,
    state: Arc<State>,
    _tasks: JoinSet<()>,
}

impl AnyHttp {
    /// Starts it on a free port.
    pub async fn start(version: Version) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            received: Mutex::default(),
            begun: Mutex::default(),
            answer: Mutex::new((Kind::Length, Bytes::from_static(b"answer"))),
        });
        let shared = state.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let io = TokioIo::new(stream);
                let state = shared.clone();
                connections.spawn(async move {
                    let service = service_fn(move |request| answer(request, state.clone()));
                    // Whoever resets a stream is seen by what is not whole.
                    let _ = match version {
                        Version::Http1 => http1::Builder::new().serve_connection(io, service).await,
                        Version::Http2 => {
                            http2::Builder::new(TokioExecutor::new())
                                .serve_connection(io, service)
                                .await
                        }
                    };
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

    /// From now on answers have a body of that kind.
    pub fn answer_with(&self, kind: Kind, body: &Bytes) {
        *self.state.answer.lock().unwrap() = (kind, body.clone());
    }

    /// The whole requests since it was asked last, and how many began.
    pub fn take(&self) -> (Vec<Whole>, usize) {
        let received = std::mem::take(&mut *self.state.received.lock().unwrap());
        (
            received,
            std::mem::take(&mut *self.state.begun.lock().unwrap()),
        )
    }
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<State>,
) -> Result<Response<Body>, Infallible> {
    *state.begun.lock().unwrap() += 1;
    let (parts, body) = request.into_parts();
    if let Ok(body) = body.collect().await {
        state.received.lock().unwrap().push(Whole {
            headers: parts.headers,
            trailers: body.trailers().cloned().unwrap_or_default(),
            body: body.to_bytes(),
        });
    }
    let (kind, body) = state.answer.lock().unwrap().clone();
    let mut response = Response::new(kind.body(&body));
    if kind == Kind::None {
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    if let Some((name, value)) = kind.field() {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    Ok(response)
}
