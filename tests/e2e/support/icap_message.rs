//! An ICAP request as the scriptable server saw it.

use super::wire::Head;

/// A request, complete or as far as it was read.
#[derive(Clone, Debug, Default)]
pub struct IcapRequest {
    /// ICAP request line and header fields.
    pub icap: Head,
    /// The encapsulated HTTP request head (`req-hdr`).
    pub http: Option<Head>,
    /// The encapsulated HTTP response head (`res-hdr`).
    pub http_response: Option<Head>,
    /// Whether a body follows, as `Encapsulated` says.
    pub has_body: bool,
    /// The preview, where the request has a `Preview` header and a body.
    pub preview: Option<Preview>,
    /// The body read so far, the preview included, without chunk framing.
    pub body: Vec<u8>,
    /// Size of every chunk read so far.
    pub chunks: Vec<usize>,
    /// Whether the chunk that ends the body was read.
    pub complete: bool,
    /// The trailers behind it.
    pub trailers: Vec<(String, String)>,
}

/// What came in the preview.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether it said `ieof`: the preview is the whole body.
    pub ieof: bool,
}

impl IcapRequest {
    /// `REQMOD`, `RESPMOD` or `OPTIONS`.
    pub fn method(&self) -> &str {
        self.icap.first_line.split(' ').next().unwrap_or_default()
    }

    /// The entries of `Encapsulated`: name and offset.
    pub fn encapsulated(&self) -> Vec<(String, usize)> {
        let Some(value) = self.icap.get("encapsulated") else {
            return Vec::new();
        };
        value
            .split(',')
            .map(|entry| {
                let (name, offset) = entry.trim().split_once('=').unwrap();
                (name.to_owned(), offset.parse().unwrap())
            })
            .collect()
    }

    /// The encapsulated HTTP request head; fails the test where there is none.
    pub fn http(&self) -> &Head {
        self.http.as_ref().unwrap()
    }

    /// The preview; fails the test where there is none.
    pub fn preview(&self) -> &Preview {
        self.preview.as_ref().unwrap()
    }
}
