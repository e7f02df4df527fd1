//! The kinds of bodies that messages have.

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::HeaderValue;

use super::client::{Body, empty, fed, sized, unsized_body};

/// The trailer of bodies that have one.
pub const TRAILER: (&str, &str) = ("x-checksum", "42");

/// How a body is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `content-length`.
    Length,
    /// In chunks, or in frames of HTTP/2 without a length.
    Chunked,
    /// The same, and trailers behind it.
    Trailers,
    /// The same, and nothing comes.
    Empty,
    /// There is none: a GET, a 204.
    None,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Length,
        Self::Chunked,
        Self::Trailers,
        Self::Empty,
        Self::None,
    ];

    /// What such a body has of `bytes`.
    pub fn content(self, bytes: &Bytes) -> Bytes {
        match self {
            Self::Length | Self::Chunked | Self::Trailers => bytes.clone(),
            Self::Empty | Self::None => Bytes::new(),
        }
    }

    /// The body.
    pub fn body(self, bytes: &Bytes) -> Body {
        match self {
            Self::Length => sized(bytes.clone()),
            Self::Chunked => unsized_body(bytes.clone()),
            Self::Trailers => with_trailers(bytes.clone()),
            Self::Empty => unsized_body(Bytes::new()),
            Self::None => empty(),
        }
    }

    /// The field by which trailers are announced: without it hyper sends none in HTTP/1.
    pub fn field(self) -> Option<(&'static str, &'static str)> {
        (self == Self::Trailers).then_some(("trailer", TRAILER.0))
    }
}

fn with_trailers(bytes: Bytes) -> Body {
    let (mut feed, body) = fed();
    tokio::spawn(async move {
        let mut trailers = HeaderMap::new();
        trailers.insert(TRAILER.0, HeaderValue::from_static(TRAILER.1));
        // Whoever is answered early reads no further.
        if feed.send_data(bytes).await.is_ok() {
            let _ = feed.send_trailers(trailers).await;
        }
    });
    body
}
