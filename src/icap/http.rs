//! The HTTP message heads that an ICAP message encapsulates.

use super::Headers;

/// The head of an encapsulated HTTP request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// The method, a token.
    pub method: String,
    /// The request target as it stands in the request line.
    pub target: Vec<u8>,
    /// The header fields.
    pub headers: Headers,
}

/// The head of an encapsulated HTTP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// The status, 100 to 599.
    pub status: u16,
    /// The header fields.
    pub headers: Headers,
}

/// The HTTP head found in an ICAP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpHead {
    /// `req-hdr`: the request to forward.
    Request(RequestHead),
    /// `res-hdr`: the response to give to the client.
    Response(ResponseHead),
}

impl HttpHead {
    /// The length of the body, where the head says one that can be read.
    pub fn content_length(&self) -> Option<u64> {
        let headers = match self {
            Self::Request(head) => &head.headers,
            Self::Response(head) => &head.headers,
        };
        let value = headers.get("content-length")?;
        std::str::from_utf8(value).ok()?.trim().parse().ok()
    }
}

impl ResponseHead {
    /// Whether the content is HTML, by its `Content-Type`.
    pub fn is_html(&self) -> bool {
        let value = self.headers.get("content-type").unwrap_or_default();
        let media_type = value.split(|b| *b == b';').next().unwrap_or_default();
        media_type.trim_ascii().eq_ignore_ascii_case(b"text/html")
    }
}
